"""The magics in an IPython shell, against the sandbox."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from helpers.media import decode
from helpers.shell import Shell
from IPython.core.interactiveshell import InteractiveShell
from PIL import Image
from traitlets.config import Config

from kling_core import Kling
from kling_core.advice import SPELLINGS, Advice, Text
from kling_core.commands.base import COMMANDS as SHELL_COMMANDS
from kling_core.declare import registry
from kling_core.sandbox import Fault
from kling_jupyter import display
from kling_jupyter.commands.base import COMMANDS
from kling_jupyter.errors import KlingMagicError, StoppedWaiting, in_notebook, translating

WAITING = 30


@pytest.fixture
def shell(kling, tmp_path, monkeypatch) -> Iterator[Shell]:
    monkeypatch.chdir(tmp_path)
    made = Shell(kling)
    yield made
    made.close()


def test_a_line_makes_a_clip(shell, tmp_path, capsys):
    """One line: the task is the value, and the clip is on disk beside the notebook."""
    shell.run("clip = %kling text-to-video -d 5 a paper boat, isn't it?")
    clip = shell["clip"]
    assert clip.status == "succeeded"
    assert clip.request.given["prompt"] == "a paper boat, isn't it?"
    path = clip.videos[0].path
    assert path.parent == tmp_path / "clips"
    assert decode(path).seconds == pytest.approx(5, abs=0.2)
    shown = capsys.readouterr().out
    assert f"clips/{path.name} (kling-v2-5-turbo, 5 s" in shown
    assert clip.task_id in shown


def test_a_terminal_shows_one_line(shell, capsys):
    """An assignment prints what was made, in one line; the value says where it is."""
    shell.run("clip = %kling image a barn")
    (line,) = capsys.readouterr().out.splitlines()
    assert str(shell["clip"].path.relative_to(Path.cwd())) in line
    shell.run("clip")
    (line,) = capsys.readouterr().out.splitlines()
    assert str(shell["clip"].path) in line


def test_a_profile_decides_whether_cells_wait(kling, tmp_path, monkeypatch):
    """`c.KlingMagics.wait` of the profile counts from the first cell on."""
    monkeypatch.chdir(tmp_path)
    settings = {"HistoryManager": {"enabled": False}, "KlingMagics": {"wait": False}}
    ip: Any = InteractiveShell(config=Config(settings))
    ip.run_line_magic("load_ext", "kling_jupyter")
    assert ip.magics_manager.registry["KlingMagics"].workspace.wait is False
    ip.run_line_magic("config", "KlingMagics.wait = True")
    assert ip.magics_manager.registry["KlingMagics"].workspace.wait is True
    ip.run_line_magic("unload_ext", "kling_jupyter")


def test_a_cell_makes_a_clip_and_names_it(shell):
    """In a cell magic the body is the prompt; --name and _kling hold the task."""
    shell.run("%%kling text-to-video --name clip\nA boat.\n\n  It's late.\n")
    assert shell["clip"].request.given["prompt"] == "A boat.\n\n  It's late."
    assert shell["_kling"] is shell["clip"]


def test_results_become_inputs(shell):
    """A picture goes into image-to-video, and a clip into its extension, as variables."""
    shell.run("picture = %kling image a red barn")
    shell.run("clip = %kling i2v --image {picture} --model kling-v1-6 it drives off")
    shell.run("longer = %kling extend --video-id {clip} it comes back")
    assert shell["longer"].videos[0].duration > 9
    assert shell["longer"].request.given["video_id"] == shell["clip"].videos[0].id
    assert shell["longer"].quote is not None


def test_objects_become_inputs(shell):
    """A PIL image and a path in variables are handed over as they are."""
    shell.ip.user_ns["photo"] = Image.new("RGB", (400, 400), (200, 30, 30))
    shell.run("%kling i2v --image {photo} it glows")
    assert shell["_kling"].request.given["image"] is shell["photo"]


def test_magics_work_in_loops_and_functions(shell):
    """Local variables of a function are filled in, and loops make one task each."""
    shell.run(
        "def make(what):\n    return get_ipython().run_line_magic('kling', 'image a {what}')\n"
        "tasks = [make(w) for w in ('cat', 'dog')]"
    )
    assert [t.request.given["prompt"] for t in shell["tasks"]] == ["a cat", "a dog"]


def test_all_problems_are_told_and_nothing_is_sent(shell, quick_sandbox):
    """A refused request fails the cell with one line for each problem, and sends nothing."""
    before = len(quick_sandbox.tasks)
    error = shell.fails("%kling text-to-video -d 7 --cfg-scale 2 a boat")
    lines = error._render_traceback_()
    assert lines[0].endswith(": 2 problems in text-to-video, nothing was sent")
    assert [line.split(":")[0] for line in lines[1:]] == ["  --cfg-scale", "  --duration"]
    assert "Use --duration 5 or --duration 10." in lines[2]
    assert len(quick_sandbox.tasks) == before


def test_a_missing_prompt_is_told_in_the_words_of_the_magic(shell):
    """What is missing is said as it is typed in a notebook, never as a keyword of Python."""
    lines = shell.fails("%kling text-to-video -d 5")._render_traceback_()
    assert lines[1].startswith("  prompt is missing: write it after the options")
    lines = shell.fails("%kling image-to-video it moves")._render_traceback_()
    assert "--image" in lines[1]
    assert "image=" not in lines[1]


@pytest.mark.parametrize(
    "line, says",
    [
        ("tx2v a", "there is no command 'tx2v'; did you mean t2v?"),
        ("text-to-video --modle x a", "unknown option --modle; did you mean --model-name?"),
        ("get a b c", "name an endpoint and a task"),
        ("get text-to-video nobody", "Task not found by id/external id: nobody"),
        ("quote", "name an endpoint"),
        ("connect --sandbox --region cn", "the sandbox has no region"),
        ("text-to-video --max-cost 0.01 a boat", "above the limit of $0.01"),
        ("i2v --image {photo} x", "there is no variable 'photo'"),
        ("text-to-video --image a.png x", "text-to-video takes no --image"),
    ],
)
def test_mistakes_are_one_line(shell, line, says):
    """Each mistake is one line, with a hint in a second at most."""
    lines = shell.fails(f"%kling {line}")._render_traceback_()
    assert says in lines[0]
    assert len(lines) <= 2
    assert "\n" not in lines[0]


@pytest.mark.parametrize(
    "line, message, hint",
    [
        ("quote", "name an endpoint", "%kling quote text-to-video -d 10 a boat"),
        ("get", "name an endpoint and a task", "%kling get text-to-video 8319…"),
        ("brush", "name a picture", "%kling brush photo.jpg, or {variable}"),
        ("form", "name one endpoint", "%kling form text-to-video"),
        ("models kling-v3", "there is no endpoint 'kling-v3'", "%kling help lists them all."),
        ("form txt", "there is no endpoint 'txt'", "%kling help lists them all."),
        ("help txt", "there is no command 'txt'", "%kling help lists them all."),
        (
            "quote -d 10 a boat",
            "-d stands where the endpoint belongs",
            "Name the endpoint first, then options.",
        ),
        (
            "--duration 10 a boat",
            "--duration stands where the command belongs",
            "Name the command first, then options.",
        ),
    ],
)
def test_a_mistake_is_told_once(shell, line, message, hint):
    """The message says what is wrong, in the right word, and only the hint what to do."""
    told = shell.complains(f"%kling {line}")
    assert told == [f"UsageProblem: {message}", f"Hint: {hint}"]


@pytest.mark.parametrize(
    "line, shows",
    [
        ("-h", "%kling COMMAND [options] prompt"),
        ("--help", "%kling COMMAND [options] prompt"),
        ("help -h", "%kling COMMAND [options] prompt"),
        ("help HELP", "%kling COMMAND [options] prompt"),
        ("quote --help", "usage: %kling quote ENDPOINT [options] [PROMPT]"),
        ("quote -h", "usage: %kling quote ENDPOINT [options] [PROMPT]"),
        ("help quote", "usage: %kling quote ENDPOINT [options] [PROMPT]"),
        ("quote?", "usage: %kling quote ENDPOINT [options] [PROMPT]"),
        ("help effects", "see `%kling models video-effects`"),
        ("effects --help", "see `%kling models video-effects`"),
    ],
)
def test_help_is_shown_wherever_it_is_asked_for(shell, capsys, line, shows):
    """In every place of a command, and in the words of the magics."""
    shell.run(f"%kling {line}")
    assert shows in capsys.readouterr().out


def test_an_earlier_task_is_got_by_its_variable(shell, capsys):
    """A job, a text with an id, and the endpoint before either."""
    shell.run("clip = %kling text-to-video a boat")
    clip = shell["clip"]
    shell["ident"] = clip.task_id
    for words in ("{clip}", "text-to-video {clip}", "{ident}", "{clip.videos[0]}"):
        assert shell.run(f"%kling get {words} --name again").task_id == clip.task_id
    (told, _) = shell.complains("%kling get {clp}")
    assert told == "UsageProblem: {clp}: there is no variable 'clp'; did you mean {clip}?"


def test_a_limit_stays_when_the_connection_changes(shell, capsys):
    """It is lifted only by saying so, and each connection tells it."""
    told = "A call may cost $0.10 at most; --max-cost none lifts it."
    for line in ("connect --sandbox --max-cost 0.10", "connect --sandbox"):
        shell.run(f"%kling {line}")
        assert told in capsys.readouterr().out
        assert "above the limit of $0.10" in shell.fails("%kling text-to-video a boat").message
    shell.fails("%kling connect --region xx --max-cost none")
    assert "above the limit of $0.10" in shell.fails("%kling text-to-video a boat").message
    shell.run("%kling connect --sandbox --max-cost none")
    assert "at most" not in capsys.readouterr().out
    shell.run("%kling text-to-video --dry-run a boat")


def test_errors_are_coloured_unless_colours_are_unwished(shell, monkeypatch):
    """NO_COLOR and `%colors NoColor` are obeyed."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    error = shell.fails("%kling quote")
    assert error._render_traceback_()[0].startswith("\x1b[31mUsageProblem")
    with monkeypatch.context() as patch:
        patch.setattr(display, "shell", lambda: SimpleNamespace(colors="NoColor"))
        assert "\x1b" not in "".join(error._render_traceback_())
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in "".join(error._render_traceback_())


def test_the_magics_that_are_advised_exist():
    """What is advised with a percent sign can be typed; what the command line alone has, not so."""
    for verb in SPELLINGS:
        typed = Advice(verb, "12", "lip_sync").on("magic")
        for before, word in re.findall(r"(%?)(?<![\w.-])kling ([a-z-]+)", typed):
            assert (word in COMMANDS) == bool(before), typed
            assert before or word in {command.name for command in SHELL_COMMANDS}
    texts = [Text(Advice("wait", "12"), ", or ", Advice("list", endpoint="lip_sync"))]
    assert list(map(in_notebook, texts)) == ["%kling wait 12, or kling list lip-sync"]


def test_without_magics_no_hint_names_one(monkeypatch, tmp_path):
    """In marimo nobody can type %kling connect."""
    monkeypatch.delitem(sys.modules, "kling_jupyter.magics", raising=False)
    monkeypatch.setenv("KLING_HOME", str(tmp_path))
    with pytest.raises(KlingMagicError) as caught, translating():
        Kling()
    assert "%kling" not in str(caught.value)
    assert "KLING_SANDBOX=1" in caught.value.hint


@pytest.mark.parametrize(
    "line, option",
    [
        ("i2v --image {clip} go", "--image"),
        ("i2v --image {clip.videos[0]} go", "--image"),
        ("i2v --image {picture} --static-mask {clip} go", "--static-mask"),
        ("multi-image-to-video -i {picture} -i {clip} go", "--image.1"),
        ("rerun {moved} --set image={clip}", "image"),
    ],
)
def test_an_output_of_the_wrong_kind_is_refused(shell, quick_sandbox, line, option):
    """Kling would find out when the task has been made."""
    shell.run("picture = %kling image a red barn")
    shell.run("clip = %kling text-to-video a boat")
    shell.run("moved = %kling i2v --image {picture} it glows")
    before = len(quick_sandbox.tasks)
    told = " ".join(shell.complains(f"%kling {line}"))
    assert f"{option}: an image cannot be made of an output that is a video" in told
    assert "last_frame(" in told
    assert len(quick_sandbox.tasks) == before


@pytest.mark.parametrize("line", ["", *sorted(COMMANDS.keys() - {"quote"})])
def test_a_cell_is_never_dropped(shell, quick_sandbox, line):
    """What takes no cell refuses one that holds something, before it does anything."""
    shell.run("clip = %kling text-to-video a lighthouse")
    before = len(quick_sandbox.tasks)
    typed = f"kling {line}".rstrip()
    told = shell.complains(f"%%{typed} {{clip}}\na new prompt" if line else "%%kling\nhello")
    assert told[0] == f"UsageProblem: %%{typed} takes no cell, and this one is not empty"
    assert "%%kling text-to-video, or of %%kling quote" in told[1]
    assert len(quick_sandbox.tasks) == before


@pytest.mark.parametrize("name", ["1x", "class", "print", "{clip}"])
@pytest.mark.parametrize(
    "line",
    [
        "text-to-video --no-wait --name {name} a boat",
        "rerun {{clip}} --no-wait --name {name}",
        "wait {{clip}} --name {name}",
        "get {{clip.task_id}} --name {name}",
        "form text-to-video --name {name}",
        "brush photo.png --name {name}",
        "camera --name {name}",
    ],
)
def test_a_name_that_cannot_be_had_is_refused_first(shell, quick_sandbox, line, name):
    """No variable can have it, or a builtin would be lost: nothing is sent for it."""
    shell.run("clip = %kling text-to-video a lighthouse")
    before = len(quick_sandbox.tasks)
    (told, *_) = shell.complains(f"%kling {line.format(name=name)}")
    assert told.startswith("UsageProblem: --name ")
    assert len(quick_sandbox.tasks) == before
    assert name not in shell.ip.user_ns


def test_a_dry_run_shows_the_body_and_sends_nothing(shell, quick_sandbox, capsys):
    """--dry-run shows what would be sent and its price, and makes no task."""
    before = len(quick_sandbox.tasks)
    assert shell.run("%kling text-to-video --dry-run -d 10 a cat's toy") is None
    shown = capsys.readouterr().out
    assert "POST http://127.0.0.1" in shown
    assert '"duration": "10"' in shown
    assert '"prompt": "a cat\'s toy"' in shown
    assert "dry run, nothing was sent" in shown
    assert "$" in shown
    assert len(quick_sandbox.tasks) == before


@pytest.mark.parametrize(
    "amount, says",
    [
        ("0.01", "above the limit of $0.01 per call"),
        ("abc", "--max-cost 'abc' is not an amount in US dollars"),
        ("-1", "--max-cost '-1' is not an amount in US dollars"),
    ],
)
def test_a_dry_run_fails_as_the_run_would_at_its_limit(shell, amount, says):
    """Whoever tries a limit out finds out."""
    dry = shell.fails(f"%kling text-to-video --dry-run --max-cost {amount} a boat")
    assert says in dry.message
    assert dry.message == shell.fails(f"%kling text-to-video --max-cost {amount} a boat").message


def test_a_dry_run_knows_the_other_limits(kling, shell, quick_sandbox, tmp_path, capsys):
    """Those of the client, of the day and of the project; what it shows is shown all the same."""
    for limits, says in (
        ({"max_cost": "0.10"}, "above the limit of $0.10 per call"),
        ({"budget": "0.25"}, "$0.21 of today's $0.25 are committed"),
        ({"project_budget": "0.25"}, "$0.21 of the $0.25 for project 'harbour' are committed"),
    ):
        place = {"output_dir": tmp_path / "clips", "ledger": str(tmp_path / f"{says}.db")}
        with Kling(sandbox=quick_sandbox, pace=kling.session.pace, **place) as free:
            free.text_to_video.create(prompt="a boat", project="harbour")
        with Kling(sandbox=quick_sandbox, pace=kling.session.pace, **place, **limits) as client:
            shell.workspace._client = client
            line = "%kling text-to-video --dry-run --project harbour --duration"
            assert says in shell.fails(f"{line} 5 a boat").message
            assert "dry run, nothing was sent" in capsys.readouterr().out


def test_no_wait_returns_the_task_and_get_collects_it(shell, capsys):
    """--no-wait tells how to get the task, and that line gets it."""
    job = shell.run("%kling text-to-video --no-wait a boat")
    line = capsys.readouterr().out.partition("get it with ")[2].splitlines()[0]
    assert line == f"%kling get text-to-video {job.task_id}"
    again = shell.run(f"{line} --name again --out here/boat.mp4")
    assert again.videos[0].path == Path("here/boat.mp4").absolute()
    assert shell["again"] is again


def test_get_takes_ids_of_the_ledger(shell):
    """Our own id, Kling's, and the beginning of either get a task; no endpoint is needed."""
    made = shell.run("%kling text-to-video --no-wait a boat")
    assert shell.run(f"%kling get {made.row_id}").videos[0].path.is_file()
    assert shell.run(f"%kling get {made.task_id}").task_id == made.task_id
    assert shell.run(f"%kling get text-to-video {made.row_id[:-4]}").task_id == made.task_id
    assert shell.run(f"%kling get --no-wait {made.row_id}").status == "succeeded"


def test_get_leaves_alone_what_is_on_disk(shell, quick_sandbox):
    """A clip that is there already is shown from where it is, even when Kling's link is dead."""
    made = shell.run("%kling text-to-video --out first a boat")
    quick_sandbox.faults.add(Fault("expire", kind="media", times=None))
    try:
        again = shell.run(f"%kling get {made.task_id}")
    finally:
        quick_sandbox.faults.clear()
    assert again.videos[0].path == made.videos[0].path


def test_get_says_what_became_of_a_request_without_a_task(shell, quick_sandbox):
    """What was refused has no task; the ledger knows why."""
    quick_sandbox.faults.add(
        Fault("refuse", kind="create", status=400, code=1301, message="not allowed here")
    )
    shell.fails("%kling text-to-video a boat nobody wants")
    (row,) = shell.workspace.client.tasks.ledger.rows(words="a boat nobody wants")
    assert "not allowed here" in shell.fails(f"%kling get {row.id}").message
    assert "the ledger knows no task nobody" in shell.fails("%kling get nobody").message


def test_a_timeout_says_how_to_go_on(shell, quick_sandbox):
    """--timeout ends the waiting, not the task, and the hint gets it."""
    quick_sandbox.faults.add(Fault("slow", seconds=1.0))
    error = shell.fails("%kling text-to-video --timeout 0.2 a boat")
    assert f"%kling get text-to-video {shell['_kling'].task_id}" in error._render_traceback_()[1]
    assert shell["_kling"].wait(WAITING).status == "succeeded"


@pytest.mark.parametrize("place", ["file/clips", "file/boat.mp4"])
def test_a_place_that_cannot_be_written_is_refused_before_anything_is_paid(
    shell, quick_sandbox, tmp_path, place
):
    """--out is tried before the request is sent."""
    (tmp_path / "file").write_text("in the way")
    before = len(quick_sandbox.tasks)
    error = shell.fails(f"%kling text-to-video --out {place} a boat")
    lines = error._render_traceback_()
    assert "cannot be written" in lines[0]
    assert "Nothing was sent" in lines[1]
    assert len(quick_sandbox.tasks) == before


def test_notes_come_before_anything_is_sent(shell, capsys, monkeypatch):
    """What is odd about the line is printed once, above everything that is done with it."""

    def sends(*_: object, **__: object) -> None:
        sys.stdout.write("sent")
        raise LookupError

    monkeypatch.setattr(shell.workspace.client, "submit", sends)
    with pytest.raises(LookupError):
        shell.run('%kling text-to-video "a cat"')
    shown = capsys.readouterr().out
    assert shown.index("Note: the quotes around the prompt are not sent") < shown.index("sent")
    assert shown.count("Note: ") == 1


def test_a_failed_task_fails_the_cell(shell, capsys):
    """The words of a task that failed are the error, and what is free is given no price."""
    error = shell.fails("%kling text-to-video forbidden-content")
    assert error.title == "TaskFailed"
    assert "0 units, free in the sandbox" in capsys.readouterr().out
    assert error.task_id == shell["_kling"].task_id


def test_warnings_are_notes_of_the_output(shell, capsys):
    """Our warnings stand in the output once each, and Python's machinery stays silent."""
    shell.run("%kling text-to-video --model kling-v1-6 a boat")
    shown = capsys.readouterr()
    assert shown.out.count("Note: kling-v1-6 was retired") == 1
    assert "Warning" not in shown.err


def test_status_tells_what_to_type(shell, monkeypatch, capsys):
    """%kling alone names the sandbox, or the ways to connect when there is no credential."""
    shell.run("%kling")
    assert "Sandbox" in capsys.readouterr().out
    shell.workspace._client = None
    shell.run("%kling")
    shown = capsys.readouterr().out
    assert "Not connected" in shown
    assert "%kling connect --sandbox" in shown
    error = shell.fails("%kling text-to-video a boat")
    assert "%kling connect --sandbox" in error._render_traceback_()[1]


def test_connect_reads_the_environment_anew_and_shows_the_packs(
    shell, quick_sandbox, monkeypatch, capsys
):
    """%kling connect uses the keys of the environment, checks them, and never shows them."""
    monkeypatch.setenv("KLING_BASE_URL", quick_sandbox.url)
    monkeypatch.setenv("KLING_ACCESS_KEY", quick_sandbox.access_key)
    monkeypatch.setenv("KLING_SECRET_KEY", quick_sandbox.secret_key)
    shell.run("%kling connect")
    shown = capsys.readouterr().out
    assert "key pair from the environment" in shown
    assert "units left" in shown
    assert quick_sandbox.access_key not in shown
    monkeypatch.setenv("KLING_SECRET_KEY", "wrong")
    shell.workspace.client.close()
    assert shell.fails("%kling connect").title == "AuthError"
    shell.workspace.client.close()


def test_quote_models_and_help_need_no_connection(shell, capsys):
    """Prices, tables and help are offline."""
    shell.workspace._client = None
    shell.run("%kling quote t2v -d 10 --mode pro a boat")
    shell.run("%kling models text-to-video")
    shell.run("%kling models video-effects")
    shell.run("%kling help")
    shell.run("%kling help connect")
    shown = capsys.readouterr().out
    for words in ("5 units ($0.70)", "kling-v2-5-turbo (default)", "bullet_time_360"):
        assert words in shown
    for endpoint in registry.endpoints():
        assert endpoint.command in shown
    assert shell.workspace._client is None


def test_files_outside_the_notebooks_folder_are_named(shell, tmp_path_factory):
    """A clip elsewhere gets no player that could not play, but its path."""
    from kling_jupyter.html import task_figure

    elsewhere = tmp_path_factory.mktemp("elsewhere")
    task = shell.run(f"%kling text-to-video --out {elsewhere} a boat")
    bundle = task_figure.of_task(task, shell.workspace.folder)
    assert "<video" not in bundle["text/html"]
    assert str(elsewhere) in bundle["text/html"]


def test_loading_again_keeps_the_connection_and_unloading_removes_the_magic(shell):
    """load_ext twice changes nothing; after unload_ext there is no %kling."""
    before = shell.workspace
    shell.run("%reload_ext kling_jupyter")
    shell.run("%load_ext kling_jupyter")
    shell.workspace = shell.ip.magics_manager.registry["KlingMagics"].workspace
    shell.run("%unload_ext kling_jupyter")
    assert shell.ip.find_line_magic("kling") is None
    shell.run("%load_ext kling_jupyter")
    assert shell.ip.find_line_magic("kling") is not None
    assert before is not None


def test_loading_imports_nothing_heavy():
    """%load_ext needs no network, schema, image or video library."""
    code = (
        "import sys\n"
        "from IPython.core.interactiveshell import InteractiveShell\n"
        "from traitlets.config import Config\n"
        "ip = InteractiveShell(config=Config({'HistoryManager': {'enabled': False}}))\n"
        "ip.run_line_magic('load_ext', 'kling_jupyter')\n"
        "heavy = {'httpx', 'pydantic', 'numpy', 'PIL', 'av', 'rich', 'starlette', 'jwt'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_stopped_waiting_is_a_magic_error():
    """An interrupt can be caught like every other error of the magics."""
    assert issubclass(StoppedWaiting, KlingMagicError)

"""The commands over the ledger as somebody types them in a shell."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from helpers.ledgers import FOREIGN, foreign, from_elsewhere
from helpers.sandboxes import FAST, PLENTY, one_frame_a_second
from helpers.shell import Shell
from PIL import Image

from kling_core import Kling
from kling_core.ledger.records import Entry
from kling_core.sandbox import Fault


@pytest.fixture
def kling(quick_sandbox, tmp_path):
    """A client whose ledger is the test's own."""
    place = {"output_dir": tmp_path / "clips", "ledger": str(tmp_path / "ledger.db")}
    with Kling(sandbox=quick_sandbox, pace=replace(FAST), **place) as client:
        yield client


@pytest.fixture
def alone(shell, start_sandbox, tmp_path):
    """The shell talks to a sandbox of the test's own, whose lists hold nothing else."""
    sandbox = one_frame_a_second(start_sandbox(**PLENTY))
    with Kling(sandbox=sandbox, pace=replace(FAST), output_dir=tmp_path / "clips") as client:
        shell.workspace._client = client
        yield sandbox


@pytest.fixture
def shell(kling, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = Shell(kling)
    yield made
    made.close()


@pytest.fixture
def said(shell, capsys):
    """Runs a cell and gives what it prints."""

    def run(cell):
        capsys.readouterr()
        shell.run(cell)
        return capsys.readouterr().out

    return run


def never_sent(kling, row_id, prompt="a boat"):
    """A row as a process leaves it that is killed before its POST."""
    entry = Entry(
        id=row_id,
        endpoint="text_to_video",
        product="video",
        external_task_id=row_id,
        request={"fields": {"prompt": prompt}, "sent": {"prompt": prompt}},
        media={},
        digest="",
        text=prompt,
    )
    kling.session.ledger().prepare(entry, lease=-1)


# --- tasks, show ---------------------------------------------------------------------------


def test_an_empty_ledger_says_so(said):
    """Commands over an empty ledger are one line that says where else to look."""
    for command in ("tasks", "gallery"):
        assert said(f"%kling {command}") == (
            "the ledger is empty: nothing was made with this account here; %kling rescue looks at "
            "Kling\n"
        )
    assert said("%kling costs") == "no tasks in the last 30 days\n"
    assert said("%kling wait all") == "nothing runs, and everything that is finished was saved\n"
    assert said("%kling resume") == "nothing was left behind\n"


def test_tasks_of_another_version(alone, shell, said):
    """Listed, shown, in the gallery; what cannot go on says so, and the others do."""
    ledger = shell.workspace.client.session.ledger()
    before = from_elsewhere(ledger)
    listed = said("%kling tasks")
    assert listed.count("sound-effects") == 4
    assert said("%kling tasks --endpoint sound-effects").count("sound-effects") == 4
    assert "this version of kling-suite does not know its endpoint" in said("%kling gallery")
    for name in FOREIGN:
        assert "not go on with it" in said(f"%kling show {name}")
    for command in ("", "costs", "compare new-done new-running"):
        shell.run(f"%kling {command}")
    told = shell.complains("%kling wait all")
    assert sum("which this version of kling-suite does not know" in line for line in told) == 3
    for command in ("rerun", "code", "wait"):
        assert "does not know" in "".join(shell.complains(f"%kling {command} new-done"))
    settled = said("%kling resume")
    for row in before:
        assert f"task {row.task_id or row.id} is of " in settled
    assert "task 5500002 is of the endpoint sound_effects" in said("%kling rescue")
    assert foreign(ledger) == before


def test_tasks_are_chosen_by_words_state_endpoint_and_project(shell, said):
    """A line a task, newest first; each option leaves out the others."""
    shell.run("%kling text-to-video --project harbour a boat")
    shell.run("%kling image a red barn")
    shell.fails("%kling text-to-video forbidden-content")

    def prompts(options):
        return [line.split("  ")[-1] for line in said(f"%kling tasks {options}").splitlines()[1:]]

    assert prompts("") == ["forbidden-content", "a red barn", "a boat"]
    assert prompts("BARN") == ["a red barn"]
    assert prompts("--endpoint t2v --state succeeded") == ["a boat"]
    assert prompts("--project harbour") == ["a boat"]
    more = "there may be more: --limit 0 shows all"
    assert prompts("--limit 2") == ["forbidden-content", "a red barn", more]
    nothing = "no such tasks in the ledger; %kling rescue looks at Kling for others\n"
    assert said("%kling tasks nothing of the kind") == nothing
    assert said("%kling gallery --project nowhere") == nothing


def test_a_task_is_named_by_its_ids_their_ends_and_variables(shell, said):
    """Ours, Kling's, a beginning, an end, a job, a task, an output, and a text with an id."""
    shell.run("clip = %kling text-to-video a boat")
    clip = shell["clip"]
    shell["ident"] = clip.task_id
    whole = said(f"%kling show {clip.task_id}")
    assert whole.splitlines()[0] == f"{clip.task_id[-8:]}: succeeded"
    assert f"  Kling's id  {clip.task_id}" in whole
    assert str(clip.path) in whole
    words = [clip.row_id, clip.row_id[:-3], clip.task_id[-8:], "{clip}", "{clip.task}"]
    for word in (*words, "{clip.videos[0]}", "{ident}"):
        assert said(f"%kling show {word}") == whole


@pytest.mark.parametrize(
    "line, message, hint",
    [
        ("show", "%kling show takes one task; you gave none", "%kling tasks lists them"),
        ("show 1 2", "%kling show takes one task; you gave 2", "%kling tasks lists them"),
        ("show 999", "the ledger knows no task '999'", "See %kling tasks."),
        ("wait 999", "the ledger knows no task '999'", "See %kling tasks."),
        ("show kc-twin", "2 tasks begin or end with 'kc-twin'", "Give more of the id."),
        ("show {clp}", "{clp}: there is no variable 'clp'", "Run the cell that makes it first"),
        ("show {number}", "{number} is of type int and no task", "Name a task"),
        ("show --wide", "unknown option --wide", "See %kling show --help"),
        ("wait", "name a task, or all", "%kling tasks lists them"),
        ("wait kc-twin-1", "task kc-twin-1 was never sent", "%kling resume --send sends it"),
        ("compare 1", "%kling compare takes two tasks; you gave 1", "%kling tasks"),
        ("rerun", "%kling rerun takes one task; you gave none", "%kling tasks"),
        ("rerun kc-twin-1 --set duration", "--set 'duration' is not field=value", "Write --set"),
        ("rerun kc-twin-1 --set durration=5", "unknown option --durration; did you mean", ""),
        ("rerun kc-twin-1 --set image={nothing}", "there is no variable 'nothing'", ""),
        ("tasks --endpoint t2w", "there is no endpoint 't2w'; did you mean t2v?", "%kling help"),
        ("tasks --state succeded", "did you mean succeeded?", "Use prepared, waiting"),
        ("tasks --limit few", "'few' is not a whole number", "See %kling tasks --help"),
        ("costs --by month", "--by 'month' is not to be had", "Use day, project or model."),
        ("galery", "there is no command 'galery'; did you mean gallery?", "%kling help"),
    ],
)
def test_mistakes_are_one_line_and_a_hint(shell, kling, line, message, hint):
    """Each mistake is a line that says what is wrong, and at most one that says what to do."""
    never_sent(kling, "kc-twin-1")
    never_sent(kling, "kc-twin-2")
    shell["number"] = 7
    told = shell.complains(f"%kling {line}")
    assert message in told[0]
    assert len(told) <= 2
    assert hint in "".join(told[1:])


def test_a_task_of_another_connection_is_told_apart(shell, start_sandbox, tmp_path):
    """A variable from before `%kling connect` is not looked up in the wrong ledger."""
    shell.run("clip = %kling text-to-video a boat")
    with Kling(sandbox=start_sandbox(), pace=replace(FAST), output_dir=tmp_path) as other:
        shell.workspace._client = other
        told = shell.complains("%kling show {clip}")
    assert "is not in this ledger; it was made with another connection" in told[0]


def test_a_ledger_of_another_account_is_refused_in_words(shell, kling, start_sandbox, tmp_path):
    """A ledger that belongs to somebody else is one line, with the setting to change."""
    place = tmp_path / "theirs.db"
    for sandbox, fails in ((start_sandbox(), False), (start_sandbox(), True)):
        with Kling(sandbox=sandbox, ledger=str(place), output_dir=tmp_path) as client:
            shell.workspace._client = client
            if not fails:
                shell.run("%kling tasks")
                continue
            told = shell.complains("%kling tasks")
    assert "belongs to another account or host" in told[0]
    assert "KLING_LEDGER" in told[1]


# --- wait, resume, rescue ------------------------------------------------------------------


def test_wait_fetches_what_runs_and_what_is_not_on_disk(shell, said):
    """`wait all` brings every task to its end; `wait ID…` those that are named."""
    first = shell.run("%kling text-to-video --no-wait a boat")
    second = shell.run("%kling image --no-wait a barn")
    found = shell.run("%kling wait all") or []
    jobs = found if isinstance(found, list) else [found]  # what ended before is not waited for
    assert {job.task_id for job in jobs} <= {first.task_id, second.task_id}
    assert all(job.path.is_file() for job in jobs)
    nothing = "nothing runs, and everything that is finished was saved\n"
    assert said("%kling wait all") == nothing
    one = shell.run(f"%kling wait {first.task_id[-8:]} --name again")
    assert one is shell["again"] is shell["_kling"]
    assert said("%kling wait all").startswith("nothing runs")


def test_one_failure_does_not_keep_the_others(shell):
    """Of several tasks each is waited for; what went wrong is told in the end, by its id."""
    bad = shell.run("%kling text-to-video --no-wait forbidden-content")
    good = shell.run("%kling text-to-video --no-wait a boat")
    told = shell.complains(f"%kling wait {bad.task_id} {good.task_id}")
    assert "1 of 2 tasks did not end well" in told[0]
    assert told[1].startswith(f"  {bad.task_id[-8:]}: ")
    assert shell.run(f"%kling wait {good.task_id}").path.is_file()


def test_resume_names_what_was_never_sent_and_sends_it_when_told(shell, kling, said):
    """Nothing is sent without --send; with it the task is followed to its files."""
    never_sent(kling, "kc-left-behind", "a boat left behind")
    told = said("%kling resume")
    assert "never sent: text-to-video 'a boat left behind'" in told
    assert "send them with: %kling resume --send" in told
    assert "Left open: 1 task to resume: %kling resume" in said("%kling")
    (job,) = shell.run("%kling resume --send --wait")
    assert job.path.is_file()
    assert said("%kling resume") == "nothing was left behind\n"


def test_resume_follows_what_runs(shell, said):
    """What an interrupt left behind is named without following it, or followed to its files."""
    shell.run("%kling text-to-video --no-wait a boat")
    assert "1 running; collect them with: %kling resume" in said("%kling resume --no-wait")
    (job,) = shell.run("%kling resume")
    assert job.path.is_file()


def test_rescue_fetches_what_is_lost_and_shows_it(shell, alone, said):
    """A lost file, and a task that the ledger never knew, are fetched again and listed."""
    shell.run("clip = %kling text-to-video a boat")
    path = shell["clip"].path
    path.unlink()
    told = said("%kling rescue")
    assert told.startswith("1 fetched; 0 tasks at Kling")
    assert path.is_file()
    assert f"clips/{path.name}" in told
    assert said("%kling rescue") == "0 fetched; 0 tasks at Kling that the ledger did not know\n"


def test_rescue_goes_on_after_an_error(shell, alone, said):
    """An output that cannot be had is told, and the others come."""
    shell.run("a = %kling image a barn")
    shell.run("b = %kling image a mill")
    for name in "ab":
        shell[name].path.unlink()
    alone.faults.add(Fault("reset_before", kind="media", times=6))
    told = said("%kling rescue")
    assert told.startswith("1 fetched; ")
    assert "could not be fetched" in told


# --- rerun, code, compare ------------------------------------------------------------------


def test_rerun_makes_it_again_with_changes(shell, said, tmp_path):
    """The quote is said first; text, numbers and objects may change; the project is kept."""
    shell["photo"] = Image.new("RGB", (400, 400), (200, 30, 30))
    shell["other"] = Image.new("RGB", (400, 400), (30, 30, 200))
    shell.run("clip = %kling i2v --project harbour --image {photo} --duration 5 it glows")
    told = said(
        '%kling rerun {clip} --set prompt="it\'s \\"dark\\" now" --set duration=10 '
        "--set image={other} --name darker"
    )
    assert told.startswith(
        f"again: {shell['clip'].task_id[-8:]}, image-to-video 'it glows', 3 units"
    )
    request = shell["darker"].request
    assert request.given["prompt"] == 'it\'s "dark" now'
    assert request.given["duration"] == "10"
    assert request.given["image"] is shell["other"]
    row = shell.workspace.client.session.ledger().row(shell["darker"].row_id)
    assert row.project == "harbour"


def test_rerun_obeys_the_rules_of_every_generation(shell, said, quick_sandbox):
    """A dry run and a refusal send nothing; an empty value takes a field out."""
    shell.run("clip = %kling text-to-video --duration 10 --negative-prompt rain a boat")
    before = len(quick_sandbox.tasks)
    told = said("%kling rerun {clip} --set negative_prompt= --dry-run")
    assert '"duration": "10"' in told
    assert "negative_prompt" not in told
    assert "dry run, nothing was sent" in told
    assert "above the limit of $0.01" in shell.complains("%kling rerun {clip} --max-cost 0.01")[0]
    assert (
        "1 problem in text-to-video" in shell.complains("%kling rerun {clip} --set duration=7")[0]
    )
    assert len(quick_sandbox.tasks) == before


def test_code_gives_the_same_request_again(shell, said):
    """The line makes a request with the same fields; the Python names the sandbox."""
    shell.run('clip = %kling text-to-video --raw --duration 10 it\'s "almost" {dark}, 50% & more')
    code = said("%kling code {clip}")
    shell.run(code.replace("kling text-to-video", "kling text-to-video --no-wait"))
    again = shell["_kling"].request.given
    assert {**again, "duration": "10"} == {
        **shell["clip"].request.given,
        "duration": "10",
        "model_name": again["model_name"],
    }
    python = said("%kling code {clip} --python")
    assert "kling = Kling(sandbox=True)" in python
    assert "kling.text_to_video.run(" in python
    compile(python, "code", "exec")


def test_code_names_a_variable_for_what_was_given_as_data(shell, said):
    """An image that came as an object has no spelling: a variable stands for it, and a note."""
    shell["photo"] = Image.new("RGB", (400, 400), (200, 30, 30))
    shell.run("clip = %kling i2v --image {photo} it glows")
    code = said("%kling code {clip}")
    assert "--image {image}" in code
    assert "put it into a variable image" in code


def test_compare_shows_only_what_differs(shell, said):
    """Prompt and length differ and are shown, the model does not; cost and time always are."""
    shell.run("a = %kling text-to-video a paper boat")
    shell.run("b = %kling text-to-video --duration 10 a paper ship")
    shell.run("c = %kling text-to-video --duration 5 a paper boat")
    lines = [re.split(r"  +", line) for line in said("%kling compare {a} {b}").splitlines()]
    assert [line[0] for line in lines[1:]] == ["prompt", "duration", "state", "cost", "time"]
    assert lines[1][1:] == ["a paper boat", "a paper ship"]
    assert lines[2][1:] == ["5 (default)", "10"]
    assert lines[4][1:] == ["$0.21", "$0.42"]
    assert said("%kling compare {a} {c}").startswith("The requests are the same.\n")


# --- costs, doctor, status -----------------------------------------------------------------


def test_costs_by_day_project_and_model(shell, said):
    """One line each and their sum; in the sandbox it is said that nothing is charged."""
    shell.run("%kling text-to-video --project harbour a boat")
    shell.run("%kling image a barn")
    rows = [line.split() for line in said("%kling costs --by project").splitlines()]
    head = ["project", "tasks", "estimate", "actual", "open", "not", "said", "no", "price"]
    assert rows[0] == head
    assert rows[1][:4] == ["(none)", "1", "$0.028", "$0.028"]
    assert rows[2][:4] == ["harbour", "1", "$0.21", "$0.21"]
    assert rows[3][:4] == ["total", "2", "$0.238", "$0.238"]
    assert "nothing is charged" in said("%kling costs")
    assert "kling-v2-5-turbo" in said("%kling costs --by model")


def test_doctor_finds_nothing_wrong_and_what_is(shell, said, kling, tmp_path):
    """Ledger, outputs, clock, key and the front end are looked at; a bad folder is found."""
    told = said("%kling doctor")
    for name in ("version", "ledger", "outputs", "clock", "key", "front end"):
        assert re.search(rf"^(ok|note) +{name} ", told, re.MULTILINE)
    assert told.endswith("all is well\n")
    file = tmp_path / "a file"
    file.touch()
    with Kling(sandbox=kling.sandbox, output_dir=file / "below") as client:
        shell.workspace._client = client
        told = said("%kling doctor")
    assert re.search(r"^WRONG +outputs +.* is a file, not a folder", told, re.MULTILINE)
    assert told.endswith("something is wrong, see above\n")


def test_status_tells_what_runs_and_what_is_left_open(shell, said, kling):
    """`%kling` names running tasks, counts what is left open, and ends with what to type."""
    never_sent(kling, "kc-left-behind")
    task = kling.text_to_video.create(prompt="a boat at work")
    told = said("%kling")
    assert told.startswith("Sandbox: ")
    assert "Running: 1 task; %kling wait all" in told
    assert f"{task.task_id[-8:]}  text-to-video, submitted, " in told
    assert ": a boat at work" in told
    assert "Left open: 1 task to resume: %kling resume" in told
    assert "Type next:" in told


def test_every_command_has_help(shell, capsys):
    """--help shows the options of each command and does nothing."""
    from kling_jupyter.commands.base import COMMANDS

    for name in COMMANDS:
        if name in ("help", "quote"):
            continue
        capsys.readouterr()
        shell.run(f"%kling {name} --help")
        assert capsys.readouterr().out.startswith(f"usage: %kling {name}")

"""The commands over the ledger, against the sandbox, over real HTTP."""

from __future__ import annotations

import csv
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

import pytest
from helpers.ledgers import FOREIGN, foreign, from_elsewhere

from kling_core import Kling, client
from kling_core.cli import callbacks
from kling_core.cli.main import main
from kling_core.commands import readable as wording
from kling_core.errors import KlingWarning
from kling_core.ledger.records import Entry
from kling_core.sandbox import Fault, Sandbox

LEDGER_COMMANDS = (
    ["tasks"],
    ["show", "1"],
    ["wait", "1"],
    ["resume"],
    ["give-up", "1"],
    ["rescue"],
    ["rerun", "1"],
    ["costs"],
    ["export"],
    ["callbacks", "--unsigned"],
)


@dataclass
class Done:
    code: int
    out: str
    err: str

    @property
    def paths(self):
        return [Path(line) for line in self.out.splitlines()]


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox(quality="test", speed=2000, limit=100) as server:
        lifecycle = server._lifecycle
        lifecycle._bench.fps = 1
        yield server


@pytest.fixture(autouse=True)
def surroundings(monkeypatch, tmp_path, sandbox):
    """An account of the sandbox and a ledger of the test's own, in an empty folder."""
    monkeypatch.setenv("KLING_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("KLING_BASE_URL", sandbox.url)
    monkeypatch.setenv("KLING_ACCESS_KEY", sandbox.access_key)
    monkeypatch.setenv("KLING_SECRET_KEY", sandbox.secret_key)
    monkeypatch.setattr(client, "Pace", lambda: client.SANDBOX_PACE)
    monkeypatch.chdir(tmp_path)
    yield
    sandbox.faults.clear()


@pytest.fixture
def kling(capsys):
    """Runs a command line here."""

    def run(*argv):
        code = main(argv)
        out, err = capsys.readouterr()
        return Done(code, out, err)

    return run


@pytest.fixture
def ledger():
    """The ledger that the commands use."""
    with Kling() as opened:
        yield opened.session.ledger()


def made(kling, *argv):
    """A task that is made and not waited for; its id."""
    done = kling("run", *argv, "--no-wait")
    assert done.code == 0, done.err
    return done.out.strip()


def never_sent(ledger, row_id, prompt="a boat"):
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
    ledger.prepare(entry, lease=-1)


# --- tasks ---------------------------------------------------------------------------------


def test_tasks(kling):
    """A line a task: end of its id, state, age, endpoint, model, cost, where it is kept, prompt."""
    kling("run", "image", "a\ncat", "--project", "pets")
    kling("run", "t2v", "forbidden-content")
    task_id = made(kling, "t2v", "a red boat in the rain", "-d", "10")
    rows = kling("tasks").out.splitlines()
    assert rows[0].split() == ["id", "state", "age", "endpoint", "model", "cost", "kept", "prompt"]
    video, failed, image = rows[1:]
    assert re.search(
        r"failed +\d s +text-to-video +kling-v2-5-turbo +\$0\.00 +- +forbidden", failed
    )
    assert re.search(r"succeeded +\d s +image-generation +kling-v3 +\$0\.028 +saved +a cat", image)
    assert video.startswith(task_id[-8:])
    assert re.search(r"submitted .* ~\$0\.42 +- +a red boat in the rain$", video)
    assert kling("wait", task_id, "--no-download").code == 0
    assert re.search(r"succeeded .* \$0\.42 +29 d left", kling("tasks", "RED", "boat").out)


def test_tasks_filtered(kling, ledger):
    """WORDS, --state, --endpoint, --project and --limit choose; --json tells the same."""
    for number in range(3):
        never_sent(ledger, f"row-{number}", f"boat {number}")
    kling("run", "image", "a cat", "--project", "pets")
    count = lambda *argv: len(json.loads(kling("tasks", *argv, "--json").out))  # noqa: E731
    assert count() == 4
    assert count("boat") == 3
    assert count("boat", "2") == 1
    assert count("100%") == 0
    assert count("--state", "succeeded") == 1
    assert count("--state", "succeeded", "--state", "prepared") == 4
    assert count("--endpoint", "image") == 1
    assert count("--project", "pets") == 1
    assert count("--limit", "2") == 2
    shown = kling("tasks", "--limit", "2")
    assert "--limit 0 shows all" in shown.err
    assert len(kling("tasks", "--limit", "0").out.splitlines()) == 5
    (row,) = json.loads(kling("tasks", "cat", "--json").out)
    assert (row["project"], row["cost_usd"], row["state"]) == ("pets", "0.028", "succeeded")
    assert row["created_at"].endswith("+00:00")


def test_tasks_of_an_empty_ledger(kling):
    """An empty ledger is said, with what looks further; a wrong state is refused."""
    done = kling("tasks")
    assert (done.code, done.out) == (0, "")
    assert "kling rescue" in done.err
    assert kling("tasks", "--state", "happy").code == 2


# --- show ----------------------------------------------------------------------------------


def test_show(kling, tmp_path):
    """Request, times, cost against quote, files with hashes; by any unambiguous part of an id."""
    made_here = kling(
        "run", "t2v", "a boat", "-d", "5", "--project", "sea", "--aspect-ratio", "1:1"
    )
    (path,) = made_here.paths
    task_id = json.loads(kling("tasks", "--json").out)[0]["task_id"]
    full = kling("show", task_id).out
    assert kling("show", task_id[-8:]).out == full
    assert full.startswith(f"{task_id[-8:]}: succeeded\n")
    assert re.search(r"project +sea\n", full)
    assert re.search(r"cost +1\.5 units \(\$0\.21\), as quoted\n", full)
    assert '"prompt": "a boat"' in full
    assert re.search(rf"output 1 +video \d+\n +{re.escape(str(path.resolve()))}", full)
    assert re.search(r"sha256 [0-9a-f]{64}\n", full)
    assert "family" not in full
    shown = json.loads(kling("show", task_id, "--json").out)
    assert shown["request"]["fields"]["aspect_ratio"] == "1:1"
    assert shown["outputs"][0]["on_disk"] is True
    assert shown["answer"]["task_status"] == "succeed"
    path.unlink()
    again = kling("show", task_id).out
    assert "not on disk, 29 d left: kling wait" in again


def test_show_unknown(kling, ledger):
    """An id that nobody has, or that two have, is one line with what to do."""
    never_sent(ledger, "same-1")
    never_sent(ledger, "same-2")
    for word in ("999", "%", "_"):
        done = kling("show", word)
        assert done.code == 1
        assert f"the ledger knows no task {word!r}" in done.err
        assert "See kling tasks" in done.err
    done = kling("show", "same-")
    assert done.code == 1
    assert "2 tasks begin or end with 'same-': same-1 (text-to-video, " in done.err
    assert "Give more of the id" in done.err
    assert "same-1: prepared" in kling("show", "same-1").out
    assert "not yet" in kling("show", "same-1").out
    assert kling("show").code == 2


def test_show_family(kling):
    """An extension shows what it was made from, and its source shows it."""
    kling("run", "t2v", "a boat", "--model", "kling-v1-6", "-d", "5")
    (source,) = json.loads(kling("tasks", "--json").out)
    with Kling() as opened, pytest.warns(KlingWarning, match="retired"):
        opened.tasks.get(source["task_id"]).videos[0].extend("it sails on").wait()
    child = json.loads(kling("tasks", "--json", "--endpoint", "video-extension").out)[0]
    for row in (source, child):
        shown = kling("show", row["task_id"]).out
        family = shown[shown.index("family") :]
        assert source["task_id"][-8:] in family
        assert child["task_id"][-8:] in family
    assert child["parent_task_id"] == source["task_id"]


# --- wait ----------------------------------------------------------------------------------


def test_wait(kling, tmp_path):
    """Several tasks, each by a part of its id: every path on stdout, files by project and date."""
    ids = [made(kling, "t2v", f"boat {n}", "--project", "sea") for n in range(2)]
    done = kling("wait", *(task_id[-8:] for task_id in ids))
    assert done.code == 0, done.err
    assert [path.name for path in done.paths] == [
        f"boat-{n}-{task_id[-8:]}.mp4" for n, task_id in enumerate(ids)
    ]
    assert all(path.parts[:2] == ("kling_outputs", "sea") for path in done.paths)
    assert all(path.stat().st_size for path in done.paths)
    assert all(Path(f"{path}.json").is_file() for path in done.paths)
    before = sorted(tmp_path.rglob("*.mp4"))
    again = kling("wait", *ids)
    assert [path.resolve() for path in again.paths] == [path.resolve() for path in done.paths]
    assert sorted(tmp_path.rglob("*.mp4")) == before
    elsewhere = kling("wait", ids[0], "--out", "mine.mp4")
    assert elsewhere.out == "mine.mp4\n"


def test_wait_tells_each_failure_and_goes_on(kling, ledger):
    """A failed task, one never sent: each is told; a good one comes all the same."""
    failed, good = made(kling, "t2v", "forbidden-content"), made(kling, "t2v", "a boat")
    done = kling("wait", failed, good)
    assert done.code == 4
    assert "risk control" in done.err
    assert len(done.paths) == 1
    assert kling("wait", failed).code == 4
    never_sent(ledger, "row-1")
    done = kling("wait", "row-1")
    assert done.code == 1
    assert "task row-1 was never sent" in done.err
    assert "kling resume --send" in done.err


def test_wait_stops_in_time(kling, sandbox):
    """--timeout is exit code 3 and the command that collects it later."""
    sandbox.faults.add(Fault("slow", kind="create", seconds=60))
    task_id = made(kling, "t2v", "slow")
    done = kling("wait", task_id, "--timeout", "0.3")
    assert (done.code, done.out) == (3, "")
    assert f"Collect it later: kling wait {task_id}" in done.err


def test_wait_as_json(kling):
    """--json is one list of all tasks, with the paths."""
    ids = [made(kling, "image", f"cat {n}") for n in range(2)]
    tasks = json.loads(kling("wait", *ids, "--json").out)
    assert [task["task_id"] for task in tasks] == ids
    assert all(Path(task["outputs"][0]["path"]).is_file() for task in tasks)
    assert kling("wait").code == 2
    assert kling("wait", "nobody").code == 1


# --- of another version --------------------------------------------------------------------


def test_tasks_of_another_version(kling, ledger, sandbox):
    """They are listed, shown and counted; what cannot go on says so, and the others do."""
    before = from_elsewhere(ledger)
    listed = kling("tasks")
    assert listed.code == 0
    assert listed.out.count("sound-effects") == 4
    only = json.loads(kling("tasks", "--endpoint", "sound-effects", "--json").out)
    assert {row["id"] for row in only} == {*FOREIGN} - {"new-edition"}
    assert "there is no endpoint" in kling("tasks", "--endpoint", "sounds").err
    for name in FOREIGN:
        assert "not go on with it" in kling("show", name).out
    shown = json.loads(kling("show", "new-edition", "--json").out)
    assert (shown["edition"], shown["route"]) == ("v9", "/text-to-video/kling-9")
    for command in (["costs"], ["export", "-"], ["doctor"]):
        assert "Traceback" not in f"{kling(*command).out}{kling(*command).err}"
    asked = sum(sandbox.stats.requests.values())
    good = made(kling, "image", "a pear")
    done = kling("wait", *FOREIGN, good)
    assert (done.code, len(done.paths)) == (3, 1)
    assert done.err.count("which this version of kling-suite does not know") == len(FOREIGN)
    assert done.err.count("pip install -U kling-suite") == len(FOREIGN)
    assert foreign(ledger) == before
    assert sum(sandbox.stats.requests.values()) > asked


def test_what_comes_back_beside_them(kling, ledger, sandbox):
    """`resume` and `rescue` name each, and fetch what is ours; `rerun` sends nothing."""
    before = from_elsewhere(ledger)
    made(kling, "image", "a pear")
    done = kling("resume", "--send")
    assert (done.code, len(done.paths)) == (3, 1)
    (picture,) = done.paths
    for row in before:
        assert f"task {row.task_id or row.id} is of " in done.err
    billed = sandbox.stats.billed_tasks
    picture.unlink()
    saved = kling("rescue")
    assert picture.resolve() in saved.paths
    assert "task 5500002 is of the endpoint sound_effects" in saved.err
    assert kling("rerun", "new-done").code == 2
    assert kling("give-up", "new-running").code == 0
    assert sandbox.stats.billed_tasks == billed
    given = {row.id for row in foreign(ledger) if row not in before}
    assert given == {"new-running"}  # which somebody asked for


# --- resume --------------------------------------------------------------------------------


def test_resume(kling, ledger, sandbox):
    """A running task is collected, a lost answer looked up, an unsent request named; then sent."""
    billed = sandbox.stats.billed_tasks
    running = made(kling, "t2v", "running")
    sandbox.faults.add(Fault("reset_after", kind="create"))
    sandbox.faults.add(Fault("refuse", kind="get", status=400, code=1300, times=None))
    assert kling("run", "t2v", "lost answer").code == 3
    sandbox.faults.clear()
    never_sent(ledger, "row-1", "unsent")
    done = kling("resume")
    assert done.code == 0, done.err
    assert sorted(path.name[:-13] for path in done.paths) == ["lost-answer", "running"]
    assert any(running[-8:] in path.name for path in done.paths)
    assert "row-1: never sent: text-to-video 'unsent'" in done.err
    assert "kling resume --send" in done.err
    assert sandbox.stats.billed_tasks == billed + 2
    sent = kling("resume", "--send")
    assert [path.name[:-13] for path in sent.paths] == ["unsent"]
    assert sandbox.stats.billed_tasks == billed + 3
    quiet = kling("resume")
    assert (quiet.code, quiet.out) == (0, "")
    assert "nothing was left behind" in quiet.err


def test_resume_waits_for_the_lease_of_a_killed_process(kling, ledger):
    """What was being sent when its process was killed is looked up when its lease has ended.

    That Kling shows nothing then is no proof yet; later it is.
    """
    never_sent(ledger, "killed-1", "unsent")
    assert ledger.admit("killed-1", limit=None, lease=1.0, settling=2.0).admitted
    done = kling("resume", "--no-wait")
    assert "killed-1: being sent by another process: text-to-video 'unsent'" in done.err
    assert "nothing was left behind" not in done.err
    done = kling("resume")
    assert done.code == 3
    assert "being sent by a process that may have been killed" in done.err
    assert re.search(r"if it is not there at \d\d:\d\d, nothing was made", done.err)
    row = ledger.row("killed-1")
    assert row.state == "unknown"
    assert re.search(r"unknown .* open until \d\d:\d\d +unsent$", kling("tasks").out)
    shown = kling("show", "killed-1").out
    assert re.search(r"in doubt +until \d\d:\d\d: kling resume looks again; if it is not", shown)
    threading.Event().wait(max(0.0, row.doubt_until - ledger.now()))
    assert " look again " in kling("tasks").out
    assert "if Kling does not show it now, nothing was made" in kling("show", "killed-1").out
    done = kling("resume")
    assert done.code == 0
    assert "killed-1: never accepted (Kling knows of no such task): text-to-video" in done.err
    assert ledger.row("killed-1").state == "prepared"
    assert "was never accepted" in kling("wait", "killed-1").err


def test_a_killed_run_is_resumed(kling, sandbox):
    """`kling run` is killed while it waits; `kling resume` brings the clip, paid once."""
    billed = sandbox.stats.billed_tasks
    sandbox.faults.add(Fault("slow", kind="create", seconds=1))
    command = [sys.executable, "-m", "kling_core.cli.main", "run", "t2v", "a killed boat"]
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as run:
        told = ""
        while "submitted" not in told:
            told = run.stderr.readline()
            assert told, "the command ended before it submitted"
        run.kill()
        run.communicate(timeout=30)
    assert run.returncode == -signal.SIGKILL
    done = kling("resume")
    assert done.code == 0, done.err
    assert [path.name[:-13] for path in done.paths] == ["a-killed-boat"]
    assert sandbox.stats.billed_tasks == billed + 1


def test_resume_in_doubt(kling, sandbox):
    """What cannot be decided now is told with exit code 3, and can be resumed again."""
    sandbox.faults.add(Fault("reset_after", kind="create"))
    sandbox.faults.add(Fault("refuse", kind="get", status=400, code=1300, times=None))
    kling("run", "t2v", "in doubt")
    done = kling("resume")
    assert (done.code, done.out) == (3, "")
    assert "text-to-video 'in doubt'" in done.err
    assert "Do not submit again" in done.err
    sandbox.faults.clear()
    assert len(kling("resume").paths) == 1


def test_resume_finishes_a_download(kling, sandbox):
    """A clip that could not be downloaded is downloaded by the next resume."""
    sandbox.faults.add(Fault("expire", kind="media", times=None))
    assert kling("run", "t2v", "a boat").code == 3
    sandbox.faults.clear()
    (path,) = kling("resume").paths
    assert path.stat().st_size


def test_resume_without_waiting(kling, sandbox):
    """--no-wait settles and says what runs; nothing is waited for."""
    sandbox.faults.add(Fault("slow", kind="create", seconds=60))
    made(kling, "t2v", "slow")
    done = kling("resume", "--no-wait")
    assert (done.code, done.out) == (0, "")
    assert "1 running; collect them with: kling resume" in done.err


# --- rescue --------------------------------------------------------------------------------


def test_rescue(kling, monkeypatch, tmp_path):
    """With the ledger lost and the files deleted, every output comes back, once."""
    with Sandbox(quality="test", speed=5000) as server:
        monkeypatch.setenv("KLING_BASE_URL", server.url)
        monkeypatch.setenv("KLING_ACCESS_KEY", server.access_key)
        monkeypatch.setenv("KLING_SECRET_KEY", server.secret_key)
        first = [
            *kling("run", "t2v", "a boat").paths,
            *kling("run", "image", "a cat", "--n", "2").paths,
        ]
        assert len(first) == 3
        contents = sorted(path.read_bytes() for path in first)
        for path in first:
            path.unlink()
        monkeypatch.setenv("KLING_HOME", str(tmp_path / "another home"))
        done = kling("rescue", "--out", "back")
        assert done.code == 0, done.err
        assert sorted(path.read_bytes() for path in done.paths) == contents
        assert {path.parent for path in done.paths} == {Path("back")}
        assert "2 tasks at Kling that the ledger did not know" in done.err
        assert "3 fetched" in done.err
        again = kling("rescue", "--out", "back")
        assert (again.out, "0 fetched" in again.err) == ("", True)


def test_rescue_goes_round_a_list_that_is_refused(kling, monkeypatch):
    """What other lists hold is fetched; the exit code says that not all could be looked at."""
    with Sandbox(quality="test", speed=5000) as server:
        monkeypatch.setenv("KLING_BASE_URL", server.url)
        monkeypatch.setenv("KLING_ACCESS_KEY", server.access_key)
        monkeypatch.setenv("KLING_SECRET_KEY", server.secret_key)
        (path,) = kling("run", "t2v", "a boat").paths
        path.unlink()
        server.faults.add(Fault("refuse", "list", status=403, code=1103, message="no right"))
        done = kling("rescue", "--out", "back")
    assert len(done.paths) == 1
    assert done.code == 1
    assert "error: Kling's list of " in done.err
    assert "no right" in done.err


# --- rerun ---------------------------------------------------------------------------------


def test_rerun(kling, sandbox):
    """The recorded request again: a new task with the same body, in the same project."""
    kling("run", "t2v", "a boat", "-d", "5", "--project", "sea", "--external-task-id", "rerun-1")
    done = kling("rerun", "rerun-1")
    assert done.code == 0, done.err
    assert done.paths[0].parts[1] == "sea"
    new, old = json.loads(kling("tasks", "--json").out)
    assert new["id"] != old["id"] == "rerun-1"
    shown = [json.loads(kling("show", row["id"], "--json").out) for row in (new, old)]
    assert shown[0]["request"]["sent"] == shown[1]["request"]["sent"]


def test_rerun_with_changes(kling):
    """--set changes, adds and takes out fields; --dry-run shows the body and its price."""
    kling("run", "t2v", "a boat", "-d", "5", "--negative-prompt", "rain", "--external-task-id", "c")
    changes = ["--set", "duration=10", "--set", "negative-prompt=", "--set", "aspect_ratio=9:16"]
    done = kling("rerun", "c", "--dry-run", *changes, "--set", "prompt=a = b")
    body = json.loads(done.out)
    assert body == {
        "model_name": "kling-v2-5-turbo",
        "prompt": "a = b",
        "duration": "10",
        "aspect_ratio": "9:16",
    }
    assert "$0.42" in done.err
    assert kling("rerun", "c", "--dry-run", *changes, "--max-cost", "0.3").code == 1


def test_rerun_refused(kling, ledger, tmp_path):
    """Changes that cannot be read, a picture that has changed, a task made elsewhere."""
    never_sent(ledger, "row-1")
    for change, words in (("duration", "is not field=value"), ("durtion=5", "did you mean")):
        done = kling("rerun", "row-1", "--dry-run", "--set", change)
        assert done.code == 2
        assert words in done.err
    from PIL import Image

    Image.new("RGB", (400, 400)).save(tmp_path / "a.png")
    task_id = made(kling, "i2v", "it moves", "--image", "a.png")
    assert kling("rerun", task_id, "--dry-run").code == 0
    Image.new("RGB", (500, 500)).save(tmp_path / "a.png")
    done = kling("rerun", task_id, "--dry-run")
    assert done.code == 1
    assert "a.png is gone or has changed since" in done.err
    assert kling("rerun", task_id, "--dry-run", "--set", "image=a.png").code == 0
    assert kling("rerun").code == 2


# --- export and costs ----------------------------------------------------------------------


def test_export(kling, tmp_path):
    """CSV by default, JSON by name or option; each task once, oldest first; no formulas."""
    kling("run", "image", "=a cat", "--project", "pets")
    kling("run", "image", 'a, "quoted" cat', "--n", "2")
    assert "2 tasks written to out.csv" in kling("export", "out.csv").err
    with Path("out.csv").open(encoding="utf-8-sig", newline="") as file:
        first, second = csv.DictReader(file)
    assert (first["text"], first["project"], first["cost_usd"]) == ("'=a cat", "pets", "0.028")
    assert second["text"] == 'a, "quoted" cat'
    assert len(second["paths"].splitlines()) == 2
    kling("export", "out.json")
    rows = json.loads(Path("out.json").read_text())
    assert [row["text"] for row in rows] == ["=a cat", 'a, "quoted" cat']
    assert rows[1]["request"]["fields"]["n"] in (2, "2")
    assert json.loads(kling("export", "--json").out) == rows
    assert kling("export").out == Path("out.csv").read_text(encoding="utf-8-sig")
    assert len(json.loads(kling("export", "--json", "--project", "pets").out)) == 1
    assert "cannot be written" in kling("export", "no/folder/out.csv").err


def test_export_holds_no_secret(kling, sandbox):
    """Neither key is in an export."""
    kling("run", "image", "a cat")
    text = kling("export", "--json").out
    assert sandbox.secret_key not in text
    assert sandbox.access_key not in text


def test_costs(kling, ledger):
    """Estimate against actual, by day, project and model, with a total."""
    kling("run", "t2v", "a boat", "--project", "sea")
    kling("run", "image", "a cat", "--project", "pets")
    kling("run", "t2v", "forbidden-content", "--project", "sea")
    by_project = {line["key"]: line for line in json.loads(_json_costs(kling, "project"))}
    assert by_project["sea"]["actual"] == "0.21"
    assert by_project["pets"]["estimate"] == "0.028"
    table = kling("costs", "--by", "model").out
    assert "kling-v2-5-turbo" in table
    assert re.search(r"total +\d +\$0\.\d+ +\$0\.238", table)
    assert len(json.loads(_json_costs(kling, "day"))) == 1
    assert kling("costs", "--by", "moon").code == 2


def _json_costs(kling, by):
    return kling("costs", "--by", by, "--json").out


def test_costs_of_nothing(kling):
    """An empty ledger is said."""
    assert "no tasks in the last 30 days" in kling("costs").err


# --- budget --------------------------------------------------------------------------------


def test_budget_of_the_day(kling, sandbox):
    """--budget refuses what passes it together with what was made today; nothing is sent."""
    assert kling("run", "t2v", "a boat", "--budget", "0.30").code == 0
    before = len(sandbox.tasks)
    done = kling("run", "t2v", "a boat", "--budget", "0.30")
    assert done.code == 1
    assert re.search(r"\$0\.210? of today's \$0\.30 are committed", done.err)
    assert "--budget or KLING_BUDGET" in done.err
    assert len(sandbox.tasks) == before
    assert kling("rerun", "no such", "--budget", "1").code == 1


# --- doctor --------------------------------------------------------------------------------


def test_doctor_opens_the_ledger(kling, ledger, monkeypatch, tmp_path):
    """The ledger's place and what lies open in it; a broken one is found. No password is shown."""
    never_sent(ledger, "row-1")
    done = kling("doctor")
    assert done.code == 0, done.out
    assert str(tmp_path / "home") in done.out
    assert "1 not settled: kling tasks shows them" in done.out
    (tmp_path / "broken.db").write_bytes(b"not a database, " * 512)
    monkeypatch.setenv("KLING_LEDGER", str(tmp_path / "broken.db"))
    done = kling("doctor")
    assert done.code == 1
    assert "WRONG ledger" in done.out
    assert "damaged" in done.out


def test_no_password_of_the_ledger_is_shown(kling, monkeypatch):
    """The password of a postgresql:// address is in no message and no repr."""
    pytest.importorskip("psycopg")
    address = "postgresql://me:hidden-word@127.0.0.1:9/kling"
    monkeypatch.setenv("KLING_LEDGER", address)
    for argv in (["doctor"], ["tasks"]):
        done = kling(*argv)
        assert done.code == 1
        assert "127.0.0.1" in done.out + done.err
        assert "hidden-word" not in done.out + done.err
    with Kling() as opened:
        assert "hidden-word" not in repr(opened.session.settings)


# --- callbacks -----------------------------------------------------------------------------


def test_callbacks_need_a_secret(kling, monkeypatch):
    """Without a secret it says where to set one; a broken one is named and not shown."""
    done = kling("callbacks")
    assert done.code == 2
    assert "KLING_WEBHOOK_SECRET" in done.err
    monkeypatch.setenv(callbacks.VARIABLE, "whsec_broken!")
    done = kling("callbacks")
    assert done.code == 1
    assert "webhook secret is not valid" in done.err
    assert "broken!" not in done.err


def test_sandbox_secret_is_judged(kling):
    """A broken --webhook-secret of the sandbox is named, and not shown."""
    done = kling("sandbox", "--webhook-secret", "whsec_broken!")
    assert done.code == 1
    assert "webhook secret is not valid" in done.err


def test_callbacks_port_taken(kling):
    """A port in use is one line that says so."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = kling("callbacks", "--unsigned", "--port", port)
    assert done.code == 1
    assert f"port {port}" in done.err


@pytest.mark.parametrize("argv", LEDGER_COMMANDS, ids=lambda argv: argv[0])
def test_embedded_sandbox_is_refused(kling, monkeypatch, argv):
    """An embedded sandbox begins with an empty ledger: each command says so instead of nothing."""
    done = kling(*argv, "--sandbox")
    assert done.code == 2
    assert "embedded sandbox" in done.err
    monkeypatch.setenv("KLING_SANDBOX", "1")
    for name in [n for n in os.environ if n.endswith("_KEY") and n.startswith("KLING_")]:
        monkeypatch.delenv(name)
    assert kling(*argv).code == 2


@pytest.mark.parametrize(
    "seconds, words",
    [(0.4, "0 s"), (-3, "0 s"), (59, "59 s"), (60, "1 min"), (7200, "2 h"), (200000, "2 d")],
)
def test_spans(seconds, words):
    """Ages are told in their largest unit."""
    assert wording.span(seconds) == words


@pytest.mark.parametrize(
    "amount, words",
    [
        ("0.21", "$0.21"),
        ("0.056", "$0.056"),
        ("3", "$3.00"),
        ("-0.5", "-$0.50"),
        ("100", "$100.00"),
    ],
)
def test_money(amount, words):
    """Two places at least, and as many as there are."""
    from decimal import Decimal

    assert wording.money(Decimal(amount)) == words

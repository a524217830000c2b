"""The command line against the sandbox, over real HTTP."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass

import pytest

from kling_core import client, config
from kling_core.cli import progress
from kling_core.cli.main import main
from kling_core.sandbox import Fault, Sandbox, shared
from kling_core.wire import effects

KEYS = {"access_key": "a" * 32, "secret_key": "s" * 32}
CLI = [sys.executable, "-m", "kling_core.cli.main"]


@dataclass
class Done:
    code: int
    out: str
    err: str


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox(quality="test", speed=600, limit=100, **KEYS) as server:
        yield server


@pytest.fixture(autouse=True)
def surroundings(monkeypatch, tmp_path, sandbox):
    """The environment of someone who has set the sandbox's lines, in an empty folder."""
    for name in [name for name in os.environ if name.startswith("KLING_")]:
        monkeypatch.delenv(name)
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


def decodes(path):
    import av

    with av.open(str(path)) as container:
        return next(container.decode(video=0)).width > 0


# --- run -----------------------------------------------------------------------------------


def test_run_prints_the_path_of_the_clip(kling, tmp_path):
    """From a prompt to a file: its path alone on stdout, the story on stderr."""
    done = kling("run", "text-to-video", "a paper boat", "--out", "clips", "-d", "5")
    assert done.code == 0, done.err
    (line,) = done.out.splitlines()
    assert line.startswith("clips/a-paper-boat-")
    assert decodes(tmp_path / line)
    assert "1.5 units ($0.21)" in done.err
    assert "succeeded" in done.err
    assert "video id " in done.err
    assert "%" not in done.err


def test_out_may_name_the_file(kling, tmp_path):
    """--out clip.mp4 is the file, not a folder."""
    done = kling("run", "t2v", "a", "--out", "some/clip.mp4")
    assert done.out == "some/clip.mp4\n"
    assert decodes(tmp_path / "some/clip.mp4")


def test_several_images_as_json(kling, tmp_path):
    """Two images, both saved; the task as JSON alone on stdout."""
    done = kling("run", "image", "a cat", "--n", "2", "--json", "--out", "pics/cat.png")
    shown = json.loads(done.out)
    assert shown["status"] == "succeeded"
    assert [o["path"] for o in shown["outputs"]] == ["pics/cat-1.png", "pics/cat-2.png"]
    assert all((tmp_path / o["path"]).stat().st_size for o in shown["outputs"])
    assert shown["quote"]["usd"] == "0.056"


def test_no_wait_then_get(kling, tmp_path, sandbox):
    """--no-wait prints the id; `get --wait` collects by it, and by the external id."""
    made = kling("run", "t2v", "later", "--no-wait", "--external-task-id", "mine-1")
    task_id = made.out.strip()
    assert task_id.isdecimal()
    assert f"kling wait {task_id}" in made.err
    done = kling("get", "t2v", task_id, "--wait")
    assert done.code == 0, done.err
    assert decodes(tmp_path / done.out.strip())
    again = kling("get", "t2v", "mine-1")
    assert again.out == "succeeded\n"
    assert "download it with --out DIR" in again.err
    shown = json.loads(kling("get", "t2v", "mine-1", "--json").out)
    assert shown["task_id"] == task_id


def test_get_of_a_running_task(kling, sandbox):
    """A task that runs is told as such, with the command that waits."""
    sandbox.faults.add(Fault("slow", kind="create", seconds=30))
    task_id = kling("run", "t2v", "slow", "--no-wait").out.strip()
    done = kling("get", "t2v", task_id)
    assert done.code == 0
    assert done.out.strip() in ("submitted", "processing")
    assert f"kling get text-to-video {task_id} --wait" in done.err


def test_timeout_says_how_to_collect(kling, sandbox):
    """--timeout stops waiting with exit code 3 and the command that collects."""
    sandbox.faults.add(Fault("slow", kind="create", seconds=30))
    done = kling("run", "t2v", "slow", "--timeout", "0.3")
    assert (done.code, done.out) == (3, "")
    assert "it goes on and is paid" in done.err
    assert "Collect it later: kling wait " in done.err
    assert "task.wait()" not in done.err


def test_interrupt_while_waiting(kling, monkeypatch):
    """Ctrl-C says that the task goes on and is paid for, and how to collect it."""

    def interrupted(self, task):
        raise KeyboardInterrupt

    monkeypatch.setattr(progress._Lines, "__call__", interrupted)
    done = kling("run", "t2v", "slow")
    assert (done.code, done.out) == (130, "")
    assert "goes on and is paid for; collect it with: kling wait " in done.err
    assert "kling resume collects everything" in done.err


def test_interrupt_while_submitting(kling, monkeypatch, sandbox):
    """Ctrl-C in the middle of a submit says that nothing is lost, and what finds it."""
    from kling_core.wire.transport import SyncTransport

    def interrupted(self, effect):
        raise KeyboardInterrupt

    monkeypatch.setattr(SyncTransport, "send", interrupted)
    done = kling("run", "t2v", "a", "--external-task-id", "mine-2")
    assert done.code == 130
    assert "What was sent is in the ledger: kling resume finds it" in done.err
    assert "nothing is sent twice" in done.err


def test_unknown_outcome(kling, sandbox):
    """A lost answer that cannot be resolved is exit code 3, with the command that looks."""
    sandbox.faults.add(Fault("reset_after", kind="create"))
    sandbox.faults.add(Fault("refuse", kind="get", status=400, code=1300, times=None))
    done = kling("run", "t2v", "a", "--external-task-id", "mine-3")
    assert done.code == 3
    assert "Do not submit again: kling resume looks it up and takes it over" in done.err
    assert re.search(r"if it is not there at .*\d\d:\d\d, nothing was made", done.err)
    assert "By hand: kling get text-to-video mine-3" in done.err


def test_failed_task(kling):
    """A failed task is exit code 4 with Kling's words and the fix; so is looking at it."""
    done = kling("run", "t2v", "forbidden-content")
    assert (done.code, done.out) == (4, "")
    assert "risk control" in done.err
    assert "Change the prompt" in done.err
    task_id = done.err.split("task ")[1].split(":")[0]
    assert kling("get", "t2v", task_id).code == 4


def test_refused_by_kling(kling):
    """A refusal is exit code 1 with code, cause and fix, each said once."""
    done = kling("run", "t2v", "policy-refused")
    assert done.code == 1
    assert "code 1301" in done.err
    assert done.err.count("The content safety policy was hit.") == 1
    assert done.err.count("Change the prompt or the media") == 1


def test_max_cost(kling, sandbox):
    """Above --max-cost nothing is sent."""
    before = len(sandbox.tasks)
    done = kling("run", "t2v", "a", "--max-cost", "0.10")
    assert done.code == 1
    assert "above the limit of $0.10" in done.err
    assert len(sandbox.tasks) == before


def test_unwritable_folder_is_found_before_paying(kling, tmp_path, sandbox):
    """A folder that cannot be written stops the command before anything is submitted."""
    (tmp_path / "file").write_text("not a folder")
    before = len(sandbox.tasks)
    done = kling("run", "t2v", "a", "--out", "file/clips")
    assert done.code == 1
    assert "Nothing was sent" in done.err
    assert len(sandbox.tasks) == before


def test_lost_download_says_how_to_collect(kling, sandbox):
    """When the file cannot be fetched the task is intact, and the message says how to get it."""
    sandbox.faults.add(Fault("expire", kind="media", times=None))
    done = kling("run", "t2v", "a")
    assert done.code == 3
    assert "is done and paid for; collect it with: kling wait " in done.err
    assert "clip.download" not in done.err


def test_retired_model_warns_in_one_line(kling):
    """A retired model is one warning line that names its successor."""
    done = kling("run", "t2v", "a", "--model", "kling-v1-6")
    lines = [line for line in done.err.splitlines() if "kling-v1-6" in line]
    assert done.code == 0
    assert any(line.startswith("warning: ") for line in lines)
    assert "KlingWarning" not in done.err


# --- embedded sandbox ----------------------------------------------------------------------


@pytest.mark.parametrize("how", ["option before", "option after", "environment"])
def test_embedded_sandbox(kling, monkeypatch, sandbox, how, tmp_path):
    """--sandbox and KLING_SANDBOX=1 need no key, always wait, and say what they are."""
    monkeypatch.delenv("KLING_ACCESS_KEY")
    monkeypatch.delenv("KLING_SECRET_KEY")
    monkeypatch.setattr(shared, "shared", lambda: sandbox)
    argv = ["run", "t2v", "a boat", "--no-wait"]
    if how == "environment":
        monkeypatch.setenv("KLING_SANDBOX", "1")
    else:
        argv = ["--sandbox", *argv] if how == "option before" else [*argv, "--sandbox"]
    done = kling(*argv)
    assert done.code == 0, done.err
    assert decodes(tmp_path / done.out.strip())
    assert "embedded" in done.err
    assert "--no-wait is left aside" in done.err


# --- looking -------------------------------------------------------------------------------


def test_list(kling):
    """The account's tasks as a table and as JSON; an empty page is said."""
    task_id = kling("run", "image", "listed", "--no-wait").out.strip()
    done = kling("list", "image", "--size", "500")
    assert done.code == 0
    assert task_id in done.out
    rows = json.loads(kling("list", "image", "--size", "500", "--json").out)
    assert task_id in [row["task_id"] for row in rows]
    assert "no tasks on page 900" in kling("list", "image", "--page", "900").err
    wrong = kling("list", "image", "--size", "501")
    assert wrong.code == 1
    assert "--size: 501 is out of range. Use 1 to 500." in wrong.err


def test_unknown_task(kling):
    """An id that no task has is one line and exit code 1."""
    done = kling("get", "t2v", "999")
    assert done.code == 1
    assert "Task not found" in done.err
    assert done.err.count("\n") == 1


def test_account(kling):
    """The packs and what is left of them."""
    done = kling("account")
    assert done.code == 0
    assert "Sandbox-Video" in done.out
    assert json.loads(kling("account", "--json").out)[0]["status"] == "online"


# --- doctor --------------------------------------------------------------------------------


def test_doctor_in_health(kling, sandbox):
    """All is well: where the credential came from, host, folder, clock, key, packs; no secret."""
    done = kling("doctor")
    assert done.code == 0, done.out
    for words in ("key pair from the environment", sandbox.url, "can be written", "Sandbox-Video"):
        assert words in done.out
    assert sandbox.secret_key not in done.out + done.err
    assert sandbox.access_key not in done.out + done.err


def test_doctor_finds_swapped_keys(kling, monkeypatch, sandbox):
    """A swapped pair is named as such."""
    monkeypatch.setenv("KLING_ACCESS_KEY", sandbox.secret_key)
    monkeypatch.setenv("KLING_SECRET_KEY", sandbox.access_key)
    done = kling("doctor")
    assert done.code == 1
    assert "these keys are swapped" in done.out


@pytest.mark.parametrize("kind", ["pair", "swapped pair", "API key"])
def test_doctor_finds_the_other_region(kling, monkeypatch, sandbox, kind):
    """A key of the other region is named with the setting that mends it."""
    with Sandbox(quality="test", access_key="b" * 32, secret_key="t" * 32, api_key="k" * 32) as cn:
        monkeypatch.setattr(config, "REGIONS", {"global": sandbox.url, "cn": cn.url})
        monkeypatch.delenv("KLING_BASE_URL")
        keys = [cn.access_key, cn.secret_key]
        if kind == "API key":
            monkeypatch.setenv("KLING_API_KEY", cn.api_key)
        else:
            access, secret = keys if kind == "pair" else reversed(keys)
            monkeypatch.setenv("KLING_ACCESS_KEY", access)
            monkeypatch.setenv("KLING_SECRET_KEY", secret)
        done = kling("doctor")
    assert done.code == 1
    assert "region cn" in done.out
    assert ("swapped" in done.out) is (kind == "swapped pair")


def test_doctor_finds_wrong_keys(kling, monkeypatch):
    """A pair that fits nowhere is said to be wrong, not swapped."""
    monkeypatch.setenv("KLING_SECRET_KEY", "x" * 32)
    done = kling("doctor")
    assert done.code == 1
    assert "neither as given nor swapped" in done.out


def test_doctor_finds_an_api_key_in_the_way(kling, monkeypatch):
    """A bad API key hides a good pair, and doctor says so."""
    monkeypatch.setenv("KLING_API_KEY", "old" * 10)
    done = kling("doctor")
    assert done.code == 1
    assert "remove the API key" in done.out


@pytest.mark.parametrize(
    "shift, words, accepted",
    [
        (-600, "10 minutes behind", True),
        (-7200, "2 hours behind", False),
        (600, "10 minutes ahead", False),
    ],
)
def test_doctor_finds_a_wrong_clock(kling, monkeypatch, shift, words, accepted):
    """The clock is compared with the answer's Date, whether the token passes or not."""
    real = {"time": lambda: time.time() + shift, "monotonic": time.monotonic}
    monkeypatch.setattr(effects, "_time", real.__getitem__)
    done = kling("doctor")
    assert done.code == 1
    assert f"this computer's clock is {words}" in done.out
    assert ("accepted" in done.out) is accepted


def test_doctor_without_a_network(kling, monkeypatch):
    """No server is said as such, and the rest is still examined."""
    monkeypatch.setenv("KLING_BASE_URL", "http://127.0.0.1:9")
    done = kling("doctor")
    assert done.code == 1
    assert "WRONG network" in done.out
    assert "can be written" in done.out


def test_doctor_finds_an_unusable_folder(kling, monkeypatch, tmp_path):
    """An output folder that is a file is found before a clip is paid for."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("KLING_OUTPUT_DIR", str(tmp_path / "file"))
    done = kling("doctor")
    assert done.code == 1
    assert "is a file, not a folder" in done.out


# --- real processes ------------------------------------------------------------------------


def test_sandbox_command_and_interrupt(tmp_path):
    """`kling sandbox` serves a real `kling run`; SIGINT ends each with its own words."""
    keys = ["--access-key", KEYS["access_key"], "--secret-key", KEYS["secret_key"]]
    serve = [*CLI, "sandbox", "--quality", "test", "--speed", "1", *keys]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("KLING_")}
    environment |= {"PYTHONUNBUFFERED": "1", "KLING_HOME": str(tmp_path / "home")}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(serve, env=environment, cwd=tmp_path, **pipes) as server:
        try:
            lines = [server.stdout.readline() for _ in range(5)]
            exports = dict(line.split()[1].split("=", 1) for line in lines if "export" in line)
            run = [*CLI, "run", "t2v", "a slow boat"]
            with subprocess.Popen(run, env=environment | exports, cwd=tmp_path, **pipes) as client:
                told = ""
                while "submitted" not in told:
                    told = client.stderr.readline()
                    assert told, "the command ended before it submitted"
                client.send_signal(signal.SIGINT)
                out, err = client.communicate(timeout=30)
            assert (client.returncode, out) == (130, "")
            assert "goes on and is paid for" in err
        finally:
            server.send_signal(signal.SIGINT)
            out, err = server.communicate(timeout=30)
    assert (server.returncode, err) == (0, "")
    assert "Sandbox stopped." in out


def test_sandbox_port_taken(kling, sandbox):
    """A port in use is one line that says so."""
    port = sandbox.url.rpartition(":")[2]
    done = kling("sandbox", "--port", port)
    assert done.code == 1
    assert f"cannot listen on port {port}" in done.err


def test_a_closed_pipe_is_no_crash():
    """`kling models | head -1` ends without a traceback."""
    run = subprocess.Popen(
        [*CLI, "models", "effects", "--all"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        text=True,
    )
    with run:
        run.stdout.close()
        err = run.stderr.read()
    assert "Traceback" not in err
    assert "BrokenPipe" not in err

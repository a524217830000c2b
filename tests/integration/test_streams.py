"""What a command prints to, whatever that is: no stream ends a paid clip as "nothing was made"."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from kling_core import client
from kling_core.cli import console
from kling_core.cli.main import main
from kling_core.errors import AuthError, ConnectionFailed, LedgerError
from kling_core.sandbox import Sandbox

KEYS = {"access_key": "a" * 32, "secret_key": "s" * 32}
BOAT = "雨中的纸船"
CLI = f"{sys.executable} -m kling_core.cli.main"


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox(quality="test", speed=600, limit=100, **KEYS) as server:
        yield server


@pytest.fixture
def made(sandbox):
    """How many tasks the service has accepted since the test began."""
    before = sandbox.stats.tasks_created.total()
    return lambda: sandbox.stats.tasks_created.total() - before


@pytest.fixture
def surroundings(monkeypatch, tmp_path, sandbox):
    """The environment of somebody who has set the sandbox's lines, in an empty folder."""
    for name in [name for name in os.environ if name.startswith(("KLING_", "PYTHON"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("KLING_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("KLING_BASE_URL", sandbox.url)
    monkeypatch.setenv("KLING_ACCESS_KEY", sandbox.access_key)
    monkeypatch.setenv("KLING_SECRET_KEY", sandbox.secret_key)
    monkeypatch.setenv("PYTHONUTF8", "0")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def shell(surroundings):
    """Runs a line of a shell; `kling` is the command line."""

    def run(line, **env):
        script = f'kling() {{ {CLI} "$@"; }}; set -o pipefail; {line}'
        return subprocess.run(
            ["bash", "-c", script],
            cwd=surroundings,
            env={**os.environ, **env},
            capture_output=True,
            timeout=60,
            check=False,
        )

    return run


@pytest.fixture
def kling(surroundings, monkeypatch):
    """Runs a command in a console of an encoding; its exit code and the bytes of stdout."""
    monkeypatch.setattr(client, "Pace", lambda: client.SANDBOX_PACE)

    def run(encoding, *argv):
        out, err = (io.TextIOWrapper(io.BytesIO(), encoding=encoding) for _ in range(2))
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdout", out)
            patch.setattr(sys, "stderr", err)
            code = main(argv)
        return code, out.buffer.getvalue()

    return run


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "gbk", "utf-8"])
def test_a_console_that_lacks_the_letters(kling, made, encoding):
    """The clip is made and its path is there, spelled out; so are lists, JSON and the table."""
    code, out = kling(encoding, "run", "text-to-video", f"{BOAT} 🚢", "--out", BOAT)
    assert code == 0
    assert b".mp4" in out
    assert made() == 1
    code, out = kling(encoding, "tasks")
    assert code == 0
    assert len(out.splitlines()) == 2
    (row,) = json.loads(kling(encoding, "tasks", "--json")[1].decode(encoding))
    assert row["text"] == f"{BOAT} 🚢"
    assert kling(encoding, "show", row["id"])[0] == 0
    (row,) = json.loads(kling(encoding, "export", "-", "--json")[1].decode(encoding))
    assert Path(row["paths"][0]).is_file()
    table = kling(encoding, "export", "-")[1].decode("utf-8")
    (row,) = csv.DictReader(io.StringIO(table))
    assert row["text"] == f"{BOAT} 🚢"


def test_a_pipe_of_windows(shell, made):
    """The whole program in a code page: it is what Python takes for a pipe there."""
    done = shell(f"kling run text-to-video '{BOAT}' | cat", PYTHONIOENCODING="cp1252")
    assert done.returncode == 0, done.stderr
    assert b".mp4" in done.stdout
    assert made() == 1


@pytest.mark.parametrize("closed", ["2>&-", "<&- >&- 2>&-"])
def test_streams_that_are_closed(shell, made, surroundings, closed):
    """A service without streams makes its clip, and writes nothing into files of its own."""
    done = shell(f"kling run text-to-video 'a boat' --out clips {closed}")
    assert done.returncode == 0, done.stderr
    assert made() == 1
    assert len([*surroundings.glob("clips/*.mp4")]) == 1
    listed = shell(f"kling tasks {closed}")
    assert listed.returncode == 0
    assert b"Error" not in listed.stdout + listed.stderr
    assert b"a boat" in shell("kling tasks").stdout


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
def test_a_full_disk(shell, made):
    """A result that was paid for and cannot be written is "look first"; stderr stops nothing."""
    done = shell("kling run text-to-video 'a boat' --no-wait > /dev/full")
    assert done.returncode == 3
    assert b"No space left" in done.stderr
    assert b"kling tasks" in done.stderr
    assert b"Exception ignored" not in done.stderr
    assert made() == 1
    assert shell("kling run text-to-video 'a boat' --no-wait 2> /dev/full").returncode == 0
    listed = shell("kling tasks > /dev/full")
    assert listed.returncode == 1
    assert b"Exception ignored" not in listed.stderr


def test_nobody_reads(shell, made):
    """A pipe that is closed ends a command as the shell has it, and never as 1."""
    done = shell("kling run text-to-video 'a boat' --no-wait | true")
    assert done.returncode in (0, 141)
    assert done.stderr.count(b"Traceback") == 0
    assert b"Exception ignored" not in done.stderr
    assert made() == 1


@pytest.mark.parametrize("after", ["follow", "save", "show"])
@pytest.mark.parametrize(
    "error",
    [
        UnicodeEncodeError("charmap", "纸", 0, 1, "undefined"),
        OSError(28, "No space left on device"),
        TypeError("a fault of ours"),
        AuthError("the key was revoked", billed="no"),
        ConnectionFailed("no route"),
        LedgerError("the ledger cannot be read"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_whatever_fails_after_a_submit(kling, monkeypatch, capsys, made, error, after):
    """It is "look first", whoever failed and whatever that error says of itself."""
    from kling_core.cli import results, run

    def fail(*_args, **_options):
        raise error

    place = run if after == "follow" else results
    monkeypatch.setattr(place, after, fail)
    assert main(["run", "text-to-video", "a boat"]) == 3
    assert made() == 1
    said = capsys.readouterr().err
    assert said.splitlines()[-2 if not hasattr(error, "billed") else -1].startswith("error: ")


def test_a_fault_while_submitting_may_have_paid(surroundings, monkeypatch, capsys):
    """What is no error of ours says nothing of the money, so one looks first; before, it is 1."""
    from kling_core.client import Kling

    def fail(*_args, **_options):
        raise RuntimeError("out of threads")

    monkeypatch.setattr(Kling, "submit", fail)
    assert main(["run", "text-to-video", "a boat"]) == 3
    assert "kling resume" in capsys.readouterr().err
    monkeypatch.setattr(console, "open_client", fail)
    assert main(["run", "text-to-video", "a boat"]) == 1


def test_waiting_for_a_task_that_is_there(surroundings, monkeypatch, capsys, made):
    """`wait`, `resume` and `get --wait` speak of what is paid for: they never end as 1."""
    from kling_core.cli import get, ledgers

    assert main(["run", "text-to-video", "a boat", "--no-wait"]) == 0
    task_id = capsys.readouterr().out.strip()

    def fail(*_args, **_options):
        raise AuthError("the key was revoked", billed="no")

    monkeypatch.setattr(ledgers, "follow", fail)
    monkeypatch.setattr(get, "follow", fail)
    assert main(["wait", task_id]) == 3
    assert main(["resume"]) == 3
    assert main(["get", "text-to-video", task_id, "--wait"]) == 3
    assert main(["wait", "no-such-task"]) == 1


@pytest.mark.parametrize("command", ["kling_core", "kling_mcp"])
def test_a_module_is_a_command(command):
    """Where no folder of scripts is on the PATH, `python -m` starts the same program."""
    done = subprocess.run(
        [sys.executable, "-m", command, "--version"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("kling-suite ")

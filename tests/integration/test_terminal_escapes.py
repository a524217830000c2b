"""Escapes in prompts, in Kling's words and in callbacks never reach a terminal raw."""

from __future__ import annotations

import io
import json
import os
import re
import sys

import pytest
from helpers.shell import Shell

from kling_core import Kling
from kling_core.callbacks.verify import Callback
from kling_core.caller_warnings import notify
from kling_core.cli import callbacks, console
from kling_core.cli.main import main
from kling_core.commands.table import Table
from kling_core.errors import (
    APIError,
    InvalidRequest,
    KlingError,
    KlingWarning,
    TaskFailed,
    Violation,
    WebhookRejected,
)
from kling_core.sandbox import Fault, Sandbox
from kling_core.text import one_line, safe, safe_json

EVIL = "\x1b]52;c;ZXZpbA==\x07\x1b[2J\x9b31m\u202egnp.exe\u2066\r\x08\x7f\u2028"
"""Sets the clipboard, clears the screen, colours by C1, turns the writing, overwrites a line."""

RAW = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
KEYS = {"access_key": "a" * 32, "secret_key": "s" * 32}


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox(quality="test", speed=600, limit=100, **KEYS) as server:
        yield server


@pytest.fixture(autouse=True)
def surroundings(monkeypatch, tmp_path, sandbox):
    for name in [name for name in os.environ if name.startswith("KLING_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("KLING_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("KLING_BASE_URL", sandbox.url)
    monkeypatch.setenv("KLING_ACCESS_KEY", sandbox.access_key)
    monkeypatch.setenv("KLING_SECRET_KEY", sandbox.secret_key)
    monkeypatch.chdir(tmp_path)
    yield
    sandbox.faults.clear()


class Terminal(io.TextIOWrapper):
    """What a person looks at."""

    def __init__(self):
        super().__init__(io.BytesIO(), encoding="utf-8", write_through=True)

    def isatty(self):
        return True

    def seen(self):
        """All that was shown, without the colours and the running line of our own."""
        return re.sub(r"\r?(\x1b\[[\d;?]*[mKAhlGJ])+", "", self.buffer.getvalue().decode())


@pytest.fixture
def terminal(monkeypatch):
    """Puts a terminal in the place of both streams."""

    def put():
        both = Terminal()
        monkeypatch.setattr(sys, "stdout", both)
        monkeypatch.setattr(sys, "stderr", both)
        return both

    return put


def test_what_is_spelled_out():
    """Every control but line breaks and tabs, the turns of direction, halves of characters."""
    assert safe("a\x1b[0m\x9b\x07") == r"a\x1b[0m\x9b\x07"
    assert safe("\u202e\u2066\u2029\ud83d") == r"\u202e\u2066\u2029\ud83d"
    assert safe("one\r\ntwo\tthree\rfour") == "one\ntwo\tthree\\rfour"
    assert one_line("one\n  two\x1b") == r"one two\x1b"
    for text in ("a boat", "纸船", "مركب", "👩‍👩‍👧", "שלום\u200f", "नाव\u200d", "\xa0"):
        assert safe(text) == text
    made = json.dumps({"a": EVIL}, ensure_ascii=False)
    assert json.loads(safe_json(made)) == {"a": EVIL}
    assert not RAW.search(safe_json(made))


@pytest.mark.parametrize("watched", [True, False], ids=["terminal", "pipe"])
def test_every_command(monkeypatch, capsys, request, watched):
    """A prompt of escapes, through all that lists, shows and exports it."""
    if watched:
        screen = request.getfixturevalue("terminal")()
    prompt = f"a boat {EVIL}"
    assert main(["run", "image", prompt, "--out", "out"]) == 0
    with Kling() as kling:
        (task,) = kling.tasks.recent()
        task_id = task.task_id
    for argv in (
        ["tasks"],
        ["tasks", "--wide"],
        ["tasks", "--json"],
        ["show", task_id],
        ["show", task_id, "--json"],
        ["list", "image"],
        ["list", "image", "--json"],
        ["get", "image", task_id],
        ["wait", task_id],
        ["rerun", task_id, "--dry-run"],
        ["export", "-", "--json"],
        ["costs"],
        ["quote", "image", prompt],
        ["run", "image", prompt, "--dry-run"],
        ["run", "image", "a boat", "--aspect-ratio", EVIL, "--dry-run"],
        ["run", "image", "a boat", f"--{EVIL}"],
        ["show", EVIL],
        [EVIL],
    ):
        main(argv)
    if watched:
        main(["export", "-"])
        said = screen.seen()
    else:
        said = "".join(capsys.readouterr())
    assert "a boat" in said
    assert not RAW.search(said), RAW.search(said)


def test_an_export_keeps_the_text(capsys):
    """A file and a pipe are for programs: the words in them are those of the request."""
    prompt = "a boat \x1b[0m"
    assert main(["run", "image", prompt]) == 0
    capsys.readouterr()
    assert main(["export", "-", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert row["text"] == prompt
    assert main(["export", "-"]) == 0
    assert prompt in capsys.readouterr().out


def test_what_kling_says(sandbox, terminal):
    """A refusal in its words, a status that nobody knows."""
    screen = terminal()
    sandbox.faults.add(Fault("refuse", "create", status=400, code=1201, message=f"no {EVIL}"))
    assert main(["run", "image", "a boat"]) == 1
    assert main(["tasks", "--state", "rejected"]) == 0
    assert r"no \x1b]52" in screen.seen()
    assert not RAW.search(screen.seen())


def test_callbacks(terminal):
    """Nobody has signed them."""
    screen = terminal()
    callbacks._told(Callback(f"77{EVIL}", None, EVIL, EVIL, {}))
    callbacks._told(WebhookRejected(f"no {EVIL}"))
    assert "77" in screen.seen()
    assert not RAW.search(screen.seen())


@pytest.mark.parametrize(
    "error",
    [
        KlingError(EVIL, fix=EVIL),
        APIError(EVIL, code=1201, http_status=400),
        TaskFailed(EVIL),
        InvalidRequest([Violation("prompt", EVIL, EVIL)]),
    ],
    ids=lambda error: type(error).__name__,
)
def test_errors_of_python(error):
    """What a traceback prints is safe, and the message is there verbatim."""
    assert not RAW.search(str(error))
    said = error.violations[0] if isinstance(error, InvalidRequest) else error
    assert said.message == EVIL


def test_warnings():
    with pytest.warns(KlingWarning) as caught:
        notify(EVIL)
    assert not RAW.search(str(caught[0].message))


def test_tables_and_objects(sandbox):
    """A cell is one line; an object shows no more than text."""
    lines = Table(("id", "prompt"), [(EVIL, f"one\n{EVIL}")]).lines()
    assert len(lines) == 2
    assert not RAW.search("".join(lines))
    with Kling() as kling:
        task = kling.task(
            kling.text_to_video.endpoint, {"task_id": EVIL, "task_status": EVIL, "task_result": {}}
        )
        assert not RAW.search(repr(task))


def test_paths(terminal, tmp_path):
    """The name of a folder may hold anything."""
    screen = terminal()
    console.show_path(tmp_path / EVIL)
    console.say(str(tmp_path / EVIL))
    assert screen.seen().count("gnp") == 2
    assert not RAW.search(screen.seen())


def test_ipython(sandbox, capsys):
    """The text of every magic, in a terminal."""
    with Kling() as kling:
        shell = Shell(kling)
        try:
            shell.ip.user_ns["evil"] = f"a boat {EVIL}"
            shell.ip.run_cell("clip = %kling image --wait {evil}\nclip")
            for line in (
                "%kling tasks",
                "%kling show {clip}",
                "%kling gallery",
                "%kling code {clip}",
                "%kling compare {clip} {clip}",
                "%kling image --aspect-ratio {evil} a boat",
                "%kling show {evil}",
            ):
                shell.ip.run_cell(line)
            sandbox.faults.add(Fault("refuse", "create", status=400, code=1201, message=EVIL))
            shell.ip.run_cell("%kling image --wait a boat")
        finally:
            shell.close()
    said = re.sub(r"\x1b\[[\d;]*m", "", "".join(capsys.readouterr()))
    assert "a boat" in said
    assert not RAW.search(said), said[max(0, RAW.search(said).start() - 100) :][:200]

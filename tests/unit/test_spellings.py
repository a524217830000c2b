"""Advice as data: one table, spelled by each front end; as a string it reads as Python."""

from __future__ import annotations

import copy
import pickle
import re
from typing import get_args

import pytest

from kling_core.advice import SPELLINGS, Advice, Face, Text, said, sentence
from kling_core.commands.base import COMMANDS
from kling_core.errors import InvalidRequest, KlingError, LedgerError, Violation

WAIT = Advice("wait", "12")


@pytest.mark.parametrize("verb", SPELLINGS)
def test_every_verb_is_spelled_on_every_face(verb: str) -> None:
    """With words, and without a place that nobody fills in."""
    for face in get_args(Face):
        typed = Advice(verb, "12", "lip_sync", "a word").on(face)
        assert typed
        assert not re.search(r"\{(task|endpoint|command|about)", typed)


@pytest.mark.parametrize("verb", SPELLINGS)
def test_each_face_has_its_own_words(verb: str) -> None:
    """No Python for who types commands, no command for an agent, and only commands there are."""
    step = Advice(verb, "12", "lip_sync")
    typed = step.on("shell")
    assert not re.search(r"kling\.\w+[.(]|\btask\.wait|Kling\(|PIL|numpy", typed)
    named = re.findall(r"(?<![\w.-])kling ([a-z-]+)", typed)
    assert set(named) <= {command.name for command in COMMANDS}
    assert not re.search(r"(?<![\w.-])kling [a-z]|kling\.\w|Kling\(|PIL", step.on("tools"))


@pytest.mark.parametrize(
    "advice, python, shell, magic, tools",
    [
        (
            Advice("get", "kc-1", "text_to_video"),
            "kling.text_to_video.get('kc-1')",
            "kling get text-to-video kc-1",
            "%kling get text-to-video kc-1",
            "kling_wait_tasks with ['kc-1']",
        ),
        (
            WAIT,
            "kling.tasks.get('12').wait()",
            "kling wait 12",
            "%kling wait 12",
            "kling_wait_tasks with ['12']",
        ),
        (
            Advice("list", endpoint="lip_sync"),
            "kling.lip_sync.list()",
            "kling list lip-sync",
            "kling list lip-sync",
            "kling_list_tasks",
        ),
        (
            Advice("resume"),
            "kling.tasks.resume() (or `kling resume`)",
            "kling resume",
            "%kling resume",
            "kling_recover_tasks",
        ),
        (
            Advice("give up", "kc-1"),
            "kling.tasks.give_up('kc-1')",
            "kling give-up kc-1",
            "%kling give-up kc-1",
            "by the owner of this server",
        ),
    ],
    ids=lambda value: value.verb if isinstance(value, Advice) else "",
)
def test_spellings(advice: Advice, python: str, shell: str, magic: str, tools: str) -> None:
    """A task, an endpoint and a verb are all that the library says."""
    assert [advice.on(face) for face in get_args(Face)] == [python, shell, magic, tools]


def test_a_text_is_a_string_in_python_and_keeps_its_parts() -> None:
    """Put together, added to, copied and pickled it is said as before; a plain string is itself."""
    text = Text("Paid for: ", WAIT, ", or ", Text(Advice("resume"), "."))
    assert (
        text
        == "Paid for: kling.tasks.get('12').wait(), or kling.tasks.resume() (or `kling resume`)."
    )
    for same in (text, text + "", pickle.loads(pickle.dumps(text)), copy.deepcopy(text)):
        assert said(same, "shell") == "Paid for: kling wait 12, or kling resume."
        assert same == text
    assert said("kling.tasks.resume()", "shell") == "kling.tasks.resume()"


def test_a_command_at_the_end_is_typed_as_it_stands() -> None:
    """A full stop after it would be a part of it; in Python and in prose there is one."""
    assert said(sentence(Text("See ", WAIT)), "shell") == "See kling wait 12"
    assert sentence(Text("See ", WAIT)) == "See kling.tasks.get('12').wait()."
    assert said(sentence(Text(WAIT, " waits")), "shell") == "kling wait 12 waits."
    assert sentence(" so ") == "so."


def test_an_error_is_said_by_each_front_end() -> None:
    """`fix` and `str` read as Python; the facts behind them are said with commands or tools."""
    error = LedgerError("it is gone", fix=Text("Look: ", WAIT))
    assert error.fix == "Look: kling.tasks.get('12').wait()"
    assert str(error) == "it is gone. Look: kling.tasks.get('12').wait()."
    assert error.said("shell") == "it is gone. Look: kling wait 12"
    assert error.said("tools") == "it is gone. Look: kling_wait_tasks with ['12']."
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.said("magic")) == (str(error), "it is gone. Look: %kling wait 12")
    assert str(KlingError("no. ", code=1303, http_status=429)) == "no (code 1303, HTTP 429)."


def test_a_refused_request_is_said_by_each_front_end() -> None:
    """The same violations, a line each."""
    wrong = Violation("image", "it is no picture", Text(Advice("a picture")))
    error = InvalidRequest([wrong], endpoint="lip_sync")
    assert str(error) == f"1 problem in lip_sync, nothing was sent:\n  - {wrong}"
    assert str(wrong).startswith(
        "image: it is no picture. Use a path, an http(s) URL, bytes, a PIL"
    )
    assert "Use a path or an http(s) URL." in error.said("shell")
    assert "kling://tasks/{id}/outputs/{n}" in error.said("tools")

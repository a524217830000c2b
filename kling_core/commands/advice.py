"""Advice written for Python, in the words of a front end: the command line, the magics."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from kling_core import errors
from kling_core.commands.options import options

__all__ = ["SHELL", "Wording"]


def _unchanged(text: str) -> str:
    return text


@dataclass(frozen=True, slots=True)
class Wording:
    """How one front end says what Python would write.

    `get` makes the command that shows a task, of endpoint, id, and whether it waits; the endpoint
    is empty for a task that the ledger knows. `words` are
    pairs of Python's spelling and ours; `missing` is said when the words of the endpoint, such as
    the prompt, are not given. `typed` turns the commands of `kling` in a text into its own.
    """

    get: Callable[[str, str, bool], str]
    words: tuple[tuple[str, str], ...]
    missing: str
    typed: Callable[[str], str] = _unchanged

    def say(self, text: str) -> str:
        """Python calls in an advice, said as commands."""

        def get(found: re.Match[str]) -> str:
            endpoint = "" if found[1] == "tasks" else hyphens(found[1])
            return self.get(endpoint, found[2], bool(found[3]))

        text = re.sub(r"kling\.(\w+)\.get\('([^']*)'\)(\.wait\(\))?", get, text)
        text = re.sub(r"kling\.(\w+)\.list\(\)", lambda m: f"kling list {hyphens(m[1])}", text)
        for python, ours in (*self.words, *_WORDS):
            text = text.replace(python, ours)
        return self.typed(text)

    def violations(self, error: errors.InvalidRequest) -> list[str]:
        """A refused request: what is wrong in one line, then a line for each violation."""
        from kling_core.declare import registry

        flags: dict[str, str] = {}
        words = ""
        if error.endpoint:
            endpoint = registry.get(error.endpoint)
            flags = {o.field: o.flag for o in options(endpoint)}
            words = endpoint.positional
        count = len(error.violations)
        lead = f"{count} problems" if count != 1 else "1 problem"
        place = f" in {hyphens(error.endpoint)}" if error.endpoint else ""
        return [
            f"{lead}{place}, nothing was sent",
            *(f"  {self._violation(violation, flags, words)}" for violation in error.violations),
        ]

    def _violation(self, violation: errors.Violation, flags: dict[str, str], words: str) -> str:
        if violation.field == words and _MISSING.match(violation.message):
            return f"{words} is missing: {self.missing}"
        field, dot, rest = violation.field.partition(".")
        shown = flags.get(field, f"--{field}") + dot + rest
        text = str(violation).removeprefix(f"{violation.field}: ")
        for name, flag in flags.items():
            text = re.sub(rf"\b{name}=(?=\S)", f"{flag} ", text)
        source = f"  [{violation.source}]" if violation.source else ""
        return self.say(f"{shown}: {text}{source}")


def hyphens(name: str) -> str:
    """An endpoint's name as it is typed."""
    return name.replace("_", "-")


def _shell_get(endpoint: str, task_id: str, wait: bool) -> str:
    if not endpoint:
        return f"kling {'wait' if wait else 'show'} {task_id}"
    return f"kling get {endpoint} {task_id}" + (" --wait" if wait else "")


_MISSING = re.compile(r"(\w+ is needed|is required)")

_WORDS = (
    ("kling.tasks.resume() (or `kling resume`)", "kling resume"),
    ("kling.tasks.resume(send=True) (or `kling resume --send`)", "kling resume --send"),
    ("max_cost", "--max-cost"),
    ("`TaskNotFound`", "not found"),
)
"""What both front ends say alike."""

SHELL = Wording(
    get=_shell_get,
    words=(
        (
            "any of three ways: Kling(api_key=…) or Kling(access_key=…, secret_key=…); ",
            "one of two ways: ",
        ),
        ("Kling(sandbox=True) and KLING_SANDBOX=1 work", "--sandbox and KLING_SANDBOX=1 work"),
        ("Raise budget (KLING_BUDGET)", "Raise --budget or KLING_BUDGET"),
        ("max_cost, KLING_MAX_COST, budget", "--max-cost, KLING_MAX_COST, --budget, KLING_BUDGET"),
        (
            "a path, an http(s) URL, bytes, a PIL image or a numpy array",
            "a path or an http(s) URL",
        ),
    ),
    missing="write it after the endpoint, in quotes",
)
"""The command line."""

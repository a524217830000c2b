"""Errors as a notebook shows them: one line each, and the cell fails.

Not IPython's `UsageError`: tools that run notebooks do not take that for a failure.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager

from kling_core import errors
from kling_core.commands.advice import Wording
from kling_core.errors import KlingError
from kling_core.text import at, safe
from kling_jupyter import display

__all__ = [
    "MAGICS",
    "KlingMagicError",
    "StoppedWaiting",
    "command_to_get",
    "in_notebook",
    "translated",
    "translating",
]

_RED, _CYAN, _PLAIN = "\x1b[31m", "\x1b[36m", "\x1b[39m"


class KlingMagicError(KlingError):
    """A magic failed. `__cause__` is the error of `kling_core`; its facts are here too.

    `lines` follow the message, one for each violation; `hint` says what to do.
    """

    def __init__(
        self, message: str, *, title: str = "Error", lines: tuple[str, ...] = (), hint: str = ""
    ) -> None:
        super().__init__(message)
        self.title = title
        self.lines = lines
        self.hint = hint

    def __str__(self) -> str:
        return "\n".join([safe(self.message), *map(safe, self.lines), *self._hinted("Hint")])

    # IPython shows this in the place of a traceback.
    def _render_traceback_(self) -> list[str]:
        red, cyan, plain = (_RED, _CYAN, _PLAIN) if _coloured() else ("", "", "")
        hint = self._hinted(f"{cyan}Hint{plain}")
        lines = [safe(line) for line in self.lines]
        return [f"{red}{self.title}{plain}: {safe(self.message)}", *lines, *hint]

    def _hinted(self, word: str) -> list[str]:
        return [f"{word}: {safe(self.hint)}"] if self.hint else []


def _coloured() -> bool:
    """Whether colours are wished for: not by NO_COLOR, nor by `%colors NoColor`."""
    wished = str(getattr(display.shell(), "colors", "")).lower()
    return not os.environ.get("NO_COLOR") and wished != "nocolor"


class StoppedWaiting(KlingMagicError):
    """You interrupted the cell; the task goes on and is paid for."""


@contextmanager
def translating() -> Generator[None]:
    """Turn every `KlingError` inside into a `KlingMagicError` in the words of the magics."""
    try:
        yield
    except KlingMagicError:
        raise
    except KlingError as error:
        raise translated(error) from error


def command_to_get(endpoint: str, task_id: str) -> str:
    """What to type to get a task later; the endpoint is empty for one that the ledger knows."""
    return f"%kling get {endpoint.replace('_', '-')} {task_id}".replace("  ", " ")


def in_notebook(text: str) -> str:
    """A text of the core in the words of the magics: `kling wait 12` is `%kling wait 12`."""
    return _MAGICS.say(text)


def _with_percent(text: str) -> str:
    """The commands of `kling` as magics, where there is such a magic."""
    return _COMMAND.sub("%kling ", text)


def translated(error: KlingError) -> KlingMagicError:
    """The error in the words of the magics, with all its facts."""
    title = type(error).__name__
    if isinstance(error, errors.InvalidRequest):
        first, *lines = _MAGICS.violations(error)
        made = KlingMagicError(first, title=title, lines=tuple(lines))
    else:
        words = next((say(error) for kind, say in _FIXES if isinstance(error, kind)), error.fix)
        message, fix = _MAGICS.say(_without_fix(error)), _MAGICS.say(words)
        made = KlingMagicError(message, title=title, hint=fix)
    for fact in ("code", "http_status", "request_id", "cause", "fix"):
        setattr(made, fact, getattr(error, fact))
    made.retryable, made.billed, made.task_id = error.retryable, error.billed, error.task_id
    return made


def _without_fix(error: KlingError) -> str:
    """What happened, in one line, without the advice at its end."""
    text, fix = str(error), error.fix.strip().removesuffix(".")
    return text.removesuffix(".").removesuffix(fix).rstrip(" .")


def _no_credential(error: KlingError) -> str:
    if "there is no Kling credential" not in error.message:
        return error.fix
    if not display.has_magics():
        return (
            "Set KLING_API_KEY, or KLING_ACCESS_KEY and KLING_SECRET_KEY, in the environment; "
            "KLING_SANDBOX=1 there plays without a key. Then try again."
        )
    return (
        "%kling connect --sandbox plays without a key. With one, set KLING_API_KEY, or "
        "KLING_ACCESS_KEY and KLING_SECRET_KEY, and type %kling connect."
    )


def _unknown_outcome(error: KlingError) -> str:
    assert isinstance(error, errors.SubmitOutcomeUnknown)
    if not error.external_task_id:
        return error.fix
    command = command_to_get(error.endpoint, error.external_task_id)
    found = f"Do not submit again; look first: {command}. If it finds a task, that is yours"
    if error.settles_at is None:
        return f"{found}."
    when = at(error.settles_at, time.time())
    return f"{found}; if it is not there at {when}, nothing was made. %kling resume looks, too."


def _late(error: KlingError) -> str:
    task = getattr(error, "task", None)
    if task is None:
        return error.fix
    if not task.task_id:  # nothing to get yet: it is still sent, by whom it may be
        return f"Wait again: %kling wait {task.row_id}"
    return f"Get it with: {command_to_get(task.endpoint.name, task.task_id)}"


MAGICS = (
    "costs",
    "doctor",
    "get",
    "give-up",
    "models",
    "quote",
    "rerun",
    "rescue",
    "resume",
    "show",
    "tasks",
    "wait",
)
"""The commands of `kling` that are magics too: `kling wait` is said as `%kling wait`."""

# Not in a path or a name, nor what is a magic already.
_COMMAND = re.compile(rf"(?<![%\w./-])kling (?=(?:{'|'.join(MAGICS)})\b)")

_FIXES: tuple[tuple[type[KlingError], Callable[[KlingError], str]], ...] = (
    (errors.ConfigError, _no_credential),
    (errors.SubmitOutcomeUnknown, _unknown_outcome),
    (errors.WaitTimeout, _late),
)

_MAGICS = Wording(
    get=lambda endpoint, task_id, _: command_to_get(endpoint, task_id),
    words=(
        ("Raise budget (KLING_BUDGET)", "Raise KLING_BUDGET"),
        ("max_cost, KLING_MAX_COST, budget", "--max-cost, KLING_MAX_COST, KLING_BUDGET"),
        ("task.wait()", "%kling get"),
        (
            "a path, an http(s) URL, bytes, a PIL image or a numpy array",
            "a path, an http(s) URL, or {name} of bytes, a PIL image or a numpy array",
        ),
    ),
    missing="write it after the options, or below the line of a %%kling cell",
    typed=_with_percent,
)
"""How the magics say what Python would write; options are those of the command line."""

"""Errors as a notebook shows them: one line each, and the cell fails.

Not IPython's `UsageError`: tools that run notebooks do not take that for a failure.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager

from kling_core import config, errors
from kling_core.advice import Advice, said
from kling_core.commands.advice import violations
from kling_core.errors import KlingError
from kling_core.text import at, safe
from kling_jupyter import display

__all__ = [
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
    verb = "get" if endpoint else "get by our id"
    return Advice(verb, task_id, endpoint).on("magic")


def in_notebook(text: str) -> str:
    """A text of the core in the words of the magics."""
    return said(text, "magic")


def translated(error: KlingError) -> KlingMagicError:
    """The error in the words of the magics, with all its facts."""
    title = type(error).__name__
    if isinstance(error, errors.InvalidRequest):
        first, *lines = violations(error, "magic")
        made = KlingMagicError(first, title=title, lines=tuple(lines))
    else:
        words = next((say(error) for kind, say in _FIXES if isinstance(error, kind)), error.fix)
        message, fix = in_notebook(error.headline).rstrip(" ."), in_notebook(words)
        made = KlingMagicError(message, title=title, hint=fix)
    for fact in ("code", "http_status", "request_id", "cause", "fix"):
        setattr(made, fact, getattr(error, fact))
    made.retryable, made.billed, made.task_id = error.retryable, error.billed, error.task_id
    return made


def _no_credential(error: KlingError) -> str:
    if error.message != config.NO_CREDENTIAL:
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


_FIXES: tuple[tuple[type[KlingError], Callable[[KlingError], str]], ...] = (
    (errors.ConfigError, _no_credential),
    (errors.SubmitOutcomeUnknown, _unknown_outcome),
)

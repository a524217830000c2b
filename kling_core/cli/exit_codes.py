"""How errors read on the command line, and the exit codes they become."""

from __future__ import annotations

from typing import Self

from kling_core import errors
from kling_core.advice import Advice, Text, said
from kling_core.commands.advice import violations
from kling_core.commands.arguments import UsageProblem
from kling_core.text import safe

REFUSED, USAGE, LOOK_FIRST, FAILED = 1, 2, 3, 4

_LOOK = "Look before you run it again: kling tasks shows what was made, kling resume collects it."


class Progress:
    """How far a command has come; what stops it is judged by that.

    A block around everything that may pay: an error that leaves it remembers how far it was.
    """

    def __init__(self, *, sent: bool = False, made: bool = False) -> None:
        self.sent = sent or made
        """Whether a request may have gone out."""
        self.made = made
        """Whether a task exists, whatever is said of the exchange that failed."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, Exception) and not hasattr(error, _REACHED):
            setattr(error, _REACHED, self)


_REACHED = "_kling_progress"


def exit_code(error: Exception) -> int:
    """The exit code of an error; see `kling_core.cli.main`. After a submit it is never 1."""
    if isinstance(error, UsageProblem) or type(error).__name__ == "UnknownEndpoint":
        return USAGE
    if isinstance(error, errors.TaskFailed):
        return FAILED
    reached: Progress = getattr(error, _REACHED, Progress())
    if reached.made:
        return LOOK_FIRST
    if not isinstance(error, errors.KlingError):
        return LOOK_FIRST if reached.sent else REFUSED
    paid = (errors.SubmitOutcomeUnknown, errors.WaitTimeout, errors.DownloadError)
    possible = reached.sent or isinstance(error, paid)
    return LOOK_FIRST if possible and error.billed != "no" else REFUSED


def lines(error: Exception) -> list[str]:
    """What to tell people: one line, and one more for each violation."""
    if isinstance(error, errors.InvalidRequest):
        return violations(error, "shell")
    if isinstance(error, errors.KlingError):
        return [_one_line(error)]
    kind = type(error).__name__
    told = [f"{kind}: {error}  (KLING_DEBUG=1 shows where)"]
    return [*told, _LOOK] if exit_code(error) == LOOK_FIRST else told


def collect(task_id: str) -> str:
    """The command that waits for a task and downloads what it made."""
    return Advice("wait", task_id).on("shell")


def _one_line(error: errors.KlingError) -> str:
    if error.cause.strip() and isinstance(error, errors.APIError | errors.TaskFailed):
        told = Text(error.headline, " ", error.cause, *((" ", error.fix) if error.fix else ()))
        return safe(said(told, "shell")).strip()
    return error.said("shell").strip()

"""How errors read on the command line, and the exit codes they become."""

from __future__ import annotations

from kling_core import errors
from kling_core.cli.arguments import UsageProblem
from kling_core.cli.wording import SHELL

REFUSED, USAGE, LOOK_FIRST, FAILED = 1, 2, 3, 4


def exit_code(error: Exception) -> int:
    """The exit code of an error; see `kling_core.cli.main`."""
    if isinstance(error, UsageProblem) or type(error).__name__ == "UnknownEndpoint":
        return USAGE
    if isinstance(error, errors.TaskFailed):
        return FAILED
    paid = (errors.SubmitOutcomeUnknown, errors.WaitTimeout, errors.DownloadError)
    return LOOK_FIRST if isinstance(error, paid) and error.billed != "no" else REFUSED


def lines(error: Exception) -> list[str]:
    """What to tell people: one line, and one more for each violation."""
    if isinstance(error, errors.InvalidRequest):
        return SHELL.violations(error)
    if isinstance(error, errors.KlingError):
        return [in_shell(_one_line(error))]
    kind = type(error).__name__
    return [f"{kind}: {error}  (KLING_DEBUG=1 shows where)"]


def in_shell(text: str) -> str:
    """Python calls in an advice, said as commands."""
    return SHELL.say(text)


def collect(task_id: str) -> str:
    """The command that waits for a task and downloads what it made."""
    return f"kling wait {task_id}"


def _one_line(error: errors.KlingError) -> str:
    task = getattr(error, "task", None)
    if isinstance(error, errors.WaitTimeout) and task is not None:
        head = errors.KlingError(error.message)
        return f"{head} Collect it later: {collect(task.task_id)}"
    text = str(error)
    cause = error.cause.strip()
    if cause and isinstance(error, errors.APIError | errors.TaskFailed):
        fix = error.fix.strip()
        text = text.removesuffix(fix).strip() + f" {cause} {fix}"
    return text.strip()

"""How a job ends: the output that stays, and the words of whoever stopped waiting for it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from kling_core.errors import (
    APIError,
    BudgetExceeded,
    ConfigError,
    DownloadError,
    InvalidRequest,
    KlingError,
    SubmitOutcomeUnknown,
)
from kling_jupyter.errors import KlingMagicError, StoppedWaiting, command_to_get, translated
from kling_jupyter.html import task_figure
from kling_jupyter.jobs.views import Ending, News

if TYPE_CHECKING:
    from kling_core.declare.endpoint import Request
    from kling_core.task import Task

__all__ = ["facts", "held_back", "left", "of", "stopped", "unsent", "unsure"]


def facts(request: Request | None, task: Task | None) -> list[str]:
    """Model, length, price, and the id when there is one."""
    if task is not None:
        return task_figure.summary(task)
    if request is None:
        return []
    known = task_figure.described(request)
    expected = request.quote()
    if expected is not None and expected.usd is not None:
        known.append(str(expected).partition(",")[0])  # less the price list and its day
    return known


def of(
    task: Task | None, error: BaseException | None, news: News, folder: Path, *, brief: bool
) -> Ending:
    """What a job leaves that has ended with `error`, or well.

    `brief` says that the cell itself shows the error.
    """
    if error is None:
        assert task is not None
        return result(task, news, folder)
    if isinstance(error, DownloadError) and news.back:
        error.fix = f"The task is done and paid for; get it with: {news.back} --out FOLDER"
    if brief or isinstance(error, StoppedWaiting):
        words = [_last_word(error), *news.facts]
        if isinstance(error, StoppedWaiting) and not brief:
            words.append(error.message)
        return Ending(task_figure.of_state(words, news.notes), {})
    told = translated(error) if isinstance(error, KlingError) else None
    told = told or KlingMagicError(str(error), title=type(error).__name__)
    return Ending(task_figure.of_error(told, news.facts, news.notes), {})


def result(task: Task, news: News, folder: Path) -> Ending:
    """The figure of a job that went well."""
    files = [(output.kind, output.path) for output in task.files if output.path is not None]
    named = [task_figure.relative(path, folder) or str(path) for _, path in files]
    known = {"task_id": task.task_id, "endpoint": task.endpoint.name, "files": named}
    return Ending(task_figure.of_task(task, folder, news.notes), {"kling": known}, tuple(files))


def left(news: News) -> Ending:
    """What stays where nobody waits for the end."""
    words = [news.words, *news.facts, *([f"get it with {news.back}"] if news.back else [])]
    return Ending(task_figure.of_state(words, news.notes), {})


def stopped(task: Task | None) -> StoppedWaiting:
    """What an interrupt raises: the task goes on, and how to get it."""
    if task is None:
        return StoppedWaiting(
            "the request still stands in line, and is sent when its turn comes",
            title="Stopped waiting",
        )
    done = "is done" if task.done else "goes on"
    return StoppedWaiting(
        f"task {task.task_id} {done} and is paid for. Get it with: "
        f"{command_to_get(task.endpoint.name, task.task_id)}",
        title="Stopped waiting",
    )


def unsent() -> StoppedWaiting:
    """What leaving the line raises."""
    return StoppedWaiting(
        "nothing was sent and nothing is paid. The ledger keeps the request as prepared: "
        "%kling resume --send sends it",
        title="Stopped waiting for a slot",
    )


def held_back() -> StoppedWaiting:
    """What a create raises in a cell that was interrupted before: a loop that goes on, say."""
    return StoppedWaiting(
        "this cell was interrupted before; nothing more of it is sent, and nothing more is paid. "
        "Run it again for the rest",
        title="Interrupted",
    )


def unsure() -> StoppedWaiting:
    """What a second interrupt in the middle of a submit raises."""
    return StoppedWaiting(
        "the request may have gone out. When its answer comes, the task is in _kling; do not "
        "submit again before %kling resume has found it, or says when nothing was made",
        title="Stopped while submitting",
    )


def _last_word(error: BaseException) -> str:
    if isinstance(error, StoppedWaiting):
        return "stopped before it was sent" if "slot" in error.title else "stopped waiting"
    if isinstance(error, SubmitOutcomeUnknown):
        return "not certain that it arrived"
    refusals = (APIError, BudgetExceeded, ConfigError, InvalidRequest)
    return "refused" if isinstance(error, refusals) else "stopped by an error"

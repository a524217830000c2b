"""Results that come later than the success: a flow that asks on until a task names what it made.

Kling says `succeed` some seconds before it fills in `task_result`. Such a task is paid for and not
finished: nothing of it can be saved yet, and to call it saved would lose it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from kling_core import errors
from kling_core.advice import Advice, Text
from kling_core.flows import read
from kling_core.wire.effects import Call, Flow, Sleep, Tell

if TYPE_CHECKING:
    from kling_core.flows.task_state import TaskState
    from kling_core.ledger.records import Row

__all__ = ["PATIENCE", "due", "results", "unnamed"]

PATIENCE = 20.0
"""Times `Pace.poll_ceiling`, five minutes in all, after a success in which its results may come."""


def results(
    task: TaskState, end: float | None, listener: Callable[[Any], Any] | None
) -> Flow[None]:
    """Ask for a succeeded task until it names what it made; the ledger is told too.

    `end` is the moment, on the session's monotonic clock, at which the caller waits no longer.
    Of a success that is older than `PATIENCE` one look is enough. Raises `DownloadError` when the
    results do not come, `WaitTimeout`, and what reading raises.
    """
    from kling_core.flows import adopt

    session = task.session
    clock, pace = session.clock, session.pace
    ledger = yield Call(session.ledger)
    row: Row = yield Call(partial(ledger.row, adopt.row_of(ledger, task)))
    start = clock.monotonic()
    # Not below 0: a clock that was set may have put its end ahead.
    age = max(ledger.now() - (row.finished_at or ledger.now()), 0.0)
    last = start + max(PATIENCE * pace.poll_ceiling - age, 0.0)
    pause = pace.poll_floor
    while True:
        try:
            facts = yield from read.get(
                session, task.endpoint, task.task_id, through=task.way, attempts=1
            )
            yield Call(partial(ledger.observe, task.endpoint.name, [facts]))
            task.update(facts)
        except read.PASSING:  # the next look asks again
            pass
        yield Tell(listener, task)
        if task.complete:
            return
        now = clock.monotonic()
        if now >= last:
            raise unnamed(task)
        if end is not None and now >= end:
            raise errors.WaitTimeout(
                f"task {task.task_id} has succeeded, but Kling has not named its result after "
                f"{now - start:.0f} s; it is paid",
                task=task,
                fix=Text(Advice("again for the result", task.task_id, task.endpoint.name)),
            )
        until = last if end is None else min(last, end)
        yield Sleep(min(pause, until - now))
        pause = min(1.5 * pause, pace.poll_ceiling)


def due(task: TaskState) -> bool:
    """Whether a task has succeeded so lately that its results may still come."""
    if task.complete or task.status != "succeeded" or task.updated_at is None:
        return False
    age = task.session.clock.time() - task.updated_at.timestamp()
    return age < PATIENCE * task.session.pace.poll_ceiling


def unnamed(task: TaskState) -> errors.DownloadError:
    """The error of a task that has succeeded and names nothing that it made."""
    return errors.DownloadError(
        f"task {task.task_id} has succeeded and is paid for, but Kling does not name its result",
        task_id=task.task_id,
        cause="Kling fills it in some seconds after the success; this time it has not.",
        fix=Text(
            Advice("resume from python"),
            " asks again; if it never comes, give Kling's support the task id.",
        ),
    )

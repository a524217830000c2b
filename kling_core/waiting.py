"""Waiting for a task as a flow: patient, adaptive, and unable to fail the task.

Whoever waits takes part in the watching (`kling_core.ledger.watch`): one of all the waiting asks
Kling for all running tasks of the endpoint, the others read the ledger.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from kling_core import config, errors
from kling_core.errors import KlingError
from kling_core.flow import Call, Flow, Sleep, Tell

if TYPE_CHECKING:
    from kling_core.ledger.rows import Row
    from kling_core.task import TaskState


def judge(timeout: Any, listener: Any) -> None:
    """Refuse what nobody could wait by; raises `ConfigError`."""
    config.seconds("timeout", timeout)
    if listener is not None and not callable(listener):
        raise errors.ConfigError(
            f"on_update {listener!r} cannot be called", fix="Give a function of the task."
        )


def wait(
    task: TaskState, timeout: float | None, listener: Callable[[Any], Any] | None
) -> Flow[None]:
    """Look until the task has ended, see `Task.wait`."""
    judge(timeout, listener)
    start = task.session.clock.monotonic()
    try:
        if not task.done:
            yield from _follow(task, timeout, listener)
        if not task.complete:
            from kling_core import lateness

            end = None if timeout is None else start + timeout
            yield from lateness.results(task, end, listener)
    except KlingError:
        raise
    except BaseException as interruption:
        interruption.add_note(
            f"Task {task.task_id} goes on and is paid for: kling.tasks.get({task.task_id!r}).wait()"
        )
        raise
    if task.status == "failed":
        raise failure(task)


def _follow(
    task: TaskState, timeout: float | None, listener: Callable[[Any], Any] | None
) -> Flow[None]:
    from kling_core.ledger import adoption

    session = task.session
    ledger = yield Call(session.ledger)
    row_id: str = yield Call(partial(adoption.row_of, ledger, task))
    watch = session.watch(task.endpoint.name)
    clock, tick = session.clock, session.pace.line_tick
    start = clock.monotonic()
    end = None if timeout is None else start + timeout
    version: Any = None
    watch.join(row_id)
    try:
        while not task.done:
            now = clock.monotonic()
            if end is not None and now >= end:
                raise _late(task, now - start)
            yield Sleep(tick if end is None else min(tick, end - now))
            yield from watch.step()
            if watch.version(row_id) != version:
                version = watch.version(row_id)
                row: Row = yield Call(partial(ledger.row, row_id))
                if row.state == "expired":
                    raise _purged(task)
                if row.raw and row.raw != task.raw:
                    task.update(row.raw)
            if (missing := watch.missing(row_id)) is not None and not task.done:
                raise _invisible(task, missing)
            yield Tell(listener, task)
    finally:
        watch.leave(row_id)


def failure(task: TaskState) -> errors.TaskFailed:
    """The error of a failed task, with the cause and the fix that its message allows."""
    message = task.status_message
    text = message.lower()
    cause, fix = "", "Look at the message, change the request and submit a new task."
    if "risk control" in text or "policy" in text:
        cause = "The content check stopped it: prompt, negative prompt or an image."
        fix = "Change the prompt or the image; the same request will fail again."
    elif "pixel" in text:
        cause = "An image is too small or of an unusual shape."
        fix = "Give images of at least 300 by 300 pixels, ratio 1:2.5 to 2.5:1."
    said = f": {message}" if message else " without a reason"
    cost = task.cost
    billed = "yes" if cost is not None and cost.units else "no"
    return errors.TaskFailed(
        f"task {task.task_id} failed{said}", task=task, cause=cause, fix=fix, billed=billed
    )


def _purged(task: TaskState) -> errors.TaskNotFound:
    return errors.TaskNotFound(
        f"task {task.task_id} is no longer at Kling", task_id=task.task_id, billed="unknown"
    )


def _invisible(task: TaskState, seconds: float) -> errors.TaskNotFound:
    return errors.TaskNotFound(
        f"Kling has not found task {task.task_id} for {seconds:.0f} s, though it is not old",
        task_id=task.task_id,
        retryable=True,
        billed="unknown",
        cause="It is a task of another account or region, or not visible yet.",
        fix="Check the key and the region; the ledger goes on following it: wait again.",
    )


def _late(task: TaskState, waited: float) -> errors.WaitTimeout:
    name = task.endpoint.name
    return errors.WaitTimeout(
        f"task {task.task_id} is still {task.status} after {waited:.0f} s; it goes on and is paid",
        task=task,
        fix=f"Wait again: task.wait(), or later kling.{name}.get({task.task_id!r}).wait().",
    )

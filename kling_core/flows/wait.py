"""Waiting for a task as a flow: patient, adaptive, and unable to fail the task.

Whoever waits takes part in the watching (`kling_core.flows.watch`): one of all the waiting asks
Kling for all running tasks of the endpoint, the others read the ledger.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from kling_core import config, errors
from kling_core.advice import Advice, Text
from kling_core.errors import KlingError
from kling_core.ledger.records import ENDED, HEIR, IN_LINE, LIVE, RUNNING, Row
from kling_core.wire.effects import Call, Flow, Sleep, Tell, bounded

if TYPE_CHECKING:
    from kling_core.flows.session import Session
    from kling_core.flows.task_state import TaskState
    from kling_core.flows.watch import Watch


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
            from kling_core.flows import late_results

            end = None if timeout is None else start + timeout
            yield from late_results.results(task, end, listener)
    except KlingError:  # it says itself what is to be done
        raise
    except BaseException as interruption:
        interruption.add_note(_goes_on(task))
        raise
    if task.status == "failed":
        raise failure(task)


def certain(session: Session, row: Row) -> Flow[Row]:
    """A row as it is now, if it is one to wait for; a lost answer is looked up, nothing is sent.

    Raises the refusal of one that was refused, `TaskNotFound` for one that is purged, `KlingError`
    for one that was never sent, `SubmitOutcomeUnknown`, and `NotKnownHere` for one of an endpoint
    that this version does not know.
    """
    from kling_core.flows import submit
    from kling_core.flows.known_rows import require_known

    if row.state in (*IN_LINE, *LIVE, "succeeded"):  # of the others the ledger knows all there is
        require_known(row)
    if row.state in RUNNING:
        return row
    ledger = yield Call(session.ledger)
    if row.state not in ENDED:
        if (yield Call(partial(ledger.held, row))):
            return row
        if row.state not in IN_LINE or row.tries:  # what was ever sent is looked up again
            row = yield from submit.resume(session, row, send=False)
        if row.state in IN_LINE:
            raise _never_sent(row)
    if row.state == "rejected":
        heir = row.error.removeprefix(HEIR)
        if heir == row.error:  # it was Kling's own refusal
            return submit.not_refused(row)
        row = yield Call(partial(ledger.row, heir))
    if row.state == "expired":
        raise _purged(row)
    return row


def _follow(
    task: TaskState, timeout: float | None, listener: Callable[[Any], Any] | None
) -> Flow[None]:
    from kling_core.flows import adopt
    from kling_core.flows import watch as watching

    session = task.session
    ledger = yield Call(session.ledger)
    known: Row = yield Call(partial(adopt.whole_row_of, ledger, task))
    row: Row = yield from certain(session, known)
    if row.given_up_at is not None and row.state in RUNNING:
        yield Call(partial(ledger.take_up, row.id))  # who waits for it wants it after all
        row = yield Call(partial(ledger.row, row.id))
    watch = watching.of(session, task.endpoint.name)
    clock, tick = session.clock, session.pace.line_tick
    start = clock.monotonic()
    end = None if timeout is None else start + timeout
    watch.join(row.id)
    try:
        while True:
            _take_in(task, row)
            # A look that drips must not outlast the time that the caller gave.
            yield from watch.step() if end is None else bounded(watch.step(), end, clock)
            if row.state not in RUNNING or _is_news(watch, row):
                row = yield from certain(session, (yield Call(partial(ledger.row, row.id))))
                _take_in(task, row)
            if not task.done and row.given_up_at is not None:
                raise _given_up(task)
            if (missing := watch.missing(row.id)) is not None and not task.done:
                raise _invisible(task, missing)
            yield Tell(listener, task)
            now = clock.monotonic()
            if task.done:
                return
            if end is not None and now >= end:
                raise _late(task, row, now - start)
            yield Sleep(tick if end is None else min(tick, end - now))
    finally:
        watch.leave(row.id)


def _take_in(task: TaskState, row: Row) -> None:
    if row.raw and row.accepted is None and row.raw != task.raw:
        task.update(row.facts)


def _is_news(watch: Watch, row: Row) -> bool:
    seen = watch.version(row.id)
    return seen is not None and seen != (row.state, row.updated_at, row.given_up_at)


def _goes_on(task: TaskState) -> str:
    if task.task_id:
        return Text(f"Task {task.task_id} goes on and is paid for: ", Advice("wait", task.task_id))
    again = Advice("wait", task.row_id or "")
    return Text("Only the waiting has ended: ", again, " waits again.")


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


def _purged(row: Row) -> errors.TaskNotFound:
    return errors.TaskNotFound(
        f"task {row.task_id} is no longer at Kling", task_id=row.task_id, billed="unknown"
    )


def _never_sent(row: Row) -> KlingError:
    how = "accepted" if row.tries else "sent"
    return KlingError(
        f"task {row.id} was never {how}",
        cause=row.error,
        fix=Text("Nothing is paid. ", Advice("send it"), "."),
        billed="no",
    )


def _given_up(task: TaskState) -> errors.WaitTimeout:
    name = task.task_id or task.row_id
    return errors.WaitTimeout(
        f"task {name} was given up; if it is at Kling it goes on and is paid",
        task=task,
        fix=Text("To follow it after all: ", Advice("wait", name or "")),
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


def _late(task: TaskState, row: Row, waited: float) -> errors.WaitTimeout:
    if not task.task_id:
        error = errors.WaitTimeout(
            f"request {row.id} is still {row.state} after {waited:.0f} s; whoever sends it goes on",
            task=task,
            fix=Text(Advice("again by our id", row.id)),
        )
        error.billed = "unknown"  # a time-out's own word is "yes"; here there may be no task yet
        return error
    return errors.WaitTimeout(
        f"task {task.task_id} is still {task.status} after {waited:.0f} s; it goes on and is paid",
        task=task,
        fix=Text(Advice("again", task.task_id, task.endpoint.name)),
    )

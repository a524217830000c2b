"""Writing down what became of a create; what is known of it outlives a ledger that fails.

Once a request may have reached Kling, no trouble of the ledger may pass for "nothing was sent".
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

from kling_core import errors
from kling_core.advice import Advice, Text
from kling_core.editions.task_facts import TaskFacts
from kling_core.errors import KlingError, LedgerError, SubmitOutcomeUnknown
from kling_core.flows import resolve
from kling_core.flows.attempt import Attempt
from kling_core.ledger.records import Row
from kling_core.media.item import Unreadable
from kling_core.wire.effects import Call, Flow

__all__ = ["accepted", "before_sending", "failed", "interrupted"]


def before_sending(work: Callable[[], Any]) -> Flow[Any]:
    """Work of the ledger before the first byte leaves; its error says that nothing was sent."""
    try:
        return (yield Call(work))
    except LedgerError as error:
        error.fix = Text("Nothing was sent. ", error.fix)
        raise


def accepted(attempt: Attempt, facts: TaskFacts) -> Flow[Row]:
    """Kling has the task. Raises `SubmitOutcomeUnknown` with its id when that cannot be noted."""
    try:
        return (yield Call(partial(attempt.ledger.accepted, attempt.id, facts)))
    except Exception as trouble:
        task_id, name = facts.task_id, attempt.endpoint.name
        raise SubmitOutcomeUnknown(
            f"Kling has the task, {task_id}, but it could not be written down ({_words(trouble)})",
            endpoint=name,
            external_task_id=attempt.external_task_id,
            task_id=task_id,
            billed="yes",
            fix=Text(
                "Do not submit again: ",
                Advice("get", task_id, name),
                " gives your task. When the ledger can be written again, ",
                Advice("resume"),
                " takes it over.",
            ),
        ) from trouble


def failed(attempt: Attempt, error: KlingError | Unreadable) -> Flow[KlingError]:
    """Note how a create ended without a task; returns the error to raise."""
    told = _told(attempt, error)
    try:
        yield Call(partial(_write, attempt, error, told))
    except Exception as trouble:  # noqa: BLE001, what Kling said counts for more
        told.__cause__ = trouble
    return told


def interrupted(attempt: Attempt, interruption: BaseException) -> None:
    """Note that nobody will hear the answer; the interruption gets the way to the task."""
    if attempt.out:
        # Counted anew: until this moment the POST may have been on its way.
        attempt.until = attempt.ledger.now() + attempt.session.pace.settling
    with suppress(KlingError):  # the interruption says more than the ledger's trouble
        if attempt.out:
            why = "interrupted while it was sent"
            attempt.ledger.doubtful(attempt.id, why, until=attempt.until)
        else:
            attempt.ledger.unsent(attempt.id, "interrupted before it was sent")
    if attempt.out:
        interruption.add_note(resolve.how_to_find(attempt))


def _told(attempt: Attempt, error: KlingError | Unreadable) -> KlingError:
    if isinstance(error, SubmitOutcomeUnknown):
        return error
    told = error
    if isinstance(told, Unreadable):
        told = errors.InvalidRequest([told.violation], endpoint=attempt.endpoint.name)
    if attempt.out:  # whatever this is about, what went out before may become a task
        told = resolve.unknown(attempt, told)
    if told is not error:
        told.__cause__ = error
    return told


_UNSENT = (errors.ConnectionFailed, errors.RateLimited, errors.ConfigError, errors.Interrupted)


def _write(attempt: Attempt, error: KlingError | Unreadable, told: KlingError) -> None:
    ledger = attempt.ledger
    if isinstance(error, LedgerError):
        return  # the row stays as it is; when its lease has ended it is looked up
    if isinstance(told, SubmitOutcomeUnknown):
        ledger.doubtful(attempt.id, told.message, until=attempt.until)
    elif isinstance(error, Unreadable):  # a file changed under our hands; it never got out whole
        ledger.refused(attempt.id, str(error))
    elif isinstance(error, _UNSENT):
        ledger.unsent(attempt.id, error.message)
    else:
        ledger.refused(attempt.id, f"{error.code or ''} {error.message}".strip())


def _words(trouble: Exception) -> str:
    return trouble.message if isinstance(trouble, KlingError) else f"{type(trouble).__name__}"

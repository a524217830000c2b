"""What became of a create whose answer was lost: found, certainly not made, or unknown.

By the id that we gave it; endpoints that take none (lip-sync) compare the account's list before and
after. Nothing here sends a create.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from kling_core import calls, errors
from kling_core.answers import Answer
from kling_core.attempt import Attempt
from kling_core.errors import KlingError, SubmitOutcomeUnknown
from kling_core.flow import Call, Flow, Sleep
from kling_core.notices import notify

__all__ = ["adopt", "doubted", "find", "how_to_find", "read_list", "resolve"]

RESENDS = 2
"""How often a create is sent again after two look-ups found nothing."""

LIST_PAGE = 500


def adopt(attempt: Attempt, error: KlingError) -> Flow[dict[str, Any]]:
    """The server has a task with our id already: that task is ours."""
    found = yield from find(attempt, error)
    if found is None and attempt.ours:
        raise _unknown(attempt, error, errors.TaskNotFound("it finds no such task"))
    if found is None:
        error.fix = "A task of another endpoint has this external_task_id: choose another one."
        raise error
    if not attempt.ours:
        notify(
            f"external_task_id {attempt.external_task_id} is that of task {found['task_id']}, "
            "made elsewhere: that task is returned, whatever it was asked for"
        )
    return found


def doubted(attempt: Attempt, data: dict[str, Any]) -> KlingError | None:
    """Why an answer that accepts a create decides nothing; None when it is about this request."""
    if not data.get("task_id"):
        text = "Kling accepted the request but named no task"
    elif _of_another(attempt, data):
        text = "Kling answered with the task of another request"
    else:
        return None
    return errors.UnreadableAnswer(text, retryable=True, billed="unknown")


def _of_another(attempt: Attempt, data: dict[str, Any]) -> bool:
    """Whether an answer names the external id of another request; an empty one is not set."""
    named = Answer(data).info.get("external_task_id")
    return bool(named) and named != attempt.external_task_id


def resolve(attempt: Attempt, error: KlingError) -> Flow[dict[str, Any] | None]:
    """The outcome is in doubt: find the task, or send again when there certainly is none."""
    found = yield from find(attempt, error)
    if found is not None:
        return found
    attempt.resends += 1
    again = error.retryable and attempt.external_task_id is not None
    if not again or attempt.resends > RESENDS:
        raise _nothing_made(error)
    attempt.ours = True
    yield Sleep(attempt.session.backoff(attempt.resends))
    return None


def find(attempt: Attempt, error: KlingError) -> Flow[dict[str, Any] | None]:
    """The task, or None when two looks, seconds apart, say that there is none."""
    if attempt.external_task_id is None:
        return (yield from _compare(attempt, error))
    for look in range(2):
        if look:
            yield Sleep(attempt.session.pace.recheck)
        try:
            found = yield from _look_up(attempt)
        except KlingError as trouble:
            raise _unknown(attempt, error, trouble) from trouble
        if found is not None:
            return found
    return None


def _look_up(attempt: Attempt) -> Flow[dict[str, Any] | None]:
    wanted = attempt.external_task_id
    assert wanted is not None
    try:
        data = yield from calls.get(attempt.session, attempt.endpoint, wanted)
    except (errors.TaskNotFound, errors.NotFound):
        return None
    if not Answer(data).task_id or _of_another(attempt, data):
        raise errors.UnreadableAnswer("Kling answered the look-up without this task")
    return data


def read_list(attempt: Attempt) -> Flow[None]:
    """Remember the account's tasks before the first POST, for whoever has to compare after it."""
    rows = yield from calls.page(attempt.session, attempt.endpoint, 1, LIST_PAGE)
    attempt.known = frozenset(str(row.get("task_id")) for row in rows)
    yield Call(partial(attempt.ledger.remember, attempt.id, sorted(attempt.known or ())))


def _compare(attempt: Attempt, error: KlingError) -> Flow[dict[str, Any] | None]:
    """Find the one new task in the list; none in a whole list, twice, is none."""
    if attempt.known is None:
        known: frozenset[str] | None = yield Call(partial(attempt.ledger.remembered, attempt.id))
        if known is None:  # it ended before the list was read, so before the POST
            return None
        attempt.known = known
    others: frozenset[str] = yield Call(partial(attempt.ledger.task_ids, attempt.endpoint.name))
    complete = True
    for _ in range(2):
        yield Sleep(attempt.session.pace.recheck)
        try:
            rows = yield from calls.page(attempt.session, attempt.endpoint, 1, LIST_PAGE)
        except KlingError as trouble:
            raise _unknown(attempt, error, trouble) from trouble
        complete = complete and len(rows) < LIST_PAGE
        old = attempt.known | others
        new = [row for row in rows if str(row.get("task_id")) not in old]
        new = [row for row in new if _from_same_video(row, attempt.source_video)]
        if len(new) == 1:
            return new[0]
        if new:
            break
    else:
        if complete:
            return None
    raise _unknown(attempt, error)


def _from_same_video(row: dict[str, Any], video_id: str | None) -> bool:
    info: dict[str, Any] = row.get("task_info") or {}
    parent: dict[str, Any] = info.get("parent_video") or {}
    return not video_id or str(parent.get("id")) == video_id


def _nothing_made(error: KlingError) -> KlingError:
    error.billed = "no"
    error.fix = (
        "Kling knows of no such task, asked twice: nothing was made, it is safe to call again."
    )
    return error


def _unknown(
    attempt: Attempt, reason: KlingError, trouble: KlingError | None = None
) -> SubmitOutcomeUnknown:
    then = f"; the look-up: {trouble.message}" if trouble else ""
    return SubmitOutcomeUnknown(
        f"the request went out but its answer was lost ({reason.message}{then})",
        endpoint=attempt.endpoint.name,
        external_task_id=attempt.external_task_id,
        code=reason.code,
        http_status=reason.http_status,
        request_id=reason.request_id,
        fix=how_to_find(attempt),
    )


def how_to_find(attempt: Attempt) -> str:
    """What to do about a request whose outcome is unknown, in the words of Python."""
    name = attempt.endpoint.name
    if attempt.external_task_id:
        return (
            "Do not submit again: kling.tasks.resume() (or `kling resume`) looks it up and takes "
            f"it over. By hand: kling.{name}.get({attempt.external_task_id!r}) gives your task; "
            "`TaskNotFound` means that nothing was made."
        )
    return (
        "Do not submit again: kling.tasks.resume() (or `kling resume`) compares the account's "
        f"list. By hand: kling.{name}.list() shows the newest tasks, and a new one from the same "
        "video is yours."
    )

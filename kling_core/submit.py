"""The create call, which never pays twice.

The external id is fixed before the first byte leaves. What happens then:

    no connection was made             send again with backoff, same id
    1003, 1004                         re-sign, once
    1302, 1303                         not accepted: wait in line, same id
    other 4xx codes                    refused, raised, not billed
    answer lost, 5xx, HTML, bad JSON   look the task up; found: it is ours; "not found" twice,
                                       seconds apart: send again, same id; else SubmitOutcomeUnknown
    "External_task_id already exists"  it is ours

Endpoints that take no external id (lip-sync) compare the account's list before and after; when
that cannot decide, the outcome is unknown and nothing is sent again.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from kling_core import calls, codes, errors
from kling_core.endpoints.base import Check, Endpoint, Request
from kling_core.errors import KlingError, SubmitOutcomeUnknown
from kling_core.flow import Flow, NoReply, Reply, Sleep, Tell
from kling_core.media.item import Unreadable
from kling_core.session import Session
from kling_core.wire import v1
from kling_core.wire.body import JSONBody

CONNECT_ATTEMPTS = 4
"""How often we try to connect before giving up; nothing was sent in any of them."""

RESENDS = 2
"""How often a create is sent again after two look-ups found nothing."""

LIST_PAGE = 500


@dataclass(frozen=True, slots=True)
class Waiting:
    """News of a create that waits for a slot: `seconds` until the next try."""

    seconds: float
    reason: str


@dataclass(slots=True)
class _Attempt:
    session: Session
    endpoint: Endpoint
    body: JSONBody
    external_task_id: str | None
    known: frozenset[str] = frozenset()
    source_video: str | None = None
    waited: float = 0.0
    connects: int = 0
    waits: int = 0
    resends: int = 0
    resigned: bool = False
    listener: Callable[[Any], Any] | None = field(default=None)


def submit(
    session: Session,
    request: Request,
    *,
    max_cost: Decimal | None = None,
    listener: Callable[[Any], Any] | None = None,
) -> Flow[tuple[dict[str, Any], str | None]]:
    """Create the task of a request; returns the task's data and its external id.

    Raises `InvalidRequest`, `BudgetExceeded`, the API's errors, or `SubmitOutcomeUnknown`.
    """
    check = request.require()
    endpoint = request.endpoint
    _budget(request, max_cost if max_cost is not None else session.max_cost)
    external_task_id = _external_id(endpoint, check)
    tree = v1.encode(endpoint, check, external_task_id=external_task_id)
    attempt = _Attempt(session, endpoint, JSONBody(tree), external_task_id, listener=listener)
    attempt.source_video = check.fields.get("video_id")
    if external_task_id is None:
        attempt.known = yield from _listed(attempt)
    try:
        data = yield from _deliver(attempt)
    except Unreadable as error:  # a file changed under our hands; the body never got whole
        raise errors.InvalidRequest([error.violation], endpoint=endpoint.name) from error
    except KlingError:
        raise
    except BaseException as interruption:
        interruption.add_note(f"The request may have gone out. {_how_to_find(attempt)}")
        raise
    return data, external_task_id


def _budget(request: Request, limit: Decimal | None) -> None:
    if limit is None:
        return
    quote = request.quote()
    if quote is None or quote.usd is None:
        raise errors.BudgetExceeded(
            f"no price is known for this request, and a limit of ${limit} per call is set",
            fix="Call it without max_cost to allow it.",
        )
    if quote.usd > limit:
        raise errors.BudgetExceeded(
            f"this would cost {quote}, above the limit of ${limit} per call",
            fix="Raise max_cost, or choose a shorter clip or a cheaper mode.",
        )


def _external_id(endpoint: Endpoint, check: Check) -> str | None:
    if not endpoint.external_task_id:
        return None
    return check.fields.get("external_task_id") or f"kc-{uuid.uuid4().hex}"


def _deliver(attempt: _Attempt) -> Flow[dict[str, Any]]:
    session = attempt.session
    while True:
        reply = yield session.request("POST", session.path(attempt.endpoint), body=attempt.body)
        verdict = calls.judge(reply)
        if verdict.envelope is not None:
            data = calls.one(verdict.envelope)
            if data.get("task_id"):
                return _with_message(data, verdict.envelope)
            error: KlingError = errors.UnreadableAnswer(
                "Kling accepted the request but named no task", billed="unknown"
            )
        else:
            assert verdict.error is not None
            error = verdict.error
        found = yield from _go_on(attempt, reply, error, verdict.retry)
        if found is not None:
            return found


def _with_message(data: dict[str, Any], envelope: Any) -> dict[str, Any]:
    message = str(envelope.get("message") or "")
    plain = not message or message.upper() in {"SUCCEED", "SUCCESS", "OK"}
    return data if plain else {**data, "message": message}


def _go_on(
    attempt: _Attempt, reply: Reply | NoReply, error: KlingError, retry: codes.Retry
) -> Flow[dict[str, Any] | None]:
    """Decide after an answer that is not a task: the task, None to send again, or an error."""
    if isinstance(reply, NoReply) and not reply.sent:
        attempt.connects += 1
        if attempt.connects >= CONNECT_ATTEMPTS:
            raise error
        yield Sleep(attempt.session.backoff(attempt.connects - 1))
        return None
    if isinstance(error, errors.DuplicateExternalId):
        return (yield from _adopt(attempt, error))
    if retry == "resign" and not attempt.resigned:
        attempt.resigned = calls.renew(attempt.session, reply)
        if attempt.resigned:
            return None
    if retry == "backoff":
        yield from _wait_in_line(attempt, reply, error)
        return None
    if retry == "reads" or error.billed == "unknown":
        return (yield from _resolve(attempt, error))
    raise error


def _wait_in_line(attempt: _Attempt, reply: Reply | NoReply, error: KlingError) -> Flow[None]:
    session = attempt.session
    pause = session.backoff(attempt.waits, calls.retry_after(reply))
    attempt.waits += 1
    if attempt.waited + pause > session.pace.slot_patience:
        raise error
    attempt.waited += pause
    yield Tell(attempt.listener, Waiting(pause, error.message))
    yield Sleep(pause)


def _adopt(attempt: _Attempt, error: KlingError) -> Flow[dict[str, Any]]:
    """The server has a task with our id already: that task is ours."""
    try:
        found = yield from _look_up(attempt)
    except KlingError as trouble:
        raise _unknown(attempt, trouble) from error
    if found is None and not attempt.resends:
        error.fix = "A task of another endpoint has this external_task_id: choose another one."
        raise error
    if found is None:
        raise _unknown(attempt, error)
    return found


def _resolve(attempt: _Attempt, error: KlingError) -> Flow[dict[str, Any] | None]:
    """The outcome is in doubt: find the task, or make sure that there is none."""
    session = attempt.session
    if attempt.external_task_id is None:
        found = yield from _compare(attempt, error)
        return found
    for look in range(2):
        if look:
            yield Sleep(session.pace.recheck)
        try:
            found = yield from _look_up(attempt)
        except KlingError as trouble:
            raise _unknown(attempt, trouble) from error
        if found is not None:
            return found
    attempt.resends += 1
    if attempt.resends > RESENDS:
        raise _nothing_made(error)
    yield Sleep(session.backoff(attempt.resends))
    return None


def _look_up(attempt: _Attempt) -> Flow[dict[str, Any] | None]:
    assert attempt.external_task_id is not None
    try:
        return (yield from calls.get(attempt.session, attempt.endpoint, attempt.external_task_id))
    except (errors.TaskNotFound, errors.NotFound):
        return None


def _compare(attempt: _Attempt, error: KlingError) -> Flow[dict[str, Any]]:
    """Find the one new task in the list; anything else cannot be decided."""
    complete = True
    for _ in range(2):
        yield Sleep(attempt.session.pace.recheck)
        try:
            rows = yield from calls.page(attempt.session, attempt.endpoint, 1, LIST_PAGE)
        except KlingError as trouble:
            raise _unknown(attempt, trouble) from error
        complete = complete and len(rows) < LIST_PAGE
        new = [row for row in rows if str(row.get("task_id")) not in attempt.known]
        new = [row for row in new if _from_same_video(row, attempt.source_video)]
        if len(new) == 1:
            return new[0]
        if new:
            break
    else:
        if complete:
            raise _nothing_made(error)
    raise _unknown(attempt, error)


def _nothing_made(error: KlingError) -> KlingError:
    error.billed = "no"
    error.fix = (
        "Kling knows of no such task, asked twice: nothing was made, it is safe to call again."
    )
    return error


def _from_same_video(row: dict[str, Any], video_id: str | None) -> bool:
    info: dict[str, Any] = row.get("task_info") or {}
    parent: dict[str, Any] = info.get("parent_video") or {}
    return not parent.get("id") or not video_id or str(parent["id"]) == video_id


def _listed(attempt: _Attempt) -> Flow[frozenset[str]]:
    rows = yield from calls.page(attempt.session, attempt.endpoint, 1, LIST_PAGE)
    return frozenset(str(row.get("task_id")) for row in rows)


def _unknown(attempt: _Attempt, reason: KlingError) -> SubmitOutcomeUnknown:
    return SubmitOutcomeUnknown(
        f"the request went out but its answer was lost ({reason.message})",
        endpoint=attempt.endpoint.name,
        external_task_id=attempt.external_task_id,
        code=reason.code,
        http_status=reason.http_status,
        request_id=reason.request_id,
        fix=_how_to_find(attempt),
    )


def _how_to_find(attempt: _Attempt) -> str:
    name = attempt.endpoint.name
    if attempt.external_task_id:
        return (
            f"Do not submit again; look first: kling.{name}.get({attempt.external_task_id!r}). "
            "An answer is your task; `TaskNotFound` means that nothing was made."
        )
    return (
        f"Do not submit again; look first: kling.{name}.list() shows the newest tasks, and a new "
        "one from the same video is yours."
    )

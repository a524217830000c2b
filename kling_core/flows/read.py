"""One API call as a flow: judge the answer by its business code, and repeat what may be repeated.

Reads are repeated on lost connections, 5xx and 1302/1303. A create is judged here too, but never
repeated here: that is `kling_core.flows.submit`.
"""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from kling_core import errors
from kling_core.caller_warnings import notify
from kling_core.declare.endpoint import Endpoint
from kling_core.errors import APIError, ConnectionFailed, KlingError
from kling_core.flows.session import Session
from kling_core.wire.effects import Flow, NoReply, Reply, Sleep
from kling_core.wire.json_reader import parse

if TYPE_CHECKING:
    from kling_core.wire.error_codes import Retry

READ_ATTEMPTS = 5
"""How often a read is sent before its error is raised."""


class Verdict(NamedTuple):
    """An answer, judged: the envelope when all is well, else the error and how to go on."""

    envelope: Mapping[str, Any] | None
    error: KlingError | None
    retry: Retry


def judge(reply: Reply | NoReply) -> Verdict:
    """Business code first, HTTP status second; `code != 0` inside HTTP 200 is an error."""
    if isinstance(reply, NoReply):
        error = ConnectionFailed(
            f"no answer from Kling: {reply.reason}",
            retryable=not reply.fix,
            billed="unknown" if reply.sent else "no",
        )
        error.fix = reply.fix or error.fix
        return Verdict(None, error, "no" if reply.fix else "reads")
    envelope = parse(reply.content)
    if not isinstance(envelope, dict):
        if reply.status != 429:
            return _unreadable(reply)
        envelope = {}
    return _judge_envelope(envelope, reply)  # pyright: ignore[reportUnknownArgumentType]


def _judge_envelope(envelope: dict[str, Any], reply: Reply) -> Verdict:
    code = _integer(envelope.get("code"))
    if code == 0 and reply.status < 400:
        return Verdict(envelope, None, "no")
    if code is None and reply.status < 400:
        return _unreadable(reply, "JSON that is not the API's")
    from kling_core.wire import error_codes

    row = error_codes.row_for(code, reply.status)
    retry, billed = (row.retry, row.billed) if row else error_codes.without_row(code, reply.status)
    message = _text(envelope.get("message") or envelope.get("msg")) or f"HTTP {reply.status}"
    unknown = errors.ServerError if code is not None and code >= error_codes.SERVER else APIError
    kind = _specific(row.error if row else unknown, code, message)
    error = kind(
        message,
        code=code,
        http_status=reply.status,
        request_id=_text(envelope.get("request_id")),
        cause=kind.cause_text or (row.cause if row else ""),
        fix=kind.fix_text or (row.fix if row else ""),
        retryable=retry != "no",
        billed=billed,
    )
    return Verdict(None, error, retry)


def _specific(kind: type[APIError], code: int | None, message: str) -> type[APIError]:
    """1201 and 1203 are told apart by their texts (seen live, 2026)."""
    if code not in (1201, 1203):
        return kind
    text = message.lower()
    if text.startswith("external_task_id") and "already exists" in text:
        return errors.DuplicateExternalId
    if text.startswith("task not found"):
        return errors.TaskNotFound
    return kind


def _unreadable(reply: Reply, what: str = "something that is not JSON") -> Verdict:
    """An answer that is not the API's."""
    from kling_core.wire import error_codes

    retry, billed = error_codes.without_row(None, reply.status)
    start = reply.content[:200].lstrip().lower()
    html = start.startswith((b"<!doctype", b"<html"))
    what = "an HTML page" if html else what
    error = errors.UnreadableAnswer(
        f"the server answered HTTP {reply.status} with {what}",
        http_status=reply.status,
        cause="A proxy or the wrong host answered, not the API." if html else "",
        fix="Check KLING_BASE_URL and KLING_REGION; `kling doctor` tests them.",
        retryable=retry != "no",
        billed=billed,
    )
    return Verdict(None, error, retry)


def call(
    session: Session,
    method: str,
    path: str,
    query: Mapping[str, object] | None = None,
    *,
    attempts: int = READ_ATTEMPTS,
) -> Flow[Mapping[str, Any]]:
    """A read: the envelope of the answer. Raises the error of the last attempt."""
    resigned = False
    attempt = 0
    while True:
        reply = yield session.request(method, path, query=query)
        verdict = judge(reply)
        if verdict.envelope is not None:
            return verdict.envelope
        assert verdict.error is not None
        if verdict.retry == "resign" and not resigned:
            resigned = renew(session, reply)
            if resigned:
                continue
        attempt += 1
        if verdict.retry not in ("reads", "backoff") or attempt >= attempts:
            raise _harmless(verdict)
        yield Sleep(session.backoff(attempt - 1, retry_after(reply)))


def _harmless(verdict: Verdict) -> KlingError:
    """The error of a read, which costs nothing whatever became of it."""
    assert verdict.error is not None
    verdict.error.billed = "no"
    if isinstance(verdict.error, errors.ServerError):
        verdict.error.fix = "Try again later: this only read, nothing is billed."
    return verdict.error


def renew(session: Session, reply: Reply | NoReply) -> bool:
    """Re-sign after 1003 or 1004, by the server's clock when ours is off; warns of the skew."""
    skew = 0.0
    if isinstance(reply, Reply) and (stamp := reply.headers.get("date")):
        try:
            skew = parsedate_to_datetime(stamp).timestamp() - session.clock.time()
        except (ValueError, OverflowError):
            skew = 0.0
    if abs(skew) < 30:
        skew = 0.0
    else:
        side = "behind" if skew > 0 else "ahead of"
        notify(
            f"this computer's clock is {abs(skew):.0f} s {side} Kling's; tokens are signed by "
            "Kling's clock for now. Set the clock (NTP)."
        )
    return session.signer.renew(skew)


def retry_after(reply: Reply | NoReply) -> str | None:
    """The Retry-After header, if there is one."""
    return reply.headers.get("retry-after") if isinstance(reply, Reply) else None


def get(
    session: Session, endpoint: Endpoint, task_id: str, *, attempts: int = READ_ATTEMPTS
) -> Flow[dict[str, Any]]:
    """One task by its id or external id.

    Raises `TaskNotFound`, which is Kling's word; `InvalidRequest` for what cannot be asked for.
    """
    from urllib.parse import quote

    if not task_id.strip() or task_id in (".", "..") or not _sayable(task_id):
        wrong = errors.Violation("task_id", f"{task_id!r} is not the id of a task")
        raise errors.InvalidRequest([wrong], endpoint=endpoint.name)
    path = f"{session.path(endpoint)}/{quote(task_id, safe='')}"
    envelope = yield from call(session, "GET", path, attempts=attempts)
    return one(envelope)


def page(
    session: Session,
    endpoint: Endpoint,
    number: int = 1,
    size: int = 30,
    *,
    attempts: int = READ_ATTEMPTS,
) -> Flow[list[dict[str, Any]]]:
    """One page of the account's tasks; `number` 1 to 1000, `size` 1 to 500; order not promised."""
    if not 1 <= number <= 1000:
        raise errors.InvalidRequest([_bounds("page", number, "1 to 1000")], endpoint=endpoint.name)
    if not 1 <= size <= 500:
        raise errors.InvalidRequest([_bounds("size", size, "1 to 500")], endpoint=endpoint.name)
    query = {"pageNum": number, "pageSize": size}
    envelope = yield from call(session, "GET", session.path(endpoint), query, attempts=attempts)
    return many(envelope)


def _bounds(name: str, value: int, valid: str) -> errors.Violation:
    source = "Kling API reference, list queries (2026-03)"
    return errors.Violation(name, f"{value} is out of range", valid, source)


def costs(
    session: Session, start_ms: int, end_ms: int, pack: str | None = None
) -> Flow[list[dict[str, Any]]]:
    """The account's resource packs between two times in milliseconds; free of charge."""
    query: dict[str, object] = {"start_time": start_ms, "end_time": end_ms}
    if pack:
        query["resource_pack_name"] = pack
    envelope = yield from call(session, "GET", "/account/costs", query)
    inner = one(envelope)
    if _integer(inner.get("code", 0)):
        raise APIError(str(inner.get("msg")), code=_integer(inner.get("code")), http_status=200)
    return _objects(inner.get("resource_pack_subscribe_infos"))


def one(envelope: Mapping[str, Any]) -> dict[str, Any]:
    """The object in `data`; a list of one is taken as that one; empty for anything else."""
    data: Any = envelope.get("data")
    if isinstance(data, list):
        data = next(iter(cast("list[Any]", data)), None)
    return cast("dict[str, Any]", data) if isinstance(data, dict) else {}


def many(envelope: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The list in `data`, bare or under `result`; empty for anything else."""
    data: Any = envelope.get("data")
    if isinstance(data, dict):
        data = cast("dict[str, Any]", data).get("result")
    return _objects(data)


def _objects(rows: Any) -> list[dict[str, Any]]:
    if not isinstance(rows, list):
        return []
    return [cast("dict[str, Any]", r) for r in cast("list[Any]", rows) if isinstance(r, dict)]


def _sayable(text: str) -> bool:
    try:
        return bool(text.encode())
    except UnicodeEncodeError:  # half of a character
        return False


def _integer(value: Any) -> int | None:
    """A code, also one written as text; None for what is no number that a code could be."""
    try:
        number = int(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if abs(number) < 1_000_000 else None


def _text(value: Any) -> str | None:
    return None if value is None else str(value)

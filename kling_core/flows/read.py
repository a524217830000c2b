"""One API call as a flow: judge the answer by its business code, and repeat what may be repeated.

Reads are repeated on lost connections, 5xx and 1302/1303. A create is judged here too, but never
repeated here: that is `kling_core.flows.submit`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from kling_core import errors
from kling_core.advice import Advice, Text
from kling_core.caller_warnings import notify
from kling_core.declare import registry
from kling_core.declare.endpoint import Endpoint
from kling_core.editions import choose, task_facts
from kling_core.editions.base import FIRST, Ask, Edition, Page
from kling_core.editions.task_facts import TaskFacts
from kling_core.errors import APIError, ConnectionFailed, KlingError
from kling_core.flows.session import Session
from kling_core.wire.effects import Flow, NoReply, Reply, Sleep
from kling_core.wire.json_reader import parse

if TYPE_CHECKING:
    from kling_core.ledger.records import Row
    from kling_core.wire.body import JSONBody
    from kling_core.wire.error_codes import Retry

READ_ATTEMPTS = 5
"""How often a read is sent before its error is raised."""

PASSING = (
    errors.ConnectionFailed,
    errors.ServerError,
    errors.RateLimited,
    errors.UnreadableAnswer,
)
"""Errors of a read that may be over when it is asked for again."""


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
        if reply.status != 429:  # that one is a gateway's "wait", whatever its page looks like
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
        fix=Text("Check KLING_BASE_URL and KLING_REGION; ", Advice("doctor"), " tests them."),
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
    body: Mapping[str, Any] | None = None,
    attempts: int = READ_ATTEMPTS,
) -> Flow[Mapping[str, Any]]:
    """A read: the envelope of the answer. Raises the error of the last attempt."""
    resigned = False
    attempt = 0
    sent = None if body is None else _written(body)
    while True:
        reply = yield session.request(method, path, query=query, body=sent)
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


def _written(body: Mapping[str, Any]) -> JSONBody:
    from kling_core.wire.body import JSONBody  # most questions have none

    return JSONBody({**body})


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
    if abs(skew) < 30:  # so much is travel and rounding, and no wrong clock
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


# --- tasks ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Way:
    """The way of requests to an endpoint, and to what is said of their tasks: edition and path."""

    endpoint: Endpoint
    edition: Edition
    path: str


def way(
    session: Session, endpoint: Endpoint, model: str = "", *, edition: str = "", path: str = ""
) -> Way:
    """The way that an endpoint's requests for a model go; by `edition` and `path` if they went it.

    Raises `NotKnownHere` for what stands for an endpoint that this version does not know.
    """
    if not endpoint.routes:
        from kling_core.flows.known_rows import unknown

        raise unknown("this task", endpoint.source)
    chosen = choose.named(edition, endpoint, model)
    path = path or session.settings.paths.get(endpoint.name, "")
    return Way(endpoint, chosen, chosen.route(endpoint, model, path=path).path)


def way_of(session: Session, row: Row) -> Way:
    """The way that a row's request went, or will go."""
    endpoint = registry.load(row.endpoint)
    return way(session, endpoint, row.model_name, edition=row.edition, path=row.route)


def let_in(session: Session, chosen: Way) -> None:
    """Refuse a key pair where an edition takes an API key only; raises `ConfigError`."""
    if chosen.edition.needs_api_key and not session.settings.api_key:
        raise errors.ConfigError(
            f"{chosen.endpoint.command} takes an API key here, not an access key with its secret",
            fix="Make an API key at https://kling.ai/dev/api-key (mainland China: "
            "https://klingai.com/dev/api-key) and set KLING_API_KEY. Nothing was sent.",
            billed="no",
        )


def _ask(session: Session, chosen: Way, question: Ask, attempts: int) -> Flow[Mapping[str, Any]]:
    let_in(session, chosen)
    return (
        yield from call(
            session,
            question.method,
            question.path,
            question.query,
            body=question.body,
            attempts=attempts,
        )
    )


def get(
    session: Session,
    endpoint: Endpoint,
    task_id: str,
    *,
    through: Way | None = None,
    attempts: int = READ_ATTEMPTS,
) -> Flow[TaskFacts]:
    """One task by its id or external id.

    Raises `TaskNotFound`, which is Kling's word; `InvalidRequest` for what cannot be asked for.
    """
    _must_be_sayable(endpoint, task_id)
    *others, last = [through] if through else ways(session, endpoint)
    for one in others:  # a task of an endpoint on two editions was made by either
        with suppress(errors.TaskNotFound):
            return (yield from _by_name(session, one, task_id, attempts))
    return (yield from _by_name(session, last, task_id, attempts))


def ways(session: Session, endpoint: Endpoint) -> list[Way]:
    """The ways of an endpoint's requests by each edition that takes our credential."""
    names = choose.editions_of(endpoint) if endpoint.routes else [""]
    every = [way(session, endpoint, edition=name) for name in names]
    able = [one for one in every if session.settings.api_key or not one.edition.needs_api_key]
    return able or every


def _by_name(session: Session, through: Way, name: str, attempts: int) -> Flow[TaskFacts]:
    for question in through.edition.by_name(through.path, name):
        envelope = yield from _ask(session, through, question, attempts)
        facts = through.edition.one(envelope, name)
        if facts is not None:
            return facts
    raise _not_there(name)


def own(session: Session, through: Way, own_id: str, *, attempts: int) -> Flow[TaskFacts]:
    """The task of a request with this id of ours; raises as `get`."""
    _must_be_sayable(through.endpoint, own_id)
    question = through.edition.by_own_id(through.path, own_id)
    envelope = yield from _ask(session, through, question, attempts)
    facts = through.edition.one(envelope, own_id)
    if facts is None:
        raise _not_there(own_id)
    return facts


def some(session: Session, through: Way, task_ids: Sequence[str]) -> Flow[dict[str, TaskFacts]]:
    """The tasks with Kling's ids, by them, asked for once; what it does not find is left out.

    Not more than the edition's `ids_at_once`.
    """
    question = through.edition.by_ids(through.path, task_ids)
    try:
        envelope = yield from _ask(session, through, question, 1)
    except errors.TaskNotFound:
        return {}
    if through.edition.ids_at_once == 1:
        found = [through.edition.one(envelope, task_ids[0])]
    else:
        found = through.edition.many(envelope)
        if not through.edition.readable(envelope, found):
            raise errors.UnreadableAnswer("Kling answered with something that is no list of tasks")
    wanted = frozenset(task_ids)
    return {facts.task_id: facts for facts in found if facts and facts.task_id in wanted}


def _must_be_sayable(endpoint: Endpoint, name: str) -> None:
    # The dots would lead to another path.
    if not name.strip() or name in (".", "..") or not _sayable(name):
        wrong = errors.Violation("task_id", f"{name!r} is not the id of a task")
        raise errors.InvalidRequest([wrong], endpoint=endpoint.name)


def _not_there(name: str) -> errors.TaskNotFound:
    return errors.TaskNotFound(f"Task not found by id/external id: {name}", billed="no")


def listing(
    session: Session, through: Way, place: str, size: int, *, attempts: int = READ_ATTEMPTS
) -> Flow[Page]:
    """One page of a list of tasks, at a place that the page before it has told, or `FIRST`."""
    question = through.edition.page(through.path, place, size)
    envelope = yield from _ask(session, through, question, attempts)
    return through.edition.listed(envelope, place, size)


def presets(session: Session, endpoint: Endpoint, number: int, size: int) -> Flow[Page]:
    """A page of what the service offers to everybody, told as the tasks that made it."""
    _within(endpoint, number, size)
    edition, path = next(iter(endpoint.presets.items()))
    through = way(session, endpoint, edition=edition, path=path)
    place = through.edition.numbered(number) or FIRST
    return (yield from listing(session, through, place, size))


def _within(endpoint: Endpoint, number: int, size: int) -> None:
    """Raise `InvalidRequest` for a page that no list has."""
    if not 1 <= number <= 1000:
        raise errors.InvalidRequest([_bounds("page", number, "1 to 1000")], endpoint=endpoint.name)
    if not 1 <= size <= 500:
        raise errors.InvalidRequest([_bounds("size", size, "1 to 500")], endpoint=endpoint.name)


def page(
    session: Session, endpoint: Endpoint, number: int = 1, size: int = 30
) -> Flow[Sequence[TaskFacts]]:
    """One page of the account's tasks; `number` 1 to 1000, `size` 1 to 500; order not promised."""
    _within(endpoint, number, size)
    place = way(session, endpoint).edition.numbered(number)
    if place is not None:
        return (yield from part(session, endpoint, place, size)).tasks
    found = yield from part(session, endpoint, FIRST, size)
    for _ in range(number - 1):  # pages that go by a cursor are reached one by one
        if found.following is None:
            return ()
        found = yield from part(session, endpoint, found.following, size)
    return found.tasks


def part(session: Session, endpoint: Endpoint, place: str, size: int) -> Flow[Page]:
    """The same at the place that the page before it has told, or `FIRST`."""
    _within(endpoint, 1, size)
    return (yield from listing(session, way(session, endpoint), place, size))


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
    inner = task_facts.mapping(envelope.get("data"))
    if _integer(inner.get("code", 0)):  # this call has a code of its own inside its data
        raise APIError(str(inner.get("msg")), code=_integer(inner.get("code")), http_status=200)
    return task_facts.objects(inner.get("resource_pack_subscribe_infos"))


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

"""The create call, which never loses and never pays twice.

The request is written into the ledger, with its id and the hashes of its media, before the first
byte leaves. What happens then:

    no connection was made             send again with backoff, same id
    1003, 1004                         re-sign, once
    1302, 1303                         not accepted: back in line, same id, the limit is learned
    other 4xx codes                    rejected, raised, not billed
    answer lost, 5xx, HTML, bad JSON   look the task up; found: it is ours; "not found" twice,
                                       seconds apart: send again, same id; else unknown
    "External_task_id already exists"  it is ours

Endpoints that take no external id (lip-sync) compare the account's list before and after; when
that cannot decide, the outcome is unknown and nothing is sent again.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from typing import Any

from kling_core import calls, codes, errors
from kling_core.answers import Answer
from kling_core.endpoints.base import Check, Endpoint, Request
from kling_core.errors import KlingError, SubmitOutcomeUnknown
from kling_core.flow import Call, Flow, Guard, NoReply, Reply, Sleep, Tell
from kling_core.ledger.line import Line
from kling_core.ledger.recording import record
from kling_core.ledger.rows import ENDED, IN_LINE, RUNNING, Entry, Place, Queue, Row
from kling_core.ledger.store import Budget, Ledger
from kling_core.ledger.watch import Watch
from kling_core.media.item import Unreadable
from kling_core.notices import notify
from kling_core.session import Session
from kling_core.wire import v1
from kling_core.wire.body import JSONBody

CONNECT_ATTEMPTS = 4
"""How often we try to connect before giving up; nothing was sent in any of them."""

RESENDS = 2
"""How often a create is sent again after two look-ups found nothing."""

LIST_PAGE = 500

WATCHING = 3
"""How many of the first in line take part in the watching."""

MARGIN = 30.0
"""Seconds by which a lease outlives the longest exchange it protects."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """News of a create that waits for a slot: how many are ahead, and what is busy.

    After a 1302 or 1303 `reason` is Kling's message and `seconds` how long the next try is put off.
    """

    ahead: int
    busy: int
    limit: int | None
    seconds: float = 0.0
    reason: str = ""

    def __str__(self) -> str:
        place = f", {self.ahead} ahead" if self.ahead else ", next in line"
        slots = f" ({self.busy}/{self.limit} busy)" if self.limit else ""
        return f"waiting for a slot{slots}{place}"


@dataclass(slots=True)
class _Attempt:
    session: Session
    ledger: Ledger
    endpoint: Endpoint
    body: JSONBody
    id: str
    external_task_id: str | None
    known: frozenset[str] | None = None
    source_video: str | None = None
    connects: int = 0
    waits: int = 0
    pause: Waiting | None = None
    resends: int = 0
    resigned: bool = False
    listener: Callable[[Any], Any] | None = field(default=None)

    @property
    def turn(self) -> str:
        """The lease that creates without an id of ours take turns with."""
        return f"create {self.endpoint.name}"

    @property
    def lease(self) -> float:
        """Seconds for which a row is ours without a sign of life: longer than any exchange."""
        return 2 * self.session.settings.timeout + MARGIN


def submit(
    session: Session,
    request: Request,
    *,
    max_cost: Decimal | None = None,
    project: str | None = None,
    dedupe: float | None = None,
    take: int = 1,
    row_id: str | None = None,
    listener: Callable[[Any], Any] | None = None,
) -> Flow[Row]:
    """Create the task of a request; returns its row.

    `dedupe` in seconds: an identical request that was made within them is taken for this one.
    Requests of different `take` are not identical. `row_id` is the id of a new row, made up when
    there is none.

    Raises `InvalidRequest`, `BudgetExceeded`, `LedgerError`, the API's errors, or
    `SubmitOutcomeUnknown`.
    """
    check = request.require()
    ledger: Ledger = yield Call(session.ledger)
    project = project or session.settings.project
    attempt, entry = _begin(session, ledger, request, check, project, take=take, row_id=row_id)
    attempt.listener = listener
    limits = [one for one in (max_cost, session.settings.max_cost) if one is not None]
    limit = min(limits, default=None)
    settings = session.settings
    budget = check_cost(request, limit, settings.budget, settings.project_budget)
    row, new = yield Call(
        partial(ledger.prepare, entry, lease=attempt.lease, budget=budget, dedupe=dedupe)
    )
    if row.id != entry.id:  # a twin; whoever made it may have died before it was sent
        attempt, _ = _begin(session, ledger, request, check, row.project, row=row, take=take)
        attempt.listener = listener
        return (yield from _rejoin(attempt, row))
    if not new:
        if row.digest != entry.digest and row.state != "rejected":
            raise errors.DuplicateExternalId(
                f"external_task_id {row.id} is that of another request",
                task_id=row.task_id,
                fix="Choose another external_task_id, or leave it out.",
            )
        if row.state == "rejected":  # never accepted, never billed: the id is free again
            row = yield Call(partial(ledger.renew, entry, lease=attempt.lease))
        return (yield from _rejoin(attempt, row))
    return (yield from _carry(attempt))


def resume(session: Session, row: Row, *, send: bool) -> Flow[Row]:
    """Bring a row that no living process holds to a certain state; see `Tasks.resume`.

    A request that was never sent, or certainly not accepted, is sent only with `send`.
    """
    ledger: Ledger = yield Call(session.ledger)
    endpoint = _endpoint(row)
    if send:
        from kling_core.ledger.recording import replay

        request = endpoint.request(**replay(row))
        attempt, _ = _begin(session, ledger, request, request.require(), row.project, row=row)
    else:
        attempt = _Attempt(session, ledger, endpoint, JSONBody({}), row.id, row.external_task_id)
        attempt.source_video = row.parent_output_id
    return (yield from _rejoin(attempt, row, may_send=send))


def _endpoint(row: Row) -> Endpoint:
    from kling_core.endpoints import registry

    return registry.load(row.endpoint)


def _begin(
    session: Session,
    ledger: Ledger,
    request: Request,
    check: Check,
    project: str,
    *,
    row: Row | None = None,
    row_id: str | None = None,
    take: int = 1,
) -> tuple[_Attempt, Entry]:
    endpoint = request.endpoint
    given = check.fields.get("external_task_id")
    row_id = row.id if row else str(given or row_id or new_id())
    external = row_id if endpoint.external_task_id else None
    encoded = v1.encode(endpoint, check, external_task_id=external)
    if session.settings.callback_url:
        encoded.setdefault("callback_url", session.settings.callback_url)
    body = JSONBody(encoded)
    attempt = _Attempt(session, ledger, endpoint, body, row_id, external)
    attempt.source_video = check.fields.get("video_id")
    quote = request.quote()
    shown: dict[str, Any] = body.preview()
    shown.pop("external_task_id", None)
    try:
        media = body.digests()
    except Unreadable as error:
        raise errors.InvalidRequest([error.violation], endpoint=endpoint.name) from error
    words = check.fields.get("prompt") or check.fields.get("text")
    parent = request.parent or {}
    entry = Entry(
        id=row_id,
        endpoint=endpoint.name,
        product=endpoint.product,
        weight=request.slots(),
        external_task_id=external,
        project=project,
        request={"fields": record(request), "sent": shown},
        media=media,
        digest=_digest(endpoint, shown, media, take),
        model_name=str(check.fields.get("model_name") or parent.get("model_name") or ""),
        text=str(words or check.fields.get("effect_scene") or ""),
        parent_task_id=parent.get("task_id"),
        parent_output_id=attempt.source_video,
        quote_units=quote.units if quote else None,
        quote_usd=quote.usd if quote else None,
    )
    return attempt, entry


def new_id() -> str:
    """A fresh id for a request, which becomes its external id too."""
    return f"kc-{uuid.uuid4().hex}"


def _digest(
    endpoint: Endpoint, shown: Mapping[str, Any], media: Mapping[str, str], take: int
) -> str:
    made_of = {name: value for name, value in shown.items() if name != "callback_url"}
    parts = [endpoint.name, made_of, media, *([take] if take > 1 else [])]
    text = json.dumps(parts, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def check_cost(
    request: Request,
    limit: Decimal | None,
    budget: Decimal | None = None,
    project_budget: Decimal | None = None,
) -> Budget | None:
    """Refuse what is above the limit per call; returns the other limits, for the ledger to judge.

    All in US dollars, None for no limit: per call, per day, per project. Raises `BudgetExceeded`,
    also when a limit is set and no price is known.
    """
    limits = {"per call": limit, "per day": budget, "per project": project_budget}
    known = [f"${amount} {kind}" for kind, amount in limits.items() if amount is not None]
    if not known:
        return None
    quote = request.quote()
    if quote is None or quote.usd is None:
        raise errors.BudgetExceeded(
            f"no price is known for this request, and a limit of {known[0]} is set",
            fix="To allow it, take away the limits: max_cost, KLING_MAX_COST, budget.",
        )
    if limit is not None and quote.usd > limit:
        raise errors.BudgetExceeded(
            f"this would cost {quote}, above the limit of ${limit} per call",
            fix="Raise max_cost, or choose a shorter clip or a cheaper mode.",
        )
    return Budget(quote.usd, budget, project_budget)


# --- the way of a row ----------------------------------------------------------------------


def _rejoin(attempt: _Attempt, row: Row, *, may_send: bool = True) -> Flow[Row]:
    """Go on with a row that is there already, wherever its last owner left it."""
    ledger = attempt.ledger
    while True:
        if row.state in RUNNING or row.state in ENDED:
            return row
        held: Row | None = yield Call(partial(ledger.take, row.id, lease=attempt.lease))
        if held is not None:
            break
        yield Sleep(attempt.session.pace.poll_floor)
        row = yield Call(partial(ledger.row, row.id))
    if held.state not in IN_LINE:
        yield Guard(True)
        found = yield from _settle(attempt)
        yield Guard(False)
        if found is not None:
            return found
    if not may_send:
        yield Call(partial(ledger.unsent, row.id, "never sent"))
        return (yield Call(partial(ledger.row, row.id)))
    return (yield from _carry(attempt))


def _settle(attempt: _Attempt) -> Flow[Row | None]:
    """Find out what became of a row that was being sent: its task, or None when there is none."""
    ledger = attempt.ledger
    error = errors.ConnectionFailed("the process that sent it has ended", billed="unknown")
    try:
        data = yield from _find(attempt, error)
    except SubmitOutcomeUnknown as unknown:
        yield Call(partial(ledger.doubtful, attempt.id, unknown.message))
        raise
    if data is not None:
        return (yield Call(partial(ledger.accepted, attempt.id, data)))
    yield Call(partial(ledger.unsent, attempt.id, "asked twice, Kling knows of no such task"))
    return None


def _carry(attempt: _Attempt) -> Flow[Row]:
    """From a prepared row to a task, or to an error that is written down."""
    ledger = attempt.ledger
    while True:
        if not (yield from _wait_for_slot(attempt)):
            return (yield from _rejoin(attempt, (yield Call(partial(ledger.row, attempt.id)))))
        sending = False
        try:
            if attempt.external_task_id is None:
                yield from _one_at_a_time(attempt)
            yield Guard(True)
            sending = True
            data = yield from _deliver(attempt)
        except (KlingError, Unreadable) as error:
            yield Call(partial(_write, attempt, error))
            yield Guard(False)
            told = _told(attempt, error)
            raise told from told.__cause__
        except BaseException as interruption:  # no guard can hold everything
            _interrupted(attempt, interruption, sending=sending)
            raise
        else:
            if data is not None:
                row: Row = yield Call(partial(ledger.accepted, attempt.id, data))
                yield Guard(False)
                return row
        finally:
            if attempt.external_task_id is None:
                ledger.resign(attempt.turn, attempt.id)


def _told(attempt: _Attempt, error: KlingError | Unreadable) -> KlingError:
    if isinstance(error, KlingError):
        return error
    invalid = errors.InvalidRequest([error.violation], endpoint=attempt.endpoint.name)
    invalid.__cause__ = error
    return invalid


def _interrupted(attempt: _Attempt, interruption: BaseException, *, sending: bool) -> None:
    if sending:
        attempt.ledger.doubtful(attempt.id, "interrupted while it was sent")
        interruption.add_note(_how_to_find(attempt))
    else:
        attempt.ledger.unsent(attempt.id, "interrupted before it was sent")


def _write(attempt: _Attempt, error: KlingError | Unreadable) -> None:
    if isinstance(error, Unreadable):  # a file changed under our hands; the body never got whole
        attempt.ledger.refused(attempt.id, str(error))
    elif isinstance(error, errors.LedgerError):
        return  # the row stays as it is; when its lease has ended it is looked up
    elif isinstance(error, SubmitOutcomeUnknown):
        attempt.ledger.doubtful(attempt.id, error.message)
    elif isinstance(error, (errors.ConnectionFailed, errors.RateLimited)):
        attempt.ledger.unsent(attempt.id, error.message)
    else:
        attempt.ledger.refused(attempt.id, f"{error.code or ''} {error.message}".strip())


def _wait_for_slot(attempt: _Attempt) -> Flow[bool]:
    """Stand in line until the row is `submitting`; False when somebody else has taken it over.

    The first in line also watch the running tasks, and settle what dead processes left behind.
    """
    session, ledger = attempt.session, attempt.ledger
    admit = partial(ledger.admit, attempt.id, limit=session.settings.slots, lease=attempt.lease)
    watches: dict[str, Watch] = {}
    try:
        yield Guard(False)  # what was out before this is written down
        if attempt.pause is not None:
            yield Tell(attempt.listener, attempt.pause)
            yield Sleep(attempt.pause.seconds)
            attempt.pause = None
        place: Place = yield Call(admit)
        while not (place.admitted or place.lost):
            yield Tell(attempt.listener, Waiting(place.ahead, place.busy, place.limit))
            yield Sleep(session.pace.line_tick)
            line = session.line(attempt.endpoint.product)
            if place.ahead < WATCHING:
                yield from _tend(attempt, watches, line)
            yield from line.look()
            seen = line.place(attempt.id)
            place = seen if seen and not seen.admitted else (yield Call(admit))
        return place.admitted
    except BaseException:  # nothing has left yet: the slot is free again, and so is the line
        ledger.unsent(attempt.id, "interrupted before it was sent")
        raise
    finally:
        for watch in watches.values():
            watch.leave(attempt.id)


def _tend(attempt: _Attempt, watches: dict[str, Watch], line: Line) -> Flow[None]:
    """Bring what holds the slots up to date; trouble with it is not the trouble of this create."""
    session, ledger = attempt.session, attempt.ledger
    product = attempt.endpoint.product
    if not line.tend():
        return
    names: list[str] = yield Call(partial(ledger.busy_endpoints, product))
    for name in names:
        if name not in watches:
            watches[name] = session.watch(name)
            watches[name].join(attempt.id)
        with suppress(KlingError):
            if (yield from watches[name].step()):
                yield from line.look(now=True)
    left: list[Row] = yield Call(partial(ledger.orphans, product, idle=10 * session.pace.recheck))
    for row in left:
        with suppress(KlingError):
            yield from resume(session, row, send=False)


def _deliver(attempt: _Attempt) -> Flow[dict[str, Any] | None]:
    """Send until Kling has said something: the task, or None to stand in line again."""
    session = attempt.session
    fresh = attempt.external_task_id is not None  # the lease was renewed a moment ago
    while True:
        if not fresh:
            ours: bool = yield Call(partial(attempt.ledger.beat, attempt.id, lease=attempt.lease))
            if not ours:  # we were silent for so long that somebody else took it over
                return None
        fresh = False
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
        if verdict.retry == "backoff":
            yield from _back_in_line(attempt, reply, error)
            return None
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
    if retry == "reads" or error.billed == "unknown":
        return (yield from _resolve(attempt, error))
    raise error


def _back_in_line(attempt: _Attempt, reply: Reply | NoReply, error: KlingError) -> Flow[None]:
    """1302 and 1303: not accepted. The row gives its slot back and waits."""
    pause = attempt.session.backoff(min(attempt.waits, 4), calls.retry_after(reply))
    attempt.waits += 1
    full = isinstance(error, errors.ConcurrencyLimit)
    yield Call(
        partial(attempt.ledger.back_in_line, attempt.id, lease=attempt.lease + pause, learn=full)
    )
    queue: Queue = yield Call(partial(attempt.ledger.queue, attempt.endpoint.product))
    places = queue.places(attempt.session.settings.slots)
    place = places.get(attempt.id, Place(admitted=False, busy=queue.busy))
    attempt.pause = Waiting(place.ahead, place.busy, place.limit, pause, error.message)


def _adopt(attempt: _Attempt, error: KlingError) -> Flow[dict[str, Any]]:
    """The server has a task with our id already: that task is ours."""
    try:
        found = yield from _look_up(attempt)
    except KlingError as trouble:
        raise _unknown(attempt, error, trouble) from trouble
    if found is None and not attempt.resends:
        error.fix = "A task of another endpoint has this external_task_id: choose another one."
        raise error
    if found is not None and not attempt.resends:
        notify(
            f"external_task_id {attempt.external_task_id} is that of task {found['task_id']}, "
            "made elsewhere: that task is returned, whatever it was asked for"
        )
    if found is None:
        raise _unknown(attempt, error)
    return found


def _resolve(attempt: _Attempt, error: KlingError) -> Flow[dict[str, Any] | None]:
    """The outcome is in doubt: find the task, or send again when there certainly is none."""
    found = yield from _find(attempt, error)
    if found is not None:
        return found
    attempt.resends += 1
    if attempt.external_task_id is None or attempt.resends > RESENDS:
        raise _nothing_made(error)
    yield Sleep(attempt.session.backoff(attempt.resends))
    return None


def _find(attempt: _Attempt, error: KlingError) -> Flow[dict[str, Any] | None]:
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


def _look_up(attempt: _Attempt) -> Flow[dict[str, Any] | None]:
    wanted = attempt.external_task_id
    assert wanted is not None
    try:
        data = yield from calls.get(attempt.session, attempt.endpoint, wanted)
    except (errors.TaskNotFound, errors.NotFound):
        return None
    answer = Answer(data)
    if not answer.task_id or answer.info.get("external_task_id", wanted) != wanted:
        raise errors.UnreadableAnswer("Kling answered the look-up without this task")
    return data


# --- endpoints without an external id ------------------------------------------------------


def _one_at_a_time(attempt: _Attempt) -> Flow[None]:
    """Creates without an id of ours go one by one, so that a new task in the list is this one's."""
    take = partial(attempt.ledger.lead, attempt.turn, attempt.id, seconds=attempt.lease)
    while not (yield Call(take)):
        yield Sleep(attempt.session.pace.line_tick)
    if attempt.known is not None:
        return
    # On disk before the first POST, for whoever has to compare after a crash.
    rows = yield from calls.page(attempt.session, attempt.endpoint, 1, LIST_PAGE)
    attempt.known = frozenset(str(row.get("task_id")) for row in rows)
    yield Call(partial(attempt.ledger.remember, attempt.id, sorted(attempt.known or ())))


def _compare(attempt: _Attempt, error: KlingError) -> Flow[dict[str, Any] | None]:
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


def _nothing_made(error: KlingError) -> KlingError:
    error.billed = "no"
    error.fix = (
        "Kling knows of no such task, asked twice: nothing was made, it is safe to call again."
    )
    return error


def _from_same_video(row: dict[str, Any], video_id: str | None) -> bool:
    info: dict[str, Any] = row.get("task_info") or {}
    parent: dict[str, Any] = info.get("parent_video") or {}
    return not video_id or str(parent.get("id")) == video_id


# --- what to say ---------------------------------------------------------------------------


def _unknown(
    attempt: _Attempt, reason: KlingError, trouble: KlingError | None = None
) -> SubmitOutcomeUnknown:
    then = f"; the look-up: {trouble.message}" if trouble else ""
    return SubmitOutcomeUnknown(
        f"the request went out but its answer was lost ({reason.message}{then})",
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
            "Do not submit again: kling.tasks.resume() (or `kling resume`) looks it up and takes "
            f"it over. By hand: kling.{name}.get({attempt.external_task_id!r}) gives your task; "
            "`TaskNotFound` means that nothing was made."
        )
    return (
        "Do not submit again: kling.tasks.resume() (or `kling resume`) compares the account's "
        f"list. By hand: kling.{name}.list() shows the newest tasks, and a new one from the same "
        "video is yours."
    )

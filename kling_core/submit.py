"""The create call, which never loses and never pays twice.

The request is written into the ledger, with its id and the hashes of its media, before the first
byte leaves. What happens then:

    no connection was made             send again with backoff, same id
    1003, 1004                         re-sign, once
    1302, 1303                         not accepted: back in line, same id, the limit is learned
    429 without a code                 a gateway's: as 1302, but not for ever
    other 4xx codes                    rejected, raised, not billed
    a code of no known class           look the task up; "not found" twice: raised, not billed
    answer lost, 5xx, HTML, bad JSON   look the task up; found: it is ours; "not found" twice,
                                       seconds apart: send again, same id; else unknown
    "External_task_id already exists"  it is ours

Endpoints that take no external id (lip-sync) compare the account's list before and after; when
that cannot decide, the outcome is unknown and nothing is sent again.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import Any

from kling_core import calls, codes, doubt, errors
from kling_core.attempt import Attempt, begin
from kling_core.endpoints.base import Endpoint, Request
from kling_core.errors import KlingError, SubmitOutcomeUnknown
from kling_core.flow import Call, Flow, Guard, NoReply, Reply, Sleep, Tell
from kling_core.ledger.line import Line
from kling_core.ledger.rows import ENDED, IN_LINE, RUNNING, Place, Queue, Row
from kling_core.ledger.store import Ledger
from kling_core.ledger.watch import Watch
from kling_core.limits import check_cost
from kling_core.media.item import Unreadable
from kling_core.session import Session
from kling_core.wire.body import JSONBody

CONNECT_ATTEMPTS = 4
"""How often we try to connect before giving up; nothing was sent in any of them."""

GATEWAY = 20
"""How often a create is sent while a gateway turns it away with 429; some five minutes."""

WATCHING = 3
"""How many of the first in line take part in the watching."""


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


def submit(
    session: Session,
    request: Request,
    *,
    max_cost: Decimal | None = None,
    project: str | None = None,
    dedupe: float | None = None,
    take: int = 1,
    row_id: str | None = None,
    on_update: Callable[[Waiting], Any] | None = None,
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
    attempt, entry = begin(session, ledger, request, check, project, take=take, row_id=row_id)
    attempt.listener = on_update
    limits = [one for one in (max_cost, session.settings.max_cost) if one is not None]
    limit = min(limits, default=None)
    settings = session.settings
    budget = check_cost(request, limit, settings.budget, settings.project_budget)
    row, new = yield Call(
        partial(ledger.prepare, entry, lease=attempt.lease, budget=budget, dedupe=dedupe)
    )
    if row.id != entry.id:  # a twin; whoever made it may have died before it was sent
        attempt, _ = begin(session, ledger, request, check, row.project, row=row, take=take)
        attempt.listener = on_update
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
        attempt, _ = begin(session, ledger, request, request.require(), row.project, row=row)
    else:
        attempt = Attempt(session, ledger, endpoint, JSONBody({}), row.id, row.external_task_id)
        attempt.source_video = row.parent_output_id
    return (yield from _rejoin(attempt, row, may_send=send))


def _endpoint(row: Row) -> Endpoint:
    from kling_core.endpoints import registry

    return registry.load(row.endpoint)


# --- the way of a row ----------------------------------------------------------------------


def _rejoin(attempt: Attempt, row: Row, *, may_send: bool = True) -> Flow[Row]:
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
        attempt.ours = True  # it was sent before: who has this id now is this request
    if not may_send:
        yield Call(partial(ledger.unsent, row.id, "never sent"))
        return (yield Call(partial(ledger.row, row.id)))
    return (yield from _carry(attempt))


def _settle(attempt: Attempt) -> Flow[Row | None]:
    """Find out what became of a row that was being sent: its task, or None when there is none."""
    ledger = attempt.ledger
    error = errors.ConnectionFailed("the process that sent it has ended", billed="unknown")
    try:
        data = yield from doubt.find(attempt, error)
    except SubmitOutcomeUnknown as unknown:
        yield Call(partial(ledger.doubtful, attempt.id, unknown.message))
        raise
    if data is not None:
        return (yield Call(partial(ledger.accepted, attempt.id, data)))
    yield Call(partial(ledger.unsent, attempt.id, "asked twice, Kling knows of no such task"))
    return None


def _carry(attempt: Attempt) -> Flow[Row]:
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


def _told(attempt: Attempt, error: KlingError | Unreadable) -> KlingError:
    if isinstance(error, KlingError):
        return error
    invalid = errors.InvalidRequest([error.violation], endpoint=attempt.endpoint.name)
    invalid.__cause__ = error
    return invalid


def _interrupted(attempt: Attempt, interruption: BaseException, *, sending: bool) -> None:
    if sending:
        attempt.ledger.doubtful(attempt.id, "interrupted while it was sent")
        interruption.add_note(doubt.how_to_find(attempt))
    else:
        attempt.ledger.unsent(attempt.id, "interrupted before it was sent")


def _write(attempt: Attempt, error: KlingError | Unreadable) -> None:
    if isinstance(error, Unreadable):  # a file changed under our hands; the body never got whole
        attempt.ledger.refused(attempt.id, str(error))
    elif isinstance(error, errors.LedgerError):
        return  # the row stays as it is; when its lease has ended it is looked up
    elif isinstance(error, SubmitOutcomeUnknown):
        attempt.ledger.doubtful(attempt.id, error.message)
    elif isinstance(error, (errors.ConnectionFailed, errors.RateLimited, errors.ConfigError)):
        attempt.ledger.unsent(attempt.id, error.message)
    else:
        attempt.ledger.refused(attempt.id, f"{error.code or ''} {error.message}".strip())


def _wait_for_slot(attempt: Attempt) -> Flow[bool]:
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


def _tend(attempt: Attempt, watches: dict[str, Watch], line: Line) -> Flow[None]:
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


def _deliver(attempt: Attempt) -> Flow[dict[str, Any] | None]:
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
            error = doubt.doubted(attempt, data)
            if error is None:
                return _with_message(data, verdict.envelope)
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
    attempt: Attempt, reply: Reply | NoReply, error: KlingError, retry: codes.Retry
) -> Flow[dict[str, Any] | None]:
    """Decide after an answer that is not a task: the task, None to send again, or an error."""
    if isinstance(reply, NoReply) and not reply.sent:
        attempt.connects += 1
        if attempt.connects >= CONNECT_ATTEMPTS:
            raise error
        yield Sleep(attempt.session.backoff(attempt.connects - 1))
        return None
    if isinstance(error, errors.DuplicateExternalId):
        return (yield from doubt.adopt(attempt, error))
    if retry == "resign" and not attempt.resigned:
        attempt.resigned = calls.renew(attempt.session, reply)
        if attempt.resigned:
            return None
    if retry == "reads" or error.billed == "unknown":
        return (yield from doubt.resolve(attempt, error))
    raise error


def _back_in_line(attempt: Attempt, reply: Reply | NoReply, error: KlingError) -> Flow[None]:
    """1302 and 1303: not accepted. The row gives its slot back and waits."""
    attempt.turned_away += error.code is None
    if attempt.turned_away >= GATEWAY:
        raise error
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


def _one_at_a_time(attempt: Attempt) -> Flow[None]:
    """Creates without an id of ours go one by one, so that a new task in the list is this one's."""
    take = partial(attempt.ledger.lead, attempt.turn, attempt.id, seconds=attempt.lease)
    while not (yield Call(take)):
        yield Sleep(attempt.session.pace.line_tick)
    yield from doubt.read_list(attempt)  # again after 1303: others may have made tasks meanwhile

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

from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import Any

from kling_core import calls, codes, doubt, errors, noting
from kling_core.attempt import Attempt, begin
from kling_core.endpoints.base import Endpoint, Request
from kling_core.errors import BudgetExceeded, KlingError
from kling_core.flow import Call, Flow, Guard, NoReply, Reply, Sleep, Tell
from kling_core.ledger.line import Line
from kling_core.ledger.rows import ENDED, IN_LINE, RUNNING, Place, Queue, Row
from kling_core.ledger.store import Ledger
from kling_core.ledger.watch import Watch
from kling_core.limits import within
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

    Raises `InvalidRequest`, `BudgetExceeded`, `LedgerError` when nothing was sent, the API's
    errors, or `SubmitOutcomeUnknown`.
    """
    check = request.require()
    ledger: Ledger = yield from noting.before_sending(session.ledger)
    project = project or session.settings.project
    attempt, entry = begin(session, ledger, request, check, project, take=take, row_id=row_id)
    attempt.listener = on_update
    attempt.budget = budget = within(session, request, max_cost)
    prepare = partial(ledger.prepare, entry, lease=attempt.lease, budget=budget, dedupe=dedupe)
    with _held(ledger, entry.id):
        row, new = yield from noting.before_sending(prepare)
    if row.id != entry.id:  # a twin; whoever made it may have died before it was sent
        attempt, _ = begin(session, ledger, request, check, row.project, row=row, take=take)
        attempt.listener, attempt.budget = on_update, budget
    elif new:
        return _not_refused((yield from _carry(attempt)))
    elif row.digest != entry.digest:
        raise errors.DuplicateExternalId(
            f"external_task_id {row.id} is that of another request",
            task_id=row.task_id,
            fix="Choose another external_task_id, or leave it out.",
        )
    return _not_refused((yield from _rejoin(attempt, row)))


def _not_refused(row: Row) -> Row:
    """The row of a task; raises the refusal that came to whoever sent it in our place."""
    if row.state != "rejected":
        return row
    number, _, words = row.error.partition(" ")
    code = codes.explain(int(number)) if number.isdecimal() else None
    if code is None:
        raise errors.APIError(row.error, fix="The request was refused; nothing was made.")
    raise code.error(
        words,
        code=code.code,
        http_status=code.http_status,
        cause=code.cause,
        fix=code.fix,
        billed=code.billed,
    )


def resume(session: Session, row: Row, *, send: bool) -> Flow[Row]:
    """Bring a row that no living process holds to a certain state; see `Tasks.resume`.

    A request that was never sent, or certainly not accepted, is sent only with `send`, within the
    limits that hold now.

    Raises what `submit` raises, and `NotReplayable`; the row then stays as it is known to be.
    """
    ledger: Ledger = yield Call(session.ledger)
    endpoint = _endpoint(row)
    attempt = Attempt(session, ledger, endpoint, JSONBody({}), row.id, row.external_task_id)
    attempt.source_video = row.parent_output_id
    found = yield from _rejoin(attempt, row, may_send=False)
    if not send or found.state not in IN_LINE:
        return found
    from kling_core.ledger.recording import replay

    request = endpoint.request(**replay(row))
    attempt, _ = begin(session, ledger, request, request.require(), row.project, row=row)
    attempt.budget = within(session, request)
    return (yield from _rejoin(attempt, found))


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
        with _held(ledger, row.id):
            held: Row | None = yield Call(partial(ledger.take, row.id, lease=attempt.lease))
        if held is not None:
            break
        yield Sleep(attempt.session.pace.poll_floor)
        row = yield Call(partial(ledger.row, row.id))
    with _held(ledger, row.id):
        if held.state not in IN_LINE:
            found = yield from _guarded(attempt)
            if found is not None:
                return found
            attempt.ours = True  # it was sent before: who has this id now is this request
        if not may_send:
            yield Call(partial(ledger.unsent, row.id, "never sent"))
            return (yield Call(partial(ledger.row, row.id)))
    return (yield from _carry(attempt))


@contextmanager
def _held(ledger: Ledger, row_id: str) -> Generator[None]:
    """A row that this process may hold in line: whatever ends the stretch early lets go of it.

    Else it would stand at the head of the line for as long as this process lives.
    """
    try:
        yield
    except BaseException:
        with suppress(KlingError):
            ledger.release(row_id)
        raise


def _guarded(attempt: Attempt) -> Flow[Row | None]:
    yield Guard(True)
    try:
        found = yield from _settle(attempt)
    except Exception:  # the flow may go on with something else
        yield Guard(False)
        raise
    yield Guard(False)
    return found


def _settle(attempt: Attempt) -> Flow[Row | None]:
    """Find out what became of a row that was being sent: its task, or None when there is none."""
    error = errors.ConnectionFailed("the process that sent it has ended", billed="unknown")
    attempt.out = True
    try:
        data = yield from doubt.find(attempt, error)
    except KlingError as trouble:
        told = yield from noting.failed(attempt, trouble)
        raise told from told.__cause__
    attempt.out = False
    if data is not None:
        return (yield from noting.accepted(attempt, data))
    yield Call(
        partial(attempt.ledger.unsent, attempt.id, "asked twice, Kling knows of no such task")
    )
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
            told = yield from noting.failed(attempt, error)
            yield Guard(False)
            raise told from told.__cause__
        except BaseException as interruption:  # no guard can hold everything
            noting.interrupted(attempt, interruption, sending=sending)
            raise
        else:
            if data is not None:
                row = yield from noting.accepted(attempt, data)
                yield Guard(False)
                return row
        finally:
            if attempt.external_task_id is None:
                with suppress(KlingError):  # it ends by itself; a task may be made by now
                    ledger.resign(attempt.turn, attempt.id)


def _wait_for_slot(attempt: Attempt) -> Flow[bool]:
    """Stand in line until the row is `submitting`; False when somebody else has taken it over.

    The first in line also watch the running tasks, and settle what dead processes left behind.
    """
    session, ledger = attempt.session, attempt.ledger
    slots, budget = session.settings.slots, attempt.budget
    admit = partial(ledger.admit, attempt.id, limit=slots, lease=attempt.lease, budget=budget)
    ask = partial(noting.before_sending, admit)
    watches: dict[str, Watch] = {}
    try:
        yield Guard(False)  # what was out before this is written down
        if attempt.pause is not None:
            yield Tell(attempt.listener, attempt.pause)
            yield Sleep(attempt.pause.seconds)
            attempt.pause = None
        place: Place = yield from ask()
        while not (place.admitted or place.lost):
            yield Tell(attempt.listener, Waiting(place.ahead, place.busy, place.limit))
            yield Sleep(session.pace.line_tick)
            line = session.line(attempt.endpoint.product)
            if place.ahead < WATCHING:
                yield from _tend(attempt, watches, line)
            yield from line.look()
            seen = line.place(attempt.id)
            place = seen if seen and not seen.admitted else (yield from ask())
        return place.admitted
    except BaseException as end:  # nothing has left yet: the slot is free again, and so is the line
        why = end.message if isinstance(end, BudgetExceeded) else "interrupted before it was sent"
        with suppress(KlingError):
            ledger.unsent(attempt.id, why)
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
        attempt.out = True
        reply = yield session.request("POST", session.path(attempt.endpoint), body=attempt.body)
        verdict = calls.judge(reply)
        attempt.out = verdict.error is None or verdict.error.billed != "no"
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
        attempt.out = False  # to be sent again, so nothing was made


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
        if attempt.connects >= CONNECT_ATTEMPTS or reply.fix:  # it will not pass by itself
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

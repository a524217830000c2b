"""The create call, which never loses and never pays twice.

The request is written into the ledger, with its id and the hashes of its media, before the first
byte leaves. What happens then:

    no connection was made             send again with backoff, same id
    1003, 1004                         re-sign, once
    1303                               not accepted: back in line, same id, the limit is learned;
                                       raised when it comes again and again though nothing of
                                       ours runs
    1302, 429 without a code           not accepted: back in line, but not for ever
    other 4xx codes                    rejected, raised, not billed
    answer lost, 5xx, HTML, bad JSON,  look the task up; found: it is ours; "not found" twice,
    a code of no known class           seconds apart: send again, same id, some times; else unknown
    "External_task_id already exists"  it is ours

Endpoints that take no external id (lip-sync) compare the account's list before and after; when
that cannot decide, the outcome is unknown and nothing is sent again. What answers at once
(`Endpoint.call`) is kept nowhere: its answer is the result, and a lost one stays unknown.

Only a refusal, or a connection that was never made, proves that nothing was made, and only by that
one POST. After any other, "not found" is a hint until `Row.doubt_until`: the row is `unknown`,
holds its slot, counts in budgets, and is looked up by whoever resumes, waits in line or creates
next.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager, suppress
from decimal import Decimal
from functools import partial
from typing import Any

from kling_core import errors
from kling_core.declare import registry
from kling_core.declare.endpoint import Request
from kling_core.editions.task_facts import TaskFacts
from kling_core.errors import BudgetExceeded, KlingError, SubmitOutcomeUnknown
from kling_core.flows import line as lines
from kling_core.flows import outcome, read, recorded_request
from kling_core.flows import resolve as doubt
from kling_core.flows import watch as watching
from kling_core.flows.attempt import Attempt, begin
from kling_core.flows.known_rows import is_known, require_known
from kling_core.flows.limits import fits, too_heavy, within
from kling_core.flows.line import Line, Waiting
from kling_core.flows.read import READ_ATTEMPTS
from kling_core.flows.session import Session
from kling_core.flows.watch import Watch
from kling_core.ledger.database import LONGEST
from kling_core.ledger.ledger import Ledger
from kling_core.ledger.records import ENDED, IN_LINE, RUNNING, Place, Queue, Row
from kling_core.media.item import Unreadable
from kling_core.wire import error_codes
from kling_core.wire.body import JSONBody
from kling_core.wire.effects import Call, Flow, Guard, MayBegin, NoReply, Reply, Sleep, Tell

CONNECT_ATTEMPTS = 4
"""How often we try to connect before giving up; nothing was sent in any of them."""

GATEWAY = 20
"""How often a create is sent while 1302, or a gateway's 429, turns it away; some five minutes."""

EMPTY = 6
"""How often Kling may say 1303 while nothing of ours holds a slot, before whoever waits is told;

and for how many times `Pace.recheck`, at one slot and at more: a request of several slots may be
larger than the account, and others wait behind it."""

EMPTY_LIGHT, EMPTY_HEAVY = 300.0, 60.0

WATCHING = 3
"""How many of the first in line take part in the watching."""


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

    `dedupe` in seconds: an identical request that has not ended, or that succeeded within them, is
    taken for this one. Requests of different `take` are not identical. `row_id` is the id of a new
    row, made up when there is none.

    Raises `InvalidRequest`, `BudgetExceeded`, `LedgerError`, `Interrupted` when nothing was sent,
    the API's errors, or `SubmitOutcomeUnknown`.
    """
    yield MayBegin()
    check = request.require()
    ledger: Ledger = yield from outcome.before_sending(session.ledger)
    yield from _look_again(session, ledger, request.endpoint.pool)
    project = project or session.settings.project
    attempt, entry = begin(session, ledger, request, check, project, take=take, row_id=row_id)
    attempt.listener = on_update
    attempt.budget = budget = within(session, request, max_cost)
    yield from outcome.before_sending(partial(fits, session, request))
    prepare = partial(ledger.prepare, entry, lease=attempt.lease, budget=budget, dedupe=dedupe)
    with _held(ledger, entry.id):
        row, new = yield from outcome.before_sending(prepare)
    if row.id != entry.id:  # a twin; whoever made it may have died before it was sent
        attempt, _ = begin(session, ledger, request, check, row.project, row=row, take=take)
        attempt.listener, attempt.budget = on_update, budget
    elif new:
        return not_refused((yield from _carry(attempt)))
    elif row.digest != entry.digest:
        raise errors.DuplicateExternalId(
            f"external_task_id {row.id} is that of another request",
            task_id=row.task_id,
            fix="Choose another external_task_id, or leave it out.",
        )
    return not_refused((yield from _rejoin(attempt, row)))


def not_refused(row: Row) -> Row:
    """The row of a task; raises the refusal that came to whoever sent it."""
    if row.state != "rejected":
        return row
    number, _, words = row.error.partition(" ")
    code = error_codes.explain(int(number)) if number.isdecimal() else None
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


def resume(session: Session, row: Row, *, send: bool, reads: int = READ_ATTEMPTS) -> Flow[Row]:
    """Bring a row that no living process holds to a certain state; see `Tasks.resume`.

    A request that was never sent, or certainly not accepted, is sent only with `send`, within the
    limits that hold now; so is one in doubt that has an id of ours, which cannot be made twice.
    `reads` is how often a look-up is tried.

    Raises what `submit` raises, `NotReplayable`, and `NotKnownHere` for a row of an endpoint that
    this version does not know; the row then stays as it is known to be.
    """
    require_known(row)
    ledger: Ledger = yield Call(session.ledger)
    way = read.way_of(session, row)
    attempt = Attempt(session, ledger, way, JSONBody({}), row.id, row.external_task_id)
    attempt.source_video, attempt.reads = row.parent_output_id, reads
    given: Mapping[str, Any] = row.request.get("fields") or {}
    attempt.source_url = recorded_request.url_of(given.get("video_url"))
    try:
        found = yield from _rejoin(attempt, row, may_send=False)
    except SubmitOutcomeUnknown as open_still:
        unasked = isinstance(open_still.__cause__, KlingError)
        if not send or unasked or not attempt.resendable:
            raise
        found = yield Call(partial(ledger.row, row.id))
    else:
        if not send or found.state not in IN_LINE:
            return found
    request = way.endpoint.request(**recorded_request.replay(row))
    attempt, _ = begin(session, ledger, request, request.require(), row.project, row=row)
    attempt.budget = within(session, request)
    return (yield from _rejoin(attempt, found))


LOOKED_AT = 5
"""How many rows in doubt are looked up on the way of another request, at most."""


def _look_again(session: Session, ledger: Ledger, product: str) -> Flow[None]:
    """Look up what is in doubt, now and then; no trouble with it is this request's."""
    idle = 10 * session.pace.recheck
    if not lines.of(session, product).doubts(idle):
        return
    look = partial(ledger.orphans, product, idle=idle)
    left: list[Row] = yield from outcome.before_sending(look)
    # Of an answer that was lost no look tells more.
    left = [r for r in left if is_known(r) and registry.load(r.endpoint).has_tasks]
    for row in sorted(left, key=lambda row: row.updated_at)[:LOOKED_AT]:
        try:
            yield from resume(session, row, send=False, reads=1)
        except KlingError as trouble:
            if isinstance(trouble.__cause__, KlingError):  # Kling cannot be asked now
                return


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
    attempt.ours = attempt.ours or held.tries > 0  # sent before: who has this id is this request
    attempt.said = held.accepted
    with _held(ledger, row.id):
        again = may_send and attempt.resendable  # whose id nobody can have twice
        if held.unsettled or (held.tries and not again):
            found = yield from _guarded(attempt, held, again=again)
            if found is not None:
                return found
        if not may_send:
            if held.tries:  # why it was not accepted is written down
                yield Call(partial(ledger.release, row.id))
            else:
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


def _guarded(attempt: Attempt, row: Row, *, again: bool) -> Flow[Row | None]:
    yield Guard(True)
    try:
        found = yield from _settle(attempt, row, again=again)
    except Exception:  # the flow may go on with something else
        yield Guard(False)
        raise
    yield Guard(False)
    return found


def _settle(attempt: Attempt, row: Row, *, again: bool) -> Flow[Row | None]:
    """Find out what became of a row that was sent: its task, or None when it may be sent.

    With `again` that is also a row in doubt whose id nobody can have twice.
    """
    ledger = attempt.ledger
    if attempt.find.by == "list":
        listed: frozenset[str] | None = yield Call(partial(ledger.remembered, row.id))
        if listed is None or (row.doubt_until is None and not row.unsettled):
            # It ended before the list was read, so before the POST; or the POST was refused.
            yield Call(
                partial(ledger.never_accepted, row.id, row.error or "it ended before it was sent")
            )
            return None
    error = errors.ConnectionFailed("whoever sent it heard no answer", billed="unknown")
    attempt.until = until = doubt.believed(attempt, row)
    attempt.out, certain = row.unsettled, ledger.now() >= until
    try:
        facts = yield from doubt.find(attempt, error, looks=1, certain=certain)
        certain = certain and attempt.provable
        if facts is None and not certain and not again:
            raise doubt.unknown(
                attempt, error, errors.TaskNotFound("Kling shows no task of it yet")
            )
    except KlingError as trouble:
        if row.unsettled or not certain:
            return (yield from _in_doubt(attempt, trouble))
        if row.doubt_until is None:  # its POST was refused, which no look-up has to prove
            return None
        raise
    if facts is not None:
        return (yield from outcome.accepted(attempt, facts))
    attempt.out = not certain
    if certain and (row.unsettled or row.doubt_until is not None):
        why = "never accepted: Kling knows of no such task"
        yield Call(partial(ledger.never_accepted, row.id, why))
    return None


def _in_doubt(attempt: Attempt, error: KlingError | Unreadable) -> Flow[Row]:
    """Note how a create ended without a task, and raise that.

    Who was suspended for long finds the row in other hands: a task that they have found is ours.
    """
    told = yield from outcome.failed(attempt, error)
    if isinstance(told, SubmitOutcomeUnknown):
        with suppress(KlingError):
            row: Row = yield Call(partial(attempt.ledger.row, attempt.id))
            if row.task_id is not None and row.state in (*RUNNING, *ENDED):
                return row
    raise told from told.__cause__


def _carry(attempt: Attempt) -> Flow[Row]:
    """From a row that may be sent to a task, or to an error that is written down."""
    ledger = attempt.ledger
    while True:
        fresh = not attempt.out  # else it holds a slot and counts already
        if fresh and not (yield from _wait_for_slot(attempt)):
            return (yield from _rejoin(attempt, (yield Call(partial(ledger.row, attempt.id)))))
        try:
            if attempt.find.by == "list":
                yield from _one_at_a_time(attempt)
            yield Guard(True)
            facts = yield from _deliver(attempt, fresh=fresh)
        except (KlingError, Unreadable) as error:
            row = yield from _in_doubt(attempt, error)
            yield Guard(False)
            return row
        except BaseException as interruption:  # no guard can hold everything
            outcome.interrupted(attempt, interruption)
            raise
        else:
            if facts is not None:
                row = yield from outcome.accepted(attempt, facts)
                yield Guard(False)
                return row
            if attempt.out:  # somebody else has it now
                yield Guard(False)
                return (yield from _rejoin(attempt, (yield Call(partial(ledger.row, attempt.id)))))
        finally:
            if attempt.find.by == "list":
                with suppress(KlingError):  # it ends by itself; a task may be made by now
                    ledger.resign(attempt.turn, attempt.id)


def _wait_for_slot(attempt: Attempt) -> Flow[bool]:
    """Stand in line until the row is `submitting`; False when somebody else has taken it over.

    The first in line also watch the running tasks, and settle what dead processes left behind.
    """
    session, ledger = attempt.session, attempt.ledger
    slots, budget = session.settings.slots, attempt.budget
    lasting: dict[str, Any] = {"lease": attempt.lease, "settling": session.pace.settling}
    # A setting may have changed since the row was written down: what counts is where it goes.
    sent_by = {"edition": attempt.way.edition.name, "route": attempt.way.path}
    admit = partial(ledger.admit, attempt.id, limit=slots, budget=budget, **lasting, **sent_by)
    ask = partial(outcome.before_sending, admit)
    watches: dict[str, Watch] = {}
    try:
        yield Guard(False)  # what was out before this is written down
        if attempt.pause is not None:
            yield Tell(attempt.listener, attempt.pause)
            yield Sleep(attempt.pause.seconds)
            attempt.pause = None
        place: Place = yield from ask()
        while not (place.admitted or place.lost):
            yield MayBegin()
            _possible(attempt, place)
            yield Tell(
                attempt.listener,
                Waiting(place.ahead, place.busy, place.limit, doubtful=place.doubtful),
            )
            yield Sleep(session.pace.line_tick)
            line = lines.of(session, attempt.endpoint.pool)
            if place.ahead < WATCHING:
                yield from _tend(attempt, watches, line)
            yield from line.look()
            seen = line.place(attempt.id)
            blocked = seen is not None and not (seen.admitted or seen.hopeless)
            place = seen if seen is not None and blocked else (yield from ask())
        return place.admitted
    except BaseException as end:  # nothing has left yet: the slot is free again, and so is the line
        refused = isinstance(end, (BudgetExceeded, errors.InvalidRequest))
        why = end.message if refused else "interrupted before it was sent"
        with suppress(KlingError):
            ledger.unsent(attempt.id, why)
        raise
    finally:
        for watch in watches.values():
            watch.leave(attempt.id)


def _possible(attempt: Attempt, place: Place) -> None:
    """Raise for a request that needs more slots than there are; it would wait for ever."""
    if place.hopeless and place.limit is not None:
        raise too_heavy(attempt.session, attempt.endpoint, place.needs, place.limit)


def _tend(attempt: Attempt, watches: dict[str, Watch], line: Line) -> Flow[None]:
    """Bring what holds the slots up to date; trouble with it is not the trouble of this create."""
    session, ledger = attempt.session, attempt.ledger
    product = attempt.endpoint.pool
    if not line.tend():
        return
    names: list[str] = yield Call(partial(ledger.busy_endpoints, product))
    for name in names:
        if name not in registry.names():  # whoever knows it must be able to lead
            continue
        if name not in watches:
            watches[name] = watching.of(session, name)
            watches[name].join(attempt.id)
        with suppress(KlingError):
            if (yield from watches[name].step()):
                yield from line.look(now=True)
    yield from _look_again(session, ledger, product)


def _deliver(attempt: Attempt, *, fresh: bool) -> Flow[TaskFacts | None]:
    """Send until Kling has said something: the task, or None when the row is not to be sent now.

    `fresh`: it was admitted a moment ago.
    """
    session, settling = attempt.session, attempt.session.pace.settling
    fresh = fresh and attempt.find.by != "list"  # else the list was read since
    lasting: dict[str, Any] = {"lease": attempt.lease, "settling": settling}
    while True:
        yield MayBegin()
        if not fresh:
            ours: bool = yield Call(partial(attempt.ledger.beat, attempt.id, **lasting))
            if not ours:  # we were silent for so long that somebody else took it over
                return None
        fresh = False
        earlier, attempt.out = attempt.out, True
        try:
            reply = yield session.request("POST", attempt.way.path, body=attempt.body)
        except (errors.ConfigError, Unreadable):  # this one never got out whole
            attempt.out = earlier
            raise
        verdict = read.judge(reply)
        refused = verdict.error is not None and verdict.error.billed == "no"
        attempt.out = earlier or not refused
        if not refused:
            attempt.until = attempt.ledger.now() + settling
        if verdict.envelope is not None:
            facts = attempt.read(verdict.envelope)
            error = yield from _doubted(attempt, facts, verdict.envelope)
            if error is None:
                return facts
        else:
            assert verdict.error is not None
            error = verdict.error
        if verdict.retry == "backoff" and not attempt.out:
            yield from _back_in_line(attempt, reply, error)
            return None
        found = yield from _go_on(attempt, reply, error, verdict.retry)
        if found is not None:
            return found


def _doubted(
    attempt: Attempt, facts: TaskFacts, envelope: Mapping[str, Any]
) -> Flow[KlingError | None]:
    """Why an acceptance decides nothing; one that names no task is remembered at once."""
    if not attempt.decides(facts):
        attempt.said = facts.raw or envelope
        yield Call(partial(attempt.ledger.took, attempt.id, attempt.said))
    return doubt.doubted(attempt, facts)


def _go_on(
    attempt: Attempt, reply: Reply | NoReply, error: KlingError, retry: error_codes.Retry
) -> Flow[TaskFacts | None]:
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
        attempt.resigned = read.renew(attempt.session, reply)
        if attempt.resigned:
            return None
    if attempt.out:
        return (yield from doubt.resolve(attempt, error))
    raise error


def _back_in_line(attempt: Attempt, reply: Reply | NoReply, error: KlingError) -> Flow[None]:
    """1302 and 1303: not accepted. The row gives its slot back and waits."""
    full = isinstance(error, errors.ConcurrencyLimit)
    attempt.turned_away += not full
    if attempt.turned_away >= GATEWAY:
        raise error
    pause = attempt.session.backoff(min(attempt.waits, 4), read.retry_after(reply))
    attempt.waits += 1
    others: int = yield Call(
        partial(
            attempt.ledger.back_in_line,
            attempt.id,
            lease=attempt.lease + pause,
            learn=full and attempt.weight > 0,
        )
    )
    if full:
        _someone_elses(attempt, error, others)
    queue: Queue = yield Call(partial(attempt.ledger.queue, attempt.endpoint.pool))
    places = queue.places(attempt.session.settings.slots)
    place = places.get(attempt.id, Place(admitted=False, busy=queue.busy))
    attempt.pause = Waiting(
        place.ahead, place.busy, place.limit, pause, error.message, place.doubtful
    )


def _someone_elses(attempt: Attempt, error: KlingError, others: int) -> None:
    """Raise a 1303 that nothing of ours is the reason of, when it has come often enough."""
    now = attempt.session.clock.monotonic()
    if others:
        attempt.empty = 0
        return
    if not attempt.empty:
        attempt.empty_since = now
    attempt.empty += 1
    patience = EMPTY_HEAVY if attempt.weight > 1 else EMPTY_LIGHT
    span = now - attempt.empty_since
    if attempt.empty < EMPTY or span < patience * attempt.session.pace.recheck:
        return
    error.cause = (
        "Nothing that this ledger knows of holds a slot: another program, key or ledger uses the "
        "account"
    )
    error.fix = "Nothing was made and nothing is paid: try again when the account is free."
    if attempt.weight > 1:
        error.cause += f", or it has fewer than the {attempt.weight} slots that this needs"
        error.fix += f" Or ask for fewer at once ({attempt.endpoint.weight})."
    error.cause += "."
    raise error


def _one_at_a_time(attempt: Attempt) -> Flow[None]:
    """Creates without an id of ours go one by one, so that a new task in the list is this one's."""
    take = partial(
        attempt.ledger.lead, attempt.turn, attempt.id, seconds=attempt.lease, longest=LONGEST
    )
    while not (yield Call(take)):
        yield Sleep(attempt.session.pace.line_tick)
    yield from doubt.read_list(attempt)  # again after 1303: others may have made tasks meanwhile

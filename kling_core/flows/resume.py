"""After a crash: settling what was left open, following it, and fetching what is not on disk."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar

from kling_core.caller_warnings import notify
from kling_core.declare import registry
from kling_core.editions.base import FIRST
from kling_core.errors import AuthError, ConnectionFailed, DownloadError, KlingError, NotFound
from kling_core.flows import adopt, late_costs, read, submit
from kling_core.flows.known_rows import is_known, refusal, require_known
from kling_core.flows.read import Way
from kling_core.flows.session import Session
from kling_core.flows.task_state import RETENTION
from kling_core.ledger.ledger import Ledger
from kling_core.ledger.records import RUNNING, Kept, Row
from kling_core.wire.effects import Call, Flow, Tell

T = TypeVar("T")

LISTED = RETENTION + timedelta(days=1)
"""Beyond this age of a row Kling has nothing; its days count from when the task was made, later."""

OPEN = ("prepared", "waiting", "submitting", "unknown")
"""States that a process leaves behind when it ends too early."""


@dataclass(slots=True)
class Settled:
    """What became of the rows that were left open.

    `running` are at work at Kling, `unsaved` are finished and have an output that was never saved,
    `unsent` were never accepted (send them again with `resume(send=True)`), `held` are in the hands
    of another process. `doubtful` could not be decided now, or not be sent (a limit, a file that is
    gone), each with the reason: of a lost answer a `SubmitOutcomeUnknown`, which says when it is
    certain. Until then it counts as made, and each `resume` looks again. Of an endpoint that this
    version does not know the reason is a `NotKnownHere`, whatever the state of the row.
    """

    running: list[Row] = field(default_factory=list[Row])
    unsaved: list[Row] = field(default_factory=list[Row])
    unsent: list[Row] = field(default_factory=list[Row])
    held: list[Row] = field(default_factory=list[Row])
    doubtful: list[tuple[Row, KlingError]] = field(default_factory=list[tuple[Row, KlingError]])


def settle(
    session: Session,
    *,
    send: bool,
    patient: bool = False,
    listener: Callable[[Any], Any] | None = None,
) -> Flow[Settled]:
    """Bring every row that no living process holds to a certain state.

    Whether a process that was sending has ended shows when its lease does: `patient` waits for
    that. The listener is told such a row before, and every row when it is settled.
    """
    ledger: Ledger = yield Call(session.ledger)
    left: list[Row] = yield Call(partial(ledger.rows, states=OPEN))
    settled = Settled()
    for row in reversed(left):
        if not ledger.orphaned(row):
            if not patient or row.state != "submitting":
                settled.held.append(row)
                continue
            yield Tell(listener, row)
        try:
            # What was given up is still looked up, and never sent by the way.
            wanted = row.given_up_at is None
            now = yield from submit.resume(session, row, send=send and wanted)
        except KlingError as error:
            if row.given_up_at is not None:
                continue
            open_still: Row = yield Call(partial(ledger.row, row.id))
            settled.doubtful.append((open_still, error))
            yield Tell(listener, error)
            continue
        if now.state in OPEN:
            settled.unsent.append(now)
        yield Tell(listener, now)
    yield from late_costs.ask(session)
    running: list[Row] = yield Call(partial(ledger.rows, states=RUNNING))
    settled.running = [row for row in running if row.given_up_at is None]
    settled.unsaved = yield Call(partial(unsaved, ledger))
    _set_aside(settled)
    return settled


def _set_aside(settled: Settled) -> None:
    """Name what this version cannot go on with, so that nobody waits for it."""
    for rows in (settled.running, settled.unsaved):
        for row in [row for row in rows if not is_known(row)]:
            rows.remove(row)
            settled.doubtful.append((row, refusal(row)))


def unsaved(ledger: Ledger) -> list[Row]:
    """Finished tasks with an output that is not on disk, or that Kling has not named yet.

    Those that Kling still has, newest first. A file of another size than the one that was saved is
    not that output any more.
    """
    since = ledger.now() - RETENTION.total_seconds()
    lost = {kept.task for kept in ledger.finished(since) if not kept.on_disk}
    rows = ledger.these(lost) + ledger.unnamed(since)
    return sorted(rows, key=lambda row: row.created_at, reverse=True)


def _warn(error: KlingError) -> None:
    notify(str(error))


def collect(
    session: Session, unread: Callable[[KlingError], object] = _warn, *, pages: int = 1000
) -> Flow[int]:
    """Read the account's lists of all endpoints into the ledger; returns how many were new.

    Tasks that were made elsewhere are taken in; the state of known ones is brought up to date.
    A list that cannot be read keeps no other from being read: `unread` is told its error, and
    warns when nobody else is named.
    """
    ledger: Ledger = yield Call(session.ledger)
    new = 0
    ways = [read.way(session, endpoint) for endpoint in registry.endpoints() if endpoint.has_tasks]
    accounts = [way for way in ways if way.edition.lists_account]
    for way in [*(way for way in ways if way not in accounts), *accounts[:1]]:
        of = accounts if way in accounts else [way]
        try:
            new += yield from _read_in(session, ledger, way, of, pages)
        except NotFound:  # an endpoint that this account or host does not have
            continue
        except KlingError as error:
            error.message = f"Kling's list of {way.endpoint.command}: {error.message}"
            unread(error)
            if isinstance(error, (AuthError, ConnectionFailed)):  # so would all others
                break
    return new


def _read_in(
    session: Session, ledger: Ledger, way: Way, of: Sequence[Way], pages: int
) -> Flow[int]:
    """Read a list, which is `of` these endpoints, into the ledger; returns how many were new."""
    new, place = 0, FIRST
    for _ in range(pages):
        page = yield from read.listing(session, way, place, way.edition.page_size)
        named = [facts for facts in page.tasks if facts.task_id]
        if not way.edition.lists_account:  # that of an account does not say what made a task
            for facts in named:
                new += yield Call(partial(adopt.adopt, ledger, way, facts))
        for one in of:
            yield Call(partial(ledger.observe, one.endpoint.name, named))
        if page.following is None:
            break
        place = page.following
    return new


def missing(ledger: Ledger) -> Iterator[tuple[Row, Kept]]:
    """The finished outputs that Kling may have and that are not on disk, or not whole.

    Oldest first. Read while they are asked for, so that there may be any number.
    """
    row: Row | None = None
    for kept in ledger.finished(ledger.now() - LISTED.total_seconds()):
        if kept.on_disk:
            continue
        if row is None or row.id != kept.task:
            row = ledger.row(kept.task)
        yield row, kept


def named(row: Row, files: Sequence[T], kept: Kept) -> T:
    """The one of a row's files that `kept` is about.

    Raises `DownloadError` when Kling, which purges results, does not name it any more, and
    `NotKnownHere` for a row of an endpoint that this version does not know.
    """
    require_known(row)
    if kept.number < len(files):
        return files[kept.number]
    raise DownloadError(
        f"output {kept.number + 1} is no longer at Kling",
        retryable=False,
        fix="Kling keeps results for 30 days.",
    )

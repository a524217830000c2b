"""Fetching every finished output that is not on disk, whoever made it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from kling_core.advice import Advice, Text
from kling_core.caller_warnings import notify
from kling_core.declare import registry
from kling_core.editions.base import FIRST
from kling_core.errors import AuthError, ConnectionFailed, DownloadError, KlingError, NotFound
from kling_core.flows import adopt, download, read
from kling_core.flows.known_rows import require_known
from kling_core.flows.read import Way
from kling_core.flows.runner import Maker
from kling_core.flows.session import Session
from kling_core.flows.task_state import RETENTION, Output, TaskState
from kling_core.ledger.ledger import Ledger
from kling_core.ledger.records import Kept, Row
from kling_core.wire.effects import Call, Flow, Tell

LISTED = RETENTION + timedelta(days=1)
"""Beyond this age of a row Kling has nothing; its days count from when the task was made, later."""


@dataclass(frozen=True, slots=True)
class Found:
    """One thing that a rescue came upon, as its listener is told it.

    A file that came has its `path`, anything else its `error`: a list that cannot be read, which
    has no `row_id`, or an output that cannot be had, which Kling has `purged` or not.
    """

    row_id: str = ""
    path: Path | None = None
    error: KlingError | None = None
    purged: bool = False


@dataclass(frozen=True, slots=True)
class Rescue:
    """What came of it: `new` tasks that the ledger did not know, and everything it came upon.

    `older` counts the outputs that were purged so long ago that nobody looks at them.
    """

    new: int = 0
    older: int = 0
    found: tuple[Found, ...] = ()

    @property
    def fetched(self) -> list[tuple[str, Path]]:
        """Our id of the task and the file, of each that came."""
        return [(one.row_id, one.path) for one in self.found if one.path is not None]

    @property
    def errors(self) -> list[KlingError]:
        """Why a list or an output could not be had, but for what Kling has purged."""
        return [one.error for one in self.found if one.error is not None and not one.purged]

    @property
    def purged(self) -> int:
        """How many outputs Kling has no more."""
        return self.older + sum(one.purged for one in self.found)


Place = str | os.PathLike[str] | None


def rescue(
    client: Maker[TaskState], out: Place = None, listener: Callable[[Any], Any] | None = None
) -> Flow[Rescue]:
    """Join Kling's lists with the ledger and fetch what is missing, into `out` if there is one.

    The listener is told the `Rescue` when the lists are read, then each `Found`, the errors of the
    lists first.
    """
    unread: list[KlingError] = []
    new = yield from collect(client.session, unread.append)
    yield Tell(listener, Rescue(new))
    lists = [Found(error=error) for error in unread]
    for found in lists:
        yield Tell(listener, found)
    older, outputs = yield from fetch_missing(client, out, listener)
    return Rescue(new, older, (*lists, *outputs))


def rescue_warning(client: Maker[TaskState], out: Place) -> Flow[list[Path]]:
    """Rescue, see `Tasks.rescue`: the paths, and a warning of each thing that cannot be had."""

    def warn(news: Any) -> None:
        error = getattr(news, "error", None)
        if error is not None:
            notify(f"task {error.task_id}: {error}" if error.task_id else error.told)

    done = yield from rescue(client, out, warn)
    return [path for _, path in done.fetched]


def fetch_missing(
    client: Maker[TaskState], out: Place = None, listener: Callable[[Any], Any] | None = None
) -> Flow[tuple[int, list[Found]]]:
    """Fetch what the ledger knows and the disk does not have; asks nothing about what is purged.

    Returns how many were purged long ago, and the others one by one, as the listener is told them.
    """
    ledger: Ledger = yield Call(client.session.ledger)
    long_ago = ledger.now() - LISTED.total_seconds()
    older: int = yield Call(partial(ledger.count_unsaved, long_ago))
    left, found = missing(ledger), list[Found]()
    while True:
        one: tuple[Row, Kept] | None = yield Call(partial(next, left, None))
        if one is None:
            return older, found
        row, kept = one
        found.append((yield from _fetched(client, row, kept, out)))
        yield Tell(listener, found[-1])


def _fetched(client: Maker[TaskState], row: Row, kept: Kept, out: Place) -> Flow[Found]:
    try:
        require_known(row)
        output = _named(adopt.task_of(client, row), kept)
        if output is None or output.expired:
            return Found(row.id, error=_purged(row, kept), purged=True)
        return Found(row.id, (yield from download.download(output, out)))
    except KlingError as error:  # the others are still to be had
        error.task_id = error.task_id or row.task_id
        return Found(row.id, error=error)


def _named(task: TaskState, kept: Kept) -> Output | None:
    """The output that was kept, None when Kling, which purges results, names it no more."""
    return task.outputs[kept.number] if kept.number < len(task.outputs) else None


def _purged(row: Row, kept: Kept) -> DownloadError:
    return DownloadError(
        f"output {kept.number + 1} is no longer at Kling",
        retryable=False,
        fix="Kling keeps results for 30 days.",
        task_id=row.task_id,
    )


def _warn(error: KlingError) -> None:
    notify(error.told)


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
            named = Advice("endpoint", endpoint=way.endpoint.name)
            error.message = Text("Kling's list of ", named, ": ", error.message)
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

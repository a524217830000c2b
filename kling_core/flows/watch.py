"""Following all running tasks of an account at once: one watcher, few requests.

Whoever waits takes part: in each process one of the waiting looks at the ledger for all of them,
and of all processes one holds the lease row of the endpoint and asks Kling. As long as one or two
questions are enough it asks by ids, of which the edition says how many a question takes; else it
reads list pages, which carry up to 500 tasks a request. Kling promises no order of its lists, so
tasks that a page does not show are looked for on the following pages in the following rounds.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial

from kling_core import errors
from kling_core.declare import registry
from kling_core.editions.base import FIRST
from kling_core.editions.task_facts import TaskFacts
from kling_core.flows import read
from kling_core.flows.read import Way
from kling_core.flows.session import Pace, Session
from kling_core.flows.task_state import RETENTION
from kling_core.ledger.ledger import Ledger
from kling_core.ledger.progress import Version
from kling_core.ledger.records import HOLDS, Look, Seen
from kling_core.wire.effects import Call, Flow

__all__ = ["Running", "Watch", "of", "rest"]

SINGLE = 3
"""From this many questions by ids on, list pages are cheaper."""

HISTORY = 60.0
"""Seconds for which what earlier tasks took is not read again."""

LEAD = 10.0
"""Ticks of the line for which a lead is held without being renewed."""

LONGEST_LEAD = 60.0
"""Seconds for which nobody leads without renewing it: a lead until later is a wrong clock's."""

ASTRAY = 300.0
"""Seconds between two questions for a task that Kling has not found for so long that its slot is
free again: it may come back, but the others must not wait for it."""

PATIENCE = 20.0
"""Times `Pace.recheck` for which Kling may not find a task before whoever waits is told."""

KEPT = RETENTION - timedelta(days=1)
"""Below this age Kling purges nothing: a task that it does not find is not visible to us."""

EARLY = 0.6
"""Before this share of the shortest time that its like ever took, a task is left alone."""

LATE = 1.2
"""After this multiple of the longest time, a task is overdue and asked for less often."""


@dataclass(frozen=True, slots=True)
class Running:
    """One running task: its age, and the shortest and longest time of its like; in seconds.

    `edition` and `route` are those by which its create was sent.
    """

    row_id: str
    task_id: str
    age: float
    span: tuple[float, float] | None = None
    edition: str = ""
    route: str = ""


@dataclass(slots=True)
class _List:
    """Where the reading of a list goes on, and what it should have shown: that is asked for."""

    place: str = FIRST
    lost: Sequence[Running] = ()


class Watch:
    """The watching of one endpoint in this process, shared by all of its flows that wait."""

    def __init__(self, session: Session, ledger: Ledger, endpoint: str) -> None:
        self.session = session
        self.ledger = ledger
        self.endpoint = endpoint
        self.leads = False
        self._lease = f"watch {endpoint}"
        self._looking = threading.Lock()
        self._coming = threading.Lock()
        self._waiting: dict[str, int] = {}
        self._known: dict[str, Version] = {}
        self._looked = -math.inf
        self._asked = -math.inf
        self._mark = ""  # the last nudge that we have asked for
        self._learned = -math.inf
        self._spans: dict[tuple[str, str | None], tuple[float, float]] = {}
        self._lists: dict[Way, _List] = {}
        self._gone: dict[str, float] = {}  # since when Kling has not found a row's task
        self._astray: dict[str, float] = {}  # when one that went astray was last asked for

    # --- who waits -------------------------------------------------------------------------

    def join(self, row_id: str) -> None:
        """From now on the state of this row is looked at."""
        with self._coming:
            self._waiting[row_id] = self._waiting.get(row_id, 0) + 1

    def leave(self, row_id: str) -> None:
        """One waits less; the last one of the process lets somebody else lead at once."""
        with self._coming:
            self._waiting[row_id] -= 1
            if not self._waiting[row_id]:
                del self._waiting[row_id]
                self._known.pop(row_id, None)
                self._gone.pop(row_id, None)  # whoever waits again is patient again
            resign = self.leads and not self._waiting
            self.leads = self.leads and not resign
        if resign:
            self.ledger.resign(self._lease, self.ledger.owner)

    def version(self, row_id: str) -> Version | None:
        """State, last change and giving up of a row, as of the last look; None before one."""
        return self._known.get(row_id)

    def missing(self, row_id: str) -> float | None:
        """Seconds for which Kling has not found a task that it should have; None while it may."""
        since = self._gone.get(row_id)
        seconds = 0.0 if since is None else self.session.clock.monotonic() - since
        return seconds if seconds >= PATIENCE * self.session.pace.recheck else None

    # --- looking ---------------------------------------------------------------------------

    def step(self) -> Flow[bool]:
        """Look at the ledger, and at Kling when it is time and the lead is ours; True if asked.

        Whoever comes while another flow of this process is at it, or too soon, does nothing.
        Passing troubles of the network are swallowed.
        """
        clock, tick = self.session.clock, self.session.pace.line_tick
        # Not a whole tick: whoever comes at its own tick may come a moment early.
        if clock.monotonic() - self._looked < 0.9 * tick or not self._looking.acquire(False):
            return False
        try:
            look: Look = yield Call(self._look)
            self._looked = clock.monotonic()
            running = [self._running(seen) for seen in look.running if seen.unclear < HOLDS]
            strays = self._strayed(look)
            if not self.leads or not (running or strays):
                return False
            since = clock.monotonic() - self._asked
            jitter = 0.9 + 0.2 * self.session.random.random()
            due = rest(running, self.session.pace, since=since, line=look.line, jitter=jitter) <= 0
            if look.mark == self._mark and not (due or strays):
                return False
            # Before asking: a nudge that comes meanwhile is another one.
            self._mark = look.mark
            yield from self._search(strays)
            yield from self._ask(running)
            self._asked = clock.monotonic()
            # Once more, so that all who wait see at once what was heard.
            yield Call(self._read)
            return True
        finally:
            self._looking.release()

    def _look(self) -> Look:
        """Who leads, what runs, and how the rows are that are waited for."""
        ledger = self.ledger
        seconds = max(LEAD * self.session.pace.line_tick, 1.0)
        longest = max(LONGEST_LEAD, seconds)
        look = ledger.look(self.endpoint, self._lease, longest=longest)
        left = look.until - ledger.now()
        ours = look.leader == ledger.owner
        held = ledger.counts(look.until, longest=longest)
        # At half its time, or when it reaches further than any is given: then a clock was set.
        if (ours and not seconds / 2 <= left <= seconds) or not (ours or held):
            self.leads = ledger.lead(self._lease, ledger.owner, seconds=seconds, longest=longest)
        else:
            self.leads = ours
        if self.leads and self.session.clock.monotonic() - self._learned > HISTORY:
            self._spans = ledger.spans(self.endpoint)
            self._learned = self.session.clock.monotonic()
        self._read()
        return look

    def _running(self, seen: Seen) -> Running:
        span = self._spans.get(seen.kind)
        return Running(seen.row_id, seen.task_id, seen.age, span, seen.edition, seen.route)

    def _strayed(self, look: Look) -> list[Running]:
        """Of what has gone astray, the few whose turn it is to be asked for."""
        now = self.session.clock.monotonic()
        lost = {seen.row_id: seen for seen in look.running if seen.unclear >= HOLDS}
        self._astray = {name: self._astray.get(name, -math.inf) for name in lost}
        turn = sorted((at, name) for name, at in self._astray.items() if now - at >= ASTRAY)
        return [self._running(lost[name]) for _, name in turn[: SINGLE - 1]]

    def _read(self) -> None:
        with self._coming:
            waiting = list(self._waiting)
        self._known.update(self.ledger.versions(waiting))

    # --- asking ----------------------------------------------------------------------------

    def _ask(self, running: Sequence[Running]) -> Flow[None]:
        try:
            for way, those in self._by_ways(running).items():
                yield from self._ask_one(way, those)
        except read.PASSING:
            return

    def _by_ways(self, running: Sequence[Running]) -> dict[Way, list[Running]]:
        """The tasks by how they are asked for."""
        declared = registry.load(self.endpoint)
        ways: dict[Way, list[Running]] = {}
        for task in running:
            way = read.way(self.session, declared, edition=task.edition, path=task.route)
            if way.edition.lists_account:  # there is one place for all of them
                way = replace(way, path="")
            ways.setdefault(way, []).append(task)
        return ways

    def _ask_one(self, way: Way, running: Sequence[Running]) -> Flow[None]:
        reading = self._lists.setdefault(way, _List())
        if len(running) <= (SINGLE - 1) * way.edition.ids_at_once:
            yield from self._by_ids(way, running)
        elif reading.lost:
            lost, reading.lost = reading.lost, ()
            yield from self._by_ids(way, lost)
        else:
            yield from self._by_pages(way, running, reading)

    def _search(self, strays: Sequence[Running]) -> Flow[None]:
        """Ask for what has gone astray; its trouble is not that of the others."""
        if not strays:
            return
        now = self.session.clock.monotonic()
        self._astray |= {task.row_id: now for task in strays}
        with suppress(errors.KlingError):
            for way, those in self._by_ways(strays).items():
                yield from self._by_ids(way, those)

    def _by_ids(self, way: Way, running: Sequence[Running]) -> Flow[None]:
        at_once = way.edition.ids_at_once
        for start in range(0, len(running), at_once):
            some = running[start : start + at_once]
            found: dict[str, TaskFacts] = yield from read.some(
                self.session, way, [task.task_id for task in some]
            )
            for task in some:
                if task.task_id in found:
                    self._gone.pop(task.row_id, None)
                else:
                    yield from self._not_found(task)
            if found:
                yield Call(partial(self.ledger.observe, self.endpoint, list(found.values())))

    def _not_found(self, task: Running) -> Flow[None]:
        """Note that Kling does not find a task that was its own."""
        # Twice, and only of an old one: a young task is Kling's, whoever answers us.
        if task.row_id in self._gone and task.age >= KEPT.total_seconds():
            yield Call(partial(self.ledger.expired, task.row_id))
        if task.row_id not in self._gone:
            self._gone[task.row_id] = self.session.clock.monotonic()
            yield Call(partial(self.ledger.unclear, task.row_id))

    def _by_pages(self, way: Way, running: Sequence[Running], reading: _List) -> Flow[None]:
        wanted = {task.task_id for task in running}
        most = way.edition.page_size
        # Some more than wanted: what has ended, or was made elsewhere, stands in between.
        size = min(most, len(wanted) + 20)
        place, reading.place = reading.place, FIRST  # one that is refused is not asked for again
        whole = False
        seen: dict[str, TaskFacts] = {}
        for _ in range(math.ceil(len(wanted) / most)):
            # Once: the next round asks again, and nobody shall wait for its rests.
            page = yield from read.listing(self.session, way, place, size, attempts=1)
            seen |= {facts.task_id: facts for facts in page.tasks if facts.task_id in wanted}
            if page.following is None:
                whole = True
                break
            place = page.following
        yield Call(partial(self.ledger.observe, self.endpoint, list(seen.values())))
        for task in running:
            if task.task_id in seen:
                self._gone.pop(task.row_id, None)
        missing = [task for task in running if task.task_id not in seen]
        reading.place = FIRST if whole or not missing else place
        if missing and (whole or len(missing) < SINGLE):
            reading.lost = missing[: SINGLE - 1]  # asked for by their ids in the next round


def of(session: Session, endpoint: str) -> Watch:
    """The watching of an endpoint, shared by all flows of this session and process."""
    ledger = session.ledger()
    return session.shared("watch", endpoint, partial(Watch, session, ledger, endpoint))


# --- when to ask next, without I/O ---------------------------------------------------------


def rest(
    running: Iterable[Running], pace: Pace, *, since: float, line: bool, jitter: float = 1.0
) -> float:
    """Seconds until the next look at these tasks, 0 or less when it is time.

    `since` is how long ago the last look was. `line` says that others wait for the slots that the
    tasks hold: their end must be seen at once. `jitter` is a factor near 1.
    """
    soonest = pace.line_tick if line else pace.poll_floor
    rests = (
        jitter * _pause(task.age - ago, task.span, pace, soonest) - ago
        for task in running
        for ago in (min(task.age, since),)
    )
    return min(rests, default=pace.poll_ceiling)


def _pause(age: float, span: tuple[float, float] | None, pace: Pace, soonest: float) -> float:
    """Seconds between two looks at a task that was so old at the first of them."""
    if span is None:
        hurry = soonest < pace.poll_floor
        return soonest if hurry else min(max(age / 10, soonest), pace.poll_ceiling)
    first, last = span
    if age < EARLY * first:
        # Never for long: a task that was looked at late is remembered as a slow one.
        return min(max(EARLY * first - age, soonest), pace.poll_ceiling)
    if age <= LATE * last:
        return soonest
    return min(max((age - last) / 10, pace.poll_floor), pace.poll_ceiling)

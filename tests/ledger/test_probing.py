"""The limit that a 1303 teaches: how sure it is, how it is tried from above. Time is simulated."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import pairwise

import pytest
from helpers.ledgers import LEASE, Moved, OpenLedger, answer, entry

from kling_core.ledger.learned import FIRST, LONGEST, Learned
from kling_core.ledger.ledger import Ledger

SECONDS = 95
"""How long a task takes."""


class Account:
    """Kling's side: slots, some of them taken by somebody else, and the line of one ledger."""

    def __init__(self, ledger: Ledger, moved: Moved, limit: int) -> None:
        self.ledger, self.moved, self.limit = ledger, moved, limit
        self.elses = 0
        self.running: dict[str, float] = {}
        self.turned_away: list[float] = []
        self.line: list[str] = []
        self.left = 0
        self.pauses: dict[str, tuple[float, int]] = {}
        self.busy: list[int] = []
        self.now = 0.0
        self._numbers = iter(range(10**6))
        self._chance = random.Random(7)

    def stand(self, count: int) -> None:
        """So many requests want to be sent; of those behind the first ones nobody has heard yet."""
        self.left = count

    @property
    def open(self) -> bool:
        return bool(self.left or self.line)

    def second(self) -> None:
        """One second: what has ended is seen, whoever is next and not in a pause asks."""
        self.now += 1
        self.moved.offset += 1
        ended = [task for task, end in self.running.items() if end <= self.now]
        if ended:
            self.ledger.observe("text_to_video", [answer(task, "succeed") for task in ended])
        for task in ended:
            del self.running[task]
        while self.left and len(self.line) < 12:
            row, _ = self.ledger.prepare(entry(), lease=1e6)
            self.line.append(row.id)
            self.left -= 1
        if ended or self.now < 30 or not self.now % 3:  # nothing else changes in between
            for _ in range(8):
                if not self._send():
                    break
        self.busy.append(len(self.running))

    def _send(self) -> bool:
        places = self.ledger.queue("video").places(None)
        for row_id in self.line[:8]:
            until, tries = self.pauses.get(row_id, (0.0, 0))
            if until > self.now or not places[row_id].admitted:
                continue
            if not self.ledger.admit(row_id, limit=None, lease=LEASE).admitted:
                continue
            if len(self.running) + self.elses >= self.limit:
                self.turned_away.append(self.now)
                self.ledger.back_in_line(row_id, lease=1e6, learn=True)
                self.pauses[row_id] = (self.now + 2.0 ** min(tries, 4), tries + 1)
                return True
            task = str(next(self._numbers))
            self.ledger.accepted(row_id, answer(task))
            self.running[task] = self.now + SECONDS * (0.8 + 0.4 * self._chance.random())
            self.line.remove(row_id)
            return True
        return False


@pytest.fixture
def account(open_ledger: OpenLedger, moved: Moved) -> Iterator[Account]:
    moved.stop()
    return Account(open_ledger(), moved, 20)


@pytest.mark.parametrize("ledger_place", ["sqlite"], indirect=True)
def test_five_hundred_tasks_fill_twenty_slots(account: Account) -> None:
    """Our own tasks found the limit: from then on no 1303, and hardly a slot is ever idle."""
    account.stand(500)
    while account.ledger.learned("video") != 20:
        account.second()
    known, since = account.now, len(account.busy)
    assert account.ledger.learned("video", firm=True) == 20
    while account.open:
        account.second()
    assert [at for at in account.turned_away if at > known] == []
    busy = account.busy[since:]
    assert sum(busy) / (20 * len(busy)) >= 0.97


@pytest.mark.parametrize("ledger_place", ["sqlite"], indirect=True)
def test_somebody_else_teaches_nothing_for_long(account: Account) -> None:
    """The account is full of others: the limit that this teaches is gone minutes after they are."""
    account.elses = 20
    account.stand(60)
    for _ in range(60):
        account.second()
    assert account.ledger.learned("video") == 1
    assert len(account.turned_away) <= 20
    account.elses = 0
    for _ in range(90):
        account.second()
    assert len(account.running) == 20
    while account.open:
        account.second()
    after = [at for at in account.turned_away if at > 150]
    assert len(after) <= 4, "a try costs one 1303 at most, and they become rare"


@pytest.mark.parametrize("ledger_place", ["sqlite"], indirect=True)
def test_a_guess_that_holds_is_tried_ever_less(account: Account) -> None:
    """An account of three slots: each try is one 1303, and the rest between two doubles."""
    account.limit = 3
    account.stand(10**4)
    while account.now < 3000:
        account.second()
    tries = [at for at in account.turned_away if at > 60]
    assert 3 <= len(tries) <= 8
    rests = [later - earlier for earlier, later in pairwise(tries)]
    assert all(later >= 1.5 * earlier for earlier, later in pairwise(rests))
    assert account.ledger.learned("video") == 3


def test_one_try_at_a_time(open_ledger: OpenLedger, moved: Moved) -> None:
    """Only the first in line goes above a limit that was learned, also of two processes."""
    moved.stop()
    mine, other = open_ledger(), open_ledger()
    refused, *rest = (mine.prepare(entry(), lease=1e6)[0] for _ in range(4))
    assert mine.admit(refused.id, limit=None, lease=LEASE).admitted
    mine.back_in_line(refused.id, lease=LEASE, learn=True)
    assert mine.learned("video") == 1
    assert mine.admit(refused.id, limit=None, lease=LEASE).admitted
    mine.accepted(refused.id, answer("1"))
    assert not mine.admit(rest[0].id, limit=None, lease=LEASE).admitted
    moved.offset += FIRST + 1
    mine.alive()
    assert not mine.admit(rest[0].id, limit=1, lease=LEASE).admitted, "a setting is no guess"
    place = mine.admit(rest[0].id, limit=None, lease=LEASE)
    assert (place.admitted, place.probe) == (True, True)
    for ledger in (mine, other):
        assert not any(place.admitted for place in ledger.queue("video").places(None).values())
    mine.accepted(rest[0].id, answer("2"))
    assert mine.learned("video") == 2
    assert mine.admit(rest[1].id, limit=None, lease=LEASE).probe, "taken: the next may try at once"
    mine.back_in_line(rest[1].id, lease=LEASE, learn=True)
    assert mine.learned("video") == 2
    assert not mine.admit(rest[1].id, limit=None, lease=LEASE).admitted


def test_a_try_that_nobody_answers_blocks_nothing() -> None:
    """Its process was killed: when the rest is over the next create tries."""
    known = Learned.refused(None, "a", own=1, busy=0, running=0, now=100.0).probed("b", 111.0)
    assert not known.may_probe(112.0)
    assert known.may_probe(111.0 + FIRST)


def test_what_a_refusal_proves() -> None:
    """With weights a bound, not what was busy; few of ours are a guess, a full account is firm."""

    def learned(known: Learned | None = None, **facts: int) -> tuple[int, bool]:
        made = Learned.refused(known, "x", now=50.0, **{"own": 1, **facts})
        return made.limit, made.firm

    assert learned(busy=0, running=0) == (1, False)
    assert learned(busy=3, running=3) == (3, False)
    assert learned(busy=5, running=5) == (5, True)
    assert learned(own=9, busy=0, running=0) == (8, False)
    assert learned(own=4, busy=8, running=8) == (11, True)
    once = Learned(20, 0.0, LONGEST, due=LONGEST, most=20)
    assert learned(once, busy=8, running=8) == (8, False), "Kling once gave twenty"
    assert learned(once, busy=25, running=20) == (20, True)


def test_a_wrong_clock_teaches_nothing() -> None:
    """What a process wrote whose clock was hours ahead is not believed for hours."""
    ahead = Learned.refused(None, "x", own=1, busy=9, running=9, now=8 * 3600.0)
    assert Learned.read(ahead.text(), 0.0) is None
    assert Learned(5, 0.0, FIRST, due=8 * 3600.0).may_probe(1.0)

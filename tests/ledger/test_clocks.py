"""Clocks that are wrong, or are set while a ledger is open: no lease outlives its span."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from helpers.ledgers import ACCOUNT, LEASE, Moved, OpenLedger, answer, entry

from kling_core.ledger.database import ALIVE, MEASURED
from kling_core.ledger.ledger import Ledger
from kling_core.ledger.records import Row

HOURS = 8 * 3600.0

SQLITE = pytest.mark.parametrize("ledger_place", ["sqlite"], indirect=True)


@pytest.fixture
def ahead(open_ledger: OpenLedger, moved: Moved) -> Ledger:
    """The ledger of a process whose clock is eight hours ahead."""
    moved.stop()
    return open_ledger(clock=lambda: moved() + HOURS)


def sent(ledger: Ledger, **more: Any) -> Row:
    row, _ = ledger.prepare(entry(**more), lease=LEASE)
    assert ledger.admit(row.id, limit=None, lease=LEASE).admitted
    return ledger.row(row.id)


@SQLITE
def test_a_lead_of_a_wrong_clock_is_void(ahead: Ledger, open_ledger: OpenLedger) -> None:
    """The watch, and the turn of creates without an id, pass on at once."""
    mine = open_ledger()
    assert ahead.lead("watch x", ahead.owner, seconds=10)
    look = mine.look("text_to_video", "watch x", longest=60)
    assert not mine.counts(look.until, longest=60)
    assert mine.lead("watch x", mine.owner, seconds=10)
    assert ahead.lead("create lip_sync", "row-1", seconds=150, longest=3600)
    assert mine.lead("create lip_sync", "row-2", seconds=150, longest=3600)
    assert not open_ledger().lead("create lip_sync", "row-3", seconds=20, longest=3600)


@SQLITE
def test_a_row_of_a_wrong_clock_is_free(ahead: Ledger, open_ledger: OpenLedger) -> None:
    """What a process with such a clock was sending when it died is taken over, not in 8 hours."""
    row = sent(ahead, external_task_id=None)
    mine = open_ledger()
    assert not mine.held(row)
    assert not mine.leased(row)
    assert [found.id for found in mine.rows(orphans=True)] == [row.id]
    taken = mine.take(row.id, lease=LEASE)
    assert taken is not None
    assert taken.owner == mine.owner


@SQLITE
def test_the_line_of_a_wrong_clock_is_not_waited_for(
    ahead: Ledger, open_ledger: OpenLedger
) -> None:
    """The sign of life of a dead process that reaches hours ahead keeps nobody in line."""
    ahead.prepare(entry(), lease=LEASE)
    mine = open_ledger()
    row, _ = mine.prepare(entry(), lease=LEASE)
    place = mine.admit(row.id, limit=1, lease=LEASE)
    assert (place.admitted, place.ahead) == (True, 0)


@SQLITE
def test_the_line_of_a_wrong_clock_costs_nothing(ahead: Ledger, open_ledger: OpenLedger) -> None:
    """What such a process was about to send when it died is not held against today's budget."""
    ahead.prepare(entry(), lease=LEASE)
    mine = open_ledger()
    mine.prepare(entry(), lease=LEASE)
    assert mine.spent(0) == (Decimal("0.21"), 0)


@SQLITE
@pytest.mark.parametrize("jump", [HOURS, -HOURS, 2 * LEASE, -2 * LEASE])
def test_a_clock_that_is_set_makes_nothing_of_ours_dead(
    open_ledger: OpenLedger, moved: Moved, jump: float
) -> None:
    """What this process is sending stays its own for the lease, by a clock that nobody sets."""
    moved.stop()
    steady = [0.0]
    mine = open_ledger(monotonic=lambda: steady[0])
    row = sent(mine)
    moved.offset = jump
    assert mine.held(row)
    assert mine.rows(orphans=True) == []
    assert mine.orphans("video", idle=-10 * HOURS) == []
    assert mine.take(row.id, lease=LEASE) is None
    steady[0] = LEASE + 1
    if jump > 0:
        assert not mine.held(row)
        assert mine.take(row.id, lease=LEASE) is not None


@SQLITE
def test_a_clock_that_is_set_back_lets_nobody_seem_dead(
    open_ledger: OpenLedger, moved: Moved
) -> None:
    """Who stands in line goes on saying that he lives; he is not passed by for eight hours."""
    moved.stop()
    mine, other = open_ledger(), open_ledger()
    first, _ = mine.prepare(entry(), lease=LEASE)
    moved.offset = -HOURS
    mine.queue("video")
    moved.offset += ALIVE - 1
    mine.queue("video")
    second, _ = other.prepare(entry(), lease=LEASE)
    places = other.queue("video").places(1)
    assert {first.id, second.id} == set(places)


@SQLITE
def test_a_task_from_the_future_is_asked_for(open_ledger: OpenLedger, ahead: Ledger) -> None:
    """Its age is not known, but it is not younger than nothing, for eight hours."""
    ahead.accepted(sent(ahead).id, answer("1"))
    mine = open_ledger()
    (seen,) = mine.look("text_to_video", "watch x", longest=60).running
    assert seen.age > 60


@pytest.mark.parametrize("ledger_place", ["postgresql"], indirect=True)
@pytest.mark.parametrize("jump", [HOURS, -HOURS])
def test_a_clock_that_is_corrected_after_opening(
    ledger_place: str, monkeypatch: Any, jump: float
) -> None:
    """With PostgreSQL the database's time counts, at every moment and not only at opening."""
    local, steady, theirs = [1000.0], [0.0], [5000.0]
    monkeypatch.setattr(Ledger, "_database_time", lambda _self, _db: theirs[0])
    mine = Ledger(ledger_place, ACCOUNT, clock=lambda: local[0], monotonic=lambda: steady[0])
    try:
        assert mine.now() == 5000.0
        row = sent(mine)
        local[0] += jump
        assert mine.now() == 5000.0
        other = Ledger(ledger_place, ACCOUNT, clock=lambda: 0.0)
        assert other.held(mine.row(row.id))
        other.close()
        for clock in (local, steady, theirs):
            clock[0] += 10
        assert mine.now() == 5010.0
        steady[0] += MEASURED  # this machine's clock has drifted, or the database's was set
        theirs[0] += MEASURED + 3
        local[0] += MEASURED
        assert mine.now() == 5010.0 + MEASURED + 3
    finally:
        mine.close()


def test_the_database_tells_its_time(ledger_place: str) -> None:
    """Within a transaction that is already old, too."""
    ledger = Ledger(ledger_place, ACCOUNT)
    if ledger._postgres:
        with ledger._transaction(read=True) as db:
            first = ledger._database_time(db)
            assert ledger._database_time(db) > first
    assert abs(ledger.now() - ledger._clock()) < 5
    ledger.close()

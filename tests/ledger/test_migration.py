"""A ledger of the first schema opens, and what was sent by the older code is in doubt."""

from __future__ import annotations

import pytest
from helpers.ledgers import ACCOUNT, LEASE, answer, as_version_1, entry

from kling_core.ledger.ledger import Ledger
from kling_core.ledger.migrations import VERSION
from kling_core.ledger.records import SETTLING


@pytest.fixture
def old(ledger_place: str) -> str:
    """A ledger as version 1 left it: running, unknown, sent and back in line, never sent."""
    ledger = Ledger(ledger_place, ACCOUNT)
    for name in ("running", "unknown", "back", "never"):
        ledger.prepare(entry(name), lease=LEASE)
    for name in ("running", "unknown", "back"):
        ledger.admit(name, limit=None, lease=LEASE)
    ledger.accepted("running", answer("1"))
    ledger.doubtful("unknown", "no answer")
    ledger.unsent("back", "asked twice, Kling knows of no such task")
    as_version_1(ledger)
    ledger.close()
    return ledger_place


def test_a_ledger_of_the_first_schema_is_migrated(old: str) -> None:
    """Nothing is lost; a lost answer is believed eleven minutes after it was written down."""
    ledger = Ledger(old, ACCOUNT)
    assert [row.state for row in map(ledger.row, ("running", "unknown", "back", "never"))] == [
        "submitted",
        "unknown",
        "prepared",
        "prepared",
    ]
    assert ledger.row("running").doubt_until is ledger.row("never").doubt_until is None
    for name in ("unknown", "back"):
        row = ledger.row(name)
        assert row.doubt_until == row.updated_at + SETTLING
    with ledger._transaction(read=True) as db:
        assert ledger._meta(db, "version") == str(VERSION)
    ledger.close()
    again = Ledger(old, ACCOUNT)
    assert again.row("unknown").doubt_until is not None
    again.close()

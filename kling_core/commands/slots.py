"""What holds the account's slots, and what was let go of, in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from kling_core.advice import Advice, Text
from kling_core.commands import readable
from kling_core.commands.find import short
from kling_core.ledger.records import HOLDS

if TYPE_CHECKING:
    from kling_core.ledger.ledger import Ledger
    from kling_core.ledger.records import Row

__all__ = ["given_up", "lines"]

_NAMED = 5
"""Rows that are named; of more only the number is told."""


def lines(ledger: Ledger) -> list[str]:
    """What holds slots, by product; then a line for each row in doubt, and for each let go of."""
    holding, free = ledger.holders()
    if not (holding or free):
        return []
    held = [f"slots held: {', '.join(_by_product(holding)) or 'none'}"]
    now = ledger.now()
    doubtful = [row for row in holding if _doubt(row)]
    rows = [
        *(f"  {short(row)}: {_doubt(row)}; holds its slot {_left(row, now)}" for row in doubtful),
        *(f"  {short(row)}: {_doubt(row) or 'runs for hours'}; holds no slot" for row in free),
    ]
    if len(rows) > _NAMED:
        rows = [*rows[:_NAMED], f"  and {len(rows) - _NAMED} more in doubt"]
    advice = [Text("let go of a slot with: ", Advice("give up", "ID"))] if doubtful else []
    return [*held, *rows, *advice]


def given_up(row: Row) -> str:
    """What it means that a row was given up."""
    price = f" ({readable.money(row.quote_usd)})" if row.quote_usd is not None else ""
    return Text(
        f"{short(row)}: given up: it holds no slot, and nobody waits for it. Kling has no cancel: "
        f"a task that is there goes on, and counts in costs and budget as what may be billed{price}"
        ". Found later it is taken in all the same; to follow it again: ",
        Advice("wait", short(row)),
    )


def _by_product(rows: list[Row]) -> Iterator[str]:
    for product in dict.fromkeys(row.product for row in rows):
        states = Counter[str]()
        for row in rows:
            if row.product == product:
                states[row.state] += row.weight
        parts = ", ".join(f"{number} {state}" for state, number in states.items())
        yield f"{states.total()} for {product} ({parts})"


def _doubt(row: Row) -> str:
    """Why a row may not be at work at Kling; empty when it probably is."""
    if row.given_up_at is not None:
        return f"given up {readable.local(row.given_up_at)}"
    if row.state == "unknown":
        return f"outcome unknown, sent {readable.local(row.sent_at)}"
    if row.unclear_at is None:
        return ""
    facts = row.facts
    said = "does not find it" if facts.known else f"says {facts.status!r}, which is no known word"
    return f"Kling {said}, since {readable.local(row.unclear_at)}"


def _left(row: Row, now: float) -> str:
    since = row.unclear_at if row.unclear_at is not None else row.sent_at
    seconds = HOLDS if since is None else since + HOLDS - now
    if row.unsettled and row.doubt_until is not None:
        seconds = row.doubt_until - now
    return f"for {readable.span(seconds)} more"

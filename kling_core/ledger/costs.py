"""What was spent: estimate against actual, by day, project or model."""

from __future__ import annotations

from typing import Literal, get_args

from kling_core.ledger.ledger import Ledger
from kling_core.ledger.records import Costs, Spent

By = Literal["day", "project", "model"]


def costs(ledger: Ledger, by: By, since: float) -> list[Costs]:
    """One line for each day (local time) of sending, project or model, in that order.

    What never was accepted is left out. Raises `ValueError` for anything else in `by`.
    """
    if by not in get_args(By):
        raise ValueError(f"costs are told by day, project or model, not by {by!r}")
    found = ledger.days(since) if by == "day" else ledger.sums(by, since)
    return sorted(map(_costs, found), key=lambda line: line.key)


def _costs(spent: Spent) -> Costs:
    said = spent.tasks - spent.open - spent.unsaid
    return Costs(
        key=spent.key,
        tasks=spent.tasks,
        estimate=spent.estimate,
        actual=spent.actual if said else None,
        open=spent.open,
        unknown=spent.unknown,
        unsaid=spent.unsaid,
    )

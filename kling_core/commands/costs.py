"""What was spent: estimate against actual."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from kling_core.commands import readable
from kling_core.commands.table import Table
from kling_core.ledger.records import Costs

if TYPE_CHECKING:
    from kling_core.client import Kling
    from kling_core.ledger.costs import By

__all__ = ["BY", "DAYS", "EXPLAINED", "table", "total", "within"]

BY = ("day", "project", "model")

DAYS = 30
"""How far back it looks."""

EXPLAINED = (
    "estimate: the quotes; actual: what Kling deducted, at the price of a unit; "
    "not said: ended, and Kling has not told yet what it deducted"
)


def within(kling: Kling, by: By, days: int) -> list[Costs]:
    """The costs of the last days, by day, project or model."""
    since = kling.session.ledger().now() - days * 86400
    return kling.tasks.costs(by=by, since=since)


def table(by: str, costs: Sequence[Costs]) -> Table:
    """A line each, and their sum."""
    head = (by, "tasks", "estimate", "actual", "open", "not said", "no price")
    return Table(head, [*map(_line, costs), _line(total(costs))])


def total(costs: Sequence[Costs]) -> Costs:
    """The sum of all lines."""
    said = [line.actual for line in costs if line.actual is not None]
    return Costs(
        key="total",
        tasks=sum(line.tasks for line in costs),
        estimate=sum((line.estimate for line in costs), Decimal(0)),
        actual=sum(said, Decimal(0)) if said else None,
        open=sum(line.open for line in costs),
        unknown=sum(line.unknown for line in costs),
        unsaid=sum(line.unsaid for line in costs),
    )


def _line(costs: Costs) -> tuple[str, ...]:
    return (
        costs.key or "(none)",
        str(costs.tasks),
        readable.money(costs.estimate),
        "-" if costs.actual is None else readable.money(costs.actual),
        str(costs.open or "-"),
        str(costs.unsaid or "-"),
        str(costs.unknown or "-"),
    )

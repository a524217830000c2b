"""What was spent: estimate against actual."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from kling_core.commands import readable
from kling_core.commands.table import Table
from kling_core.ledger.records import Costs

if TYPE_CHECKING:
    from kling_core.client import Kling
    from kling_core.ledger.costs import By

__all__ = ["BY", "DAYS", "EXPLAINED", "Spent", "total", "within"]

BY = ("day", "project", "model")

DAYS = 30
"""How far back it looks."""

EXPLAINED = (
    "estimate: the quotes; actual: what Kling deducted, at the price of a unit; "
    "not said: ended, and Kling has not told yet what it deducted"
)


@dataclass(frozen=True, slots=True)
class Spent:
    """What the tasks of the last `days` cost, a line for each day, project or model.

    `budget` is the limit a day, None for none; `played` says that the lines are of the sandbox.
    """

    by: By
    days: int
    lines: tuple[Costs, ...]
    budget: Decimal | None
    played: bool

    @property
    def table(self) -> Table:
        """A line each, and their sum."""
        head = (self.by, "tasks", "estimate", "actual", "open", "not said", "no price")
        return Table(head, [*map(_line, self.lines), _line(total(self.lines))])

    @property
    def notes(self) -> list[str]:
        """What is to be said below the table, or in its place."""
        notes = [EXPLAINED if self.lines else f"no tasks in the last {self.days} days"]
        if self.budget is not None:
            notes.append(f"budget: {readable.money(self.budget)} a day")
        if self.played and self.lines:
            notes.append("in the sandbox nothing is charged: these are list prices")
        return notes


def within(kling: Kling, by: By, days: int) -> Spent:
    """The costs of the last days, by day, project or model."""
    since = kling.session.ledger().now() - days * 86400
    lines = tuple(kling.tasks.costs(by=by, since=since))
    return Spent(by, days, lines, kling.session.settings.budget, kling.sandbox is not None)


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

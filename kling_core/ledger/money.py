"""What was committed and what it did cost, and the limits of both."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import sqlalchemy as sa

from kling_core.errors import BudgetExceeded
from kling_core.ledger.database import Database
from kling_core.ledger.rows import Amount
from kling_core.ledger.schema import tasks


@dataclass(frozen=True, slots=True)
class Budget:
    """What the next task would cost, and the limits of the day and of its project; US dollars."""

    usd: Decimal
    day: Decimal | None = None
    project: Decimal | None = None


class Money(Database):
    """Spending, in US dollars."""

    def spent(self, since: float, *, project: str | None = None) -> tuple[Decimal, int]:
        """US dollars committed since a moment, and how many of those tasks have no known price.

        A task counts with its quote from the moment it is written down until it is refused or
        fails.
        """
        with self._transaction(read=True) as db:
            return self._spent(db, since, project)

    def amounts(self, since: float) -> list[Amount]:
        """What each task since a moment was expected to cost and did, oldest first."""
        columns = (
            tasks.c.created_at,
            tasks.c.project,
            tasks.c.model_name,
            tasks.c.state,
            tasks.c.quote_usd,
            tasks.c.cost_usd,
        )
        query = sa.select(*columns).where(tasks.c.created_at >= since, tasks.c.state != "rejected")
        with self._transaction(read=True) as db:
            return [Amount(*row) for row in db.execute(query.order_by(tasks.c.created_at))]

    def _spent(self, db: sa.Connection, since: float, project: str | None) -> tuple[Decimal, int]:
        query = sa.select(tasks.c.quote_usd, tasks.c.cost_usd).where(
            tasks.c.created_at >= since, tasks.c.state.not_in(("rejected", "failed"))
        )
        if project is not None:
            query = query.where(tasks.c.project == project)
        amounts = [row.cost_usd or row.quote_usd for row in db.execute(query)]
        known = [Decimal(amount) for amount in amounts if amount is not None]
        return sum(known, Decimal(0)), len(amounts) - len(known)

    def afford(self, budget: Budget, project: str) -> None:
        """Raise `BudgetExceeded` when the next task would pass a limit as things stand now.

        What is written down in the end is judged once more, with nobody else between.
        """
        with self._transaction(read=True) as db:
            self._afford(db, budget, project)

    def _afford(self, db: sa.Connection, budget: Budget, project: str) -> None:
        if budget.day is not None:
            spent, _ = self._spent(db, _midnight(self.now()), None)
            if spent + budget.usd > budget.day:
                raise BudgetExceeded(
                    f"this would cost {_usd(budget.usd)}, and {_usd(spent)} of today's "
                    f"{_usd(budget.day)} are spent",
                    fix="Raise budget (KLING_BUDGET), or wait until tomorrow.",
                )
        if budget.project is not None:
            spent, _ = self._spent(db, 0.0, project)
            if spent + budget.usd > budget.project:
                name = f"project {project!r}" if project else "tasks without a project"
                raise BudgetExceeded(
                    f"this would cost {_usd(budget.usd)}, and {_usd(spent)} of the "
                    f"{_usd(budget.project)} for {name} are spent",
                    fix="Raise project_budget (KLING_PROJECT_BUDGET), or name another project.",
                )


def _usd(amount: Decimal) -> str:
    cents = amount.quantize(Decimal("0.01"))
    return f"${cents if cents == amount else amount.normalize():f}"


def _midnight(now: float) -> float:
    return (
        datetime.fromtimestamp(now)
        .astimezone()
        .replace(hour=0, minute=0, second=0, microsecond=0)
        .timestamp()
    )

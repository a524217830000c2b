"""What was committed and what it did cost, and the limits of both."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import sqlalchemy as sa

from kling_core.errors import BudgetExceeded
from kling_core.ledger.reading import Reading
from kling_core.ledger.rows import IN_LINE, Amount
from kling_core.ledger.schema import tasks


@dataclass(frozen=True, slots=True)
class Budget:
    """What the next task would cost, and the limits of the day and of its project; US dollars."""

    usd: Decimal
    day: Decimal | None = None
    project: Decimal | None = None


class Money(Reading):
    """Spending, in US dollars."""

    def spent(self, since: float, *, project: str | None = None) -> tuple[Decimal, int]:
        """US dollars committed since a moment, and how many of those tasks have no known price.

        A task counts from the moment it is sent, with its quote and then with what it did cost,
        until it is refused or fails for nothing. Before, it counts while a process holds it in
        line.
        """
        with self._transaction(read=True) as db:
            return self._spent(db, since, project, line=True)

    def afford(self, budget: Budget, project: str) -> None:
        """Judge a task as it would be judged now when it is written down, without writing it.

        Raises `BudgetExceeded`.
        """
        with self._transaction(read=True) as db:
            self._afford(db, budget, project, line=True)

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

    def _spent(
        self, db: sa.Connection, since: float, project: str | None, *, line: bool
    ) -> tuple[Decimal, int]:
        sent = sa.and_(tasks.c.sent_at >= since, tasks.c.state.not_in(("rejected", *IN_LINE)))
        held = sa.or_(tasks.c.lease_until >= self.now(), self._living())
        soon = sa.and_(tasks.c.state.in_(IN_LINE), tasks.c.owner.is_not(None), held)
        columns = (tasks.c.state, tasks.c.quote_usd, tasks.c.cost_usd)
        query = sa.select(*columns).where(sa.or_(sent, soon) if line else sent)
        if project is not None:
            query = query.where(tasks.c.project == project)
        amounts = [
            row.cost_usd or row.quote_usd
            for row in db.execute(query)
            if row.state != "failed" or Decimal(row.cost_usd or 0)
        ]
        known = [Decimal(amount) for amount in amounts if amount is not None]
        return sum(known, Decimal(0)), len(amounts) - len(known)

    def _afford(self, db: sa.Connection, budget: Budget, project: str, *, line: bool) -> None:
        """Raise `BudgetExceeded` when a limit would be passed.

        With `line` what is about to be sent counts beside what was sent. Until the transaction
        ends nobody else is judged.
        """
        self._alone(db, "budget")
        if budget.day is not None:
            spent, _ = self._spent(db, _midnight(self.now()), None, line=line)
            if spent + budget.usd > budget.day:
                raise BudgetExceeded(
                    f"this would cost {_usd(budget.usd)}, and {_usd(spent)} of today's "
                    f"{_usd(budget.day)} are committed",
                    fix="Raise budget (KLING_BUDGET), or wait until tomorrow.",
                )
        if budget.project is not None:
            spent, _ = self._spent(db, 0.0, project, line=line)
            if spent + budget.usd > budget.project:
                name = f"project {project!r}" if project else "tasks without a project"
                raise BudgetExceeded(
                    f"this would cost {_usd(budget.usd)}, and {_usd(spent)} of the "
                    f"{_usd(budget.project)} for {name} are committed",
                    fix="Raise project_budget (KLING_PROJECT_BUDGET), or name another project.",
                )


def _usd(amount: Decimal) -> str:
    cents = amount.quantize(Decimal("0.01"))
    return f"${cents if cents == amount else amount.normalize():f}"


def _midnight(now: float) -> float:
    # Naive, so that the offset is that of midnight: the clock may have changed since.
    midnight = datetime.fromtimestamp(now).replace(hour=0, minute=0, second=0, microsecond=0)  # noqa: DTZ006
    return midnight.replace(fold=0).timestamp()

"""What was committed and what it did cost, and the limits of both.

All of it is read from the running sums (`kling_core.ledger.totals`), so that no limit takes longer
to judge the more tasks there are.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

import sqlalchemy as sa

from kling_core.errors import BudgetExceeded
from kling_core.ledger.reading import Reading
from kling_core.ledger.rows import IN_LINE, Spent
from kling_core.ledger.schema import aside, tasks, totals
from kling_core.ledger.totals import DAY, QUARTER, SCALE, SUMS, of_tasks

LENGTHS = {"time": QUARTER, "project": DAY, "model": DAY}
"""Seconds that one sum of a kind spans."""

_COLUMNS = {"time": "''", "project": "t.project", "model": "t.model_name"}


@dataclass(frozen=True, slots=True)
class Budget:
    """What the next task would cost, and the limits of the day and of its project; US dollars.

    `usd` is None when no limit in dollars is set and no price is known. `tasks` limits how many
    are sent in a day.
    """

    usd: Decimal | None
    day: Decimal | None = None
    project: Decimal | None = None
    tasks: int | None = None


class Money(Reading):
    """Spending, in US dollars."""

    def spent(self, since: float, *, project: str | None = None) -> tuple[Decimal, int]:
        """US dollars committed since a moment, and how many of those tasks have no known price.

        A task counts from the moment it is sent, with its quote and then with what it did cost,
        until it is refused or fails for nothing. Before, it counts while a process holds it in
        line. Of a `project` all that it ever spent is told, whatever the moment.
        """
        with self._transaction(read=True) as db:
            spent = self._spent(db, since, project, line=True)
        return spent.committed, spent.unknown

    def afford(self, budget: Budget, project: str) -> None:
        """Judge a task as it would be judged now when it is written down, without writing it.

        Raises `BudgetExceeded`.
        """
        with self._transaction(read=True) as db:
            self._afford(db, budget, project, line=True)

    def sums(
        self,
        kind: Literal["time", "project", "model"],
        since: float,
        name: Callable[[Any], str] = str,
    ) -> list[Spent]:
        """What the tasks sent since a moment cost: of each quarter of an hour, project or model.

        `name` may give several of them one name, whose sum they make together.
        """
        length = LENGTHS[kind]
        whole = math.ceil(since / length) * length
        key = totals.c.start if kind == "time" else totals.c.key
        columns = [sa.func.sum(totals.c[column]) for column in SUMS]
        query = sa.select(key, *columns).where(totals.c.kind == kind, totals.c.start >= whole)
        end = sa.text(of_tasks(_COLUMNS[kind], postgres=self._postgres))
        found: dict[str, list[int]] = {}
        with self._transaction(read=True) as db:
            begun = db.execute(end, {"since": since, "until": whole})
            first = [(whole - length if kind == "time" else row[0], *row[1:]) for row in begun]
            for row in (*first, *db.execute(query.group_by(key))):
                sums = found.setdefault(name(row[0]), [0] * len(SUMS))
                for number, more in enumerate(row[1:]):
                    sums[number] += int(more)
        return [_spent(sums, key) for key, sums in found.items() if sums[0]]

    def _spent(self, db: sa.Connection, since: float, project: str | None, *, line: bool) -> Spent:
        columns = [sa.func.coalesce(sa.func.sum(totals.c[name]), 0) for name in SUMS]
        query = sa.select(*columns)
        if project is None:
            whole = math.ceil(since / QUARTER) * QUARTER
            where = (totals.c.kind == "time", totals.c.start >= whole)
        else:
            whole = since
            where = (totals.c.kind == "all", totals.c.start == 0, totals.c.key == project)
        spent = _spent(db.execute(query.where(*where)).one())
        if whole > since:
            end = sa.text(of_tasks("''", postgres=self._postgres))
            for row in db.execute(end, {"since": since, "until": whole}):
                spent += _spent(row[1:])
        return spent + self._in_line(db, project) if line else spent

    def _in_line(self, db: sa.Connection, project: str | None) -> Spent:
        """What processes that live are about to send."""
        held = sa.or_(tasks.c.lease_until >= self.now(), self._living())
        ours = (tasks.c.state.in_(IN_LINE), tasks.c.owner.is_not(None))
        query = sa.select(tasks.c.quote_usd).where(*ours, held)
        if project is not None:
            query = query.where(aside(tasks.c.project) == project)
        quotes = db.execute(query).scalars().all()
        known = [Decimal(quote) for quote in quotes if quote is not None]
        return Spent(
            tasks=len(quotes),
            open=len(quotes),
            unknown=len(quotes) - len(known),
            committed=sum(known, Decimal(0)),
        )

    def _afford(self, db: sa.Connection, budget: Budget, project: str, *, line: bool) -> None:
        """Raise `BudgetExceeded` when a limit would be passed.

        With `line` what is about to be sent counts beside what was sent. Until the transaction
        ends nobody else is judged.
        """
        self._alone(db, "budget")
        if budget.day is not None or budget.tasks is not None:
            spent = self._spent(db, _midnight(self.now()), None, line=line)
            _day(budget, spent)
        if budget.project is not None and budget.usd is not None:
            spent = self._spent(db, 0.0, project, line=line).committed
            if spent + budget.usd > budget.project:
                name = f"project {project!r}" if project else "tasks without a project"
                raise BudgetExceeded(
                    f"this would cost {_usd(budget.usd)}, and {_usd(spent)} of the "
                    f"{_usd(budget.project)} for {name} are committed",
                    fix="Raise project_budget (KLING_PROJECT_BUDGET), or name another project.",
                )


def _day(budget: Budget, spent: Spent) -> None:
    usd = Decimal(0) if budget.usd is None else budget.usd
    if budget.day is not None and spent.committed + usd > budget.day:
        raise BudgetExceeded(
            f"this would cost {_usd(usd)}, and {_usd(spent.committed)} of today's "
            f"{_usd(budget.day)} are committed",
            fix="Raise budget (KLING_BUDGET), or wait until tomorrow.",
        )
    if budget.tasks is not None and spent.tasks >= budget.tasks:
        raise BudgetExceeded(
            f"{spent.tasks} tasks were made today, and max_tasks allows {budget.tasks} a day",
            fix="Raise max_tasks (KLING_MAX_TASKS), or wait until tomorrow.",
        )


def _spent(sums: Iterable[Any], key: str = "") -> Spent:
    """A row of sums, in the order of `SUMS`; their dollars are whole billionths."""
    tasks, still_open, unknown, unsaid, estimate, actual, committed = map(int, sums)
    return Spent(
        key=key,
        tasks=tasks,
        open=still_open,
        unknown=unknown,
        unsaid=unsaid,
        estimate=Decimal(estimate) / SCALE,
        actual=Decimal(actual) / SCALE,
        committed=Decimal(committed) / SCALE,
    )


def _usd(amount: Decimal) -> str:
    cents = amount.quantize(Decimal("0.01"))
    return f"${cents if cents == amount else amount.normalize():f}"


def _midnight(now: float) -> float:
    # Naive, so that the offset is that of midnight: the clock may have changed since.
    midnight = datetime.fromtimestamp(now).replace(hour=0, minute=0, second=0, microsecond=0)  # noqa: DTZ006
    return midnight.replace(fold=0).timestamp()

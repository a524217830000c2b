"""What was committed and what it did cost, and the limits of both.

All of it is read from the running sums (`kling_core.ledger.totals`), so that no limit takes longer
to judge the more tasks there are.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from operator import add
from typing import Any, Literal

import sqlalchemy as sa

from kling_core.advice import Advice, Text
from kling_core.errors import BudgetExceeded
from kling_core.ledger.database import LONGEST
from kling_core.ledger.queries import Reading
from kling_core.ledger.records import IN_LINE, Spent
from kling_core.ledger.schema import aside, tasks, totals
from kling_core.ledger.totals import DAY, QUARTER, SCALE, SUMS, of_tasks

_KEYS = {"project": "project", "model": "model_name"}
"""The columns of tasks by which they are summed up."""


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

    def sums(self, kind: Literal["project", "model"], since: float) -> list[Spent]:
        """What the tasks sent since a moment cost, by project or model."""
        whole = math.ceil(since / DAY) * DAY
        query = (
            sa.select(totals.c.key, *(sa.func.sum(totals.c[name]) for name in SUMS))
            .where(totals.c.kind == kind, totals.c.start >= whole)
            .group_by(totals.c.key)
        )
        with self._transaction(read=True) as db:
            rows = [*self._begun(db, f"t.{_KEYS[kind]}", since, whole), *db.execute(query)]
        return _together((row[0], row[1:]) for row in rows)

    def days(self, since: float) -> list[Spent]:
        """What the tasks sent since a moment cost, by the local day of sending."""
        whole = math.ceil(since / QUARTER) * QUARTER
        # With the quarter that `since` lies within: the end of that one is read from the tasks.
        first_start = whole if since == whole else whole - QUARTER
        of_time = (totals.c.kind == "time", totals.c.start >= first_start)
        ends = sa.select(sa.func.min(totals.c.start), sa.func.max(totals.c.start)).where(*of_time)
        with self._transaction(read=True) as db:
            first, last = db.execute(ends).one()
            if first is None:
                return []
            names = {begin: (name, end) for name, begin, end in _days(max(since, first), last)}
            rows = list(self._begun(db, "''", since, whole))
            found = [(next(iter(names.values()))[0], row[1:]) for row in rows]
            # The first day from where the sums are whole: what is before it was read task by task.
            spans = ", ".join(f"({max(begin, whole)}, {end})" for begin, (_, end) in names.items())
            sums = ", ".join(f"SUM(totals.{name})" for name in SUMS)
            of_days = (  # of numbers and names that are all our own
                f"WITH days (begun, ended) AS (VALUES {spans}) SELECT ended, {sums} FROM days "  # noqa: S608
                "JOIN totals ON totals.kind = 'time' AND totals.start >= begun "
                "AND totals.start < ended GROUP BY ended"
            )
            by_end = {end: name for name, end in names.values()}
            found += [(by_end[row[0]], row[1:]) for row in db.exec_driver_sql(of_days)]
        return _together(found)

    def _begun(
        self, db: sa.Connection, key: str, since: float, until: float
    ) -> Iterable[sa.Row[Any]]:
        """Key and sums of the tasks sent before the first sum that is whole."""
        query = sa.text(of_tasks(key, postgres=self._postgres))
        return db.execute(query, {"since": since, "until": until}) if since < until else ()

    def _spent(self, db: sa.Connection, since: float, project: str | None, *, line: bool) -> Spent:
        columns = [sa.func.coalesce(sa.func.sum(totals.c[name]), 0) for name in SUMS]
        query = sa.select(*columns)
        if project is None:
            whole = math.ceil(since / QUARTER) * QUARTER
            where = (totals.c.kind == "time", totals.c.start >= whole)
        else:
            whole = since  # all that it ever spent is one sum, with no ends to add
            where = (totals.c.kind == "all", totals.c.start == 0, totals.c.key == project)
        spent = _spent(db.execute(query.where(*where)).one())
        for row in self._begun(db, "''", since, whole):
            spent += _spent(row[1:])
        return spent + self._in_line(db, project) if line else spent

    def _in_line(self, db: sa.Connection, project: str | None) -> Spent:
        """What processes that live are about to send."""
        now = self.now()  # a lease from further ahead than any is given was a wrong clock's
        held = sa.or_(tasks.c.lease_until.between(now, now + LONGEST), self._living())
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
        # Else two that both still fit would both be let through.
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
                    fix=Text(Advice("raise project_budget")),
                )


def _day(budget: Budget, spent: Spent) -> None:
    usd = Decimal(0) if budget.usd is None else budget.usd
    if budget.day is not None and spent.committed + usd > budget.day:
        raise BudgetExceeded(
            f"this would cost {_usd(usd)}, and {_usd(spent.committed)} of today's "
            f"{_usd(budget.day)} are committed",
            fix=Text(Advice("raise budget"), ", or wait until tomorrow."),
        )
    if budget.tasks is not None and spent.tasks >= budget.tasks:
        raise BudgetExceeded(
            f"{spent.tasks} tasks were made today, and max_tasks allows {budget.tasks} a day",
            fix=Text(Advice("raise max_tasks"), ", or wait until tomorrow."),
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


def _together(rows: Iterable[tuple[str, Sequence[Any]]]) -> list[Spent]:
    """The sums of each key, which may come in several rows."""
    found: dict[str, Sequence[Any]] = {}
    for key, more in rows:
        known = found.get(key)
        found[key] = more if known is None else tuple(map(add, known, more))
    return [_spent(sums, key) for key, sums in found.items() if sums[0]]


def _days(first: float, last: float) -> Iterator[tuple[str, int, int]]:
    """The local days from one moment to another: name, beginning and end."""
    day = _day_of(first)
    while (begin := int(day.timestamp())) <= last:
        after = day + timedelta(days=1)
        yield day.strftime("%Y-%m-%d"), begin, int(after.timestamp())
        day = after


def _usd(amount: Decimal) -> str:
    cents = amount.quantize(Decimal("0.01"))
    return f"${cents if cents == amount else amount.normalize():f}"


def _midnight(now: float) -> float:
    return _day_of(now).timestamp()


def _day_of(moment: float) -> datetime:
    # Naive, so that the offset is that of midnight: the clock may have changed since.
    day = datetime.fromtimestamp(moment)  # noqa: DTZ006
    return day.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)

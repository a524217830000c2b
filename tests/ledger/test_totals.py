"""The running sums are the sums of the rows, whatever happened to them."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from helpers.ledgers import (
    ACCOUNT,
    INDEXES,
    LEASE,
    Moved,
    OpenLedger,
    answer,
    as_version_1,
    entry,
)
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from kling_core.errors import LedgerError
from kling_core.ledger.ledger import Ledger
from kling_core.ledger.money import Budget
from kling_core.ledger.records import Row
from kling_core.ledger.schema import tasks

pytestmark = pytest.mark.filterwarnings("ignore::kling_core.errors.KlingWarning")

UNITS = [None, "", "0", "1.5", "2.123456789123", "-100", "1e999", "NaN", "text", 10**40, 0.3, True]
QUOTES = [None, Decimal("0.21"), Decimal("0.0035"), Decimal("1E+1"), Decimal(0)]
PROJECTS = ["", "film", "sea 'of' \"%s\" :x", "ü"]
MODELS = ["", "kling-v2-6", "kling-v3"]


class Life:
    """A ledger to which things happen, chosen by `pick`."""

    def __init__(self, ledger: Ledger, moved: Moved, pick: Callable[[Any], Any]) -> None:
        self.ledger, self.moved, self.pick = ledger, moved, pick
        self.made: list[str] = []
        self.steps: list[Callable[[], Any]] = [
            self.write,
            self.write,
            self.send,
            self.send,
            self.take_in,
            self.end,
            self.end,
            self.settle,
            self.adopt,
            self.wait,
            self.crash,
            self.again,
        ]

    def one(self) -> str:
        return self.pick(self.made) if self.made else self.write()

    def write(self) -> str:
        name = f"row-{len(self.made)}"
        about: dict[str, Any] = {
            "project": self.pick(PROJECTS),
            "model_name": self.pick(MODELS),
            "quote_usd": self.pick(QUOTES),
        }
        self.ledger.prepare(entry(name, **about), lease=LEASE)
        self.made.append(name)
        return name

    def send(self) -> None:
        self.ledger.admit(self.one(), limit=10**6, lease=LEASE)

    def take_in(self) -> None:
        name = self.one()
        if self.ledger.row(name).state == "submitting":
            self.ledger.accepted(name, answer(f"of-{name}"))

    def end(self) -> None:
        status = self.pick(["processing", "succeed", "succeed", "failed", "strange"])
        news = answer(f"of-{self.one()}", status, final_unit_deduction=self.pick(UNITS))
        self.ledger.observe("text_to_video", [news])

    def settle(self) -> None:
        how = self.pick(["refused", "doubtful", "unsent", "expired", "release", "back", "again"])
        name = self.one()
        if how == "back":
            self.ledger.back_in_line(name, lease=LEASE, learn=False)
        elif how == "again":
            self.ledger.prepare(entry(name, quote_usd=self.pick(QUOTES)), lease=LEASE)
        elif how in ("expired", "release"):
            getattr(self.ledger, how)(name)
        else:
            getattr(self.ledger, how)(name, "because")

    def adopt(self) -> None:
        """A task is seen in Kling's lists before the answer to the create that made it."""
        name = self.one()
        seen = entry(
            f"seen-{name}",
            external_task_id=None,
            digest="",
            quote_usd=None,
            quote_units=None,
            model_name="",
        )
        made = self.pick([None, self.ledger.now() - 40 * 86400, self.ledger.now() - 1000])
        data = answer(f"of-{name}", "succeed", final_unit_deduction=self.pick(UNITS))
        if self.ledger.by_task_id("text_to_video", f"of-{name}") is None:
            self.ledger.adopt(seen, data, created_at=made)

    def wait(self) -> None:
        self.moved.offset += self.pick([1.0, 700.0, 5000.0, 90000.0])

    def crash(self) -> None:
        """A transaction that does not come to its end."""
        name = self.one()
        with suppress(ZeroDivisionError), self.ledger._transaction() as db:
            change = {"state": "succeeded", "cost_usd": "99", "sent_at": 1.0, "project": "lost"}
            db.execute(sa.update(tasks).where(tasks.c.id == name).values(change))
            raise ZeroDivisionError

    def again(self) -> None:
        """Whatever a later version of this package may do to a row."""
        change = {"project": self.pick(PROJECTS), "model_name": self.pick(MODELS)}
        with self.ledger._transaction() as db:
            db.execute(sa.update(tasks).where(tasks.c.id == self.one_more()).values(change))

    def one_more(self) -> str:
        return self.pick(self.made) if self.made else "none"

    def step(self) -> None:
        with suppress(LedgerError):  # of two requests that were given one task
            self.pick(self.steps)()


Figures = dict[str, tuple[int, int, int, int, Decimal, Decimal, Decimal]]


def reckoned(rows: list[Row], key: Callable[[Row], str], since: float) -> Figures:
    """The sums, from the rows themselves."""
    found: Figures = {}
    for row in rows:
        sent = row.sent_at is not None and row.sent_at >= since
        if not sent or row.state in ("prepared", "waiting", "rejected"):
            continue
        cost, quote = row.cost_usd or Decimal(0), row.quote_usd or Decimal(0)
        ended = row.state in ("succeeded", "failed", "expired")
        free = row.state == "failed" and not cost
        mine = (
            1,
            int(not ended),
            int(row.quote_usd is None and not cost and not free),
            int(ended and not cost and not free),
            quote,
            cost,
            Decimal(0) if free else cost or quote,
        )
        old = found.get(key(row), (0, 0, 0, 0, Decimal(0), Decimal(0), Decimal(0)))
        found[key(row)] = tuple(a + b for a, b in zip(old, mine, strict=True))  # type: ignore[assignment]
    return found


def same(ledger: Ledger) -> None:
    """Every sum is that of the rows: from the beginning, from a quarter, from within one."""
    rows = ledger.rows()
    now = ledger.now()
    for since in (0.0, now - 86400, now // 900 * 900, now - 300.5):
        for kind, key in (
            ("day", lambda row: datetime.fromtimestamp(row.sent_at).strftime("%Y-%m-%d")),  # noqa: DTZ006
            ("project", lambda row: row.project),
            ("model", lambda row: row.model_name),
        ):
            sums: Any = ledger.days(since) if kind == "day" else ledger.sums(kind, since)
            told = {
                one.key: (
                    one.tasks,
                    one.open,
                    one.unknown,
                    one.unsaid,
                    one.estimate,
                    one.actual,
                    one.committed,
                )
                for one in sums
            }
            assert told == reckoned(rows, key, since), (kind, since)
    for project, figures in reckoned(rows, lambda row: row.project, 0.0).items():
        with ledger._transaction(read=True) as db:
            spent = ledger._spent(db, 0.0, project, line=False)
        assert (spent.tasks, spent.committed) == (figures[0], figures[-1])


@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.generate),  # each ledger is a real one, with its syncs
)
@given(data=st.data())
def test_sums_are_those_of_the_rows(data: st.DataObject, tmp_path_factory: Any) -> None:
    """After any sequence of what may happen to requests, with odd amounts among it."""
    moved = Moved()
    moved.stop()
    ledger = Ledger(tmp_path_factory.mktemp("life") / "l.db", ACCOUNT, clock=moved)
    life = Life(ledger, moved, lambda some: data.draw(st.sampled_from(some)))
    for _ in range(25):
        life.step()
    same(ledger)
    ledger.close()


@pytest.mark.parametrize("seed", range(3))
def test_sums_on_both_stores(ledger: Ledger, moved: Moved, seed: int) -> None:
    """A long life."""
    moved.stop()
    chance = random.Random(seed)
    life = Life(ledger, moved, chance.choice)
    for _ in range(120):
        life.step()
    same(ledger)


# --- from version 1 ------------------------------------------------------------------------


@pytest.mark.parametrize("since, days", [(-900, 1), (-1, 0), (0, 0), (1, 0), (900, 0)])
def test_nothing_since_midnight(ledger: Ledger, moved: Moved, since: int, days: int) -> None:
    """What was sent in the last quarter of yesterday is in no sum of today, and breaks none."""
    midnight = datetime(2026, 3, 3).timestamp()  # noqa: DTZ001, as days are told
    moved.stop()
    moved.offset += midnight - 600 - moved()
    ledger.prepare(entry("late"), lease=LEASE)
    assert ledger.admit("late", limit=None, lease=LEASE).admitted
    assert len(ledger.days(midnight + since)) == days
    assert len(ledger.sums("project", midnight + since)) == days


def test_a_ledger_of_version_1(open_ledger: OpenLedger, moved: Moved) -> None:
    """Is brought up to date: sums of all that it holds, without the amounts that are none."""
    old = open_ledger()
    life = Life(old, moved, random.Random(7).choice)
    for _ in range(80):
        life.step()
    as_version_1(old)
    odd = {"a": "-14.00", "b": "1E+999", "c": "NaN"}
    with old._transaction() as db:
        for name, text in odd.items():
            values = old._prepared(entry(name), LEASE) | {"state": "succeeded", "sent_at": 5.0}
            values |= {"cost_units": text, "cost_usd": text}
            then = {k: v for k, v in values.items() if k not in ("edition", "route")}
            table = sa.table("tasks", *map(sa.column, then))
            db.execute(sa.insert(table).values(then))
    old.close()
    new = open_ledger()
    same(new)
    for name in odd:
        row = new.row(name)
        assert (row.cost_units, row.cost_usd, row.quote_usd) == (None, None, Decimal("0.21"))
    life.ledger = new
    for _ in range(20):
        life.step()
    same(new)
    with new._transaction(read=True) as db:
        names = {index["name"] for index in _indexes(db)}
    assert names >= set(INDEXES)
    assert not names & {"tasks_state", "tasks_digest", "tasks_task_id"}


def _indexes(db: sa.Connection) -> list[dict[str, Any]]:
    if db.dialect.name == "postgresql":
        found = db.exec_driver_sql("SELECT indexname FROM pg_indexes").scalars()
    else:
        found = db.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'index'").scalars()
    return [{"name": name} for name in found]


def test_an_older_program_that_still_has_it_open(tmp_path: Path, moved: Moved) -> None:
    """Whatever it writes is summed up too: the database itself does that."""
    place = tmp_path / "ledger.db"
    ledger = Ledger(place, ACCOUNT, clock=moved)
    ledger.prepare(entry("mine"), lease=LEASE)
    with sqlite3.connect(place) as db:
        db.execute(
            "UPDATE tasks SET state = 'submitting', sent_at = ? WHERE id = 'mine'", (moved(),)
        )
    db.close()
    assert ledger.spent(0.0) == (Decimal("0.21"), 0)
    same(ledger)
    ledger.close()


def test_many_tasks_of_one_day_cost_a_limit_no_reading(tmp_path: Path, moved: Moved) -> None:
    """A create under limits of the day and the project reads no row of what was sent before."""
    ledger = Ledger(tmp_path / "ledger.db", ACCOUNT, clock=moved)
    limits = Budget(Decimal("0.21"), day=Decimal(10**6), project=Decimal(10**6), tasks=10**6)

    def work(name: str) -> int:
        steps = 0

        def count() -> None:
            nonlocal steps
            steps += 1

        driver: Any = ledger._writing().connection.driver_connection
        driver.set_progress_handler(count, 10)
        ledger.prepare(entry(name, project="film"), lease=LEASE, budget=limits, dedupe=60)
        assert ledger.admit(name, limit=10**6, lease=LEASE, budget=limits).admitted
        driver.set_progress_handler(None, 0)
        ledger.accepted(name, answer(f"of-{name}"))
        ledger.observe("text_to_video", [answer(f"of-{name}", "succeed")])
        return steps

    for number in range(20):
        work(f"few-{number}")
    few = work("first")
    values = [
        ledger._prepared(entry(f"old-{number}", project="film"), LEASE)
        | {"state": "succeeded", "sent_at": moved(), "task_id": f"{number}", "owner": None}
        for number in range(3000)
    ]
    with ledger._transaction() as db:
        db.execute(sa.insert(tasks), values)
    assert work("last") < 1.5 * few
    ledger.close()

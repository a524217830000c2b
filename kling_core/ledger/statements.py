"""The statements of a task's way: compiled once, and run on the driver itself.

SQLAlchemy writes them for both databases; its work on each execution would cost several times what
SQLite does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from kling_core.ledger.database import ALIVE, LONGEST
from kling_core.ledger.records import HOLDS, IN_LINE, LIVE, RUNNING, SETTLING, TOO_LONG, Row
from kling_core.ledger.schema import leases, meta, outputs, tasks

Insert = Callable[[sa.Table], Any]
"""A dialect's own INSERT, which knows conflicts."""


class _Compiled(NamedTuple):
    """A statement's text; `places` are the names by position, for drivers that want it so."""

    text: str
    places: tuple[str, ...] | None
    constants: Mapping[str, Any]


class Statement:
    """A statement that is compiled once for each database and set of parameters."""

    def __init__(self, build: Callable[[Insert], Any]) -> None:
        self._build = build
        self._compiled: dict[tuple[str, tuple[str, ...]], _Compiled] = {}

    def run(self, db: sa.Connection, values: Mapping[str, Any]) -> list[Sequence[Any]]:
        """Execute it with these parameters and columns; returns the rows as plain tuples.

        Raises the driver's own errors.
        """
        key = (db.dialect.name, tuple(values))
        compiled = self._compiled.get(key) or self._compile(db.dialect, key)
        known = {**compiled.constants, **values}
        cursor: Any = db.connection.cursor()
        try:
            places = compiled.places
            cursor.execute(compiled.text, known if places is None else [known[n] for n in places])
            return cursor.fetchall() if cursor.description else []  # an UPDATE has no rows to give
        finally:
            cursor.close()

    def one(self, db: sa.Connection, values: Mapping[str, Any]) -> Sequence[Any]:
        """The one row that it gives."""
        (row,) = self.run(db, values)
        return row

    def _compile(self, dialect: sa.Dialect, key: tuple[str, tuple[str, ...]]) -> _Compiled:
        insert: Insert = pg_insert if dialect.name == "postgresql" else sqlite_insert
        compiled = self._build(insert).compile(dialect=dialect, column_keys=list(key[1]))
        places = tuple(compiled.positiontup) if compiled.positional else None
        # SQLAlchemy fills defaults in when it executes, which is passed by here.
        defaults = {column.key: column.default.arg for column in compiled.insert_prefetch}
        made = _Compiled(str(compiled), places, {**compiled.params, **defaults})
        self._compiled[key] = made
        return made


def _among(states: Sequence[str]) -> sa.ColumnElement[bool]:
    # Written out: a list of bound values gets its text anew at each execution.
    return tasks.c.state.in_([sa.literal_column(f"'{state}'") for state in states])


def _now() -> sa.ColumnElement[float]:
    return sa.bindparam("now", type_=sa.Float)


def _living() -> sa.ColumnElement[bool]:
    """Whether the process that owns a row has said lately that it lives."""
    name = sa.literal_column("'process '", sa.Text) + tasks.c.owner
    return sa.exists().where(leases.c.name == name, living(leases.c.until, _now()))


def living(until: sa.ColumnElement[float], now: Any) -> sa.ColumnElement[bool]:
    """Whether a sign of life counts; one from further ahead was given by a wrong clock."""
    return until.between(now, now + 2 * ALIVE)


def _holding() -> sa.ColumnElement[bool]:
    """Whether a row holds its slots: Kling may be at work on it, as far as can be known."""
    now = _now()
    clear = sa.or_(tasks.c.unclear_at.is_(None), tasks.c.unclear_at > now - HOLDS)
    lately = sa.or_(tasks.c.sent_at.is_(None), tasks.c.sent_at > now - TOO_LONG)
    doubt = sa.func.coalesce(tasks.c.doubt_until, tasks.c.sent_at + HOLDS)
    # Further ahead than any doubt can reach is what a wrong clock has written.
    out = sa.or_(doubt.is_(None), doubt.between(now, now + LONGEST + SETTLING))
    at_work = sa.and_(_among(RUNNING), clear, lately)
    sent = sa.and_(_among(["submitting", "unknown"]), out)
    # The states once more, alone: so an index of states is used.
    return sa.and_(_among(LIVE), tasks.c.given_up_at.is_(None), sa.or_(at_work, sent))


def _weight(which: sa.ColumnElement[bool] | None = None) -> sa.ColumnElement[int]:
    """The sum of the slots of rows, or of some of them."""
    own = tasks.c.weight if which is None else sa.case((which, tasks.c.weight), else_=0)
    return sa.func.coalesce(sa.func.sum(own), 0)


def _of_product() -> sa.ColumnElement[bool]:
    return tasks.c.product == sa.bindparam("product")


def _this() -> sa.ColumnElement[bool]:
    return tasks.c.id == sa.bindparam("row")


def _change(_: Insert) -> Any:
    return sa.update(tasks).where(_this())


def _accept(_: Insert) -> Any:
    sent = sa.func.coalesce(tasks.c.sent_at, sa.bindparam("now"))
    return sa.update(tasks).where(_this()).values(sent_at=sent)


def _line(_: Insert) -> Any:
    ours = sa.or_(_living(), _this())
    query = sa.select(tasks.c.id, tasks.c.weight).where(_of_product(), _among(IN_LINE), ours)
    return query.order_by(tasks.c.created_at, tasks.c.id)  # the id settles what came at one moment


def _slots(_: Insert) -> Any:
    out = (_of_product(), _among(["submitting"]), _living())
    limit = sa.select(meta.c.value).where(meta.c.key == sa.bindparam("key"))
    doubtful = sa.or_(_among(["unknown"]), tasks.c.unclear_at.is_not(None))
    return sa.select(
        _weight(),
        _weight(doubtful),
        sa.select(sa.func.count()).select_from(tasks).where(*out).scalar_subquery(),
        limit.scalar_subquery(),
    ).where(_of_product(), _holding())


def _busy(_: Insert) -> Any:
    return sa.select(_weight(), _weight(_among(RUNNING))).where(_of_product(), _holding())


def _kind(_: Insert) -> Any:
    name = sa.literal_column("'limit '", sa.Text) + tasks.c.product
    limit = sa.select(meta.c.value).where(meta.c.key == name).scalar_subquery()
    columns = (tasks.c.endpoint, tasks.c.product, tasks.c.task_id, limit)
    return sa.select(*columns).where(_this())


def _seen(_: Insert) -> Any:
    theirs = tasks.c.task_id == sa.bindparam("task_id")
    columns = (tasks.c.id, tasks.c.raw, tasks.c.unclear_at)
    return sa.select(*columns).where(tasks.c.endpoint == sa.bindparam("endpoint"), theirs)


def _keep(_: Insert) -> Any:
    # Not "number": SQLAlchemy keeps a column's own name for the value that is set.
    number = outputs.c.number == sa.bindparam("place")
    return sa.update(outputs).where(outputs.c.task == sa.bindparam("row"), number)


def _note_output(insert: Insert) -> Any:
    statement = insert(outputs)
    news = {name: statement.excluded[name] for name in ("kind", "output_id", "url", "data")}
    return statement.on_conflict_do_update(index_elements=["task", "number"], set_=news)


ROW = Statement(lambda _: sa.select(*(tasks.c[name] for name in Row.__slots__)).where(_this()))
"""The row with our id `row`, its columns in the order of `Row`."""

HOLDER = Statement(
    lambda _: sa.select(tasks.c.owner, tasks.c.state, tasks.c.product, tasks.c.tries).where(_this())
)
"""Owner, state, product and tries of a row."""

KIND = Statement(_kind)
"""Endpoint and product of a row, Kling's id once it has one, and what is known of the limit."""

WRITE_DOWN = Statement(lambda insert: insert(tasks).on_conflict_do_nothing().returning(tasks.c.id))
"""A new row from the columns given; its id comes back unless it was there already."""

CHANGE = Statement(_change)
"""Sets the columns that are given."""

ACCEPT = Statement(_accept)
"""The same, and the time of sending, `now`, where there is none."""

SEEN = Statement(_seen)
"""Id, last answer, and since when it is unclear, of the row of an `endpoint`'s task."""

NOTE_OUTPUT = Statement(_note_output)
"""An output as Kling describes it, new or again."""

KEEP = Statement(_keep)
"""Sets columns of one output."""

LINE = Statement(_line)
"""Id and weight of who stands in line for `product`: processes that live at `now`, and `row`."""

SLOTS = Statement(_slots)
"""What is busy, of it in doubt, and on its way; and the limit that was learned under `key`."""

BUSY = Statement(_busy)
"""What is busy of a `product`, and what of it Kling has taken."""

HOLDERS = Statement(lambda _: sa.select(tasks.c.id).where(_holding()).order_by(tasks.c.created_at))
"""The ids of all rows that hold a slot at `now`, oldest first."""

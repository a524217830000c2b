"""The ledger's tables and its migrations.

States of a task row: prepared (written down, not sent), waiting (for a slot), submitting (a POST
is on its way), submitted, processing, succeeded, failed, rejected (refused, not billed), unknown
(sent, answer lost), expired (purged at Kling and not saved here).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.schema import CreateColumn

from kling_core.editions.task_facts import amount
from kling_core.ledger import totals as sums
from kling_core.ledger.records import IN_LINE, SETTLING

VERSION = 2
"""The newest schema that this code knows."""

META = sa.MetaData()

meta = sa.Table(
    "meta",
    META,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)

tasks = sa.Table(
    "tasks",
    META,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("endpoint", sa.Text, nullable=False),
    sa.Column("product", sa.Text, nullable=False),
    sa.Column("weight", sa.Integer, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("project", sa.Text, nullable=False, default=""),
    sa.Column("external_task_id", sa.Text),
    sa.Column("task_id", sa.Text),
    sa.Column("request", sa.Text, nullable=False, default="{}"),
    sa.Column("media", sa.Text, nullable=False, default="{}"),
    sa.Column("digest", sa.Text, nullable=False, default=""),
    sa.Column("model_name", sa.Text, nullable=False, default=""),
    sa.Column("text", sa.Text, nullable=False, default=""),
    sa.Column("parent_task_id", sa.Text),
    sa.Column("parent_output_id", sa.Text),
    sa.Column("quote_units", sa.Text),
    sa.Column("quote_usd", sa.Text),
    sa.Column("cost_units", sa.Text),
    sa.Column("cost_usd", sa.Text),
    sa.Column("error", sa.Text, nullable=False, default=""),
    sa.Column("raw", sa.Text, nullable=False, default="{}"),
    sa.Column("known", sa.Text),
    sa.Column("tries", sa.Integer, nullable=False, default=0),
    sa.Column("owner", sa.Text),
    sa.Column("lease_until", sa.Float),
    sa.Column("created_at", sa.Float, nullable=False),
    sa.Column("sent_at", sa.Float),
    sa.Column("updated_at", sa.Float, nullable=False),
    sa.Column("finished_at", sa.Float),
    sa.Column("unclear_at", sa.Float),
    sa.Column("given_up_at", sa.Float),
    sa.Column("doubt_until", sa.Float),
    sa.Index("tasks_created", "created_at"),
)

outputs = sa.Table(
    "outputs",
    META,
    sa.Column("task", sa.Text, sa.ForeignKey("tasks.id"), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("output_id", sa.Text, nullable=False, default=""),
    sa.Column("url", sa.Text, nullable=False, default=""),
    sa.Column("path", sa.Text),
    sa.Column("sha256", sa.Text),
    sa.Column("size", sa.BigInteger),
    sa.Column("audit", sa.Text, nullable=False, default=""),
    sa.Column("saved_at", sa.Float),
    sa.Index("outputs_output_id", "output_id"),
)

leases = sa.Table(
    "leases",
    META,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("until", sa.Float, nullable=False),
)

totals = sa.Table(
    "totals",
    META,
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("start", sa.BigInteger, primary_key=True),
    sa.Column("key", sa.Text, primary_key=True),
    *(sa.Column(name, sa.BigInteger, nullable=False) for name in sums.SUMS),
    sqlite_with_rowid=False,
)
"""What tasks cost, see `kling_core.ledger.totals`."""


def aside(column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    """A column in a condition that is to choose no index: SQLite, which knows nothing of how many
    rows have a value, would else take an endpoint's index to find the few tasks that run.
    """
    return sa.func.coalesce(column, column)


def ending(column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    """The last letters of an id, as an index holds them: people name tasks by them."""
    first = sa.func.length(column) - sa.literal_column(str(TAIL - 1))
    return sa.func.substr(column, first)


TAIL = 4
"""Letters of the end of an id that are looked up; what is shown of one are its last eight."""

UNSAID = sa.and_(tasks.c.state == sa.literal_column("'succeeded'"), tasks.c.cost_units.is_(None))
"""Whether a task was made and Kling has not said yet what it deducted; as its index has it."""


def _index(
    name: str, *columns: Any, where: sa.ColumnElement[bool] | None = None, **more: Any
) -> sa.Index:
    return sa.Index(name, *columns, sqlite_where=where, postgresql_where=where, **more)


IN_A_PROJECT = tasks.c.project != sa.literal_column("''")
"""Whether a task belongs to a project; as its index has it."""

INDEXES: tuple[sa.Index, ...] = (
    _index("tasks_sent", tasks.c.sent_at, where=tasks.c.sent_at.is_not(None)),
    _index("tasks_by_state", tasks.c.state, tasks.c.created_at),
    _index("tasks_by_endpoint", tasks.c.endpoint, tasks.c.created_at),
    _index("tasks_by_project", tasks.c.project, tasks.c.created_at, where=IN_A_PROJECT),
    _index("tasks_by_digest", tasks.c.digest, tasks.c.created_at),
    _index(
        "tasks_kling",
        tasks.c.task_id,
        tasks.c.endpoint,
        where=tasks.c.task_id.is_not(None),
        unique=True,
        postgresql_ops={"task_id": "text_pattern_ops"},
    ),
    _index("tasks_end", ending(tasks.c.id)),
    _index("tasks_kling_end", ending(tasks.c.task_id), where=tasks.c.task_id.is_not(None)),
    *(
        _index(f"tasks_{column.key}", column, where=column.is_not(None))
        for column in (tasks.c.parent_task_id, tasks.c.parent_output_id)
    ),
    _index("tasks_unsaid", tasks.c.created_at, where=UNSAID),
    _index("outputs_unsaved", outputs.c.task, outputs.c.number, where=outputs.c.path.is_(None)),
)
"""What keeps each question as fast as on the first day."""

_GONE = ("tasks_state", "tasks_digest", "tasks_task_id")
"""Indexes of version 1 that others have taken the place of."""


def _first(connection: sa.Connection) -> None:
    META.create_all(connection)


def _second(connection: sa.Connection) -> None:
    """Indexes for every question, running sums, exact amounts; what is in doubt."""
    _add_columns(connection, tasks.c.unclear_at, tasks.c.given_up_at, tasks.c.doubt_until)
    META.create_all(connection)
    for index in INDEXES:
        connection.execute(sa.schema.CreateIndex(index, if_not_exists=True))
    if connection.dialect.name == "postgresql":  # whose primary key sorts by its language
        connection.exec_driver_sql(
            "CREATE INDEX IF NOT EXISTS tasks_begin_ours ON tasks (id text_pattern_ops)"
        )
    for name in _GONE:
        connection.exec_driver_sql(f"DROP INDEX IF EXISTS {name}")
    _mend_amounts(connection)
    _mend_doubt(connection)
    sums.install(connection)
    sums.fill(connection)


def _mend_amounts(connection: sa.Connection) -> None:
    """What version 1 took for an amount and is none is not known."""
    for names in (("quote_units", "quote_usd"), ("cost_units", "cost_usd")):
        for name in names:
            column = tasks.c[name]
            found = connection.execute(sa.select(column).distinct().where(column.is_not(None)))
            for text in [text for text in found.scalars() if amount(text) is None]:
                nothing: dict[str, None] = dict.fromkeys(names)
                connection.execute(sa.update(tasks).where(column == text).values(nothing))


def _add_columns(connection: sa.Connection, *columns: sa.Column[Any]) -> None:
    """Columns that a fresh ledger has by `_first`."""
    known = {column["name"] for column in sa.inspect(connection).get_columns("tasks")}
    for column in columns:
        if column.name not in known:
            words = CreateColumn(column).compile(dialect=connection.dialect)
            connection.execute(sa.text(f"ALTER TABLE tasks ADD COLUMN {words}"))


def _mend_doubt(connection: sa.Connection) -> None:
    """What was sent by older code is in doubt."""
    sent = (tasks.c.tries > 0, tasks.c.state.in_((*IN_LINE, "submitting", "unknown")))
    until = sa.func.coalesce(tasks.c.lease_until, tasks.c.updated_at) + SETTLING
    connection.execute(sa.update(tasks).where(*sent).values(doubt_until=until))


MIGRATIONS: tuple[Callable[[sa.Connection], None], ...] = (_first, _second)
"""Step n brings the schema from version n to n + 1; each runs in one transaction."""

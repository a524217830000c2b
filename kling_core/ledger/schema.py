"""The ledger's tables and its migrations.

States of a task row: prepared (written down, not sent), waiting (for a slot), submitting (a POST
is on its way), submitted, processing, succeeded, failed, rejected (refused, not billed), unknown
(sent, answer lost), expired (purged at Kling and not saved here).
"""

from __future__ import annotations

from collections.abc import Callable

import sqlalchemy as sa
from sqlalchemy.schema import CreateColumn

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
    sa.Index("tasks_state", "product", "state"),
    sa.Index("tasks_task_id", "endpoint", "task_id", unique=True),
    sa.Index("tasks_created", "created_at"),
    sa.Index("tasks_digest", "digest"),
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


def _first(connection: sa.Connection) -> None:
    META.create_all(connection)


def _second(connection: sa.Connection) -> None:
    """What holds no slot: of what Kling says nothing that we understand, and what was given up."""
    known = {column["name"] for column in sa.inspect(connection).get_columns("tasks")}
    for column in (tasks.c.unclear_at, tasks.c.given_up_at):
        if column.name not in known:  # a fresh ledger has it by `_first`
            words = CreateColumn(column).compile(dialect=connection.dialect)
            connection.execute(sa.text(f"ALTER TABLE tasks ADD COLUMN {words}"))


MIGRATIONS: tuple[Callable[[sa.Connection], None], ...] = (_first, _second)
"""Step n brings the schema from version n to n + 1; each runs in one transaction."""

"""The ledger's tables, as today's questions see them; `kling_core.ledger.migrations` makes them.

States of a task row: prepared (written down, not sent), waiting (for a slot), submitting (a POST
is on its way), submitted, processing, succeeded, failed, rejected (refused, not billed), unknown
(sent, answer lost), expired (purged at Kling and not saved here).
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from kling_core.editions import V1
from kling_core.ledger import totals as sums

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
    sa.Column("edition", sa.Text, nullable=False, default=V1),
    sa.Column("route", sa.Text, nullable=False, default=""),
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
    sa.Column("data", sa.Text),
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

IN_A_PROJECT = tasks.c.project != sa.literal_column("''")
"""Whether a task belongs to a project; as its index has it."""

UNSAVED = sa.and_(outputs.c.path.is_(None), outputs.c.data.is_(None))
"""Whether an output is a file that was never saved; as its index has it."""

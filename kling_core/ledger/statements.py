"""The statements of a task's way, built once: building one costs more than SQLite's work on it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import sqlalchemy as sa

from kling_core.ledger.rows import IN_LINE, LIVE, Row
from kling_core.ledger.schema import leases, meta, outputs, tasks

Insert = Callable[[sa.Table], Any]
"""A dialect's own INSERT, which knows conflicts."""


def _among(states: Sequence[str]) -> sa.ColumnElement[bool]:
    return tasks.c.state.in_([sa.literal_column(f"'{state}'") for state in states])


_living = sa.exists().where(
    leases.c.name == sa.literal_column("'process '") + tasks.c.owner,
    leases.c.until >= sa.bindparam("now", type_=sa.Float),
)
_product = tasks.c.product == sa.bindparam("product")

ROW = sa.select(*(tasks.c[name] for name in Row.__slots__)).where(tasks.c.id == sa.bindparam("row"))
"""The row with our id `row`, its columns in the order of `Row`."""

HOLDER = sa.select(tasks.c.owner, tasks.c.state, tasks.c.product, tasks.c.tries).where(
    tasks.c.id == sa.bindparam("row")
)
"""What admission needs to know of a row."""

SEEN = sa.select(tasks.c.id, tasks.c.task_id, tasks.c.raw, tasks.c.product).where(
    tasks.c.endpoint == sa.bindparam("endpoint"),
    tasks.c.task_id.in_(sa.bindparam("task_ids", expanding=True)),
)
"""What is known of Kling's `task_ids` of an endpoint."""

CHANGE = sa.update(tasks).where(tasks.c.id == sa.bindparam("row"))
"""Sets the columns that are given as parameters."""

ACCEPT = CHANGE.values(sent_at=sa.func.coalesce(tasks.c.sent_at, sa.bindparam("now")))
"""The same, and the time of sending where there is none."""

KEEP = sa.update(outputs).where(
    outputs.c.task == sa.bindparam("row"), outputs.c.number == sa.bindparam("place")
)
"""Sets columns of one output."""

LINE = (
    sa.select(tasks.c.id, tasks.c.weight)
    .where(_product, _among(IN_LINE), sa.or_(_living, tasks.c.id == sa.bindparam("row")))
    .order_by(tasks.c.created_at, tasks.c.id)
)
"""Who stands in line for `product`: rows of processes that live at `now`, and `row`."""

SLOTS = sa.select(
    sa.select(sa.func.coalesce(sa.func.sum(tasks.c.weight), 0))
    .where(_product, _among(LIVE))
    .scalar_subquery()
    .label("busy"),
    sa.select(sa.func.count())
    .where(_product, _among(["submitting"]), _living)
    .scalar_subquery()
    .label("unanswered"),
    sa.select(meta.c.value)
    .where(meta.c.key == sa.bindparam("key"))
    .scalar_subquery()
    .label("learned"),
)
"""What is busy and on its way, and the limit that was learned under `key`."""


@cache
def write_down(insert: Insert) -> Any:
    """A new row from the columns given; its id comes back unless it was there already."""
    return insert(tasks).on_conflict_do_nothing().returning(tasks.c.id)


@cache
def note_output(insert: Insert) -> Any:
    """An output as Kling describes it, new or again."""
    statement = insert(outputs)
    news = {name: statement.excluded[name] for name in ("kind", "output_id", "url")}
    return statement.on_conflict_do_update(index_elements=["task", "number"], set_=news)

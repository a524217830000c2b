"""Tasks and their rows: taken into the ledger when it does not know them, and out of it again."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from kling_core.editions.task_facts import TaskFacts
from kling_core.flows.known_rows import endpoint_of
from kling_core.flows.read import Way
from kling_core.ledger.ledger import Ledger
from kling_core.ledger.records import Entry, Row

if TYPE_CHECKING:
    from kling_core.flows.runner import Maker
    from kling_core.flows.task_state import TaskState

TaskT = TypeVar("TaskT")


def adopt(ledger: Ledger, way: Way, facts: TaskFacts) -> bool:
    """Write down a task that was made elsewhere; False when it is known already.

    `way` is how Kling shows it.
    """
    endpoint = way.endpoint
    external = facts.external_task_id or None
    entry = Entry(
        id=str(external or f"{endpoint.name}-{facts.task_id}"),
        endpoint=endpoint.name,
        product=endpoint.pool,
        edition=way.edition.name,
        route=way.path,
        # Where a field decides the weight (n), what was made is all that is known of it.
        weight=max(1, len(facts.outputs)) if isinstance(endpoint.weight, str) else 1,
        external_task_id=external,
        request={},
        media={},
        digest="",  # the mark of what nobody here has asked for
        parent_output_id=facts.parent_id or None,
    )
    made = facts.created
    told = made is not None and 0 < made < _TIMES_END
    return ledger.adopt(entry, facts, created_at=made if told else None)


_TIMES_END = 10_000_000_000.0
"""What is beyond this (in the year 2286) is no time of a task, whatever the server wrote."""


def row_of(ledger: Ledger, task: TaskState) -> str:
    """The id of a task's row; the task is taken in when there is none."""
    return task.row_id if task.row_id is not None else whole_row_of(ledger, task).id


def whole_row_of(ledger: Ledger, task: TaskState) -> Row:
    """A task's row; the task is taken in when there is none."""
    if task.row_id is not None:
        return ledger.row(task.row_id)
    row = ledger.by_task_id(task.endpoint.name, task.task_id)
    if row is None:
        adopt(ledger, task.way, task.facts)
        row = ledger.by_task_id(task.endpoint.name, task.task_id)
    assert row is not None
    return row


def task_of(client: Maker[TaskT], row: Row) -> TaskT:
    """The task of a row, as the client makes its tasks."""
    return client.task(
        endpoint_of(row),
        row.facts,
        external_task_id=row.external_task_id,
        row_id=row.id,
        words=row.text,
        edition=row.edition,
        route=row.route,
        row=row,
    )

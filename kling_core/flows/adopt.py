"""Taking tasks into the ledger that it does not know yet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from kling_core.editions import V1
from kling_core.editions.task_facts import Answer, decimal, text
from kling_core.ledger.ledger import Ledger
from kling_core.ledger.records import Entry, Row

if TYPE_CHECKING:
    from kling_core.declare.endpoint import Endpoint
    from kling_core.flows.task_state import TaskState


def adopt(ledger: Ledger, endpoint: Endpoint, data: Mapping[str, Any], *, route: str = "") -> bool:
    """Write down a task that was made elsewhere; False when it is known already.

    `route` is the path under which Kling shows it.
    """
    answer = Answer(data)
    external = answer.external_task_id or None
    parent = text(answer.parent_video, "id")
    entry = Entry(
        id=str(external or f"{endpoint.name}-{answer.task_id}"),
        endpoint=endpoint.name,
        product=endpoint.pool,
        edition=V1,
        route=route or endpoint.path,
        weight=max(1, len(answer.outputs)) if isinstance(endpoint.weight, str) else 1,
        external_task_id=external,
        request={},
        media={},
        digest="",
        parent_output_id=parent or None,
    )
    return ledger.adopt(entry, data, created_at=_made_at(data))


_TIMES_END = 10_000_000_000.0
"""What is beyond this (in the year 2286) is no time of a task, whatever the server wrote."""


def _made_at(data: Mapping[str, Any]) -> float | None:
    """Seconds since 1970, from seconds or milliseconds; None when the server did not say."""
    number = decimal(data.get("created_at") or data.get("create_time"))
    if number is None or number <= 0:
        return None
    seconds = float(number) if number < 100_000_000_000 else float(number) / 1000
    return seconds if seconds < _TIMES_END else None


def row_of(ledger: Ledger, task: TaskState) -> str:
    """The id of a task's row; the task is taken in when there is none."""
    return task.row_id if task.row_id is not None else whole_row_of(ledger, task).id


def whole_row_of(ledger: Ledger, task: TaskState) -> Row:
    """A task's row; the task is taken in when there is none."""
    if task.row_id is not None:
        return ledger.row(task.row_id)
    row = ledger.by_task_id(task.endpoint.name, task.task_id)
    if row is None:
        adopt(ledger, task.endpoint, task.raw, route=task.session.path(task.endpoint))
        row = ledger.by_task_id(task.endpoint.name, task.task_id)
    assert row is not None
    return row

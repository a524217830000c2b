"""Tasks, rows and prices as JSON: amounts as text, times in ISO 8601."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from kling_core.commands import readable

if TYPE_CHECKING:
    from kling_core.flows.task_state import Output
    from kling_core.ledger.records import Row
    from kling_core.rules.price import Quote
    from kling_core.task import Task

__all__ = ["COLUMNS", "described", "plain", "quoted", "recorded"]

COLUMNS = (
    "id",
    "task_id",
    "state",
    "endpoint",
    "model_name",
    "project",
    "text",
    "quote_units",
    "quote_usd",
    "cost_units",
    "cost_usd",
    "created_at",
    "sent_at",
    "finished_at",
    "parent_task_id",
    "error",
)
"""What lists and exports tell of a row."""


def described(task: Task) -> dict[str, Any]:
    """A task as JSON: amounts as text, times in ISO 8601."""
    cost = task.cost
    return {
        "task_id": task.task_id,
        "external_task_id": task.external_task_id,
        "endpoint": task.endpoint.name,
        "status": task.status,
        "status_message": task.status_message,
        "created_at": task.created_at,
        "updated_at": task.updated_at,
        "quote": quoted(task.quote),
        "cost_units": cost.units if cost else None,
        "outputs": [_output(output) for output in task.outputs],
    }


def quoted(quote: Quote | None) -> dict[str, Any] | None:
    """A quote as JSON; None when no price is known."""
    if quote is None:
        return None
    return {
        "units": quote.units,
        "usd": quote.usd,
        "as_of": quote.as_of,
        "source": quote.source,
        "basis": quote.basis,
        "at_most": quote.at_most,
    }


def recorded(row: Row) -> dict[str, Any]:
    """A row as JSON: its `COLUMNS`, times in ISO 8601."""
    known = {name: getattr(row, name) for name in COLUMNS}
    return {n: readable.moment(v) if n.endswith("_at") else v for n, v in known.items()}


def plain(value: Any) -> Any:
    """A value as JSON has it: amounts as text, times in ISO 8601."""
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _output(output: Output) -> dict[str, Any]:
    return {
        "kind": output.kind,
        "id": output.id or None,
        "url": output.url,
        "watermark_url": output.watermark_url,
        "duration": output.duration,
        "expires_at": output.expires_at,
        "path": output.path,
        **({} if output.is_file else {"data": output.raw}),
    }

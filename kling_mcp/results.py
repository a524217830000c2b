"""What comes back: facts that say everything by themselves, a line for people, links.

Some hosts show the model only the facts (`structured_content`), others only the text. So both
tell of every task its id, its state and the next step; neither ever holds a file's bytes.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mcp.types import CallToolResult, ContentBlock, ResourceLink, TextContent

from kling_core.commands import show
from kling_core.flows.known_rows import knows
from kling_core.text import safe
from kling_mcp.safety.redact import clean, quoted, whole
from kling_mcp.safety.totals import midnight

if TYPE_CHECKING:
    from kling_core import AsyncTask, Quote
    from kling_core.ledger.records import Kept, Row
    from kling_mcp.creates import Account

__all__ = [
    "MIME",
    "OUTPUT",
    "TASKS",
    "answer",
    "budget",
    "describe",
    "line",
    "links",
    "money",
    "quote",
]

OUTPUT: dict[str, Any] = {
    "type": "object",
    "properties": {
        "task_id": {"type": "string"},
        "state": {"type": "string"},
        "next_step": {"type": "string"},
    },
}
"""The schema of everything about one task; facts may hold more."""

TASKS: dict[str, Any] = {
    "type": "object",
    "properties": {
        "tasks": {"type": "array", "items": {"type": "object"}},
    },
}
"""The schema of everything about several tasks."""

MIME = {
    ".mp4": "video/mp4",
    ".mov": "video/quicktime",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".webp": "image/webp",
    ".mp3": "audio/mpeg",
    ".wav": "audio/wav",
}


_UNSENT = "It was never sent and costs nothing: call the create tool again with the same arguments."


def answer(facts: dict[str, Any], text: str, extra: Sequence[ContentBlock] = ()) -> CallToolResult:
    """A result; facts that are None or empty are left out."""
    said = TextContent(text=safe(whole(text)))
    return CallToolResult(content=[said, *extra], structured_content=known(facts))


def known(value: Any) -> Any:
    """Facts without what is None or empty, and without what no encoding carries."""
    if isinstance(value, str):
        return whole(value)
    if isinstance(value, dict):
        inner = {k: known(v) for k, v in value.items()}  # pyright: ignore[reportUnknownVariableType]
        return {k: v for k, v in inner.items() if v is not None and v not in ("", [], {})}  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, list):
        return [known(entry) for entry in value]  # pyright: ignore[reportUnknownVariableType]
    return value


def money(amount: Decimal | None) -> float | None:
    """US dollars as a JSON number."""
    return None if amount is None else float(amount)


def quote(price: Quote | None) -> dict[str, Any]:
    """A price before it is charged."""
    if price is None:
        return {"quote": "unknown"}
    return {
        "quote_usd": money(price.usd),
        "quote_units": money(price.units),
        "basis": price.basis,
        "price_list": f"{price.source} of {price.as_of}",
        **({"at_most": True} if price.at_most else {}),
    }


async def budget(account: Account) -> dict[str, Any] | None:
    """The day's limit and what is left of it; None when no limit is set."""
    day = account.client.session.settings.budget
    if day is None:
        return None
    ledger = await account.ledger()
    spent, _ = await asyncio.to_thread(ledger.spent, midnight())
    return {"day_usd": money(day), "spent_usd": money(spent), "left_usd": money(day - spent)}


async def describe(account: Account, task: AsyncTask) -> dict[str, Any]:
    """Everything that is known of a task."""
    ledger = await account.ledger()
    row, kept = await asyncio.to_thread(_recorded, ledger, task)
    state = task.status
    # Only the ledger knows of these.
    if row is not None and (not task.task_id or row.state == "expired"):
        state = row.state
    said = task.status_message if task.task_id else ""  # of no task Kling has said anything
    facts: dict[str, Any] = {
        "task_id": task.task_id or (row.id if row is not None else None),
        "endpoint": task.endpoint.name,
        "state": state,
        "model_name": row.model_name if row is not None else None,
        "prompt": clean(row.text if row is not None else task.words),
        "service_message": clean(said),
        "reason": account.hide(clean(row.error)) if row and row.error != said else None,
        "created_at": _time(task.created_at) or _time(row.created_at if row else None),
        "outputs": _outputs(account, task, kept),
        "cost": _cost(task, row),
    }
    unsent = row is not None and state == "prepared" and row.owner is None
    known = knows(task.endpoint)
    facts["next_step"] = _UNSENT if unsent and known else _next_step(account, facts, known=known)
    return facts


def _recorded(ledger: Any, task: AsyncTask) -> tuple[Row | None, list[Kept]]:
    row: Row | None = (
        ledger.row(task.row_id)
        if task.row_id is not None
        else ledger.by_task_id(task.endpoint.name, task.task_id)
    )
    return row, ledger.kept(row.id) if row is not None else []


def _outputs(account: Account, task: AsyncTask, kept: Sequence[Kept]) -> list[dict[str, Any]]:
    """What the task names, and what only the ledger knows of: texts, and what is not a file."""
    told = [_output(account, output, kept) for output in task.outputs]
    named = {output["index"] for output in told}
    return told + [_recorded_output(account, k) for k in kept if k.number not in named]


def _recorded_output(account: Account, kept: Kept) -> dict[str, Any]:
    here = kept.on_disk and account.settings.local_files
    return {
        "index": kept.number,
        "kind": kept.kind,
        "id": clean(kept.output_id),
        "url": clean(kept.url, 2000),
        "text": None if kept.is_file else clean(show.content(kept), 2000),
        "path": kept.path if here else None,
        "size_bytes": kept.size if here else None,
    }


def _output(account: Account, output: Any, kept: Sequence[Kept]) -> dict[str, Any]:
    record = next((k for k in kept if k.number == output.index and k.path), None)
    saved = Path(record.path) if record is not None and record.path else None
    here = record is not None and record.on_disk
    expires: datetime | None = output.expires_at
    left = (expires - datetime.now(UTC)).total_seconds() / 86400 if expires else None
    return {
        "index": output.index,
        "kind": output.kind,
        "id": output.id,
        "url": clean(output.url, 2000),
        "watermark_url": clean(output.watermark_url or "", 2000),
        **(_resource(output) if output.is_file else {"text": clean(output.content, 2000)}),
        "duration_s": money(output.duration),
        "expires_at": _time(expires),
        "days_left": None if left is None else max(0, math.floor(left)),
        "path": str(saved) if here and account.settings.local_files else None,
        "size_bytes": saved.stat().st_size if here and saved else None,
        "differs": record.audit if record is not None else None,
    }


def _resource(output: Any) -> dict[str, Any]:
    return {
        "resource": f"kling://tasks/{output.task.task_id}/outputs/{output.index}",
        "mime_type": MIME.get(output.suffix, "application/octet-stream"),
    }


def _cost(task: AsyncTask, row: Row | None) -> dict[str, Any]:
    usd = row.quote_usd if row is not None else None
    units = row.quote_units if row is not None else None
    return {
        "quote_usd": money(usd),
        "quote_units": money(units),
        "actual_units": money(task.cost.units if task.cost else None),
        "actual_usd": money(row.cost_usd if row is not None else None),
    }


def _time(moment: datetime | float | None) -> str | None:
    if isinstance(moment, (int, float)):
        moment = datetime.fromtimestamp(moment, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ") if moment else None


_NOT_KNOWN = (
    "This version of kling-suite does not know the endpoint: the task is kept and counted, but "
    "cannot be asked for or downloaded here. Do not create it again; update kling-suite."
)


def _next_step(account: Account, facts: dict[str, Any], *, known: bool = True) -> str:
    task_id, state = facts["task_id"], facts["state"]
    if not known:
        return _NOT_KNOWN
    if state == "succeeded" and facts["outputs"] and all(o.get("text") for o in facts["outputs"]):
        return "Done: all that it made is said here."
    if state == "succeeded":
        if not facts["outputs"]:
            return (
                "Done and paid, but Kling has not named the result yet, which takes it some "
                f'seconds. Call kling_wait_tasks with task_ids ["{task_id}"]. Do not create it '
                "again."
            )
        if any(output["path"] for output in facts["outputs"]):
            return f"Done and saved. kling_preview with task_id {task_id} shows it."
        saves = (
            f"kling_download with task_id {task_id} keeps it"
            if account.settings.local_files
            else ""
        )
        look = f"kling_preview with task_id {task_id} shows it"
        return f"Done: {look}{'; ' + saves if saves else ''}. Kling deletes it after 30 days."
    if state == "failed":
        return "It failed and is free, as far as is known. Change the request before trying again."
    if state in ("rejected", "expired"):
        return "Nothing more comes of it."
    if account.job(task_id) is not None:
        return f'Call kling_wait_tasks with task_ids ["{task_id}"]. Do not create it again.'
    if state in ("prepared", "waiting", "submitting", "unknown"):
        return (
            "Not at Kling yet, as far as is known. Call kling_recover_tasks; do not call the "
            "create tool again."
        )
    return f'Call kling_wait_tasks with task_ids ["{task_id}"]. Do not create it again: it is paid.'


def line(facts: dict[str, Any]) -> str:
    """One task in a line or a few, for people."""
    words = f", prompt {quoted(facts['prompt'], 60)}" if facts.get("prompt") else ""
    lines = [f"Task {facts['task_id']} ({facts['endpoint']}): {facts['state']}{words}"]
    if facts.get("service_message"):
        lines.append(f"Kling says: {quoted(facts['service_message'], 200)}")
    if facts.get("reason"):
        lines.append(f"Reason: {quoted(facts['reason'], 200)}")
    lines += [f"{o['kind']} {o['index']}: {_where(o)}" for o in facts["outputs"]]
    return "\n".join([*lines, facts["next_step"]])


def _where(output: dict[str, Any]) -> str:
    said = output.get("text")
    return quoted(said, 400) if said else str(output["path"] or output["url"])


def links(facts: dict[str, Any]) -> list[ContentBlock]:
    """A link for each output, to its resource here."""
    return [
        ResourceLink(
            name=f"{facts['task_id']}-{output['index']}",
            title=f"{output['kind']} {output['index']} of task {facts['task_id']}",
            uri=output["resource"],
            mime_type=output["mime_type"],
            size=output["size_bytes"],
        )
        for output in facts["outputs"]
        if "resource" in output
    ]

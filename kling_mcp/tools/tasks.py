"""Looking at tasks and waiting for them; free of charge."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from kling_core.endpoints import registry
from kling_core.errors import KlingError, TaskNotFound
from kling_mcp import failures, results, schemas
from kling_mcp.tool import READS, Call, Tool
from kling_mcp.waiting import wait_for

if TYPE_CHECKING:
    from mcp_types import CallToolResult

    from kling_core import AsyncTask

__all__ = ["find", "get_task", "list_tasks", "wait_tasks"]

TASK_ID: schemas.Schema = {"type": "string", "minLength": 1, "description": "Id of the task."}


def get_task() -> Tool:
    """`kling_get_task`."""
    return Tool.of(
        _get,
        name="kling_get_task",
        title="Get a task",
        description="Look once at a task: state, outputs, cost. To wait for it use "
        "kling_wait_tasks. Free.",
        parameters=schemas.object_schema({"task_id": TASK_ID}, ["task_id"]),
        output=results.OUTPUT,
        annotations=READS,
    )


def list_tasks() -> Tool:
    """`kling_list_tasks`."""
    properties: dict[str, schemas.Schema] = {
        "words": {"type": "string", "description": "Words of the prompt."},
        "endpoint": {"type": "string", "description": "Only its tasks, as text_to_video"},
        "state": {
            "type": "string",
            "enum": ["open", "succeeded", "failed"],
            "description": "open: not ended.",
        },
        "limit": {
            "type": "integer",
            "minimum": 1,
            "maximum": 100,
            "default": 10,
            "description": "How many at most.",
        },
    }
    return Tool.of(
        _list,
        name="kling_list_tasks",
        title="List tasks",
        description="The newest tasks made through this library, newest first, with state and "
        "cost. Free.",
        parameters=schemas.object_schema(properties),
        output=results.TASKS,
        annotations=READS,
    )


def wait_tasks() -> Tool:
    """`kling_wait_tasks`."""
    properties: dict[str, schemas.Schema] = {
        "task_ids": {
            "type": "array",
            "items": {"type": "string"},
            "minItems": 1,
            "maxItems": 20,
            "description": "Ids of the tasks.",
        },
        "wait_seconds": {
            "type": "integer",
            "minimum": 0,
            "maximum": 600,
            "default": 45,
            "description": "Longest wait.",
        },
    }
    return Tool.of(
        _wait,
        name="kling_wait_tasks",
        title="Wait for tasks",
        description="Wait until all these tasks have ended, or the time is over; then call it "
        "again. Returns each task with its outputs. Free.",
        parameters=schemas.object_schema(properties, ["task_ids"]),
        output=results.TASKS,
        annotations=READS,
    )


async def find(call: Call, task_id: str) -> AsyncTask:
    """A task by our id or Kling's, from the ledger, or else from Kling."""
    try:
        return await call.account.client.tasks.get(task_id)
    except TaskNotFound:
        for endpoint in registry.endpoints():
            try:
                return await getattr(call.account.client, endpoint.name).get(task_id)
            except TaskNotFound:
                continue
        raise TaskNotFound(
            f"neither the ledger nor Kling knows a task {task_id!r}",
            fix="kling_list_tasks lists the tasks; Kling deletes them after 30 days.",
        ) from None


async def _get(call: Call) -> CallToolResult:
    task = await find(call, call.get("task_id"))
    if task.task_id and not task.done:
        await task.refresh()
    facts = await results.describe(call.account, task)
    facts["warnings"] = call.warnings
    return results.answer(facts, results.line(facts), results.links(facts))


async def _list(call: Call) -> CallToolResult:
    from kling_core.ledger.rows import ENDED, IN_LINE, LIVE

    chosen = call.get("state")
    states = (*IN_LINE, *LIVE) if chosen == "open" else (chosen,) if chosen else None
    ledger = await call.account.ledger()
    rows = await asyncio.to_thread(
        ledger.rows,
        states=states,
        endpoint=call.get("endpoint"),
        words=call.get("words"),
        limit=call.get("limit"),
    )
    client = call.account.client
    found = [await results.describe(call.account, await client.tasks.get(row.id)) for row in rows]
    del ENDED
    facts: dict[str, Any] = {
        "tasks": found,
        "next_step": "" if found else "Nothing was made yet, or nothing matches.",
    }
    lines = [results.line(task).splitlines()[0] for task in found]
    return results.answer(facts, "\n".join(lines) or facts["next_step"])


async def _wait(call: Call) -> CallToolResult:
    tasks = [await find(call, task_id) for task_id in call.get("task_ids")]
    waits = [asyncio.ensure_future(task.wait()) for task in tasks if task.task_id and not task.done]
    both = asyncio.gather(*waits, return_exceptions=True)

    def news() -> str:
        done = sum(task.done for task in tasks)
        return f"{done} of {len(tasks)} tasks have ended"

    try:
        await wait_for(both, call.get("wait_seconds"), call.context, news)
        if both.done():
            _only_failures(both.result())
    finally:
        both.cancel()
    described = [await results.describe(call.account, task) for task in tasks]
    open_ids = [d["task_id"] for d, t in zip(described, tasks, strict=True) if not t.done]
    step = (
        f"Call kling_wait_tasks again with task_ids {open_ids}." if open_ids else "All have ended."
    )
    facts = {"tasks": described, "warnings": call.warnings, "next_step": step}
    links = [link for task in described for link in results.links(task)]
    return results.answer(facts, "\n".join([*map(results.line, described), step]), links)


def _only_failures(outcomes: list[Any]) -> None:
    for outcome in outcomes:
        if isinstance(outcome, Exception) and not isinstance(outcome, KlingError):
            raise outcome


del failures

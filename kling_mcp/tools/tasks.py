"""Looking at tasks and waiting for them; free of charge."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from kling_core.advice import said
from kling_core.commands.tasks import recorded_as
from kling_core.declare import registry
from kling_core.errors import KlingError, TaskNotFound
from kling_core.flows.known_rows import knows
from kling_mcp import results, schemas
from kling_mcp.bounded_wait import wait_for
from kling_mcp.safety.redact import clean
from kling_mcp.tool import READS, Call, Tool

if TYPE_CHECKING:
    from mcp.types import CallToolResult

    from kling_core import AsyncTask
    from kling_mcp.creates import Account

__all__ = ["TASK_ID", "get_task", "list_tasks", "wait_tasks"]

TASK_ID: schemas.Schema = {"type": "string", "minLength": 1, "description": "Kling's or ours"}


def get_task() -> Tool:
    """`kling_get_task`."""
    return Tool.of(
        _get,
        toolset="tasks",
        name="kling_get_task",
        title="Get a task",
        description="Look once at a task, free; to wait for it use kling_wait_tasks. Returns its "
        "state, outputs, cost and next step.",
        parameters=schemas.object_schema({"task_id": TASK_ID}, ["task_id"]),
        output=results.OUTPUT,
        annotations=READS,
    )


def list_tasks() -> Tool:
    """`kling_list_tasks`."""
    properties: dict[str, schemas.Schema] = {
        "words": {"type": "string", "description": "Words of the prompt"},
        "endpoint": {"type": "string", "description": "As text_to_video"},
        "state": {
            "type": "string",
            "enum": ["open", "succeeded", "failed"],
            "description": "open: not ended",
        },
        "limit": {
            "type": "integer",
            "minimum": 1,
            "maximum": 100,
            "default": 10,
            "description": "At most",
        },
    }
    return Tool.of(
        _list,
        toolset="tasks",
        name="kling_list_tasks",
        title="List tasks",
        description="The newest tasks of the ledger, free; to find what a crash left behind use "
        "kling_recover_tasks. Returns each with state, outputs and cost.",
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
            "description": "Their ids",
        },
        "wait_seconds": {
            "type": "integer",
            "minimum": 0,
            "maximum": 600,
            "default": 45,
            "description": "Longest wait",
        },
    }
    return Tool.of(
        _wait,
        toolset="tasks",
        name="kling_wait_tasks",
        title="Wait for tasks",
        description="Wait until these tasks have ended, free. When the time is over first, call "
        "it again with those that are open. Returns each with state, outputs and cost.",
        parameters=schemas.object_schema(properties, ["task_ids"]),
        output=results.TASKS,
        annotations=READS,
    )


async def _get(call: Call) -> CallToolResult:
    task = await call.account.look(call.get("task_id"))
    facts = await results.describe(call.account, task)
    facts["warnings"] = call.warnings
    return results.answer(facts, results.line(facts), results.links(facts))


async def _list(call: Call) -> CallToolResult:
    from kling_core.ledger.records import IN_LINE, LIVE

    chosen = call.get("state")
    states = (*IN_LINE, *LIVE) if chosen == "open" else (chosen,) if chosen else None
    named = call.get("endpoint")
    ledger = await call.account.ledger()
    recorded = await asyncio.to_thread(recorded_as, ledger, named) if named else None
    rows = await asyncio.to_thread(
        ledger.rows,
        states=states,
        endpoint=(recorded or registry.get(named).name) if named else None,
        words=call.get("words"),
        limit=call.get("limit"),
    )
    client = call.account.client
    found = [await results.describe(call.account, await client.tasks.get(row.id)) for row in rows]
    facts: dict[str, Any] = {
        "tasks": found,
        "next_step": "" if found else "Nothing was made yet, or nothing matches.",
    }
    lines = [results.line(task).splitlines()[0] for task in found]
    return results.answer(facts, "\n".join(lines) or facts["next_step"])


async def _wait(call: Call) -> CallToolResult:
    asked: list[str] = list(dict.fromkeys(call.get("task_ids")))
    found: dict[str, AsyncTask] = {}
    unknown: dict[str, TaskNotFound] = {}
    for task_id in asked:
        try:
            found[task_id] = await call.account.find(task_id)
        except TaskNotFound as error:
            unknown[task_id] = error
    if not found:
        raise unknown[asked[0]]

    async def follow(task_id: str) -> None:
        if (job := call.account.job(task_id)) is not None:
            found[task_id] = await asyncio.shield(job.outcome)
        await found[task_id].wait()  # a lost answer is looked up; what was never sent is told

    waits = asyncio.gather(*(follow(task_id) for task_id in found), return_exceptions=True)

    def news() -> str:
        return f"{sum(task.done for task in found.values())} of {len(found)} tasks have ended"

    try:
        await wait_for(waits, call.get("wait_seconds"), call.context, news)
        if waits.done():
            _only_failures(waits.result())
    finally:
        waits.cancel()
    return await _told(call, list(found.values()), unknown)


async def _told(
    call: Call, tasks: list[AsyncTask], unknown: Mapping[str, TaskNotFound]
) -> CallToolResult:
    described = [await results.describe(call.account, task) for task in tasks]
    both = list(zip(described, tasks, strict=True))
    left = [facts["task_id"] for facts, task in both if _runs(call.account, facts, task)]
    facts: dict[str, Any] = {
        "tasks": [*described, *(_missing(*one) for one in unknown.items())],
        "warnings": call.warnings,
        "next_step": _step(left, all(task.done for task in tasks)),
    }
    lost = [f"Task {clean(name, 60)}: {error.said('tools')}" for name, error in unknown.items()]
    lines = [*map(results.line, described), *lost, facts["next_step"]]
    links = [link for task in described for link in results.links(task)]
    return results.answer(facts, "\n".join(lines), links)


def _runs(account: Account, facts: Mapping[str, Any], task: AsyncTask) -> bool:
    """Whether waiting for a task brings it nearer to its end."""
    under_way = bool(task.task_id) or account.job(facts["task_id"]) is not None
    return under_way and not task.complete and knows(task.endpoint)


def _missing(task_id: str, error: TaskNotFound) -> dict[str, Any]:
    return {
        "task_id": clean(task_id, 60),
        "state": "not found",
        "reason": said(error.message, "tools"),
        "next_step": said(error.fix, "tools"),
    }


def _step(left: list[str], ended: bool) -> str:
    if left:
        return f"Call kling_wait_tasks again with task_ids {json.dumps(left)}."
    return "All have ended." if ended else "The rest does not run: see the next_step of each."


def _only_failures(outcomes: list[Any]) -> None:
    for outcome in outcomes:
        if isinstance(outcome, Exception) and not isinstance(outcome, KlingError):
            raise outcome

"""Completions: task ids, endpoints, models, scenes and voices."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from mcp.types import CompleteRequestParams, CompleteResult, Completion

from kling_core.catalog import tables
from kling_core.declare import registry
from kling_mcp.protocol.resources import account_of

if TYPE_CHECKING:
    from mcp.server.mcpserver import Context

__all__ = ["complete"]

_MOST = 100
"""How many values a completion may hold."""


async def complete(params: CompleteRequestParams, context: Context[Any, Any]) -> CompleteResult:
    """What an argument of a template or prompt may be, of what begins or is in it as typed."""
    typed = params.argument.value.strip().lower()
    values = await _values(params, context)
    near = [v for v in values if v.lower().startswith(typed)]
    near += [v for v in values if typed in v.lower() and v not in near]
    return CompleteResult(
        completion=Completion(values=near[:_MOST], total=len(near), has_more=len(near) > _MOST)
    )


async def _values(params: CompleteRequestParams, context: Context[Any, Any]) -> list[str]:
    known = (params.context.arguments or {}) if params.context else {}
    match params.argument.name:
        case "task_id":
            return await _tasks(context)
        case "number":
            return await _numbers(context, known.get("task_id", ""))
        case "endpoint":
            return list(registry.names())
        case "model_name" | "model":
            endpoint = known.get("endpoint")
            of = endpoint if endpoint in registry.names() else None
            return list(dict.fromkeys(m.name for m in tables.models(of) if m.alive))
        case "voice" | "voice_id":
            return list(tables.voices())
        case "effect" | "effect_scene":
            return [s.name for s in tables.effects().values() if s.listed and s.ended_on is None]
        case _:
            return []


async def _tasks(context: Context[Any, Any]) -> list[str]:
    ledger = await (await account_of(context)).ledger()
    rows = await asyncio.to_thread(ledger.rows, limit=_MOST)
    return [row.task_id for row in rows if row.task_id]


async def _numbers(context: Context[Any, Any], task_id: str) -> list[str]:
    ledger = await (await account_of(context)).ledger()
    row = await asyncio.to_thread(ledger.get, task_id)
    kept = await asyncio.to_thread(ledger.kept, row.id) if row is not None else []
    return [str(one.number) for one in kept]

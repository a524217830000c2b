"""Completions: task ids, endpoints, models, scenes and voices."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from mcp.types import CompleteRequestParams, CompleteResult, Completion

from kling_core.declare import choices, registry
from kling_mcp.protocol.resources import account_of

if TYPE_CHECKING:
    from mcp.server.mcpserver import Context

    from kling_core.declare.endpoint import Endpoint

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
            return [endpoint.name for endpoint in registry.endpoints()]
        case argument:
            return _listed(argument, registry.known(known.get("endpoint", "")))


def _listed(argument: str, endpoint: Endpoint | None) -> list[str]:
    """The names that a field which is called so, or begins so, chooses from a catalogue."""
    for one in registry.endpoints() if endpoint is None else [endpoint]:
        for name, declared in one.request.params().items():
            catalogue = choices.catalogue(declared)
            if catalogue is not None and f"{name}_".startswith(f"{argument}_"):
                of = endpoint.name if endpoint is not None else None
                return list(dict.fromkeys(c.value for c in catalogue.choices(of) if c.live))
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

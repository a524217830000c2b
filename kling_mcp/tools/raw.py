"""The get and list calls of every endpoint, one tool each."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from kling_mcp import results, schemas
from kling_mcp.tool import READS, Call, Tool

if TYPE_CHECKING:
    from mcp.types import CallToolResult

    from kling_core.declare.endpoint import Endpoint

__all__ = ["get", "list_", "presets"]


def get(endpoint: Endpoint) -> Tool:
    """`kling_get_<endpoint>`."""
    words = endpoint.name.replace("_", " ")
    task_id = {"type": "string", "minLength": 1, "description": "Kling's id or your external id."}
    return Tool.of(
        partial(_get, endpoint=endpoint),
        toolset="raw",
        name=f"kling_get_{endpoint.name}",
        title=f"Get {words}",
        description=f"Ask Kling for one task of {endpoint.name}. kling_get_task does the same for "
        "any endpoint. Free.",
        parameters=schemas.object_schema({"task_id": task_id}, ["task_id"]),
        output=results.OUTPUT,
        annotations=READS,
    )


_PAGES: dict[str, schemas.Schema] = {
    "page": {
        "type": "integer",
        "minimum": 1,
        "maximum": 1000,
        "default": 1,
        "description": "Page.",
    },
    "size": {
        "type": "integer",
        "minimum": 1,
        "maximum": 100,
        "default": 10,
        "description": "Tasks a page.",
    },
}


def list_(endpoint: Endpoint) -> Tool:
    """`kling_list_<endpoint>`."""
    words = endpoint.name.replace("_", " ")
    return Tool.of(
        partial(_list, endpoint=endpoint, of="list"),
        toolset="raw",
        name=f"kling_list_{endpoint.name}",
        title=f"List {words}",
        description=f"Ask Kling for a page of the account's {endpoint.name} tasks, also those "
        "made elsewhere, in no promised order. Free.",
        parameters=schemas.object_schema(_PAGES),
        output=results.TASKS,
        annotations=READS,
    )


def presets(endpoint: Endpoint) -> Tool:
    """`kling_presets_<endpoint>`."""
    words = endpoint.name.replace("_", " ")
    return Tool.of(
        partial(_list, endpoint=endpoint, of="presets"),
        toolset="raw",
        name=f"kling_presets_{endpoint.name}",
        title=f"Presets of {words}",
        description=f"Ask Kling for a page of the {words} that it offers to everybody. Free.",
        parameters=schemas.object_schema(_PAGES),
        output=results.TASKS,
        annotations=READS,
    )


async def _get(call: Call, *, endpoint: Endpoint) -> CallToolResult:
    task = await getattr(call.account.client, endpoint.name).get(call.get("task_id"))
    facts = await results.describe(call.account, task)
    return results.answer(facts, results.line(facts), results.links(facts))


async def _list(call: Call, *, endpoint: Endpoint, of: str) -> CallToolResult:
    ask = getattr(getattr(call.account.client, endpoint.name), of)
    tasks = await ask(page=call.get("page"), size=call.get("size"))
    found = [await results.describe(call.account, task) for task in tasks]
    more = len(found) == call.get("size")
    step = f"The next page: page={call.get('page') + 1}." if more else "That is the last page."
    lines = [results.line(task).splitlines()[0] for task in found]
    return results.answer({"tasks": found, "next_step": step}, "\n".join([*lines, step]))

"""`kling_quote` and `kling_models`: what a request would cost, and what the models can do."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from kling_core.declare import registry
from kling_mcp import arguments, catalogue_facts, results, schemas
from kling_mcp.safety import spending
from kling_mcp.tool import LOCAL, Call, Tool
from kling_mcp.tools import create

if TYPE_CHECKING:
    from mcp.types import CallToolResult

    from kling_mcp.settings import Settings

__all__ = ["models", "quote"]

_USUAL = (
    ("prompt", "string"),
    ("model_name", "string"),
    ("mode", "string"),
    ("duration", "integer"),
)
"""Arguments that are named in the schema of a quote: there are hosts that take no bare object."""


def quote(settings: Settings) -> Tool:
    """`kling_quote`."""
    properties: dict[str, schemas.Schema] = {
        "endpoint": {
            "type": "string",
            "enum": [endpoint.name for endpoint in registry.endpoints()],
            "description": "Which tool.",
        },
        "arguments": {
            "type": "object",
            "properties": {name: {"type": kind} for name, kind in _USUAL},
            "description": "All those of kling_<endpoint>",
        },
    }
    judged = {**properties, "arguments": {"type": "object", "additionalProperties": True}}
    forms = {e.name: create.tool(e, settings).strict for e in registry.endpoints()}

    async def handler(call: Call) -> CallToolResult:
        return await _quote(call, forms[call.get("endpoint")])

    return Tool.of(
        handler,
        toolset="account",
        name="kling_quote",
        title="Check and quote",
        description="Check a request by every rule of its model and tell its price. Compare "
        "models and lengths with it; dry_run of a create does the same for one. Free and "
        "immediate. Returns the price and what is left of the budget.",
        parameters=schemas.object_schema(properties, ["endpoint", "arguments"]),
        strict=schemas.object_schema(judged, ["endpoint", "arguments"]),
        output=results.OUTPUT,
        annotations=LOCAL,
    )


def models() -> Tool:
    """`kling_models`."""
    names = {"type": "string", "description": "As text_to_video; all when left out"}
    return Tool.of(
        _models,
        toolset="account",
        name="kling_models",
        title="Models, prices, scenes, voices",
        description="The models of an endpoint with modes, lengths, features and prices, its "
        "scenes or voices, and the schemas of its rare arguments. Without an endpoint: which one "
        "does what. Free and immediate.",
        parameters=schemas.object_schema({"endpoint": names}),
        output={
            "type": "object",
            "properties": {"models": {"type": "array", "items": {"type": "object"}}},
        },
        annotations=LOCAL,
        needs_key=False,
    )


async def _quote(call: Call, form: schemas.Schema) -> CallToolResult:
    given = arguments.read(form, call.get("arguments"))
    endpoint = registry.load(call.get("endpoint"))
    inner = replace(call, arguments=given, violations=schemas.judge(form, given))
    request = await create.read(inner, endpoint)
    spending.limit(request.quote(), given.get("max_cost"))
    return await create.quoted(
        call, request, f"Call kling_{endpoint.name} with the same arguments to create it."
    )


async def _models(call: Call) -> CallToolResult:
    name = call.get("endpoint")
    facts = (
        catalogue_facts.endpoint_facts(registry.get(name)) if name else catalogue_facts.overview()
    )
    known = results.known(facts)
    return results.answer(known, json.dumps(known, ensure_ascii=False, separators=(",", ":")))

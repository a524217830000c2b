"""What a request would cost, and what the models can do; offline and free."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kling_core.endpoints import registry
from kling_mcp import results, schemas
from kling_mcp.tool import READS, Call, Tool

if TYPE_CHECKING:
    from mcp_types import CallToolResult

    from kling_mcp.settings import Settings

__all__ = ["models", "quote"]

ENDPOINT: schemas.Schema = {
    "type": "string",
    "enum": list(registry.names()),
    "description": "Which.",
}


def quote(settings: Settings) -> Tool:
    """`kling_quote`."""
    properties: dict[str, schemas.Schema] = {
        "endpoint": ENDPOINT,
        "arguments": {
            "type": "object",
            "properties": {},
            "description": "As for kling_<endpoint>.",
        },
    }
    return Tool.of(
        _quote,
        name="kling_quote",
        title="Quote",
        description="Check a request and tell its price. Free.",
        parameters=schemas.object_schema(properties, ["endpoint", "arguments"]),
        output=results.OUTPUT,
        annotations=READS,
    )


def models() -> Tool:
    """`kling_models`."""
    return Tool.of(
        _models,
        name="kling_models",
        title="Models",
        description="Models.",
        parameters=schemas.object_schema({"endpoint": ENDPOINT}, ["endpoint"]),
        output={"type": "object"},
        annotations=READS,
    )


async def _quote(call: Call) -> CallToolResult:
    raise NotImplementedError


async def _models(call: Call) -> CallToolResult:
    from kling_core.cli.models import as_json  # type: ignore

    facts: Any = as_json(registry.get(call.get("endpoint")))
    return results.answer(facts, "see the facts")

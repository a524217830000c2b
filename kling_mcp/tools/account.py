"""`kling_account_costs`: what is left in the account's packs, and what was spent."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from kling_core.errors import KlingError
from kling_mcp import results, schemas
from kling_mcp.safety.redact import clean
from kling_mcp.tool import READS, Call, Tool

if TYPE_CHECKING:
    from mcp.types import CallToolResult

__all__ = ["costs"]

_FACTS = (
    "resource_pack_name",
    "resource_pack_type",
    "total_quantity",
    "remaining_quantity",
    "status",
)


def costs() -> Tool:
    """`kling_account_costs`."""
    properties: dict[str, schemas.Schema] = {
        "days": {
            "type": "integer",
            "minimum": 1,
            "maximum": 90,
            "default": 30,
            "description": "How far back.",
        },
        "by": {
            "type": "string",
            "enum": ["day", "project", "model"],
            "default": "day",
            "description": "How spending is grouped.",
        },
    }
    return Tool.of(
        _costs,
        toolset="account",
        name="kling_account_costs",
        title="Account and costs",
        description="Units left in the account's packs (up to 12 hours old), what the ledger's "
        "tasks cost, quoted and actual, and today's budget. For one request's price use "
        "kling_quote. Free.",
        parameters=schemas.object_schema(properties),
        output={
            "type": "object",
            "properties": {"packs": {"type": "array", "items": {"type": "object"}}},
        },
        annotations=READS,
    )


async def _costs(call: Call) -> CallToolResult:
    now = datetime.now(UTC)
    since = now - timedelta(days=call.get("days"))
    client = call.account.client
    try:
        packs = [_pack(pack) for pack in await client.account.costs(since, now)]
    except KlingError as error:  # what was spent is known without Kling
        packs = []
        call.warnings.append(f"Kling does not tell its packs now: {error.said('tools')}")
    spent = await client.tasks.costs(by=call.get("by"), since=since)
    facts: dict[str, Any] = {
        "packs": packs,
        "spending": [
            {
                call.get("by"): line.key or "none",
                "tasks": line.tasks,
                "estimate_usd": results.money(line.estimate),
                "actual_usd": results.money(line.actual),
                "not_ended": line.open,
                "actual_not_said": line.unsaid,
                "price_unknown": line.unknown,
            }
            for line in spent
        ],
        "budget": await results.budget(call.account),
        "warnings": call.warnings,
    }
    lines = [f"{p['resource_pack_name']}: {p.get('remaining_quantity')} units left" for p in packs]
    lines += [
        f"{line.key or 'none'}: {line.tasks} tasks, ${line.estimate} quoted" for line in spent
    ]
    return results.answer(facts, "\n".join(lines) or "No packs, and nothing was spent.")


def _pack(raw: Mapping[str, Any]) -> dict[str, Any]:
    known = {name: raw[name] for name in _FACTS if raw.get(name) is not None}
    facts = {n: clean(v) if isinstance(v, str) else v for n, v in known.items()}
    ends = raw.get("invalid_time")
    if isinstance(ends, (int, float)) and ends > 0:
        facts["ends_on"] = datetime.fromtimestamp(ends / 1000, UTC).strftime("%Y-%m-%d")
    return facts

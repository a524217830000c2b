"""`kling_account_costs`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kling_mcp import schemas
from kling_mcp.tool import READS, Call, Tool

if TYPE_CHECKING:
    from mcp_types import CallToolResult

__all__ = ["costs"]


def costs() -> Tool:
    """`kling_account_costs`."""
    return Tool.of(
        _costs,
        name="kling_account_costs",
        title="Account costs",
        description="Packs and spending.",
        parameters=schemas.object_schema({}),
        output={"type": "object"},
        annotations=READS,
    )


async def _costs(call: Call) -> CallToolResult:
    raise NotImplementedError

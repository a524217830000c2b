"""`kling_recover_tasks`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kling_mcp import results, schemas
from kling_mcp.tool import SAVES, Call, Tool

if TYPE_CHECKING:
    from mcp_types import CallToolResult

__all__ = ["recover_tasks"]


def recover_tasks() -> Tool:
    """`kling_recover_tasks`."""
    return Tool.of(
        _recover,
        name="kling_recover_tasks",
        title="Recover tasks",
        description="Settle what was left open.",
        parameters=schemas.object_schema({}),
        output=results.TASKS,
        annotations=SAVES,
    )


async def _recover(call: Call) -> CallToolResult:
    raise NotImplementedError

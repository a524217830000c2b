"""Saving outputs and looking at them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kling_mcp import results, schemas
from kling_mcp.tool import READS, SAVES, Call, Tool
from kling_mcp.tools.tasks import TASK_ID, find

if TYPE_CHECKING:
    from mcp_types import CallToolResult

__all__ = ["download", "preview"]


def download() -> Tool:
    """`kling_download`."""
    return Tool.of(
        _download,
        name="kling_download",
        title="Download outputs",
        description="Save every output of a finished task in the output folder, verified; again "
        "costs nothing. Returns the paths.",
        parameters=schemas.object_schema({"task_id": TASK_ID}, ["task_id"]),
        output=results.OUTPUT,
        annotations=SAVES,
    )


def preview() -> Tool:
    """`kling_preview`."""
    return Tool.of(
        _download,
        name="kling_preview",
        title="Look at an output",
        description="Show what a finished task made: nine frames of a clip on one sheet, or the "
        "image, as a JPEG of at most 80 kB.",
        parameters=schemas.object_schema({"task_id": TASK_ID}, ["task_id"]),
        output=results.OUTPUT,
        annotations=READS,
    )


async def _download(call: Call) -> CallToolResult:
    task = await find(call, call.get("task_id"))
    for output in task.files:
        await output.download()
    facts: dict[str, Any] = await results.describe(call.account, task)
    facts["warnings"] = call.warnings
    return results.answer(facts, results.line(facts), results.links(facts))

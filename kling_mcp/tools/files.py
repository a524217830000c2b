"""`kling_download` and `kling_preview`: keeping outputs, and looking at them."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mcp.types import ImageContent

from kling_mcp import failures, results, schemas
from kling_mcp.bounded_wait import wait_for
from kling_mcp.tool import SAVES, Call, Tool
from kling_mcp.tools.tasks import TASK_ID

if TYPE_CHECKING:
    from mcp.types import CallToolResult

    from kling_core import AsyncTask

__all__ = ["download", "preview"]

PREVIEW_BYTES = 80_000
"""The most that a preview holds: about 700 tokens as a picture."""


def download() -> Tool:
    """`kling_download`."""
    return Tool.of(
        _download,
        toolset="tasks",
        name="kling_download",
        title="Download outputs",
        description="Save all outputs of a finished task in the output folder, verified; what is "
        "there is not fetched again. Free. Returns the paths, and how the files differ from what "
        "was asked.",
        parameters=schemas.object_schema({"task_id": TASK_ID}, ["task_id"]),
        output=results.OUTPUT,
        annotations=SAVES,
    )


def preview() -> Tool:
    """`kling_preview`."""
    number = {
        "type": "integer",
        "minimum": 0,
        "maximum": 99,
        "description": "Only this one; else all images, or the first clip.",
    }
    return Tool.of(
        _preview,
        toolset="tasks",
        name="kling_preview",
        title="Look at outputs",
        description="See what a finished task made: nine frames of a clip on one sheet, or its "
        "images. Judge the result by it before you say it is good. Saves the output too. Free. "
        "Returns one JPEG of at most 80 kB.",
        parameters=schemas.object_schema({"task_id": TASK_ID, "output": number}, ["task_id"]),
        output=results.OUTPUT,
        annotations=SAVES,
    )


async def _saved(call: Call, task: AsyncTask, numbers: Sequence[int]) -> list[Path] | None:
    """The files of these outputs; None while they are still on their way."""

    async def fetch() -> list[Path]:
        by_number = {file.index: file for file in task.files}  # a text among them has one, too
        return [await by_number[number].download() for number in numbers]

    work = call.account.chore(f"save {task.endpoint.name} {task.task_id} {list(numbers)}", fetch)
    patience = float(call.settings.wait_seconds)
    if not await wait_for(work, patience, call.context, lambda: "downloading"):
        return None
    return work.result()


def _unfinished(task: AsyncTask) -> CallToolResult:
    failed = task.status == "failed"
    return failures.refusal(
        "nothing_to_fetch" if failed else "not_finished",
        f"task {task.task_id} is {task.status}",
        "It made nothing." if failed else f'Call kling_wait_tasks with ["{task.task_id}"] first.',
        task_id=task.task_id,
    )


async def _download(call: Call) -> CallToolResult:
    task = await call.account.find(call.get("task_id"))
    if not task.files:
        return _unfinished(task)
    if await _saved(call, task, range(len(task.files))) is None:
        return await _still(call, task)
    facts = await results.describe(call.account, task)
    facts["warnings"] = call.warnings
    said = "\n".join([results.line(facts), *call.warnings])
    return results.answer(facts, said, results.links(facts))


async def _still(call: Call, task: AsyncTask) -> CallToolResult:
    facts = await results.describe(call.account, task)
    facts["next_step"] = "The download goes on. Call the same tool again."
    return results.answer(facts, facts["next_step"])


async def _preview(call: Call) -> CallToolResult:
    task = await call.account.find(call.get("task_id"))
    shown = [o for o in task.files if o.kind != "audio"]
    wanted = call.get("output")
    if wanted is not None:
        shown = [o for o in shown if o.index == wanted]
    if not shown:
        if not task.files:
            return _unfinished(task)
        return failures.refusal(
            "nothing_to_see",
            f"task {task.task_id} has no such picture or clip",
            "kling_get_task lists its outputs.",
            task_id=task.task_id,
        )
    clip = next((o for o in shown if o.kind == "video"), None)
    chosen = shown[:9] if clip is None else [clip]
    paths = await _saved(call, task, [o.index for o in chosen])
    if paths is None:
        return await _still(call, task)
    picture = await asyncio.to_thread(_picture, paths, clip is not None)
    facts: dict[str, Any] = await results.describe(call.account, task)
    facts["preview"] = {
        "outputs": [o.index for o in chosen],
        "shows": "9 frames, evenly from first to last, row by row"
        if clip
        else "the images in order",
        "bytes": len(picture),
    }
    facts["next_step"] = (
        "Compare it with what was asked for. If it is not right, change the request before you pay "
        "again; the same request with take=2 gives another take."
    )
    facts["warnings"] = call.warnings
    image = ImageContent(data=base64.b64encode(picture).decode(), mime_type="image/jpeg")
    return results.answer(facts, results.line(facts), [image, *results.links(facts)])


def _picture(paths: list[Path], clip: bool) -> bytes:
    from kling_core.media import frames

    if clip:
        return frames.contact_sheet(paths[0], max_bytes=PREVIEW_BYTES)
    return frames.thumbnails(paths, max_bytes=PREVIEW_BYTES)

"""The same call is the same request until its task has ended, however long that takes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from helpers.agents import in_loop, server
from mcp import Client

from kling_core import Sandbox

BOAT = {"prompt": "a boat"}


async def call(client: Client, **arguments: Any) -> dict[str, Any]:
    result = await client.call_tool("kling_text_to_video", {**BOAT, **arguments})
    return result.structured_content


@in_loop
async def test_the_window_does_not_end_before_the_task(
    start_sandbox: Callable[..., Sandbox], tmp_path: Path
):
    """A window of no time at all: while the task runs, neither this nor the next server pays."""
    sandbox = start_sandbox(speed=12)
    async with Client(server(sandbox, tmp_path, window=0.0)) as client:
        first = await call(client, wait_seconds=0)
        again = await call(client, wait_seconds=0)
        assert (again["task_id"], again["repeated"]) == (first["task_id"], True)
    async with Client(server(sandbox, tmp_path, window=0.0)) as client:
        later = await call(client, wait_seconds=60)
        assert (later["task_id"], later["repeated"]) == (first["task_id"], True)
        assert later["state"] == "succeeded"
        assert sandbox.stats.tasks_created.total() == 1
        new = await call(client, wait_seconds=0)
        assert new["task_id"] != first["task_id"]
        assert "repeated" not in new
    assert sandbox.stats.tasks_created.total() == 2

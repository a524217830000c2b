"""The server of the product, with the fixtures that the conformance suite wants to find on it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import fixture_rounds
import fixture_tools
from helpers.agents import settings
from mcp.server.mcpserver import Context, MCPServer
from mcp.shared.exceptions import MCPError
from mcp_types import CallToolResult, InputRequiredResult, TextContent
from starlette.applications import Starlette

from kling_core import Sandbox
from kling_mcp.http import app as http
from kling_mcp.protocol.tasks_extension import Handle, KlingTasks, TasksExtension

LONG = ("slow_compute", "failing_job", "protocol_error_job", "test_tool_with_task")


def app(sandbox: Sandbox, folder: Path) -> Starlette:
    """The application that `kling-mcp --http` serves, and fixtures beside its own tools."""

    def prepare(server: MCPServer[Any]) -> None:
        for tool in fixture_tools.tools():
            server._tool_manager._tools[tool.name] = tool
        fixture_tools.add(server)
        fixture_rounds.add(server)
        _jobs(server)

    extension = TasksExtension(Fixtures())
    listening = http.Listening()
    return http.app(settings(sandbox, folder), listening, extensions=[extension], prepare=prepare)


def _jobs(server: MCPServer[Any]) -> None:
    @server.tool()
    def greet(name: str) -> str:
        """Says hello."""
        return f"Hello, {name}!"

    @server.tool()
    async def slow_compute(seconds: float, label: str = "") -> str:
        """Takes its time, a tenth of what it is told."""
        await asyncio.sleep(seconds / 10)
        return f"{label} done"

    @server.tool()
    async def failing_job() -> CallToolResult:
        """Fails."""
        await asyncio.sleep(0.1)
        return CallToolResult(content=[TextContent(text="it failed")], is_error=True)

    @server.tool()
    async def protocol_error_job() -> str:
        """Breaks."""
        await asyncio.sleep(0.1)
        raise MCPError(code=-32603, message="it broke")

    @server.tool()
    async def test_tool_with_task(ctx: Context[Any, Any]) -> InputRequiredResult | CallToolResult:
        """Asks, then takes its time."""
        given = (ctx.input_responses or {}).get("user_name")
        if given is None:
            asked = {"user_name": fixture_rounds.form("What is your name?", "name")}
            return InputRequiredResult(input_requests=asked)
        await asyncio.sleep(0.1)
        name = (getattr(given, "content", None) or {}).get("name")
        return CallToolResult(content=[TextContent(text=f"Hello, {name}!")])


class Fixtures(KlingTasks):
    """The tasks of the product, and those of the fixtures, which live in this process."""

    def __init__(self) -> None:
        super().__init__()
        self.jobs: dict[str, asyncio.Task[Any]] = {}

    def runs_long(self, tool: str) -> bool:
        return tool in LONG or super().runs_long(tool)

    async def begin(self, params: Any, ctx: Any, call_next: Any) -> Any:
        if params.name not in LONG:
            return await super().begin(params, ctx, call_next)
        job = asyncio.ensure_future(call_next(ctx))
        done, _ = await asyncio.wait({job}, timeout=0.05)
        if done:
            return job.result()
        task_id = f"{params.name}-{len(self.jobs)}"
        self.jobs[task_id] = job
        return _handle(task_id, "working", result_type="task")

    async def look(self, ctx: Any, task_id: str) -> Handle | None:
        job = self.jobs.get(task_id)
        if job is None:
            return await super().look(ctx, task_id)
        if not job.done():
            return _handle(task_id, "working")
        if job.cancelled():
            return _handle(task_id, "cancelled")
        if isinstance(error := job.exception(), MCPError):
            facts = {"code": error.error.code, "message": error.error.message}
            return _handle(task_id, "failed", error=facts)
        whole = job.result().model_dump(by_alias=True, mode="json", exclude_none=True)
        return _handle(task_id, "completed", result=whole)

    async def cancel(self, ctx: Any, task_id: str) -> bool:
        if task_id not in self.jobs:
            return await super().cancel(ctx, task_id)
        self.jobs[task_id].cancel()
        return True


def _handle(task_id: str, status: Any, **more: Any) -> Handle:
    now = datetime.now(UTC).isoformat()
    return Handle(
        task_id=task_id,
        status=status,
        created_at=now,
        last_updated_at=now,
        poll_interval_ms=100,
        **more,
    )

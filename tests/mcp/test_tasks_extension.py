"""The tasks extension: who declares it gets a handle, everybody else the result; nothing is kept.

The wire is tested by the conformance suite; here are Kling's own tasks.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, ClassVar, Literal

import pytest
from helpers.agents import in_loop, over_stdio, parameters, settings
from helpers.web import served
from mcp import Client
from mcp.client.extension import ClaimContext, ClientExtension, ResultClaim
from mcp.shared.exceptions import MCPError
from mcp_types import CallToolResult, Request, RequestParams, Result
from pydantic import ConfigDict
from pydantic.alias_generators import to_camel

from kling_core import Sandbox
from kling_core.sandbox import Fault
from kling_mcp.http import app as http
from kling_mcp.protocol.tasks_extension import EXTENSION, KlingTasks, TasksExtension

BOAT = {"prompt": "a boat"}


class Params(RequestParams):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)
    task_id: str


class Get(Request[Params, Literal["tasks/get"]]):
    name_param: ClassVar[str | None] = "taskId"
    method: Literal["tasks/get"] = "tasks/get"
    params: Params


class Cancel(Request[Params, Literal["tasks/cancel"]]):
    name_param: ClassVar[str | None] = "taskId"
    method: Literal["tasks/cancel"] = "tasks/cancel"
    params: Params


class Seen(Result):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="allow")
    task_id: str
    status: str
    status_message: str = ""
    poll_interval_ms: int
    ttl_ms: int
    result: dict[str, Any] | None = None


class Created(Seen):
    result_type: Literal["task"]


class Patient(ClientExtension):
    """A client that polls a handle to its end."""

    identifier = EXTENSION

    def __init__(self) -> None:
        self.seen: list[Seen] = []

    def claims(self) -> list[ResultClaim[Any]]:
        return [ResultClaim(result_type="task", model=Created, resolve=self.resolve)]

    async def resolve(self, created: Created, context: ClaimContext) -> CallToolResult:
        self.seen.append(created)
        while True:
            params = Params(task_id=created.task_id)
            now = await context.session.send_request(Get(params=params), Seen)
            self.seen.append(now)
            if now.result is not None:
                return CallToolResult.model_validate(now.result)
            await asyncio.sleep(min(0.2, now.poll_interval_ms / 1000))


@pytest.fixture
def slow(start_sandbox: Any) -> Sandbox:
    """A sandbox whose tasks take about a second."""
    return start_sandbox(speed=60)


@asynccontextmanager
async def agent(sandbox: Sandbox, folder: Path, **options: Any) -> AsyncIterator[Client]:
    """A client over HTTP."""
    app = http.app(
        settings(sandbox, folder),
        http.Listening(),
        extensions=[TasksExtension(KlingTasks(grace=0))],
    )
    with served(app) as url:
        async with Client(f"{url}/mcp", **options) as client:
            yield client


@pytest.mark.parametrize("transport", ["http", "stdio"])
@in_loop
async def test_a_handle_in_place_of_a_wait(transport: str, start_sandbox: Any, tmp_path: Path):
    """The call comes back at once, and the handle leads to the same result."""
    slow = start_sandbox(speed=25)
    patient = Patient()
    if transport == "http":
        opened = agent(slow, tmp_path, extensions=[patient])
    else:
        opened = over_stdio(parameters(slow, tmp_path), extensions=[patient])
    async with opened as client:
        result = await client.call_tool("kling_text_to_video", {**BOAT, "wait_seconds": 600})
    facts = result.structured_content
    assert facts["state"] == "succeeded"
    created, *looks, last = patient.seen
    assert created.task_id == last.task_id == f"text_to_video:{facts['task_id']}"
    assert {look.status for look in [created, *looks]} == {"working"}
    assert "cannot cancel" in created.status_message
    assert last.status == "completed"
    assert created.ttl_ms == 30 * 86_400_000
    assert slow.stats.tasks_created.total() == 1


@in_loop
async def test_another_process_answers(slow: Sandbox, tmp_path: Path):
    """With the ledger, and without it: then Kling itself is asked."""
    handles: list[str] = []

    class Leaving(Patient):
        async def resolve(self, created: Created, context: ClaimContext) -> CallToolResult:
            handles.append(created.task_id)
            return CallToolResult(content=[], structured_content={})

    async with agent(slow, tmp_path, extensions=[Leaving()]) as client:
        await client.call_tool("kling_text_to_video", BOAT)
    assert slow.wait_idle()
    for folder in (tmp_path, tmp_path / "elsewhere"):
        async with agent(slow, folder, extensions=[Patient()]) as client:
            params = Params(task_id=handles[0])
            found = await client.session.send_request(Get(params=params), Seen)
            assert found.status == "completed"
            assert found.result is not None
            assert found.result["structuredContent"]["outputs"]


@in_loop
async def test_errors_and_quotes_come_at_once(slow: Sandbox, tmp_path: Path):
    """Nothing runs, so there is no handle."""
    patient = Patient()
    async with agent(slow, tmp_path, extensions=[patient]) as client:
        wrong = await client.call_tool("kling_text_to_video", {**BOAT, "duration": 7})
        quote = await client.call_tool("kling_text_to_video", {**BOAT, "dry_run": True})
        models = await client.call_tool("kling_models", {})
    assert wrong.is_error
    assert quote.structured_content["state"] == "not created"
    assert not models.is_error
    assert patient.seen == []


@pytest.mark.parametrize("seconds", ["abc", 601, -1, 0.5])
@in_loop
async def test_a_wrong_wait_is_refused_all_the_same(seconds: Any, slow: Sandbox, tmp_path: Path):
    """How long to wait is the server's choice, and what is no such number is not passed over."""
    async with agent(slow, tmp_path, extensions=[Patient()]) as client:
        wrong = await client.call_tool("kling_text_to_video", {**BOAT, "wait_seconds": seconds})
    assert wrong.structured_content["violations"][0]["field"] == "wait_seconds"
    assert slow.stats.tasks_created.total() == 0


@in_loop
async def test_a_repeated_call_is_told(start_sandbox: Any, tmp_path: Path):
    """In the handle and in its result; the first call is not called repeated."""
    slow, patient = start_sandbox(speed=25), Patient()
    async with agent(slow, tmp_path, extensions=[patient]) as client:
        calls = [client.call_tool("kling_text_to_video", BOAT) for _ in range(2)]
        results = await asyncio.gather(*calls)
    assert [bool(r.structured_content.get("repeated")) for r in results].count(True) == 1
    assert len({r.structured_content["task_id"] for r in results}) == 1
    told = {seen.task_id: seen.status_message for seen in reversed(patient.seen)}
    assert len(told) == 2
    for name, message in told.items():
        assert ("take=2" in message) == name.endswith(":repeated")
    (again,) = [r for r in results if r.structured_content.get("repeated")]
    assert "take=2" in again.structured_content["warnings"][0]
    assert "take=2" in again.content[0].text


@in_loop
async def test_a_failed_task_completes_with_its_state(slow: Sandbox, tmp_path: Path):
    """The call worked, the task did not: the model reads why."""
    slow.faults.add(Fault("fail", kind="create", text="it cannot be drawn"))
    async with agent(slow, tmp_path, extensions=[Patient()]) as client:
        result = await client.call_tool("kling_text_to_video", BOAT)
    assert result.structured_content["state"] == "failed"
    assert result.structured_content["service_message"] == "it cannot be drawn"


@in_loop
async def test_cancelling_cancels_nothing(slow: Sandbox, tmp_path: Path):
    """It is acknowledged, twice if need be; the task goes on and says that it cannot be."""

    class Hasty(Patient):
        async def resolve(self, created: Created, context: ClaimContext) -> CallToolResult:
            params = Params(task_id=created.task_id)
            for _ in range(2):
                await context.session.send_request(Cancel(params=params), Result)
            return await super().resolve(created, context)

    hasty = Hasty()
    async with agent(slow, tmp_path, extensions=[hasty]) as client:
        made = await client.call_tool("kling_text_to_video", BOAT)
        assert made.structured_content["state"] == "succeeded"
        for unknown in ("text_to_video:123456", "nothing:1", "x", "lip_sync:"):
            for request in (Get, Cancel):
                params = Params(task_id=unknown)
                with pytest.raises(MCPError, match="there is no task"):
                    await client.session.send_request(request(params=params), Result)
    assert "cannot cancel" in hasty.seen[1].status_message


@in_loop
async def test_clients_without_it_see_no_difference(slow: Sandbox, tmp_path: Path):
    """No handle, and no methods."""
    async with agent(slow, tmp_path) as client:
        made = await client.call_tool("kling_text_to_video", {**BOAT, "wait_seconds": 30})
        assert made.structured_content["state"] == "succeeded"
        task_id = f"text_to_video:{made.structured_content['task_id']}"
        with pytest.raises(MCPError) as caught:
            await client.session.send_request(Get(params=Params(task_id=task_id)), Seen)
        assert caught.value.error.code == -32021
    async with agent(slow, tmp_path, mode="legacy") as client:
        made = await client.call_tool("kling_text_to_video", {**BOAT, "wait_seconds": 30})
        assert made.structured_content["state"] == "succeeded"

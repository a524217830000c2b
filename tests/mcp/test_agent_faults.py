"""What agents and machines do wrong: time-outs, disconnects, kills, two at once.

Each time one task is billed, and found again.
"""

from __future__ import annotations

import asyncio
import os
import signal
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from helpers.agents import ERAS, in_loop, over_stdio, parameters, server, until
from mcp import Client
from mcp.client.stdio import StdioServerParameters
from mcp.shared.exceptions import MCPError

from kling_core import Kling, Sandbox
from kling_core.sandbox import Fault

BOAT = {"prompt": "a boat", "wait_seconds": 30}
SLOW = Fault("stall", kind="create", seconds=1.5, after=True)
"""The service accepts the request, and its answer takes longer than the agent's patience."""


def noting_its_pid(start: StdioServerParameters, file: Path) -> StdioServerParameters:
    """The same process, whose id can be read from a file."""
    shell = ["-c", f'echo $$ > {file}; exec "$0" "$@"', start.command, *start.args]
    return start.model_copy(update={"command": "/bin/sh", "args": shell})


@pytest.mark.parametrize("mode", ERAS)
@in_loop
async def test_the_client_gives_up_during_the_submit(mode: str, sandbox: Sandbox, tmp_path: Path):
    """In memory: the call is cancelled, the submit is not; the same call finds its task."""
    sandbox.faults.add(SLOW)
    async with Client(server(sandbox, tmp_path), mode=mode) as client:
        with pytest.raises(MCPError):
            await client.call_tool("kling_text_to_video", BOAT, read_timeout_seconds=0.3)
        again = (await client.call_tool("kling_text_to_video", BOAT)).structured_content
        assert again["state"] == "succeeded"
        listed = (await client.call_tool("kling_list_tasks", {})).structured_content["tasks"]
    assert [task["task_id"] for task in listed] == [again["task_id"]]
    assert sandbox.stats.tasks_created.total() == 1


@pytest.mark.parametrize("mode", ERAS)
@in_loop
async def test_the_client_gives_up_over_stdio(mode: str, sandbox: Sandbox, tmp_path: Path):
    """The same with a process between."""
    sandbox.faults.add(SLOW)
    async with over_stdio(parameters(sandbox, tmp_path), mode=mode) as client:
        with pytest.raises(MCPError):
            await client.call_tool("kling_text_to_video", BOAT, read_timeout_seconds=0.5)
        again = (await client.call_tool("kling_text_to_video", BOAT)).structured_content
    assert again["state"] == "succeeded"
    assert sandbox.stats.tasks_created.total() == 1


@in_loop
async def test_the_client_disconnects_during_the_submit(sandbox: Sandbox, tmp_path: Path):
    """The server ends when the request is written down; the next one knows the task."""
    sandbox.faults.add(SLOW)
    async with over_stdio(parameters(sandbox, tmp_path)) as client:
        call = asyncio.ensure_future(client.call_tool("kling_text_to_video", BOAT))
        await until(lambda: sandbox.stats.tasks_created.total() == 1)
        call.cancel()
    async with over_stdio(parameters(sandbox, tmp_path)) as client:
        listed = (await client.call_tool("kling_list_tasks", {})).structured_content["tasks"]
        again = (await client.call_tool("kling_text_to_video", BOAT)).structured_content
    assert [task["task_id"] for task in listed] == [again["task_id"]]
    assert again["repeated"] is True
    assert sandbox.stats.tasks_created.total() == 1


@in_loop
async def test_a_repeated_call_meets_no_limit(sandbox: Sandbox, tmp_path: Path):
    """A new server, the day's budget used up, a confirmation wanted: the task is there already."""
    spent = {"confirm_over": Decimal("0.01"), "client": {"budget": "0.21"}}
    confirmed = {**BOAT, "confirm_cost": 0.21}
    async with Client(server(sandbox, tmp_path, **spent)) as client:
        made = (await client.call_tool("kling_text_to_video", confirmed)).structured_content
    async with Client(server(sandbox, tmp_path, **spent)) as client:
        again = (await client.call_tool("kling_text_to_video", BOAT)).structured_content
        other = {**BOAT, "take": 2}
        refused = (await client.call_tool("kling_text_to_video", other)).structured_content
    assert (again["task_id"], again["repeated"]) == (made["task_id"], True)
    assert refused["error"] == "budget_exceeded"
    assert sandbox.stats.tasks_created.total() == 1


@pytest.mark.parametrize("tool", ["kling_text_to_video", "kling_recover_tasks"])
@in_loop
async def test_the_server_is_killed_during_the_submit(tool: str, sandbox: Sandbox, tmp_path: Path):
    """SIGKILL while the answer is on its way: the same call, or recovering, finds the task."""
    sandbox.faults.add(Fault("stall", kind="create", seconds=20, after=True))
    start = parameters(sandbox, tmp_path)
    pid = tmp_path / "pid"
    async with over_stdio(noting_its_pid(start, pid)) as client:
        call = asyncio.ensure_future(client.call_tool("kling_text_to_video", BOAT))
        await until(lambda: sandbox.stats.tasks_created.total() == 1)
        os.kill(int(pid.read_text()), signal.SIGKILL)
        with pytest.raises(MCPError):
            await call
    async with over_stdio(start) as client:
        arguments = BOAT if tool == "kling_text_to_video" else {}
        facts = (await client.call_tool(tool, arguments)).structured_content
        found = facts["tasks"][0] if "tasks" in facts else facts
        ids = {"task_ids": [found["task_id"]], "wait_seconds": 30}
        done = (await client.call_tool("kling_wait_tasks", ids)).structured_content
    assert done["tasks"][0]["state"] == "succeeded"
    assert done["tasks"][0]["prompt"] == "a boat"
    assert sandbox.stats.tasks_created.total() == 1


@in_loop
async def test_the_server_is_asked_to_end_during_the_submit(sandbox: Sandbox, tmp_path: Path):
    """SIGTERM, as hosts send it: the answer is waited for and written down, then it ends."""
    sandbox.faults.add(SLOW)
    pid = tmp_path / "pid"
    async with over_stdio(noting_its_pid(parameters(sandbox, tmp_path), pid)) as client:
        call = asyncio.ensure_future(client.call_tool("kling_text_to_video", BOAT))
        await until(lambda: sandbox.stats.tasks_created.total() == 1)
        os.kill(int(pid.read_text()), signal.SIGTERM)
        with pytest.raises(MCPError):
            await call
    client = Kling(sandbox=sandbox, home=tmp_path / "home")
    (task,) = client.tasks.recent()
    assert task.task_id.isdigit()
    client.close()


@in_loop
async def test_two_agents_on_one_ledger(sandbox: Sandbox, tmp_path: Path):
    """Each has its tasks, the same request is one task, and each finds all."""
    start = parameters(sandbox, tmp_path)
    async with over_stdio(start) as one, over_stdio(start) as two:

        async def create(client: Client, prompt: str) -> dict[str, Any]:
            arguments = {"prompt": prompt, "wait_seconds": 30}
            return (await client.call_tool("kling_text_to_video", arguments)).structured_content

        results = await asyncio.gather(
            create(one, "first"), create(two, "second"), create(one, "same"), create(two, "same")
        )
        assert {result["state"] for result in results} == {"succeeded"}
        assert results[2]["task_id"] == results[3]["task_id"]
        ids = {result["task_id"] for result in results}
        for client in (one, two):
            listed = (await client.call_tool("kling_list_tasks", {})).structured_content
            assert {task["task_id"] for task in listed["tasks"]} == ids
    assert len(ids) == sandbox.stats.tasks_created.total() == 3


@in_loop
async def test_the_outcome_stays_unknown(sandbox: Sandbox, tmp_path: Path):
    """Answer and look-up are lost: the agent is told not to create again; recovering decides."""
    sandbox.faults.add(Fault("reset_after", kind="create"))
    sandbox.faults.add(Fault("refuse", kind="get", status=500, code=5000, times=5))
    async with Client(server(sandbox, tmp_path)) as client:
        lost = await client.call_tool("kling_text_to_video", BOAT)
        assert lost.is_error
        assert lost.structured_content["error"] == "submit_outcome_unknown"
        assert lost.structured_content["billed"] == "unknown"
        assert "kling_recover_tasks" in lost.structured_content["fix"]
        found = (await client.call_tool("kling_recover_tasks", {})).structured_content
        assert found["tasks"][0]["task_id"].isdigit()
    assert sandbox.stats.tasks_created.total() == 1


@in_loop
async def test_recovering_goes_round_a_list_that_is_refused(sandbox: Sandbox, tmp_path: Path):
    """One list that this key may not read is told; what the others hold is taken in."""
    sandbox.faults.add(Fault("refuse", kind="list", status=403, code=1103, message="no right"))
    async with Client(server(sandbox, tmp_path)) as client:
        done = await client.call_tool("kling_recover_tasks", {"from_kling": True})
    assert not done.is_error
    (told,) = done.structured_content["warnings"]
    assert told.startswith("Kling's list of ")
    assert "no right" in told

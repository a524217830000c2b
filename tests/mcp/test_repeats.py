"""The same call is the same task while that is open, however old, and a while after its end."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from helpers.agents import ERAS, in_loop, server
from mcp import Client

from kling_core import Sandbox
from kling_core.ledger.ledger import Ledger

BOAT = {"prompt": "a boat", "wait_seconds": 0}
Start = Callable[..., Sandbox]


def created(sandbox: Sandbox) -> int:
    return sandbox.stats.tasks_created.total()


async def call(client: Client, **arguments: Any) -> dict[str, Any]:
    """The facts of a create."""
    result = await client.call_tool("kling_text_to_video", {**BOAT, **arguments})
    return result.structured_content


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Moves the clock of every ledger on by so many seconds."""
    ahead = 0.0
    true = Ledger.now

    def move(seconds: float) -> None:
        nonlocal ahead
        ahead += seconds

    monkeypatch.setattr(Ledger, "now", lambda self: true(self) + ahead)
    return move


@pytest.mark.parametrize("mode", ERAS)
@pytest.mark.parametrize("restarted", [False, True])
@in_loop
async def test_after_twenty_minutes_while_it_runs(
    mode: str,
    restarted: bool,
    start_sandbox: Start,
    tmp_path: Path,
    later: Callable[[float], None],
):
    """It is the task of the earlier call, and says so, also in a server that was started since."""
    sandbox = start_sandbox(speed=0.05)
    made = server(sandbox, tmp_path, confirm_over=Decimal("0.20"))
    async with Client(made, mode=mode) as client:
        first = await call(client, confirm_cost=0.21)
        assert first["state"] in ("submitted", "processing")
        if not restarted:
            later(1200)
            again = await call(client)
    if restarted:
        later(1200)
        async with Client(server(sandbox, tmp_path), mode=mode) as client:
            again = await call(client)
    assert again["task_id"] == first["task_id"]
    assert again["repeated"] is True
    assert "the task of your earlier call" in again["warnings"][0]
    assert created(sandbox) == 1


@in_loop
async def test_the_window_begins_at_the_end(
    sandbox: Sandbox, tmp_path: Path, later: Callable[[float], None]
):
    """A task that took long is not paid again by a retry just after its end; hours later it is."""
    async with Client(server(sandbox, tmp_path)) as client:
        first = await call(client)
        later(1200)
        done = await client.call_tool("kling_wait_tasks", {"task_ids": [first["task_id"]]})
        assert done.structured_content["tasks"][0]["state"] == "succeeded"
        assert (await call(client))["task_id"] == first["task_id"]
        later(1200)
        assert (await call(client))["task_id"] != first["task_id"]
    assert created(sandbox) == 2

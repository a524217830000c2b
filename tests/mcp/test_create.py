"""Creating: bounded waiting, one task for the same call, money asked for before it is spent."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from helpers.agents import ERAS, in_loop, server
from mcp import Client
from mcp.types import ElicitResult

from kling_core import Sandbox
from kling_mcp import bounded_wait
from kling_mcp.safety import asking
from kling_mcp.tools import create

BOAT = {"prompt": "a boat"}
Start = Callable[..., Sandbox]


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user who reads and answers a form in no time."""
    monkeypatch.setattr(asking, "REFLEX", 0.0)


def created(sandbox: Sandbox) -> int:
    """How many tasks the service has accepted and billed."""
    return sandbox.stats.tasks_created.total()


@pytest.mark.parametrize("mode", ERAS)
@in_loop
async def test_returns_the_task_when_the_time_is_over(
    mode: str, start_sandbox: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Signs of life that grow, then the task with its next step; waiting can be chained."""
    sandbox = start_sandbox(speed=20)
    monkeypatch.setattr(bounded_wait, "BEAT", 0.1)
    heard: list[float] = []

    async def progress(value: float, total: float | None, message: str | None) -> None:
        assert total is None
        assert message
        heard.append(value)

    async with Client(server(sandbox, tmp_path), mode=mode) as client:
        result = await client.call_tool(
            "kling_text_to_video", {**BOAT, "wait_seconds": 1}, progress_callback=progress
        )
        facts = result.structured_content
        assert facts["state"] in ("submitted", "processing")
        assert f'kling_wait_tasks with task_ids ["{facts["task_id"]}"]' in facts["next_step"]
        assert len(heard) >= 5
        assert all(a < b for a, b in pairwise(heard))

        ids = {"task_ids": [facts["task_id"]]}
        late = await client.call_tool("kling_wait_tasks", {**ids, "wait_seconds": 0})
        assert "again" in late.structured_content["next_step"]
        done = await client.call_tool("kling_wait_tasks", {**ids, "wait_seconds": 60})
        assert done.structured_content["tasks"][0]["state"] == "succeeded"
        assert done.structured_content["next_step"] == "All have ended."
    assert created(sandbox) == 1


def test_a_sign_of_life_at_least_every_five_seconds():
    assert bounded_wait.BEAT < 5


@in_loop
async def test_the_same_call_is_the_same_task(sandbox: Sandbox, tmp_path: Path):
    """It says so; another take is asked for, and is one task itself, however often it is asked."""
    async with Client(server(sandbox, tmp_path)) as client:

        async def call(**arguments: Any) -> dict[str, Any]:
            result = await client.call_tool("kling_text_to_video", {**BOAT, **arguments})
            return result.structured_content

        first = await call()
        assert "repeated" not in first
        # How long to wait and what may be spent is not what is made.
        again = await call(wait_seconds=1, max_cost=3)
        assert again["task_id"] == first["task_id"]
        assert again["repeated"] is True
        assert "take=2" in again["warnings"][0]
        second = await call(take=2)
        assert second["task_id"] != first["task_id"]
        assert (await call(take=2))["task_id"] == second["task_id"]
        assert (await call(duration=10))["task_id"] not in (first["task_id"], second["task_id"])
    assert created(sandbox) == 3


@in_loop
async def test_the_same_call_after_the_window_is_new(sandbox: Sandbox, tmp_path: Path):
    async with Client(server(sandbox, tmp_path, window=0.0)) as client:
        ids = {
            (await client.call_tool("kling_text_to_video", BOAT)).structured_content["task_id"]
            for _ in range(2)
        }
    assert len(ids) == created(sandbox) == 2


@in_loop
async def test_equal_calls_at_once(sandbox: Sandbox, tmp_path: Path):
    """Of five at the same moment one is sent, and the other four are told so."""
    async with Client(server(sandbox, tmp_path)) as client:
        calls = [client.call_tool("kling_text_to_video", BOAT) for _ in range(5)]
        results = await asyncio.gather(*calls)
    assert len({r.structured_content["task_id"] for r in results}) == 1
    assert sum(r.structured_content.get("repeated", False) for r in results) == 4
    assert created(sandbox) == 1


@in_loop
async def test_a_repeated_call_can_send_nothing(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """What is not confirmed again is not asked for again either, whatever becomes of its twin."""
    made = server(sandbox, tmp_path, confirm_over=Decimal("0.20"))
    async with Client(made) as client:
        first = await client.call_tool("kling_text_to_video", {**BOAT, "confirm_cost": 0.21})
        monkeypatch.delattr("kling_core.client.AsyncKling.submit")
        again = await client.call_tool("kling_text_to_video", BOAT)
    assert again.structured_content["repeated"] is True
    assert again.structured_content["task_id"] == first.structured_content["task_id"]


@in_loop
async def test_a_held_request_that_is_sent_now(
    start_sandbox: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Written down by a server that ended before it was sent: it says that it is billed."""
    sandbox = start_sandbox(limit=1, speed=12)
    later = {"prompt": "later", "wait_seconds": 0}
    async with Client(server(sandbox, tmp_path, client={"slots": 1})) as client:
        await client.call_tool("kling_text_to_video", {**BOAT, "wait_seconds": 0})
        monkeypatch.setattr(
            create, "SUBMITTING", 1.5
        )  # what stands in line has no answer to wait for
        held = await client.call_tool("kling_text_to_video", later)
        assert held.structured_content["state"] == "waiting"
    own = held.structured_content["task_id"]
    async with Client(server(sandbox, tmp_path, client={"slots": 1})) as client:
        looked = await client.call_tool("kling_wait_tasks", {"task_ids": [own]})
        (facts,) = looked.structured_content["tasks"]
        assert facts["state"] == "prepared"
        assert "interrupted" in facts["reason"]
        assert "service_message" not in facts
        assert "call the create tool again" in facts["next_step"]
        assert "kling_wait_tasks" not in looked.content[0].text
        assert "kling_recover_tasks" not in looked.content[0].text
        sent = await client.call_tool("kling_text_to_video", {**later, "wait_seconds": 60})
        facts = sent.structured_content
        assert facts["state"] == "succeeded"
        assert "repeated" not in facts
        assert "sent now" in facts["warnings"][0]
        again = await client.call_tool("kling_text_to_video", later)
        assert again.structured_content["repeated"] is True
    assert created(sandbox) == 2


@in_loop
async def test_a_failed_task_is_made_anew(sandbox: Sandbox, tmp_path: Path):
    """The window does not hold back the same call after a failure, which was free."""
    from kling_core.sandbox import Fault

    sandbox.faults.add(Fault("fail", kind="create", text="risk control"))
    async with Client(server(sandbox, tmp_path)) as client:
        first = (await client.call_tool("kling_text_to_video", BOAT)).structured_content
        again = (await client.call_tool("kling_text_to_video", BOAT)).structured_content
    assert (first["state"], again["state"]) == ("failed", "succeeded")


@in_loop
async def test_waiting_in_line(
    start_sandbox: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """All slots taken: the call returns its place, and waiting for it goes on without another."""
    sandbox = start_sandbox(limit=1, speed=12)
    made = server(sandbox, tmp_path, client={"slots": 1})
    async with Client(made) as client:
        first = client.call_tool("kling_text_to_video", {**BOAT, "wait_seconds": 0})
        ahead = (await first).structured_content
        assert ahead["state"] in ("submitted", "processing")
        monkeypatch.setattr(create, "SUBMITTING", 1.5)
        behind = (
            await client.call_tool("kling_text_to_video", {"prompt": "later", "wait_seconds": 0})
        ).structured_content
        assert behind["state"] == "waiting"
        assert behind["place"].startswith("waiting for a slot (1/1 busy)")
        assert f'kling_wait_tasks with task_ids ["{behind["task_id"]}"]' in behind["next_step"]
        ids = [ahead["task_id"], behind["task_id"]]
        done = await client.call_tool("kling_wait_tasks", {"task_ids": ids, "wait_seconds": 60})
        assert {t["state"] for t in done.structured_content["tasks"]} == {"succeeded"}
    assert created(sandbox) == 2


@in_loop
async def test_dry_run_and_limits(sandbox: Sandbox, tmp_path: Path):
    """A quote without a task; the caller's limit; the owner's limit, which no argument moves."""
    async with Client(server(sandbox, tmp_path, client={"max_cost": "0.30"})) as client:

        async def call(**arguments: Any) -> Any:
            return await client.call_tool("kling_text_to_video", {**BOAT, **arguments})

        dry = await call(dry_run=True)
        assert dry.structured_content["cost"]["quote_usd"] == 0.21
        own = await call(max_cost=0.1)
        assert own.structured_content["error"] == "budget_exceeded"
        assert own.structured_content["billed"] == "no"
        owners = await call(duration=10, max_cost=100, confirm_cost=0.42)
        assert owners.structured_content["error"] == "budget_exceeded"
        assert "owner of this server" in owners.structured_content["fix"]
        assert "max_cost" not in owners.structured_content["fix"]
    assert created(sandbox) == 0


@pytest.mark.parametrize("limits", [{"max_cost": "0.30"}, {"budget": "0.30"}])
@in_loop
async def test_what_creating_would_refuse_is_not_called_valid(
    limits: dict[str, str], sandbox: Sandbox, tmp_path: Path
):
    """By the owner's limits and the caller's own, in a dry run and in a quote."""
    async with Client(server(sandbox, tmp_path, client=limits)) as client:
        for dear in ({"duration": 10}, {"max_cost": 0.1}):
            arguments = {**BOAT, **dear}
            for result in (
                await client.call_tool("kling_text_to_video", {**arguments, "dry_run": True}),
                await client.call_tool(
                    "kling_quote", {"endpoint": "text_to_video", "arguments": arguments}
                ),
            ):
                assert result.structured_content["error"] == "budget_exceeded"
                assert "Raise" not in result.structured_content["fix"]


@pytest.mark.parametrize("forms", [True, False])
@in_loop
async def test_a_quote_tells_of_the_confirmation(forms: bool, sandbox: Sandbox, tmp_path: Path):
    """By a form, or by a number; below the threshold nothing is said."""

    async def answer(_: Any, __: Any) -> ElicitResult:
        raise AssertionError("a quote asks for nothing")

    made = server(sandbox, tmp_path, confirm_over=Decimal("0.30"))
    async with Client(made, elicitation_callback=answer if forms else None) as client:

        async def quote(**arguments: Any) -> Any:
            given = {"endpoint": "text_to_video", "arguments": {**BOAT, **arguments}}
            return await client.call_tool("kling_quote", given)

        dear, cheap = await quote(duration=10), await quote()
    assert dear.structured_content["must_be_confirmed"] is True
    for told in (dear.structured_content["next_step"], dear.content[0].text):
        assert ("by a form" if forms else "confirm_cost=0.42") in told
    assert "confirm" not in str(cheap.structured_content)


@in_loop
async def test_the_owners_limit_comes_before_the_question(sandbox: Sandbox, tmp_path: Path):
    """Nobody is asked to approve what is refused after all."""
    limits = {"budget": "0.30"}
    made = server(sandbox, tmp_path, confirm_over=Decimal("0.20"), client=limits)
    async with Client(made) as client:
        result = await client.call_tool("kling_text_to_video", {**BOAT, "duration": 10})
    assert result.structured_content["error"] == "budget_exceeded"
    assert "KLING_BUDGET" not in result.structured_content["fix"]


@in_loop
async def test_an_unknown_model_is_told_where_it_gets_confirmed(sandbox: Sandbox, tmp_path: Path):
    """In the form, in the refusal, and once in the result."""
    typo = {**BOAT, "model_name": "kling-v2-55-turbo"}
    asked: list[str] = []

    async def answer(_: Any, params: Any) -> ElicitResult:
        asked.append(params.message)
        return ElicitResult(action="cancel")

    made = server(sandbox, tmp_path, confirm_over=Decimal("0.20"))
    async with Client(made, elicitation_callback=answer) as client:
        refused = await client.call_tool("kling_text_to_video", typo)
        result = await client.call_tool("kling_text_to_video", {**typo, "confirm_cost": 0})
    for told in (asked[0], refused.content[0].text, str(refused.structured_content["warnings"])):
        assert "kling-v2-5-turbo" in told
    said = str(result.structured_content["warnings"])
    assert said.count("kling-v2-55-turbo") == 1


@pytest.mark.parametrize("place,billed", [("read", "no"), ("_follow", "unknown")])
@in_loop
async def test_a_fault_of_ours(
    place: str, billed: str, sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Before the submit nothing was billed; after it that is not known."""

    async def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("broken")

    monkeypatch.setattr(create, place, broken)
    async with Client(server(sandbox, tmp_path)) as client:
        result = await client.call_tool("kling_text_to_video", BOAT)
    assert result.structured_content["error"] == "internal"
    assert result.structured_content["billed"] == billed


@in_loop
async def test_the_budget_runs_out_mid_run(sandbox: Sandbox, tmp_path: Path):
    """The third clip of a run is refused with the numbers; the first two are there."""
    async with Client(server(sandbox, tmp_path, client={"budget": "0.50"})) as client:
        results = [
            await client.call_tool("kling_text_to_video", {**BOAT, "take": take})
            for take in (1, 2, 3)
        ]
    assert [r.structured_content.get("state") for r in results] == ["succeeded", "succeeded", None]
    assert results[1].structured_content["budget"]["left_usd"] == 0.08
    refused = results[2].structured_content
    assert refused["error"] == "budget_exceeded"
    assert "$0.42 of today's $0.50" in refused["message"]
    assert created(sandbox) == 2


@pytest.mark.parametrize("mode", ERAS)
@pytest.mark.parametrize("action", ["accept", "decline", "cancel"])
@pytest.mark.usefixtures("quick")
@in_loop
async def test_asking_the_user(mode: str, action: Any, sandbox: Sandbox, tmp_path: Path):
    """A form where the client has forms: yes creates, no refuses, skipping asks for a number."""
    asked: list[str] = []

    async def answer(_: Any, params: Any) -> ElicitResult:
        asked.append(params.message)
        content = {"approve": True} if action == "accept" else None
        return ElicitResult(action=action, content=content)

    made = server(sandbox, tmp_path, confirm_over=Decimal("0.20"))
    async with Client(made, mode=mode, elicitation_callback=answer) as client:
        result = await client.call_tool("kling_text_to_video", BOAT)
        facts = result.structured_content
        if action == "accept":  # what is paid for already is not asked for again
            await client.call_tool("kling_text_to_video", BOAT)
    assert "$0.21" in asked[0]
    assert len(asked) == 1
    expected = {"accept": None, "decline": "declined", "cancel": "confirmation_needed"}
    assert facts.get("error") == expected[action]
    assert created(sandbox) == (action == "accept")


@pytest.mark.parametrize("mode", ERAS)
@pytest.mark.usefixtures("quick")
@in_loop
async def test_no_number_overrides_the_user(mode: str, sandbox: Sandbox, tmp_path: Path):
    """The form is asked first, and after a no only a yes by the form counts, not skipping it."""
    answers = [
        ElicitResult(action="cancel"),  # with the number given before it was asked for
        ElicitResult(action="accept", content={"approve": False}),
        ElicitResult(action="decline"),
        ElicitResult(action="cancel"),
        ElicitResult(action="accept", content={"approve": True}),
    ]
    given = iter(answers)

    async def answer(_: Any, __: Any) -> ElicitResult:
        return next(given)

    made = server(sandbox, tmp_path, confirm_over=Decimal("0.20"))
    async with Client(made, mode=mode, elicitation_callback=answer) as client:

        async def call(**arguments: Any) -> dict[str, Any]:
            result = await client.call_tool("kling_text_to_video", {**BOAT, **arguments})
            return result.structured_content

        assert (await call(confirm_cost=0.21))["error"] == "confirmation_needed"
        assert (await call())["error"] == "declined"
        for _ in range(2):
            assert (await call(confirm_cost=0.21))["error"] == "declined"
        assert created(sandbox) == 0
        assert (await call(confirm_cost=0.21))["state"] == "succeeded"
    assert next(given, None) is None
    assert created(sandbox) == 1


@pytest.mark.parametrize("mode", ERAS)
@in_loop
async def test_the_number_counts_after_a_skipped_form(mode: str, sandbox: Sandbox, tmp_path: Path):
    """Of this call, and of no other; the user is not asked twice."""
    asked: list[str] = []

    async def answer(_: Any, params: Any) -> ElicitResult:
        asked.append(params.message)
        return ElicitResult(action="cancel")

    made = server(sandbox, tmp_path, confirm_over=Decimal("0.20"))
    async with Client(made, mode=mode, elicitation_callback=answer) as client:

        async def call(**arguments: Any) -> dict[str, Any]:
            result = await client.call_tool("kling_text_to_video", {**BOAT, **arguments})
            return result.structured_content

        assert (await call())["error"] == "confirmation_needed"
        assert (await call(confirm_cost=0.21))["state"] == "succeeded"
        assert len(asked) == 1
        assert (await call(take=2, confirm_cost=0.21))["error"] == "confirmation_needed"
    assert len(asked) == 2
    assert created(sandbox) == 1


@pytest.mark.usefixtures("quick")
@in_loop
async def test_a_form_that_says_no(sandbox: Sandbox, tmp_path: Path):
    """Accepting the form without approving is a no."""

    async def answer(_: Any, __: Any) -> ElicitResult:
        return ElicitResult(action="accept", content={"approve": False})

    made = server(sandbox, tmp_path, confirm_over=Decimal("0.20"))
    async with Client(made, elicitation_callback=answer) as client:
        result = await client.call_tool("kling_text_to_video", BOAT)
    assert result.structured_content["error"] == "declined"
    assert created(sandbox) == 0


@pytest.mark.parametrize("mode", ERAS)
@in_loop
async def test_confirming_without_forms(mode: str, sandbox: Sandbox, tmp_path: Path):
    """The shown number, and only that, confirms."""
    made = server(sandbox, tmp_path, confirm_over=Decimal("0.20"))
    async with Client(made, mode=mode) as client:

        async def call(**arguments: Any) -> dict[str, Any]:
            result = await client.call_tool("kling_text_to_video", {**BOAT, **arguments})
            return result.structured_content

        needed = await call()
        assert needed["error"] == "confirmation_needed"
        assert needed["confirm_cost"] == 0.21
        assert "confirm_cost=0.21" in needed["fix"]
        for wrong in (0.2, 0.22, 21, 0):
            assert (await call(confirm_cost=wrong))["error"] == "confirmation_needed"
        assert (await call(confirm_cost=0.21))["state"] == "succeeded"
    assert created(sandbox) == 1


@in_loop
async def test_everything_wrong_at_once(sandbox: Sandbox, tmp_path: Path):
    """Unknown names, wrong types, rules of the model: all told, nothing guessed, nothing sent."""
    arguments = {
        "promt": "a boat",
        "duration": "5 s",
        "max_cost": "$1",
        "model_name": "kling-v2-6",
        "mode": "std",
        "sound": True,
        "multi_prompt": [{"prompt": "x", "duration": 3, "camera": "y"}],
    }
    async with Client(server(sandbox, tmp_path)) as client:
        result = await client.call_tool("kling_text_to_video", arguments)
    facts = result.structured_content
    assert result.is_error
    found = {v["field"]: v for v in facts["violations"]}
    assert found["promt"]["valid"] == "prompt"
    assert "not an integer" in found["duration"]["problem"]
    assert "not a number" in found["max_cost"]["problem"]
    assert "multi_prompt.0.camera" in found
    assert "prompt" in found
    assert any("sound" in name for name in found)
    assert facts["billed"] == "no"
    assert created(sandbox) == 0

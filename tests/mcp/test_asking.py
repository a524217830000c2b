"""Asking before money is spent: there is always a road to a person, and none round them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from helpers.agents import ERAS, in_loop, server, settings
from helpers.web import served
from mcp import Client
from mcp.shared.exceptions import MCPError
from mcp.types import ElicitResult

from kling_core import Sandbox
from kling_mcp.http import app
from kling_mcp.safety import asking, spending
from kling_mcp.tools import create

BOAT = {"prompt": "a boat"}
OVER = Decimal("0.20")
Answer = Callable[[Any, Any], Awaitable[ElicitResult]]


async def declines(_: Any, __: Any) -> ElicitResult:
    """A client that says no by itself, before anybody can have read the question."""
    return ElicitResult(action="decline")


async def fills_in(_: Any, __: Any) -> ElicitResult:
    """A client that sends every field of a form with nothing in it."""
    return ElicitResult(action="accept", content={"approve": False})


async def fails(_: Any, __: Any) -> ElicitResult:
    """A client that promises forms and has none."""
    raise MCPError(code=-32601, message="Method not found")


async def never(_: Any, __: Any) -> ElicitResult:
    """A client that shows the form to nobody."""
    await asyncio.Event().wait()
    raise AssertionError


async def closes(_: Any, __: Any) -> ElicitResult:
    """A client whose user closes the form, or that does it for them."""
    return ElicitResult(action="cancel")


def created(sandbox: Sandbox) -> int:
    return sandbox.stats.tasks_created.total()


async def call(client: Client, **arguments: Any) -> dict[str, Any]:
    """The facts of a create."""
    given = {**BOAT, "wait_seconds": 0, **arguments}
    return (await client.call_tool("kling_text_to_video", given)).structured_content


# --- forms that no person has answered ---------------------------------------------------------


@pytest.mark.parametrize("mode", ERAS)
@pytest.mark.parametrize("answer", [declines, fills_in, closes])
@in_loop
async def test_a_client_that_answers_by_itself(
    mode: str,
    answer: Answer,
    sandbox: Sandbox,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    """Its no is nobody's: the model is told to ask in the chat, and what the number is."""
    monkeypatch.setattr(asking, "REFLEX", 60.0)  # however slow the machine is
    made = server(sandbox, tmp_path, confirm_over=OVER)
    async with Client(made, mode=mode, elicitation_callback=answer) as client:
        needed = await call(client)
        assert needed["error"] == "confirmation_needed"
        assert "declined" not in str(needed)
        assert "in the chat" in needed["fix"]
        assert "$0.21" in needed["fix"]
        assert needed["confirm_cost"] == 0.21
        assert created(sandbox) == 0
        assert (await call(client, confirm_cost=0.21))["state"] in ("submitted", "processing")
    assert created(sandbox) == 1


@pytest.mark.parametrize("answer", [fails, never])
@in_loop
async def test_a_client_that_fails_or_never_answers(
    answer: Answer, sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """The question ends within bounds, the call with the road through the chat."""
    monkeypatch.setattr(asking, "PATIENCE", 0.2)
    made = server(sandbox, tmp_path, confirm_over=OVER)
    async with Client(made, mode="legacy", elicitation_callback=answer) as client:
        needed = await call(client)
        assert needed["error"] == "confirmation_needed"
        assert "No person answered" in needed["message"]
        assert (await call(client, confirm_cost=0.21))["task_id"]
    assert created(sandbox) == 1


@in_loop
async def test_a_client_of_the_new_era_that_fails(sandbox: Sandbox, tmp_path: Path):
    """There the failure is the client's own; the same call again finds the road."""
    made = server(sandbox, tmp_path, confirm_over=OVER)
    async with Client(made, elicitation_callback=fails) as client:
        with pytest.raises((MCPError, ExceptionGroup)):
            await call(client)
        needed = await call(client)
        assert needed["error"] == "confirmation_needed"
        assert (await call(client, confirm_cost=0.21))["task_id"]
    assert created(sandbox) == 1


@in_loop
async def test_a_late_yes_does_nothing(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """The form is taken back when its time is over; what is answered then counts for no call."""
    monkeypatch.setattr(asking, "PATIENCE", 0.2)
    told, answered = asyncio.Event(), asyncio.Event()

    async def late(_: Any, __: Any) -> ElicitResult:
        try:
            await told.wait()
        finally:
            answered.set()
        return ElicitResult(action="accept", content={"approve": True})

    made = server(sandbox, tmp_path, confirm_over=OVER)
    async with Client(made, mode="legacy", elicitation_callback=late) as client:
        assert (await call(client))["error"] == "confirmation_needed"
        told.set()
        await answered.wait()
        assert (await call(client))["error"] == "confirmation_needed"
    assert created(sandbox) == 0


def test_the_form_ends_before_hosts_end_the_call():
    """The strictest of them count 60 seconds, and a submit is given five after the form.

    A no is a person's from the time on in which a price can be read.
    """
    assert asking.PATIENCE + create.SUBMITTING < 60
    assert 0.5 <= asking.REFLEX <= 1.5


@in_loop
async def test_the_call_dies_while_the_form_is_open(sandbox: Sandbox, tmp_path: Path):
    """A host that gives up sooner: nothing is sent, and the next call is not a dead end."""
    shown = asyncio.Event()

    async def open_(_: Any, __: Any) -> ElicitResult:
        shown.set()
        return await never(None, None)

    made = server(sandbox, tmp_path, confirm_over=OVER)
    async with Client(made, mode="legacy", elicitation_callback=open_) as client:
        first = asyncio.ensure_future(call(client))
        await shown.wait()
        first.cancel()
        await asyncio.wait({first})
        assert (await call(client, confirm_cost=0.21))["error"] == "confirmation_needed"
        assert created(sandbox) == 0
        assert (await call(client, confirm_cost=0.21))["task_id"]
    assert created(sandbox) == 1


@pytest.mark.parametrize("mode", ERAS)
@in_loop
async def test_no_number_while_a_person_reads(
    mode: str, sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """The same call with the number beside an open form does not go past the form."""
    monkeypatch.setattr(asking, "REFLEX", 0.0)
    shown, read = asyncio.Event(), asyncio.Event()

    async def reading(_: Any, __: Any) -> ElicitResult:
        shown.set()
        await read.wait()
        return ElicitResult(action="decline")

    made = server(sandbox, tmp_path, confirm_over=OVER)
    async with Client(made, mode=mode, elicitation_callback=reading) as client:
        first = asyncio.ensure_future(call(client))
        await shown.wait()
        beside = await call(client, confirm_cost=0.21)
        assert beside["error"] == "confirmation_needed"
        read.set()
        assert (await first)["error"] == "declined"
    assert created(sandbox) == 0


@pytest.mark.parametrize("mode", ERAS)
@in_loop
async def test_the_no_of_a_person_stays_a_no(
    mode: str, sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """No number changes it, also when the client then answers by itself."""
    answers: list[tuple[float, Answer]] = [(0.0, declines), (60.0, declines), (60.0, closes)]

    async def answer(context: Any, params: Any) -> ElicitResult:
        reflex, said = answers.pop(0)
        monkeypatch.setattr(asking, "REFLEX", reflex)  # the first one has read it
        return await said(context, params)

    made = server(sandbox, tmp_path, confirm_over=OVER)
    async with Client(made, mode=mode, elicitation_callback=answer) as client:
        for _ in range(3):
            assert (await call(client, confirm_cost=0.21))["error"] == "declined"
    assert answers == []
    assert created(sandbox) == 0


@pytest.mark.parametrize("mode", ERAS)
@in_loop
async def test_over_http(mode: str, sandbox: Sandbox, tmp_path: Path):
    """Where nothing can be asked in the middle of a call, the road through the chat comes first."""
    asked: list[str] = []

    async def answer(_: Any, params: Any) -> ElicitResult:
        asked.append(params.message)
        return ElicitResult(action="accept", content={"approve": True})

    own = settings(sandbox, tmp_path, confirm_over=OVER)
    with served(app.app(own, app.Listening())) as url:
        async with Client(f"{url}/mcp", mode=mode, elicitation_callback=answer) as client:
            told = await call(client)
            if mode == "legacy":
                assert told["error"] == "confirmation_needed"
                assert "No person answered" not in told["message"]
                told = await call(client, confirm_cost=0.21)
    assert told["task_id"]
    assert len(asked) == (mode == "auto")
    assert created(sandbox) == 1


# --- a price that nobody knows -----------------------------------------------------------------


@pytest.fixture
def no_prices(monkeypatch: pytest.MonkeyPatch) -> None:
    """A price list that knows nothing of the request."""
    monkeypatch.setattr("kling_core.rules.price.quote", lambda *_, **__: None)


@pytest.mark.parametrize("nothing", [0, 0.0, "", "0", None, False, [], {}, "null"])
@pytest.mark.parametrize("known", [True, False])
@in_loop
async def test_nothing_confirms_no_price(
    nothing: Any, known: bool, sandbox: Sandbox, tmp_path: Path, request: pytest.FixtureRequest
):
    """What models fill in where they have nothing to say is never a yes."""
    if not known:
        request.getfixturevalue("no_prices")
    async with Client(server(sandbox, tmp_path, confirm_over=OVER)) as client:
        for _ in range(2):
            told = await call(client, confirm_cost=nothing)
            assert told["billed"] == "no"
            assert told["error"] in ("confirmation_needed", "invalid_request")
    assert created(sandbox) == 0


@pytest.mark.usefixtures("no_prices")
@in_loop
async def test_an_unknown_price_can_be_confirmed(sandbox: Sandbox, tmp_path: Path):
    """By the dearest price that is known of such calls, which is named and is not 0."""
    async with Client(server(sandbox, tmp_path, confirm_over=OVER)) as client:
        needed = await call(client)
        assert "no known price" in needed["message"]
        assert needed["confirm_cost"] > 1
        told = await call(client, confirm_cost=needed["confirm_cost"])
    assert told["task_id"]
    assert created(sandbox) == 1


# --- many small calls --------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ERAS)
@in_loop
async def test_sixty_clips_that_nobody_was_asked_about(mode: str, sandbox: Sandbox, tmp_path: Path):
    """Each is below the threshold, their sum is not: the number given beforehand stops too."""
    made = server(sandbox, tmp_path, confirm_over=Decimal(1), confirm_total=Decimal(1))
    async with Client(made, mode=mode) as client:
        for number in range(4):
            told = await call(client, prompt=f"boat {number}", confirm_cost=0.21)
            assert told["task_id"]
        for number in range(4, 60):
            told = await call(client, prompt=f"boat {number}", confirm_cost=0.21)
            assert told["error"] == "confirmation_needed"
        assert told["unasked_usd"] == 0.84
        assert "$0.84" in told["message"]
        assert created(sandbox) == 4
        told = await call(client, prompt="boat 59", confirm_cost=0.21)
        assert told["task_id"]
        for number in range(60, 64):  # the sum was approved; it begins again
            assert (await call(client, prompt=f"boat {number}"))["task_id"]
        assert (await call(client, prompt="one more"))["error"] == "confirmation_needed"
    assert created(sandbox) == 9


@in_loop
async def test_many_at_once(sandbox: Sandbox, tmp_path: Path):
    """Calls at the same moment see each other, before the ledger knows of any."""
    made = server(sandbox, tmp_path, confirm_over=Decimal(1), confirm_total=Decimal(1))
    async with Client(made) as client:
        calls = [call(client, prompt=f"boat {number}") for number in range(12)]
        told = await asyncio.gather(*calls)
    assert sum("task_id" in one for one in told) == created(sandbox)
    assert 1 <= created(sandbox) <= 4


@in_loop
async def test_the_sum_outlives_the_server(sandbox: Sandbox, tmp_path: Path):
    """The ledger knows what the day has cost; a new server does not begin at nothing."""
    changes = {"confirm_over": Decimal(1), "confirm_total": Decimal("0.50")}
    for number in range(2):
        async with Client(server(sandbox, tmp_path, **changes)) as client:
            assert (await call(client, prompt=f"boat {number}"))["task_id"]
    async with Client(server(sandbox, tmp_path, **changes)) as client:
        told = await call(client, prompt="boat 2")
        assert told["error"] == "confirmation_needed"
        quote = {"endpoint": "text_to_video", "arguments": {"prompt": "boat 2"}}
        quoted = await client.call_tool("kling_quote", quote)
        assert quoted.structured_content["must_be_confirmed"] is True
    assert created(sandbox) == 2


@pytest.mark.parametrize("mode", ERAS)
@in_loop
async def test_a_form_asks_about_the_sum(mode: str, sandbox: Sandbox, tmp_path: Path):
    """It names what was spent unasked; what a person approved does not count as unasked."""
    asked: list[str] = []

    async def answer(_: Any, params: Any) -> ElicitResult:
        asked.append(params.message)
        return ElicitResult(action="accept", content={"approve": True})

    changes = {"confirm_over": Decimal("0.40"), "confirm_total": Decimal("0.50")}
    made = server(sandbox, tmp_path, **changes)
    async with Client(made, mode=mode, elicitation_callback=answer) as client:
        await call(client, duration=10)  # dear: asked about by itself
        await call(client, prompt="a")
        await call(client, prompt="b")
        assert len(asked) == 1
        await call(client, prompt="c")
    assert len(asked) == 2
    assert "$0.42" in asked[1]
    assert created(sandbox) == 4


@in_loop
async def test_never_asks(sandbox: Sandbox, tmp_path: Path):
    """An owner who wants no questions gets none about sums either."""
    made = server(sandbox, tmp_path, confirm_over=None, confirm_total=Decimal("0.10"))
    async with Client(made) as client:
        assert (await call(client))["task_id"]


def test_a_limit_of_nothing_allows_nothing():
    """`max_cost=0` is no consent: it is refused, with what to do."""
    from kling_core.declare import registry
    from kling_core.errors import BudgetExceeded

    price = registry.load("text_to_video").request(prompt="x").quote()
    with pytest.raises(BudgetExceeded) as caught:
        spending.limit(price, 0)
    assert "leave it out" in caught.value.fix

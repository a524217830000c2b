"""Ctrl-C and cancellation: what is out is written down first, then the interruption comes."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers.ledgers import LEASE

from kling_core import AsyncKling, Kling, Sandbox
from kling_core.errors import ConnectionFailed
from kling_core.flows.prepared import prepare
from kling_core.flows.session import Pace
from kling_core.ledger.ledger import Ledger
from kling_core.ledger.records import Entry, Row
from kling_core.wire.effects import NoReply

PACE = Pace(poll_floor=0.02, poll_ceiling=0.1, recheck=0.05, line_tick=0.02)


def only_row(client: Any) -> Row:
    (row,) = client.session.ledger().rows()
    return row


@pytest.fixture(autouse=True)
def _heard() -> Iterator[None]:
    """Ctrl-C is heard, also where the tests are started in the background, which ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("presses", [1, 3])
def test_interrupted_in_the_middle_of_the_post(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: Any, presses: int
) -> None:
    """Ctrl-C while the request is out, once or often: the task is in the ledger, then it comes."""
    with Kling(sandbox=sandbox, home=tmp_path, pace=PACE) as kling:
        send = kling.port.send

        def pressed(effect: Any) -> Any:
            reply = send(effect)
            if effect.method == "POST":
                for _ in range(presses):
                    os.kill(os.getpid(), signal.SIGINT)
            return reply

        monkeypatch.setattr(kling.port, "send", pressed)
        before = signal.getsignal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            kling.text_to_video.create(prompt="a boat")
        assert signal.getsignal(signal.SIGINT) is before
        row = only_row(kling)
        assert row.state == "submitted"
        assert [task.task_id for task in sandbox.tasks] == [row.task_id]


def test_a_handler_of_another_language(sandbox: Sandbox, tmp_path: Path, monkeypatch: Any) -> None:
    """SIGINT that a program around Python handles stays with it, and no create breaks on it."""
    taken: list[Any] = []
    monkeypatch.setattr(signal, "getsignal", lambda _number: None)
    monkeypatch.setattr(signal, "signal", lambda *given: taken.append(given))
    with Kling(sandbox=sandbox, home=tmp_path, pace=PACE) as kling:
        task = kling.text_to_video.create(prompt="a boat")
        assert only_row(kling).task_id == task.task_id
    assert taken == []


def test_interrupted_before_the_post(sandbox: Sandbox, tmp_path: Path, monkeypatch: Any) -> None:
    """Ctrl-C while waiting in line: nothing was sent, the row holds neither slot nor place."""
    with Kling(sandbox=sandbox, home=tmp_path, pace=PACE, slots=1) as kling:
        monkeypatch.setattr(sandbox._lifecycle, "_settle", lambda _run: None)  # it runs for ever
        kling.text_to_video.create(prompt="a boat")

        def interrupt(_news: Any) -> None:
            raise KeyboardInterrupt

        request = kling.text_to_video.request(prompt="a pear")
        with pytest.raises(KeyboardInterrupt):
            kling.submit(request, on_update=interrupt)
        assert len(sandbox.tasks) == 1
        ledger = kling.session.ledger()
        (row, _) = ledger.rows()
        assert (row.state, row.owner) == ("prepared", None)
        assert ledger.queue("video").waiting == ()


@pytest.mark.parametrize("times", [1, 3])
def test_cancelled_in_the_middle_of_the_post(sandbox: Sandbox, tmp_path: Path, times: int) -> None:
    """A cancelled create ends only when its task is in the ledger; being asked again is no help."""

    async def main() -> None:
        async with AsyncKling(sandbox=sandbox, home=tmp_path, pace=PACE) as kling:
            out, go = asyncio.Event(), asyncio.Event()
            send = kling.port.send

            async def held(effect: Any) -> Any:
                if effect.method == "POST":
                    out.set()
                    await go.wait()
                return await send(effect)

            kling.port.send = held  # type: ignore[method-assign]
            creating = asyncio.ensure_future(kling.text_to_video.create(prompt="a boat"))
            await out.wait()
            for _ in range(times):
                creating.cancel()
                await asyncio.sleep(0)
                assert not creating.done()
            go.set()
            with pytest.raises(asyncio.CancelledError):
                await creating
            row = only_row(kling)
            assert row.state == "submitted"
            assert [task.task_id for task in sandbox.tasks] == [row.task_id]

    asyncio.run(main())


def test_a_cancelled_resume_writes_down_what_it_sent(sandbox: Sandbox, tmp_path: Path) -> None:
    """What is guarded in a create is guarded when it is sent later, too."""

    async def main() -> None:
        async with AsyncKling(sandbox=sandbox, home=tmp_path, pace=PACE) as kling:
            send, out, go = kling.port.send, asyncio.Event(), asyncio.Event()

            async def down(effect: Any) -> Any:
                return NoReply(sent=False, reason="no network")

            async def held(effect: Any) -> Any:
                reply = await send(effect)
                if effect.method == "POST":
                    out.set()
                    await go.wait()
                return reply

            kling.port.send = down  # type: ignore[method-assign]
            with pytest.raises(ConnectionFailed):
                await kling.text_to_video.create(prompt="a boat")
            assert only_row(kling).state == "prepared"
            kling.port.send = held  # type: ignore[method-assign]
            resuming = asyncio.ensure_future(kling.tasks.resume(send=True, wait=False))
            await out.wait()
            resuming.cancel()
            await asyncio.sleep(0)
            assert not resuming.done()
            go.set()
            with pytest.raises(asyncio.CancelledError):
                await resuming
            row = only_row(kling)
            assert (row.state, row.error) == ("submitted", "")
            assert [task.task_id for task in sandbox.tasks] == [row.task_id]

    asyncio.run(main())


@pytest.mark.parametrize("step", ["prepare", "take", "admit"])
def test_a_cancelled_create_leaves_nobody_in_line(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: Any, step: str
) -> None:
    """Cancelled while the ledger writes it into the line: the row is let go, the next is served."""

    async def main() -> None:
        async with AsyncKling(sandbox=sandbox, home=tmp_path, pace=PACE, slots=1) as kling:
            loop = asyncio.get_running_loop()
            ledger = await kling.tasks.ledger()
            create = kling.text_to_video.create
            if step == "take":  # the row is there already, and in nobody's hands
                ledger.prepare(begun(kling, prompt="a boat", external_task_id="mine"), lease=LEASE)
                ledger.release("mine")
            writing, go, real = asyncio.Event(), threading.Event(), getattr(Ledger, step)

            def slow(self: Ledger, *args: Any, **more: Any) -> Any:
                loop.call_soon_threadsafe(writing.set)
                assert go.wait(20)
                return real(self, *args, **more)

            with monkeypatch.context() as patch:
                patch.setattr(Ledger, step, slow)
                creating = asyncio.ensure_future(create(prompt="a boat", external_task_id="mine"))
                await writing.wait()
                creating.cancel()
                await asyncio.sleep(0)
                assert not creating.done()
                go.set()
                with pytest.raises(asyncio.CancelledError):
                    await creating
            row = only_row(kling)
            assert (row.state, row.owner, row.lease_until) == ("prepared", None, None)
            assert sandbox.tasks == []
            task = await asyncio.wait_for(create(prompt="a pear"), 20)
            assert [made.task_id for made in sandbox.tasks] == [task.task_id]

    asyncio.run(main())


def test_ctrl_c_while_it_is_written_down(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: Any
) -> None:
    """Right after the commit, before anybody knows of it: the row does not stand in line."""
    with Kling(sandbox=sandbox, home=tmp_path, pace=PACE, slots=1) as kling:
        real = Ledger.prepare

        def pressed(self: Ledger, *args: Any, **more: Any) -> Any:
            real(self, *args, **more)
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(Ledger, "prepare", pressed)
            with pytest.raises(KeyboardInterrupt):
                kling.text_to_video.create(prompt="a boat")
        row = only_row(kling)
        assert (row.state, row.owner) == ("prepared", None)
        assert kling.session.ledger().queue("video").waiting == ()


def begun(kling: Any, **fields: Any) -> Entry:
    """The entry that a create of these fields would write."""
    request = kling.text_to_video.request(**fields)
    session = kling.session
    return prepare(session, request).entry("")


def test_an_interrupted_wait_can_be_taken_up(sandbox: Sandbox, tmp_path: Path) -> None:
    """Ctrl-C while waiting leaves the task alone; the next wait ends well, and so does a resume."""
    with Kling(sandbox=sandbox, home=tmp_path, output_dir=tmp_path, pace=PACE) as kling:
        task = kling.text_to_video.create(prompt="a boat")

        def interrupt(_task: Any) -> None:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            task.wait(on_update=interrupt)
        settled = kling.tasks.resume()
        assert settled.doubtful == []
        assert task.wait().status == "succeeded"
        assert only_row(kling).state == "succeeded"

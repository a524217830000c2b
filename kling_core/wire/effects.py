"""Flows: each operation is written once, as a generator that yields what it needs.

A flow decides everything (retry, token, cadence) and does no I/O. Two small drivers run it: `drive`
blocks, `adrive` awaits. What a flow may yield is an *effect*: `Send`, `Sleep`, `Save` or `Call`.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from inspect import isawaitable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar

if TYPE_CHECKING:
    import asyncio

    from kling_core.wire.body import JSONBody
    from kling_core.wire.interrupts import HeldInterrupts

T = TypeVar("T")


class Send(NamedTuple):
    """Send one HTTP request; the flow receives a `Reply` or a `NoReply`.

    `total` is how many seconds the whole exchange may take, None for what the port is set to.
    """

    method: str
    url: str
    headers: Mapping[str, str]
    body: JSONBody | None = None
    total: float | None = None

    def __repr__(self) -> str:
        return f"<Send {self.method} {self.url}>"  # the headers hold a credential


class Reply(NamedTuple):
    """An HTTP answer, read whole."""

    status: int
    headers: Mapping[str, str]
    content: bytes


class NoReply(NamedTuple):
    """No whole answer came. `sent` is False only when the server cannot have the whole request.

    `fix` is what to do about a trouble that will not pass by itself, such as a certificate; empty
    for one that may.
    """

    sent: bool
    reason: str
    fix: str = ""


class Sleep(NamedTuple):
    """Wait this many seconds."""

    seconds: float


class Save(NamedTuple):
    """Stream a URL into a file from byte `offset` on, without any credential.

    The flow receives a `Saved`. An offset above 0 asks for the rest by Range, on the condition that
    the content is still the one that `validator` (an ETag or a date) names; the rest is appended
    only when it is that. `judge` is asked about the URL and every one it redirects to: a reason
    refuses it, before any connection is made. `begun` is told the validator and the length of a
    file that begins anew, before its first byte is written.
    """

    url: str
    path: Path
    offset: int = 0
    judge: Callable[[str], str] | None = None
    validator: str = ""
    begun: Callable[[str, int | None], None] | None = None


class Saved(NamedTuple):
    """What came of a `Save`.

    `total` is the whole file's length as announced, None when it was not. `failure` says why the
    stream ended early; `disk` is the error of the local file system; `refused` the judge's reason.
    `sha256` is that of the whole file when it came in one piece, None when it was resumed.
    `validator` names the content, for a later piece; `slow` says that it was given up for that.
    `wrong` says why nothing of the answer may be kept: it is no answer to what was asked.
    """

    status: int
    total: int | None = None
    failure: str = ""
    disk: OSError | None = None
    refused: str = ""
    sha256: str | None = None
    validator: str = ""
    slow: bool = False
    wrong: str = ""


class Call(NamedTuple):
    """Run blocking local work; the flow receives its result."""

    work: Callable[[], Any]


class Tell(NamedTuple):
    """Report progress to whoever drives the flow."""

    listener: Callable[[Any], Any] | None
    news: Any


class Guard(NamedTuple):
    """From `on=True` to `on=False` a request is out and not yet written down.

    An interruption that comes meanwhile is raised at the end of the stretch. After some seconds, or
    when Ctrl-C is pressed again, it is raised where the flow waits: it then writes down that the
    outcome is not known.
    """

    on: bool


class MayBegin(NamedTuple):
    """Ask whether something that costs may still be begun: not when Ctrl-C ends the program.

    Then `Interrupted` is raised, or in the main thread and in a cancelled task the interruption
    that a guarded stretch holds back.
    """


Effect = Send | Sleep | Save | Call | Tell | Guard | MayBegin
Flow = Generator[Effect, Any, T]


class Port(Protocol):
    """The outside world of the blocking driver."""

    def send(self, effect: Send) -> Reply | NoReply: ...
    def save(self, effect: Save) -> Saved: ...
    def sleep(self, seconds: float) -> None: ...


class AsyncPort(Protocol):
    """The outside world of the awaiting driver."""

    async def send(self, effect: Send) -> Reply | NoReply: ...
    async def save(self, effect: Save) -> Saved: ...
    async def sleep(self, seconds: float) -> None: ...


def drive(flow: Flow[T], port: Port) -> T:
    """Run a flow to its end, blocking."""
    guard: HeldInterrupts | None = None
    try:
        effect = flow.send(None)
        while True:
            try:
                if isinstance(effect, Guard):
                    guard, answer = _guard(guard, effect.on), None
                elif isinstance(effect, MayBegin):
                    answer = _may_begin(guard, port)
                elif guard is not None and isinstance(effect, (Send, Sleep)):
                    # Only here it may come up: never within a write of the ledger.
                    answer = guard.wait(partial(_perform, effect, port))
                else:
                    answer = _perform(effect, port)
            except BaseException as error:  # noqa: BLE001, the flow may add what it knows, then it goes on up
                effect = flow.throw(error)
            else:
                effect = flow.send(answer)
    except StopIteration as end:
        return end.value
    finally:
        flow.close()
        _guard(guard, False)  # however it ended, SIGINT goes back to its handler


def _guard(held: HeldInterrupts | None, on: bool) -> HeldInterrupts | None:
    from kling_core.wire.interrupts import HeldInterrupts

    if on and held is None:
        return HeldInterrupts()
    if not on and held is not None:
        held.release()
        return None
    return held


def _may_begin(held: HeldInterrupts | None, port: Port) -> None:
    from kling_core.wire.interrupts import refuse

    if held is not None and held.came:
        held.release()  # raises it here, where nothing is out
    if not getattr(port, "keeps_back", False):  # a front end that decides itself what is kept back
        refuse()


def _perform(effect: Send | Sleep | Save | Call | Tell, port: Port) -> Any:
    if isinstance(effect, Send):
        return port.send(effect)
    if isinstance(effect, Sleep):
        return port.sleep(effect.seconds)
    if isinstance(effect, Save):
        return port.save(effect)
    if isinstance(effect, Call):
        return effect.work()
    return effect.listener(effect.news) if effect.listener else None


@dataclass(slots=True)
class Stretch:
    """Of a flow in a loop: `free` while it may be cancelled, `cancelled` when it shall be."""

    free: asyncio.Event
    cancelled: bool = False

    def judge(self) -> None:
        """Raise the cancellation that the guarded stretch holds back."""
        if self.cancelled:
            import asyncio

            raise asyncio.CancelledError


async def adrive(flow: Flow[T], port: AsyncPort, guard: Stretch | None = None) -> T:
    """Run a flow to its end in the running event loop; `guard` is told when it may be cancelled."""
    try:
        effect = flow.send(None)
        while True:
            try:
                if isinstance(effect, Guard):
                    answer = None
                    if guard is not None:
                        guard.free.clear() if effect.on else guard.free.set()
                elif isinstance(effect, MayBegin):
                    answer = None if guard is None else guard.judge()
                else:
                    answer = await _aperform(effect, port)
            except BaseException as error:  # noqa: BLE001, as in `drive`
                effect = flow.throw(error)
            else:
                effect = flow.send(answer)
    except StopIteration as end:
        return end.value
    finally:
        flow.close()


async def adrive_guarded(flow: Flow[T], port: AsyncPort) -> T:
    """`adrive`, where a cancellation waits for the end of a guarded stretch."""
    import asyncio

    free = asyncio.Event()
    free.set()
    stretch = Stretch(free)
    # A task of its own: our cancellation must not reach it while a request is out.
    inner = asyncio.ensure_future(adrive(flow, port, stretch))
    try:
        return await asyncio.shield(inner)
    except asyncio.CancelledError as stop:
        stretch.cancelled = True
        from kling_core.wire import interrupts

        end = asyncio.get_running_loop().time() + interrupts.PATIENCE
        while not free.is_set() and not inner.done():
            seconds = end - asyncio.get_running_loop().time()
            if seconds <= 0:
                break
            waiter = asyncio.ensure_future(free.wait())
            await _first_of(inner, waiter, timeout=seconds)
            waiter.cancel()
        inner.cancel()
        while not inner.done():  # the flow has to let go of what it holds
            await _first_of(inner)
        try:
            inner.result()
        except BaseException as end_of_it:  # noqa: BLE001, the cancellation comes first
            for note in getattr(end_of_it, "__notes__", ()):  # the way to the task
                stop.add_note(note)
        raise


async def _first_of(*futures: asyncio.Future[Any], timeout: float | None = None) -> None:
    """Wait until one of them is done, or somebody asks again for the cancellation."""
    import asyncio

    with suppress(asyncio.CancelledError):
        await asyncio.wait(futures, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)


def bounded(flow: Flow[T], end: float, clock: Clock) -> Flow[T]:
    """The same flow, each of whose exchanges ends at that monotonic time at the latest.

    For a look of somebody whose own time is short: what drips must not hold up who waits.
    """
    try:
        effect = flow.send(None)
        while True:
            if isinstance(effect, Send):
                # A time that is over would end the exchange before it began.
                rest = max(end - clock.monotonic(), 0.1)
                total = rest if effect.total is None else min(effect.total, rest)
                effect = effect._replace(total=total)
            try:
                answer = yield effect
            except GeneratorExit:  # we are closed, and close the flow below
                raise
            except BaseException as error:  # noqa: BLE001, as in `drive`
                effect = flow.throw(error)
            else:
                effect = flow.send(answer)
    except StopIteration as stop:
        return stop.value
    finally:
        flow.close()


async def _aperform(effect: Send | Sleep | Save | Call | Tell, port: AsyncPort) -> Any:
    if isinstance(effect, Send):
        return await port.send(effect)
    if isinstance(effect, Sleep):
        return await port.sleep(effect.seconds)
    if isinstance(effect, Save):
        return await port.save(effect)
    if isinstance(effect, Call):
        return await _in_thread(effect.work)
    answer = effect.listener(effect.news) if effect.listener else None
    return await answer if isawaitable(answer) else answer


async def _in_thread(work: Callable[[], T]) -> T:
    """Run it in a thread to its end: what it writes is there before a cancellation is seen."""
    import asyncio
    from contextvars import copy_context

    # A future of the loop, not a task: the loop's end cancels every task.
    done = asyncio.get_running_loop().run_in_executor(None, copy_context().run, work)
    try:
        return await asyncio.shield(done)
    except asyncio.CancelledError:
        while not done.done():
            await _first_of(done)
        done.exception()  # the cancellation comes first; nobody else asks for it
        raise


@dataclass(slots=True)
class Clock:
    """Wall time in seconds since 1970, and a time that only moves forward; injected for tests."""

    time: Callable[[], float] = field(default_factory=lambda: _time("time"))
    monotonic: Callable[[], float] = field(default_factory=lambda: _time("monotonic"))


def _time(name: str) -> Callable[[], float]:
    import time

    return getattr(time, name)

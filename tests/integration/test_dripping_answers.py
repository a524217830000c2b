"""Answers that drip, that never come, that never end: every exchange has a total time.

A server of raw sockets sends a byte now and then; each byte starts the time for a read anew.
"""

from __future__ import annotations

import asyncio
import gzip
import os
import signal
import socket
import threading
import time
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import pytest

from kling_core import AsyncKling, Kling, Sandbox, errors
from kling_core.flows.session import Pace
from kling_core.media.item import Media
from kling_core.wire import deadline, interrupts, json_reader
from kling_core.wire.body import JSONBody
from kling_core.wire.effects import Clock, NoReply, Reply, Send, Sleep, bounded, drive
from kling_core.wire.transport import AsyncTransport, SyncTransport, Timeouts

SHORT = Timeouts(connect=1.0, read=0.4, total=0.8)
SLACK = 3.0
"""Seconds over the total, for a machine that is busy."""

PACE = Pace(poll_floor=0.02, poll_ceiling=0.1, recheck=0.05, line_tick=0.02, retry_first=0.02)

HEADERS = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nx-long: " + b"x" * 4000
BODY = b'HTTP/1.1 200 OK\r\ncontent-length: 4000\r\n\r\n{"code": 0' + b" " * 4000


class Peer:
    """Takes connections, reads, and answers each with `say(connection)`."""

    say: Callable[[socket.socket], None]

    def __init__(self) -> None:
        self._ending = threading.Event()
        self.received: list[bytes] = []
        self.asked = threading.Event()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._threads: list[threading.Thread] = []
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            try:
                self.received.append(connection.recv(65536))
                self.asked.set()
                self.say(connection)
                self._ending.wait(60)
            except OSError:
                return

    def drip(self, text: bytes) -> Callable[[socket.socket], None]:
        """What sends a byte each 50 ms, until the end of the test or of the connection."""

        def say(connection: socket.socket) -> None:
            for at in range(len(text)):
                connection.sendall(text[at : at + 1])
                if self._ending.wait(0.05):
                    return

        return say

    def close(self) -> None:
        self._ending.set()
        self._socket.close()
        for thread in self._threads:
            thread.join(10)


@pytest.fixture
def peer() -> Iterator[Callable[..., Peer]]:
    """Starts a peer that drips this text, or does with a connection what a function does."""
    peers: list[Peer] = []

    def start(what: bytes | Callable[[socket.socket], None] = b"") -> Peer:
        made = Peer()
        made.say = what if callable(what) else made.drip(what)
        peers.append(made)
        return made

    yield start
    for one in peers:
        one.close()


@pytest.fixture(params=["sync", "async", "sync-given", "async-given"])
def send(request: pytest.FixtureRequest) -> Iterator[Callable[..., Any]]:
    """Sends with a port of each kind, of our own client or one that was given."""
    kind: str = request.param
    given = kind.endswith("given")
    if kind.startswith("sync"):
        http = httpx.Client() if given else None
        port = SyncTransport(SHORT, http)
        yield port.send
        port.close()
        if http is not None:
            http.close()
        return

    async def once(effect: Send) -> Any:
        client = httpx.AsyncClient() if given else None
        aport = AsyncTransport(SHORT, client)
        try:
            return await aport.send(effect)
        finally:
            await aport.close()
            if client is not None:
                await client.aclose()

    yield lambda effect: asyncio.run(once(effect))


@pytest.mark.parametrize("text", [HEADERS, BODY, b""], ids=["headers", "body", "silence"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_what_drips_ends_at_the_total(
    text: bytes, method: str, send: Callable[..., Any], peer: Callable[..., Peer]
) -> None:
    """Headers included; a POST that went out whole is "sent, answer lost"."""
    body = JSONBody({"prompt": "a boat"}) if method == "POST" else None
    began = time.monotonic()
    reply = send(Send(method, f"{peer(text).url}/v1", {}, body))
    took = time.monotonic() - began
    assert isinstance(reply, NoReply)
    assert reply.sent
    assert took < (SHORT.total if body else SHORT.read) + SLACK


def test_an_upload_that_nobody_takes_was_never_sent_whole(
    send: Callable[..., Any], peer: Callable[..., Peer]
) -> None:
    """Half a request cannot be carried out: it may be sent again, and nothing is in doubt."""
    image = Media.of_bytes("image", "photo", bytes(40_000_000), field="image")
    reply = send(Send("POST", peer().url, {}, JSONBody({"image": image})))
    assert isinstance(reply, NoReply)
    assert not reply.sent


def test_one_exchange_may_have_less(send: Callable[..., Any], peer: Callable[..., Peer]) -> None:
    """A flow can give an exchange less time than the port would, never more."""
    began = time.monotonic()
    reply = send(Send("GET", peer(HEADERS).url, {}, None, 0.1))
    assert isinstance(reply, NoReply)
    assert time.monotonic() - began < 0.1 + SLACK
    assert Timeouts(read=5).whole(Send("GET", "", {}, None, 60)) == 5


def test_a_bounded_flow_ends_its_exchanges_in_time() -> None:
    """Each exchange gets what is left; answers and errors reach the flow as they do without."""
    now = [100.0]
    asked: list[float | None] = []

    def flow() -> Any:
        first = yield Send("GET", "one", {})
        try:
            yield Sleep(7)
        except KeyError:
            second = yield Send("GET", "two", {}, None, 1.0)
            return first, second
        return None

    class World:
        def send(self, effect: Send) -> Any:
            asked.append(effect.total)
            return Reply(200, {}, effect.url.encode())

        def sleep(self, seconds: float) -> None:
            now[0] += seconds
            raise KeyError

        def save(self, _: Any) -> Any:
            raise AssertionError

    clock = Clock(lambda: now[0], lambda: now[0])
    first, second = drive(bounded(flow(), 110.0, clock), World())
    assert (first.content, second.content) == (b"one", b"two")
    assert asked == [10.0, 1.0]


@pytest.mark.parametrize("kind", [Kling, AsyncKling])
def test_a_wait_keeps_its_time_when_the_look_drips(
    kind: Any,
    sandbox: Sandbox,
    peer: Callable[..., Peer],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """`wait(timeout=…)` ends when it said it would, whatever the answer to its look does."""
    dripping = peer(HEADERS)

    async def done(result: Any) -> Any:
        return await result if asyncio.iscoroutine(result) else result

    async def main() -> None:
        kling = kind(sandbox=sandbox, home=tmp_path, pace=PACE)
        task = await done(kling.text_to_video.create(prompt="a boat"))
        real = kling.port.send
        monkeypatch.setattr(kling.port, "send", lambda look: real(look._replace(url=dripping.url)))
        began = time.monotonic()
        with pytest.raises(errors.WaitTimeout):
            await done(task.wait(timeout=0.5))
        assert time.monotonic() - began < 0.5 + SLACK
        assert dripping.received
        await done(kling.close())

    asyncio.run(main())


# --- Ctrl-C --------------------------------------------------------------------------------


@pytest.fixture
def _heard() -> Iterator[None]:
    """Ctrl-C is heard, also where the tests are started in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def press(peer: Peer, *after: float) -> threading.Thread:
    """Press Ctrl-C these many seconds after the request has come."""

    def pressing() -> None:
        assert peer.asked.wait(30)
        began = time.monotonic()
        for seconds in after:
            threading.Event().wait(max(began + seconds - time.monotonic(), 0))
            os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=pressing)
    thread.start()
    return thread


@pytest.mark.usefixtures("_heard")
@pytest.mark.parametrize("given", [False, True], ids=["ours", "given"])
@pytest.mark.parametrize("text", [b"", HEADERS], ids=["black", "dripping"])
@pytest.mark.parametrize("presses", [(0.0, 0.3), (0.0,)], ids=["again", "once"])
def test_ctrl_c_ends_a_create_that_gets_no_answer(
    presses: tuple[float, ...],
    text: bytes,
    given: bool,
    peer: Callable[..., Peer],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Pressed again, or some seconds after once: with the way to the task, its row unknown."""
    monkeypatch.setattr(interrupts, "APART", 0.2)
    monkeypatch.setattr(interrupts, "PATIENCE", 60.0 if len(presses) > 1 else 0.5)
    monkeypatch.setattr(deadline, "TICK", 0.1)
    dark = peer(text)
    http = httpx.Client() if given else None
    with Kling(api_key="k", base_url=dark.url, home=tmp_path, http_client=http) as kling:
        pressing = press(dark, *presses)
        began = time.monotonic()
        with pytest.raises(KeyboardInterrupt) as caught:
            kling.text_to_video.create(prompt="a boat")
        took = time.monotonic() - began
        pressing.join()
        (row,) = kling.session.ledger().rows()
    if http is not None:
        http.close()
    assert took < 0.5 + SLACK
    assert row.state == "unknown"
    assert "Do not submit again" in "".join(caught.value.__notes__)
    assert row.external_task_id is not None
    assert row.external_task_id in "".join(caught.value.__notes__)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.usefixtures("_heard")
def test_ctrl_c_ends_the_look_up_of_a_create(
    peer: Callable[..., Peer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The look-up after a lost answer, its pauses included, is no longer than a request is."""
    monkeypatch.setattr(interrupts, "PATIENCE", 0.3)
    monkeypatch.setattr(deadline, "TICK", 0.1)

    def hang_up(connection: socket.socket) -> None:
        raise OSError

    dark = peer(hang_up)
    pace = Pace(retry_first=60, retry_most=60, recheck=60)
    with Kling(api_key="k", base_url=dark.url, home=tmp_path, pace=pace) as kling:
        pressing = press(dark, 0.1)
        began = time.monotonic()
        with pytest.raises(KeyboardInterrupt) as caught:
            kling.text_to_video.create(prompt="a boat")
        assert time.monotonic() - began < 0.5 + SLACK
        pressing.join()
        (row,) = kling.session.ledger().rows()
    assert row.state == "unknown"
    assert "Do not submit again" in "".join(caught.value.__notes__)


@pytest.mark.usefixtures("_heard")
def test_an_answer_within_the_patience_is_taken(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C once, and the answer comes a moment later: the task is in the ledger."""
    with Kling(sandbox=sandbox, home=tmp_path, pace=PACE) as kling:
        send = kling.port.send

        def pressed(effect: Send) -> Any:
            if effect.method == "POST":
                os.kill(os.getpid(), signal.SIGINT)
            return send(effect)

        monkeypatch.setattr(kling.port, "send", pressed)
        with pytest.raises(KeyboardInterrupt):
            kling.text_to_video.create(prompt="a boat")
        (row,) = kling.session.ledger().rows()
        assert row.state == "submitted"
        assert [task.task_id for task in sandbox.tasks] == [row.task_id]


@pytest.mark.usefixtures("_heard")
def test_a_ledger_write_is_never_interrupted(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However often and late it is pressed: what came is written down first."""
    monkeypatch.setattr(interrupts, "APART", 0.0)
    monkeypatch.setattr(interrupts, "PATIENCE", 0.0)
    with Kling(sandbox=sandbox, home=tmp_path, pace=PACE) as kling:
        ledger = kling.session.ledger()
        accepted = ledger.accepted

        def slow(*args: Any) -> Any:
            for _ in range(3):
                os.kill(os.getpid(), signal.SIGINT)
            return accepted(*args)

        monkeypatch.setattr(type(ledger), "accepted", lambda _, *args: slow(*args))
        with pytest.raises(KeyboardInterrupt):
            kling.text_to_video.create(prompt="a boat")
        (row,) = ledger.rows()
        assert row.state == "submitted"


@pytest.mark.parametrize("text", [b"", HEADERS], ids=["black", "dripping"])
def test_a_cancelled_create_that_gets_no_answer_ends(
    text: bytes, peer: Callable[..., Peer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cancellation waits for seconds, not minutes; its row is unknown, the way to it is told."""
    monkeypatch.setattr(interrupts, "PATIENCE", 0.3)
    dark = peer(text)

    async def main() -> None:
        async with AsyncKling(api_key="k", base_url=dark.url, home=tmp_path) as kling:
            creating = asyncio.ensure_future(kling.text_to_video.create(prompt="a boat"))
            assert await asyncio.to_thread(dark.asked.wait, 30)
            began = time.monotonic()
            for _ in range(3):  # however often it is asked
                creating.cancel()
                await asyncio.sleep(0.02)
            assert not creating.done()
            with pytest.raises(asyncio.CancelledError) as caught:
                await creating
            assert time.monotonic() - began < 0.3 + SLACK
            assert "Do not submit again" in "".join(caught.value.__notes__)
            (row,) = kling.session.ledger().rows()
            assert row.state == "unknown"

    asyncio.run(main())


# --- answers without end -------------------------------------------------------------------


@cache
def gzipped(size: int) -> bytes:
    """A gzip file of that many zeros, made without holding them."""
    packer = zlib.compressobj(1, wbits=31)
    piece = bytes(1 << 20)
    packed = b"".join(packer.compress(piece) for _ in range(size >> 20))
    return packed + packer.flush()


def answering(headers: str, body: bytes) -> Callable[[socket.socket], None]:
    def say(connection: socket.socket) -> None:
        head = f"HTTP/1.1 200 OK\r\ncontent-length: {len(body)}\r\n{headers}\r\n"
        connection.sendall(head.encode() + body)

    return say


@pytest.mark.parametrize("headers", ["content-encoding: gzip\r\n", ""], ids=["packed", "plain"])
def test_an_answer_without_end_is_not_kept(
    headers: str, send: Callable[..., Any], peer: Callable[..., Peer]
) -> None:
    """300 MB of gzip, or more than any answer has: the reading stops, in little memory."""
    body = gzipped(300 << 20) if headers else bytes(json_reader.MOST + 1)
    url = peer(answering(headers, body)).url
    tracemalloc.start()
    try:
        reply = send(Send("GET", url, {}, None))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert isinstance(reply, NoReply)
    assert "larger than" in reply.reason or "within" in reply.reason
    assert peak < 4 * json_reader.MOST


@pytest.mark.parametrize("coding", ["gzip", "x-gzip", "deflate", "identity"])
def test_a_packed_answer_is_read(
    coding: str, send: Callable[..., Any], peer: Callable[..., Peer]
) -> None:
    """What proxies do to answers on their own."""
    text = b'{"code": 0, "data": []}'
    pack = {"gzip": gzip.compress, "x-gzip": gzip.compress, "deflate": zlib.compress}
    body = pack.get(coding, bytes)(text)
    url = peer(answering(f"content-encoding: {coding}\r\n", body)).url
    reply = send(Send("GET", url, {}, None))
    assert isinstance(reply, Reply)
    assert reply.content == text


def test_a_broken_package_is_a_lost_answer(
    send: Callable[..., Any], peer: Callable[..., Peer]
) -> None:
    """Not an exception of the unpacker."""
    url = peer(answering("content-encoding: gzip\r\n", b"not packed at all")).url
    reply = send(Send("POST", url, {}, JSONBody({})))
    assert isinstance(reply, NoReply)
    assert reply.sent

"""The ports: each process has connections of its own; what is closed sends nothing by halves."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import threading
from collections.abc import AsyncIterator, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from kling_core import AsyncKling, Kling, Sandbox, errors
from kling_core.wire.effects import Reply, Save, Saved, Send
from kling_core.wire.transport import AsyncTransport, SyncTransport, Timeouts

TIMES = Timeouts(5, 5, 10)


class _Peer(BaseHTTPRequestHandler):
    """Answers with the port of the connection that the request came by."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        port = str(self.client_address[1]).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(port)))
        self.end_headers()
        self.wfile.write(port)

    def log_message(self, *_: Any) -> None:
        """Nobody reads it."""


@pytest.fixture
def peer() -> Iterator[Send]:
    """A request whose answer names the connection."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Peer)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield Send("GET", f"http://127.0.0.1:{server.server_port}/", {})
    server.shutdown()
    server.server_close()


def connection(reply: Any) -> bytes:
    assert isinstance(reply, Reply), reply
    return reply.content


@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_a_child_does_not_use_its_parents_connection(peer: Send) -> None:
    """Two processes on one connection would read each other's answers."""
    port = SyncTransport(TIMES)
    ours = connection(port.send(peer))
    context = multiprocessing.get_context("fork")
    answers = context.SimpleQueue()
    child = context.Process(
        target=lambda: answers.put([connection(port.send(peer)) for _ in range(2)])
    )
    child.start()
    child.join(30)
    assert child.exitcode == 0
    first, second = answers.get()
    assert first == second != ours
    assert connection(port.send(peer)) == ours
    port.close()


def test_an_awaiting_child_does_not_either(peer: Send, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also when it goes on in the event loop that it inherited."""
    port = AsyncTransport(TIMES)

    async def main() -> None:
        ours = connection(await port.send(peer))
        with monkeypatch.context() as child:
            child.setattr(os, "getpid", lambda: -1)
            theirs = connection(await port.send(peer))
            assert theirs != ours
            await port.close()
        assert connection(await port.send(peer)) == ours
        await port.close()

    asyncio.run(main())


@pytest.mark.parametrize("kind", [Kling, AsyncKling])
@pytest.mark.parametrize("forked", [False, True], ids=["closed", "forked"])
def test_a_given_client_that_cannot_be_used(
    kind: Any, forked: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Closed, or inherited in use: an error before anything is sent, and the row stays unsent."""
    posts: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        posts.append(request)
        return httpx.Response(200, json={"code": 0, "data": []})

    transport = httpx.MockTransport(answer)
    http: Any = (
        httpx.Client(transport=transport)
        if kind is Kling
        else httpx.AsyncClient(transport=transport)
    )
    kling = kind(api_key="k", base_url="http://kling.test", home=tmp_path, http_client=http)

    async def use() -> None:
        async def done(result: Any) -> Any:
            return await result if asyncio.iscoroutine(result) else result

        await done(kling.text_to_video.list())
        if forked:
            monkeypatch.setattr(os, "getpid", lambda: -1)
        else:
            await done(http.close() if kind is Kling else http.aclose())
        with pytest.raises(errors.ConfigError, match="http_client that was given") as caught:
            await done(kling.text_to_video.create(prompt="a boat"))
        assert caught.value.billed == "no"

    asyncio.run(use())
    assert [request.method for request in posts] == ["GET"]
    (row,) = kling.session.ledger().rows()
    assert (row.state, row.owner) == ("prepared", None)
    kling.session.close()


def _read(response: httpx.Response) -> None:
    response.read()


def _judged(response: httpx.Response) -> None:
    response.raise_for_status()


def _told(response: httpx.Response) -> None:
    response.read()
    response.raise_for_status()


class _Body(httpx.SyncByteStream, httpx.AsyncByteStream):
    """What comes over a network: nobody has read it yet."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def __iter__(self) -> Iterator[bytes]:
        yield self._content

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._content


@pytest.mark.parametrize("hooked", [_read, _judged, _told])
@pytest.mark.parametrize("status", [200, 400, 403])
@pytest.mark.parametrize("awaited", [False, True])
def test_a_client_with_hooks(hooked: Any, status: int, awaited: bool, tmp_path: Path) -> None:
    """A log that reads each answer, or an error made of its status: the answer counts."""
    content = b'{"code": 1301}' * 9
    transport = httpx.MockTransport(lambda _: httpx.Response(status, stream=_Body(content)))
    place = tmp_path / "clip"

    async def hook(response: httpx.Response) -> None:
        if hooked is not _judged:
            await response.aread()
        if hooked is not _read:
            response.raise_for_status()

    async def both() -> tuple[Any, Saved]:
        post, get = Send("POST", "http://kling.test", {}), Save("http://media.test", place)
        hooks: Any = {"response": [hook if awaited else hooked]}
        if awaited:
            port = AsyncTransport(TIMES, httpx.AsyncClient(transport=transport, event_hooks=hooks))
            return await port.send(post), await port.save(get)
        blocking = SyncTransport(TIMES, httpx.Client(transport=transport, event_hooks=hooks))
        return blocking.send(post), blocking.save(get)

    reply, saved = asyncio.run(both())
    assert isinstance(reply, Reply)
    lost = hooked is _judged and status != 200
    assert (reply.status, reply.content) == (status, b"" if lost else content)
    assert saved.status == status
    assert (place.read_bytes() if place.exists() else b"") == (content if status == 200 else b"")


def test_a_closed_client_opens_again(make_driver: Any, quick_sandbox: Sandbox) -> None:
    """A use after `close` opens new connections, in both clients."""
    driver = make_driver(sandbox=quick_sandbox)
    driver.do(driver.client.text_to_video.list())
    driver.do(driver.client.close())
    task = driver.do(driver.client.text_to_video.create(prompt="a boat"))
    assert driver.do(driver.client.tasks.get(task.task_id)).task_id == task.task_id

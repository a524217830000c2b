"""The two ports to the network: all that goes over it, goes through this file.

The blocking port must not pay for asyncio, which only the other one imports.

Requests are built bare, so that no client default (header, cookie, auth) ever joins them: what is
sent is what the flow says, and the media host never sees a credential.

A process uses no connection of another one: after a fork two would write on one and read each
other's answers. So each process has clients of its own; those of its parent are left as they are.
A port that nobody closed closes what is open when it goes, and with it the event loop.
"""

from __future__ import annotations

import os
import time
import weakref
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import httpx

from kling_core.wire import deadline, http_clients, interrupts, ranges
from kling_core.wire.deadline import Late
from kling_core.wire.effects import NoReply, Reply, Save, Saved, Send
from kling_core.wire.http_clients import Given
from kling_core.wire.json_reader import Intake, NotWhole

if TYPE_CHECKING:
    import asyncio

    from kling_core.wire.body import JSONBody

    _Pool = tuple[httpx.AsyncClient, AsyncGenerator[None]]
    _Pools = weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Pool]

Hear = Callable[[Mapping[str, str]], None]
"""Told the headers of the first answer."""

# What happens before the first byte of a request has left.
_NOT_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
    httpx.LocalProtocolError,
    httpx.InvalidURL,
)
_TROUBLE = (httpx.HTTPError, httpx.InvalidURL, Late, NotWhole)
_REDIRECTS = 8


class Timeouts(NamedTuple):
    """Seconds: for connecting, for each read or write, and for a whole create.

    A whole question, which has nothing to upload, may take as long as one read.
    """

    connect: float = 10.0
    read: float = 60.0
    total: float = 120.0

    def whole(self, effect: Send) -> float:
        """Seconds for one exchange from its first byte to its last."""
        most = self.read if effect.body is None else self.total
        return most if effect.total is None else min(effect.total, most)

    def per_operation(self) -> dict[str, Any]:
        """The same in the HTTP library's terms."""
        return httpx.Timeout(self.read, connect=self.connect).as_dict()


class SyncTransport:
    """The blocking port; usable from many threads, and again after `close`."""

    def __init__(
        self, timeouts: Timeouts, client: httpx.Client | None = None, *, hear: Hear | None = None
    ) -> None:
        self._timeouts = timeouts
        self._extensions = {"timeout": timeouts.per_operation()}
        self._given = Given(client) if client is not None else None
        self._hear = hear
        self._clients: dict[int, httpx.Client] = {}
        # Holds what is open, not the port, which else would never go.
        weakref.finalize(self, _close, self._clients)

    def _client(self) -> httpx.Client:
        if self._given is not None:
            return self._given.use()
        process = os.getpid()
        client = self._clients.get(process)
        if client is None:  # of two threads that come first, both use what one has put there
            client = self._clients.setdefault(process, http_clients.make(httpx.Client))
        return client

    def send(self, effect: Send) -> Reply | NoReply:
        """Send a request and read the whole answer."""
        seconds = self._timeouts.whole(effect)
        end = time.monotonic() + seconds
        client = self._client()
        stream = _Stream(effect.body, end) if effect.body is not None else None
        try:
            with deadline.until(end):
                request = _request(effect, self._extensions, stream)
                exchange = partial(_exchange, client, request)
                reply = exchange() if self._given is None else deadline.apart(exchange)
        except httpx.HTTPStatusError as error:
            reply = _raised(error.response)
        except _TROUBLE as error:
            return _no_reply(error, stream, seconds, ours=self._given is None)
        if self._hear is not None:
            hear, self._hear = self._hear, None  # once: what a host is does not change
            hear(reply.headers)
        return reply

    def save(self, effect: Save) -> Saved:
        """Stream a file to disk."""
        try:
            response = self._fetch(effect)
        except httpx.HTTPStatusError as error:
            status = error.response.status_code
            return Saved(status, failure=f"the media host answered HTTP {status}")
        except _TROUBLE as error:
            return Saved(0, failure=_words(error))
        except _Refused as refusal:
            return Saved(0, refused=str(refusal))
        try:
            if response.status_code not in (200, 206):
                return Saved(response.status_code)
            piece = ranges.judged(effect, response.status_code, response.headers)
            if piece.wrong:
                return Saved(response.status_code, wrong=piece.wrong)
            with ranges.Sink(effect, piece, self._timeouts.read) as sink:
                try:
                    for chunk in [response.content] if _is_read(response) else response.iter_raw():
                        if not sink.take(chunk):
                            break
                except _TROUBLE as error:
                    sink.broke(_words(error))
            return sink.saved(response.status_code)
        except OSError as error:  # the network's errors are the library's own: this is the disk
            return Saved(response.status_code, disk=error)
        finally:
            response.close()

    def _fetch(self, effect: Save) -> httpx.Response:
        """The answer at the end of all redirects, each judged before it is followed."""
        request = _download(effect, self._extensions)
        for _ in range(_REDIRECTS):
            _judge(effect, request)
            response = self._begun(request)
            if response.next_request is None:
                return response
            response.close()
            request = _download(effect, self._extensions, response.next_request.url)
        raise httpx.TooManyRedirects("too many redirects")

    def _begun(self, request: httpx.Request) -> httpx.Response:
        """The answer to a download, up to its headers, which have a total time too."""
        send = partial(self._client().send, request, stream=True, auth=None, follow_redirects=False)
        with deadline.until(time.monotonic() + self._timeouts.total):
            return send() if self._given is None else deadline.apart(send)

    def sleep(self, seconds: float) -> None:
        """Block; an interruption that is held back may come up every second."""
        end = time.monotonic() + seconds
        while (rest := end - time.monotonic()) > 0:
            time.sleep(min(rest, deadline.TICK))
            interrupts.check()

    def close(self) -> None:
        """Close the connections that are ours; a later use opens new ones."""
        client = self._clients.pop(os.getpid(), None)
        if client is not None:
            client.close()


class AsyncTransport:
    """The awaiting port; one pool for each event loop that uses it, and again after `close`."""

    def __init__(
        self,
        timeouts: Timeouts,
        client: httpx.AsyncClient | None = None,
        *,
        hear: Hear | None = None,
    ) -> None:
        self._timeouts = timeouts
        self._extensions = {"timeout": timeouts.per_operation()}
        self._given = Given(client) if client is not None else None
        self._hear = hear
        self._pools: dict[int, _Pools] = {}
        weakref.finalize(self, _let_go, self._pools)

    async def _client(self) -> httpx.AsyncClient:
        if self._given is not None:
            return self._given.use()
        import asyncio

        loop = asyncio.get_running_loop()
        pools = self._pools.setdefault(os.getpid(), weakref.WeakKeyDictionary())
        client, _ = pools.get(loop) or (None, None)
        if client is None or client.is_closed:
            client = http_clients.make(httpx.AsyncClient)
            keeper = _open_until_the_end(client)
            pools[loop] = client, keeper
            await anext(keeper)  # a loop ends only generators that were begun
        return client

    async def send(self, effect: Send) -> Reply | NoReply:
        """Send a request and read the whole answer."""
        import asyncio

        seconds = self._timeouts.whole(effect)
        end = time.monotonic() + seconds
        client = await self._client()
        stream = _Stream(effect.body, end) if effect.body is not None else None
        try:
            async with asyncio.timeout(seconds):
                reply = await _aexchange(client, _request(effect, self._extensions, stream))
        except httpx.HTTPStatusError as error:
            reply = _raised(error.response)
        except _TROUBLE as error:
            return _no_reply(error, stream, seconds, ours=self._given is None)
        except TimeoutError:
            return _no_reply(Late(), stream, seconds, ours=self._given is None)
        if self._hear is not None:
            hear, self._hear = self._hear, None
            hear(reply.headers)
        return reply

    async def save(self, effect: Save) -> Saved:
        """Stream a file to disk."""
        try:
            response = await self._fetch(effect)
        except httpx.HTTPStatusError as error:
            status = error.response.status_code
            return Saved(status, failure=f"the media host answered HTTP {status}")
        except _TROUBLE as error:
            return Saved(0, failure=_words(error))
        except _Refused as refusal:
            return Saved(0, refused=str(refusal))
        try:
            if response.status_code not in (200, 206):
                return Saved(response.status_code)
            piece = ranges.judged(effect, response.status_code, response.headers)
            if piece.wrong:
                return Saved(response.status_code, wrong=piece.wrong)
            with ranges.Sink(effect, piece, self._timeouts.read) as sink:
                try:
                    async for chunk in (
                        _whole(response) if _is_read(response) else response.aiter_raw()
                    ):
                        if not sink.take(chunk):
                            break
                except _TROUBLE as error:
                    sink.broke(_words(error))
            return sink.saved(response.status_code)
        except OSError as error:
            return Saved(response.status_code, disk=error)
        finally:
            await response.aclose()

    async def _fetch(self, effect: Save) -> httpx.Response:
        """The answer at the end of all redirects, each judged before it is followed."""
        import asyncio

        request = _download(effect, self._extensions)
        for _ in range(_REDIRECTS):
            if effect.judge is not None:  # which may look a name up
                await asyncio.to_thread(_judge, effect, request)
            response = await self._begun(request)
            if response.next_request is None:
                return response
            await response.aclose()
            request = _download(effect, self._extensions, response.next_request.url)
        raise httpx.TooManyRedirects("too many redirects")

    async def _begun(self, request: httpx.Request) -> httpx.Response:
        """The answer to a download, up to its headers, which have a total time too."""
        import asyncio

        client = await self._client()
        try:
            async with asyncio.timeout(self._timeouts.total):
                return await client.send(request, stream=True, auth=None, follow_redirects=False)
        except TimeoutError as error:
            raise httpx.ReadTimeout("no answer in time") from error

    async def sleep(self, seconds: float) -> None:
        """Yield to the loop."""
        import asyncio

        await asyncio.sleep(seconds)

    async def close(self) -> None:
        """Close the connections of this loop that are ours."""
        import asyncio

        pools = self._pools.get(os.getpid())
        found = pools.pop(asyncio.get_running_loop(), None) if pools else None
        if found is not None:
            await found[1].aclose()


def _close(open_clients: dict[int, httpx.Client]) -> None:
    """Close what this process has open, of a port that is gone."""
    client = open_clients.pop(os.getpid(), None)
    if client is not None:
        with suppress(Exception):  # the interpreter may be half gone
            client.close()


def _let_go(pools: dict[int, _Pools]) -> None:
    """Have each loop that goes on close what it has open, of a port that is gone."""
    own = pools.pop(os.getpid(), None)
    for loop, (_, keeper) in list(own.items()) if own else []:
        with suppress(RuntimeError):  # it has ended meanwhile, and closed what it had
            loop.call_soon_threadsafe(_end, loop, keeper)


def _end(loop: asyncio.AbstractEventLoop, keeper: AsyncGenerator[None]) -> None:
    loop.create_task(keeper.aclose())


async def _open_until_the_end(client: httpx.AsyncClient) -> AsyncGenerator[None]:
    """Closes the client in its own loop, which ends its generators before it ends itself."""
    try:
        yield
    finally:
        await client.aclose()


def _exchange(client: httpx.Client, request: httpx.Request) -> Reply:
    response = client.send(request, stream=True, auth=None, follow_redirects=False)
    try:
        intake = _intake(response)
        for piece in response.iter_raw() if intake.raw else response.iter_bytes():
            # A given client's network does not look at the end by itself.
            deadline.left()
            intake.take(piece)
    finally:
        response.close()
    return Reply(response.status_code, response.headers, intake.content())


async def _aexchange(client: httpx.AsyncClient, request: httpx.Request) -> Reply:
    response = await client.send(request, stream=True, auth=None, follow_redirects=False)
    try:
        intake = _intake(response)
        async for piece in response.aiter_raw() if intake.raw else response.aiter_bytes():
            intake.take(piece)
    finally:
        await response.aclose()
    return Reply(response.status_code, response.headers, intake.content())


def _is_read(response: httpx.Response) -> bool:
    """Whether a client of somebody else's has read an answer already, for its log, say."""
    return response.is_stream_consumed


def _raised(response: httpx.Response) -> Reply:
    """The answer that a hook of a given client has made an error of, by `raise_for_status`."""
    try:
        content = response.content
    except httpx.ResponseNotRead:  # and closed: what it says besides its status is lost
        content = b""
    return Reply(response.status_code, response.headers, content)


async def _whole(response: httpx.Response) -> AsyncIterator[bytes]:
    yield response.content


def _intake(response: httpx.Response) -> Intake:
    """What puts an answer together."""
    if _is_read(response):
        return Intake("as it was read")  # no coding: it is unpacked already
    return Intake(response.headers.get("content-encoding"))


class _Refused(Exception):
    """The judge of a download has said no."""


def _judge(effect: Save, request: httpx.Request) -> None:
    reason = effect.judge(str(request.url)) if effect.judge is not None else ""
    if reason:
        raise _Refused(reason)


class _Stream(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A replayable body for both ports, which stops when the total time is over."""

    def __init__(self, body: JSONBody, end: float) -> None:
        self._body, self._end = body, end
        self.begun = False
        self.whole = False
        """Whether its last byte may have left; before that the server cannot have the request."""

    def __iter__(self) -> Iterator[bytes]:
        self.begun, given = True, 0
        for chunk in self._body:
            if time.monotonic() > self._end:
                raise Late("the whole exchange took too long")
            given += len(chunk)
            self.whole = given >= self._body.length
            yield chunk

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self:
            yield chunk


def _request(effect: Send, extensions: dict[str, Any], stream: _Stream | None) -> httpx.Request:
    headers = dict(effect.headers)
    if stream is None or effect.body is None:
        return httpx.Request(effect.method, effect.url, headers=headers, extensions=extensions)
    headers["content-length"] = str(effect.body.length)  # without it a stream goes in chunks
    url = httpx.URL(effect.url)
    headers["host"] = url.netloc.decode("ascii")  # httpx leaves it out beside `stream=`
    return httpx.Request(effect.method, url, headers=headers, stream=stream, extensions=extensions)


def _download(
    effect: Save, extensions: dict[str, Any], url: httpx.URL | None = None
) -> httpx.Request:
    headers = ranges.asked(effect)
    return httpx.Request("GET", url or effect.url, headers=headers, extensions=extensions)


def _no_reply(error: Exception, stream: _Stream | None, seconds: float, *, ours: bool) -> NoReply:
    """What is known of an exchange without an answer.

    A client of somebody else's may have its own way to read a body, which we then do not see.
    """
    sent = not isinstance(error, _NOT_SENT)
    if stream is not None and (ours or stream.begun):
        sent = stream.whole
    if isinstance(error, Late):
        return NoReply(sent=sent, reason=f"no whole answer within {seconds:g} s")
    return NoReply(sent=sent, reason=_kind(error), fix="" if sent else http_clients.lasting(error))


def _kind(error: Exception) -> str:
    text = str(error)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _words(error: Exception) -> str:
    """Why a download broke off, and what to do where waiting does not help."""
    fix = http_clients.lasting(error)
    return f"{_kind(error)}. {fix}" if fix else _kind(error)

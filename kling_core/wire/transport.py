"""The two ports to the network: the only file that imports httpx.

The blocking port must not pay for asyncio, which only the other one imports.

Requests are built bare, so that no client default (header, cookie, auth) ever joins them: what is
sent is what the flow says, and the media host never sees a credential.

A process uses no connection of another one: after a fork two would write on one and read each
other's answers. So each process has clients of its own; those of its parent are left as they are.
"""

from __future__ import annotations

import os
import time
import weakref
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

import httpx

from kling_core.errors import ConfigError
from kling_core.flow import NoReply, Reply, Save, Saved, Send
from kling_core.wire import pieces

if TYPE_CHECKING:
    import asyncio

    from kling_core.wire.body import JSONBody

    _Pools = weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, httpx.AsyncClient]

_Client = TypeVar("_Client", httpx.Client, httpx.AsyncClient)
_NOT_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
    httpx.LocalProtocolError,
)
_LIMITS = httpx.Limits(max_connections=100, max_keepalive_connections=20)
_REDIRECTS = 8
_DIRECT: dict[str, None] = dict.fromkeys(("all://127.0.0.1", "all://localhost", "all://[::1]"))
"""This machine is never reached by a proxy, whatever the environment says: the sandbox is here."""


class Timeouts(NamedTuple):
    """Seconds: for connecting, for each read or write, and for a whole create."""

    connect: float = 10.0
    read: float = 60.0
    total: float = 120.0

    def per_operation(self) -> dict[str, Any]:
        """The same in the HTTP library's terms."""
        return httpx.Timeout(self.read, connect=self.connect).as_dict()


class _Given(Generic[_Client]):
    """A client that the caller made: we cannot make another one like it, nor open it again."""

    def __init__(self, client: _Client) -> None:
        self._client = client
        self._process: int | None = None  # the first to use it, not the one that made it

    def use(self) -> _Client:
        """The client. Raises `ConfigError` where nothing may be sent by it."""
        process = os.getpid()
        self._process = self._process or process
        if self._client.is_closed or self._process != process:
            why = "is closed" if self._client.is_closed else "was used before this process's fork"
            fix = "Make a new Kling, or AsyncKling, with an http_client that is open and its own."
            raise ConfigError(f"the http_client that was given {why}; nothing was sent", fix=fix)
        return self._client


class SyncTransport:
    """The blocking port; usable from many threads, and again after `close`."""

    def __init__(self, timeouts: Timeouts, client: httpx.Client | None = None) -> None:
        self._timeouts = timeouts
        self._extensions = {"timeout": timeouts.per_operation()}
        self._given = _Given(client) if client is not None else None
        self._clients: dict[int, httpx.Client] = {}

    def _client(self) -> httpx.Client:
        if self._given is not None:
            return self._given.use()
        process = os.getpid()
        client = self._clients.get(process)
        if client is None:  # of two threads that come first, both use what one has put there
            made = httpx.Client(limits=_LIMITS, mounts=_DIRECT)
            client = self._clients.setdefault(process, made)
        return client

    def send(self, effect: Send) -> Reply | NoReply:
        """Send a request and read the whole answer."""
        end = time.monotonic() + self._timeouts.total
        request = _request(effect, self._extensions, end)
        client = self._client()
        try:
            if effect.body is None:
                response = client.send(request, auth=None, follow_redirects=False)
                return Reply(response.status_code, response.headers, response.content)
            response = client.send(request, stream=True, auth=None, follow_redirects=False)
            try:
                content = b"".join(_until(end, response.iter_bytes()))
            finally:
                response.close()
            return Reply(response.status_code, response.headers, content)
        except (httpx.HTTPError, httpx.InvalidURL, _Late) as error:
            return _no_reply(error)

    def save(self, effect: Save) -> Saved:
        """Stream a file to disk."""
        try:
            response = self._fetch(effect)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return Saved(0, failure=_words(error))
        except _Refused as refusal:
            return Saved(0, refused=str(refusal))
        try:
            if response.status_code not in (200, 206):
                return Saved(response.status_code)
            piece = pieces.judged(effect, response.status_code, response.headers)
            if piece.wrong:
                return Saved(response.status_code, wrong=piece.wrong)
            with pieces.Sink(effect, piece, self._timeouts.read) as sink:
                try:
                    for chunk in response.iter_raw():
                        if not sink.take(chunk):
                            break
                except httpx.HTTPError as error:
                    sink.broke(_words(error))
            return sink.saved(response.status_code)
        except OSError as error:
            return Saved(response.status_code, disk=error)
        finally:
            response.close()

    def _fetch(self, effect: Save) -> httpx.Response:
        """The answer at the end of all redirects, each judged before it is followed."""
        request = _download(effect, self._extensions)
        for _ in range(_REDIRECTS):
            _judge(effect, request)
            response = self._client().send(request, stream=True, auth=None, follow_redirects=False)
            if response.next_request is None:
                return response
            response.close()
            request = _download(effect, self._extensions, response.next_request.url)
        raise httpx.TooManyRedirects("too many redirects")

    def sleep(self, seconds: float) -> None:
        """Block."""
        time.sleep(seconds)

    def close(self) -> None:
        """Close the connections that are ours; a later use opens new ones."""
        client = self._clients.pop(os.getpid(), None)
        if client is not None:
            client.close()


class AsyncTransport:
    """The awaiting port; one pool for each event loop that uses it, and again after `close`."""

    def __init__(self, timeouts: Timeouts, client: httpx.AsyncClient | None = None) -> None:
        self._timeouts = timeouts
        self._extensions = {"timeout": timeouts.per_operation()}
        self._given = _Given(client) if client is not None else None
        self._pools: dict[int, _Pools] = {}

    def _client(self) -> httpx.AsyncClient:
        if self._given is not None:
            return self._given.use()
        import asyncio

        loop = asyncio.get_running_loop()
        pools = self._pools.setdefault(os.getpid(), weakref.WeakKeyDictionary())
        client = pools.get(loop)
        if client is None:
            client = pools[loop] = httpx.AsyncClient(limits=_LIMITS, mounts=_DIRECT)
        return client

    async def send(self, effect: Send) -> Reply | NoReply:
        """Send a request and read the whole answer."""
        end = time.monotonic() + self._timeouts.total
        request = _request(effect, self._extensions, end)
        send = self._client().send(request, auth=None, follow_redirects=False)
        try:
            if effect.body is None:
                response = await send
            else:
                import asyncio

                response = await asyncio.wait_for(send, self._timeouts.total)
        except (httpx.HTTPError, httpx.InvalidURL, _Late) as error:
            return _no_reply(error)
        except TimeoutError:
            return NoReply(sent=True, reason=f"no answer within {self._timeouts.total:g} s")
        return Reply(response.status_code, response.headers, response.content)

    async def save(self, effect: Save) -> Saved:
        """Stream a file to disk."""
        try:
            response = await self._fetch(effect)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return Saved(0, failure=_words(error))
        except _Refused as refusal:
            return Saved(0, refused=str(refusal))
        try:
            if response.status_code not in (200, 206):
                return Saved(response.status_code)
            piece = pieces.judged(effect, response.status_code, response.headers)
            if piece.wrong:
                return Saved(response.status_code, wrong=piece.wrong)
            with pieces.Sink(effect, piece, self._timeouts.read) as sink:
                try:
                    async for chunk in response.aiter_raw():
                        if not sink.take(chunk):
                            break
                except httpx.HTTPError as error:
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
            response = await self._client().send(
                request, stream=True, auth=None, follow_redirects=False
            )
            if response.next_request is None:
                return response
            await response.aclose()
            request = _download(effect, self._extensions, response.next_request.url)
        raise httpx.TooManyRedirects("too many redirects")

    async def sleep(self, seconds: float) -> None:
        """Yield to the loop."""
        import asyncio

        await asyncio.sleep(seconds)

    async def close(self) -> None:
        """Close the connections of this loop that are ours."""
        import asyncio

        pools = self._pools.get(os.getpid())
        client = pools.pop(asyncio.get_running_loop(), None) if pools else None
        if client is not None:
            await client.aclose()


class _Refused(Exception):
    """The judge of a download has said no."""


def _judge(effect: Save, request: httpx.Request) -> None:
    reason = effect.judge(str(request.url)) if effect.judge is not None else ""
    if reason:
        raise _Refused(reason)


class _Late(Exception):
    """The total time of a create is over."""


class _Stream(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A replayable body for both ports, which stops when the total time is over."""

    def __init__(self, body: JSONBody, end: float) -> None:
        self._body, self._end = body, end

    def __iter__(self) -> Iterator[bytes]:
        return _until(self._end, iter(self._body))

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in _until(self._end, iter(self._body)):
            yield chunk


def _until(end: float, chunks: Iterator[bytes]) -> Iterator[bytes]:
    for chunk in chunks:
        if time.monotonic() > end:
            raise _Late("the whole exchange took too long")
        yield chunk


def _request(effect: Send, extensions: dict[str, Any], end: float) -> httpx.Request:
    headers = dict(effect.headers)
    if effect.body is None:
        return httpx.Request(effect.method, effect.url, headers=headers, extensions=extensions)
    headers["content-length"] = str(effect.body.length)
    stream = _Stream(effect.body, end)
    url = httpx.URL(effect.url)
    headers["host"] = url.netloc.decode("ascii")  # httpx leaves it out beside `stream=`
    return httpx.Request(effect.method, url, headers=headers, stream=stream, extensions=extensions)


def _download(
    effect: Save, extensions: dict[str, Any], url: httpx.URL | None = None
) -> httpx.Request:
    headers = pieces.asked(effect)
    return httpx.Request("GET", url or effect.url, headers=headers, extensions=extensions)


def _no_reply(error: Exception) -> NoReply:
    sent = not isinstance(error, (*_NOT_SENT, httpx.InvalidURL))
    return NoReply(sent=sent, reason=_words(error))


def _words(error: Exception) -> str:
    kind = type(error).__name__
    text = str(error)
    return f"{kind}: {text}" if text else kind

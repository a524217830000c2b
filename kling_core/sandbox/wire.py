"""One exchange at the level of the connection: answer it, cut it, reset it, or keep silent."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

_LINGER_ZERO = struct.pack("ii", 1, 0)


class Connection(Protocol):
    """What is needed of uvicorn's protocol objects."""

    client: tuple[str, int] | None
    transport: asyncio.Transport


class Dropped(Exception):
    """The connection is gone by our own doing; there is nobody to answer."""


def reset(connection: Connection) -> None:
    """Ends a connection with a TCP reset, dropping what was not sent."""
    sock: socket.socket | None = connection.transport.get_extra_info("socket")
    if sock is not None and sock.fileno() >= 0:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_ZERO)
    connection.transport.abort()


class Wire:
    """The way back to one client, for one request."""

    def __init__(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        *,
        connections: Callable[[], Iterable[Any]],
        stopping: asyncio.Event,
    ) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send
        self._connections = connections
        self._stopping = stopping

    async def answer(self, response: Response) -> None:
        """Sends the whole answer."""
        await response(self._scope, self._receive, self._send)

    async def answer_part(self, response: Response, size: int, *, graceful: bool) -> None:
        """Sends the headers and `size` bytes of the body, then closes or resets the connection."""
        left = size

        async def send(message: Message) -> None:
            nonlocal left
            body: bytes = message.get("body", b"")
            if message["type"] == "http.response.body" and len(body) > left:
                await self._send({**message, "body": body[:left], "more_body": True})
                await self.drop(graceful=graceful)
            left -= len(body)
            await self._send(message)

        await response(self._scope, self._receive, send)

    async def drop(self, *, graceful: bool = False) -> None:
        """Closes the connection (`graceful`) or resets it; always raises `Dropped`."""
        connection = self._connection()
        if connection:
            if graceful:
                connection.transport.close()
            else:
                reset(connection)
        await self._gone()
        raise Dropped

    async def stall(self, seconds: float | None) -> None:
        """Keeps silent: for that time, whoever still listens, or until the sandbox stops.

        Without a time until the client leaves, too.
        """
        ends: set[asyncio.Future[Any]] = {asyncio.ensure_future(self._stopping.wait())}
        if seconds is None:
            ends.add(asyncio.ensure_future(self._gone()))
        try:
            done, _ = await asyncio.wait(ends, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for end in ends:
                end.cancel()
        if done:
            await self.drop()

    async def _gone(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass

    def _connection(self) -> Connection | None:
        client = self._scope.get("client")
        for connection in self._connections():
            if connection.client == (tuple(client) if client else None):
                return connection
        return None

"""A total time for a blocking exchange, which no connect, read or write of it outlasts.

The HTTP library knows a time for each read only, so an answer whose headers drip has no end. Here
the network beneath it looks at the exchange's end before each step, and wakes every second to hear
Ctrl-C. (The awaiting port needs none of this: a task can be cancelled wherever it waits.)
"""

from __future__ import annotations

import errno
import math
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from contextvars import copy_context
from typing import Any, TypeVar

import httpcore

from kling_core.wire import interrupts

__all__ = ["TICK", "Late", "Network", "apart", "left", "until"]

T = TypeVar("T")

TICK = 1.0
"""Seconds for which nothing blocks without looking up."""

_monotonic = time.monotonic


class Late(Exception):
    """The total time of an exchange is over."""


class _Exchange(threading.local):
    end = math.inf


_exchange = _Exchange()


class until:  # noqa: N801, it reads as the function it would be, at a third of the time
    """What this thread does on the network in this block ends at that monotonic time, or `Late`."""

    __slots__ = ("_before", "_end")

    def __init__(self, end: float) -> None:
        self._end = end

    def __enter__(self) -> None:
        self._before = _exchange.end
        _exchange.end = min(self._end, self._before)  # within another one it only shortens

    def __exit__(self, *_: object) -> None:
        _exchange.end = self._before


def left(most: float | None = None) -> float | None:
    """Seconds that a step may take, None for as long as it likes. Raises `Late`."""
    rest = _exchange.end - _monotonic()
    if rest <= 0:
        raise Late("the whole exchange took too long")
    rest = rest if most is None else min(rest, most)
    return None if rest == math.inf else rest


def apart(work: Callable[[], T]) -> T:
    """Run it in a thread, and leave it there when this exchange is over: `Late`.

    For a client that somebody else made, whose network is not ours to look into.
    """
    done: Future[T] = Future()
    # With the caller's context: hooks of a given client may read it.
    end, run = _exchange.end, copy_context().run

    def working() -> None:
        try:
            with until(end):
                done.set_result(run(work))
        except BaseException as error:  # noqa: BLE001, it is raised to who waits
            done.set_exception(error)

    # A daemon: one that never ends must not keep the program from ending.
    threading.Thread(target=working, name="kling-exchange", daemon=True).start()
    while True:
        try:
            return done.result(left(TICK))
        except TimeoutError:
            if done.done():  # it was the work's own TimeoutError, not the tick
                return done.result()
            interrupts.check()


class Network(httpcore.NetworkBackend):
    """The library's own network, whose streams keep to the end of their exchange."""

    def __init__(self) -> None:
        self._inner = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect."""
        connect = self._inner.connect_tcp
        return _Stream(connect(host, port, left(timeout), local_address, socket_options))

    def sleep(self, seconds: float) -> None:
        """Block."""
        time.sleep(seconds)


class _Stream(httpcore.NetworkStream):
    """A connection; with TLS inside TLS (`direct=False`) the library's own stream does the work."""

    def __init__(self, inner: httpcore.NetworkStream, *, direct: bool = True) -> None:
        self._inner = inner
        self._socket: socket.socket | None = inner.get_extra_info("socket") if direct else None

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """What comes next; empty at the end."""
        sock = self._socket
        if sock is None:
            return self._inner.read(max_bytes, left(timeout))
        return _patiently(sock, lambda: sock.recv(max_bytes), timeout, _READ)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send all of it."""
        sock = self._socket
        if sock is None:
            self._inner.write(buffer, left(timeout))
            return
        view = memoryview(buffer)
        while view:
            piece = view
            view = view[_patiently(sock, lambda: sock.send(piece), timeout, _WRITE) :]  # noqa: B023

    def close(self) -> None:
        """Close it."""
        self._inner.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        """The same connection, encrypted."""
        direct = self._socket is not None and not isinstance(self._socket, ssl.SSLSocket)
        inner = self._inner.start_tls(ssl_context, server_hostname, left(timeout))
        return _Stream(inner, direct=direct)

    def get_extra_info(self, info: str) -> Any:
        """What the library asks of its own streams."""
        return self._inner.get_extra_info(info)


_READ = (httpcore.ReadTimeout, httpcore.ReadError)
_WRITE = (httpcore.WriteTimeout, httpcore.WriteError)


def _patiently(
    sock: socket.socket,
    step: Callable[[], T],
    timeout: float | None,
    kinds: tuple[type[Exception], type[Exception]],
) -> T:
    """One step of a socket, in spans of a second; raises `Late` or one of the library's errors."""
    late, broken = kinds
    end = math.inf if timeout is None else _monotonic() + timeout
    while True:
        now = _monotonic()
        if now >= _exchange.end:
            raise Late("the whole exchange took too long")
        if now >= end:
            raise late("timed out")
        interrupts.check()
        try:
            sock.settimeout(min(TICK, end - now, _exchange.end - now))
            return step()
        except TimeoutError as error:
            if error.errno == errno.ETIMEDOUT:  # the system's own, of a dead connection
                raise broken(error) from error
        except OSError as error:
            raise broken(error) from error

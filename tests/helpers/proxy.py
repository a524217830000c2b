"""A TCP proxy that knows where a request and its answer end, and cuts either at any byte.

A `Cut` waits for one exchange. `side="request"`: `at` bytes of the request are passed on, never
more. `side="answer"`: the request is passed on whole, the answer is read whole, and `at` bytes of
it are given back. Then `then` runs, and both connections are reset.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, Self

_RESET = struct.pack("ii", 1, 0)


@dataclass
class Cut:
    """One interruption; `done` is set once it has happened, `length` is that of the cut side."""

    side: Literal["request", "answer"]
    at: int
    method: str = "POST"
    path: str = "/"
    then: Callable[[], None] | None = None
    done: threading.Event = field(default_factory=threading.Event)
    length: int = 0

    def matches(self, request: bytes) -> bool:
        return request.startswith(f"{self.method} {self.path}".encode())


class Proxy:
    """Passes on everything between its own port and `target`, except for what is to be cut."""

    def __init__(self, target: str) -> None:
        host, _, port = target.removeprefix("http://").partition(":")
        self._target = (host, int(port))
        self._cuts: list[Cut] = []
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.exchanges: list[tuple[int, int]] = []
        """Lengths of the request and the answer of each whole exchange."""
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()

    def cut(self, cut: Cut) -> Cut:
        """Put a cut in line for the next exchange that it matches."""
        with self._lock:
            self._cuts.append(cut)
        return cut

    def clear(self) -> None:
        """Forget the cuts that did not happen."""
        with self._lock:
            self._cuts.clear()

    def _take(self, request: bytes) -> Cut | None:
        with self._lock:
            for cut in self._cuts:
                if cut.matches(request):
                    self._cuts.remove(cut)
                    return cut
        return None

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # the listener was closed
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError), socket.create_connection(self._target) as server:
            while request := _message(client):
                cut = self._take(request)
                if cut is not None and cut.side == "request":
                    server.sendall(request[: cut.at])
                    _end(cut, len(request), client, server)
                    return
                server.sendall(request)
                answer = _message(server)
                if cut is not None:
                    client.sendall(answer[: cut.at])
                    _end(cut, len(answer), client, server)
                    return
                self.exchanges.append((len(request), len(answer)))
                client.sendall(answer)


def _end(cut: Cut, length: int, *connections: socket.socket) -> None:
    cut.length = length
    if cut.then is not None:
        cut.then()
    for connection in connections:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        connection.close()
    cut.done.set()


def _message(source: socket.socket) -> bytes:
    """One HTTP message with its body; empty when the other side has left."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = source.recv(65536)
        if not more:
            return b""
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    length = int(lengths[0].partition(b":")[2]) if lengths else 0
    while len(body) < length:
        more = source.recv(65536)
        if not more:
            return b""
        body += more
    return head + b"\r\n\r\n" + body

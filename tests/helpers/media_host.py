"""A host of one task and its clip that can answer a download in every wrong way there is.

It speaks raw HTTP/1.1 over its own socket, for no server library would send what is told here. Each
lie answers the first requests for the clip; then the host is honest, unless it lies for ever.
"""

from __future__ import annotations

import gzip
import json
import re
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from helpers.clips import clip

SIZE = 150_000
CLIP = clip(SIZE, frames=30, side=96, codec="libx264")
OTHER = clip(SIZE, frames=30, side=96, codec="libx264", seed=1)
HALF = SIZE // 2
TAG = '"one"'
TASK_ID = "123456789012345678"

HTML = b"<!doctype html><title>Sign in</title><h1>Welcome to the hotel</h1>" * 9
XML = b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>'
JSON = b'{"code": 5001, "message": "try again"}'


@dataclass
class Asked:
    """One request for the clip."""

    offset: int | None
    condition: str
    query: str


Answer = tuple[int, dict[str, Any], bytes]
Lie = Callable[[Asked], Answer | None]
"""What to answer; None for the truth."""


def page(content: bytes, kind: str = "text/html", status: int = 200) -> Lie:
    """Something else than the clip, of its true length."""
    return lambda _: (status, {"content-type": kind, "content-length": len(content)}, content)


def broken_then(rest: Lie, *, tag: str | None = TAG) -> Lie:
    """Half of the clip and a lost connection; the rest is answered by a lie."""

    def answer(asked: Asked) -> Answer | None:
        if asked.offset is not None:
            return rest(asked)
        named = {"etag": tag} if tag else {}
        return 200, {**named, "content-length": SIZE}, CLIP[:HALF]

    return answer


def part(
    content: bytes,
    start: int = HALF,
    total: int | str = SIZE,
    *,
    tag: str | None = TAG,
    **more: Any,
) -> Lie:
    """A 206 with these bytes, whatever was asked for."""
    last = start + len(content) - 1
    head: dict[str, Any] = {"content-range": f"bytes {start}-{last}/{total}", **more}
    if tag:
        head["etag"] = tag
    return lambda _: (206, {"content-length": len(content), **head}, content)


def chunked(content: bytes, *, end: bool = True, status: int = 200, **head: Any) -> Lie:
    """A body of unknown length; without `end` the connection is lost where it should be said."""
    body = f"{len(content):x}\r\n".encode() + content + b"\r\n" + (b"0\r\n\r\n" if end else b"")
    return lambda _: (status, {"transfer-encoding": "chunked", **head}, body)


_RANGE = f"bytes {HALF}-{SIZE - 1}/{SIZE}"
LIES: dict[str, Lie] = {
    "a page of HTML": page(HTML),
    "a page of HTML that calls itself a video": page(HTML, "video/mp4"),
    "a message in JSON": page(JSON, "application/json"),
    "a message in XML": page(XML, "application/xml"),
    "nothing": page(b"", "video/mp4"),
    "203 and a page": page(HTML, status=203),
    "a still picture": page(b"\x89PNG\r\n\x1a\n" + CLIP[8:], "video/mp4"),
    "zeros": page(bytes(SIZE), "video/mp4"),
    "half of the file, as if it were all": page(CLIP[:HALF], "video/mp4"),
    "less than is announced": lambda _: (200, {"content-length": SIZE, "etag": TAG}, CLIP[:-9]),
    "less announced than there is": lambda _: (200, {"content-length": SIZE - 900}, CLIP[:-900]),
    "packed": lambda _: (
        200,
        {"content-encoding": "gzip", "content-length": len(gzip.compress(CLIP, mtime=0))},
        gzip.compress(CLIP, mtime=0),
    ),
    "a stream that breaks off": chunked(CLIP[:HALF], end=False),
    "a stream that ends early": chunked(CLIP[:HALF]),
    "other bytes": broken_then(part(OTHER[HALF:])),
    "zeros for the rest": broken_then(part(bytes(SIZE - HALF))),
    "the rest of a changed file": broken_then(part(OTHER[HALF:], tag='"two"')),
    "the rest of a changed file, unsaid": broken_then(part(OTHER[HALF:], tag=None), tag=None),
    "another part": broken_then(part(CLIP[HALF - 9 :], HALF - 9)),
    "a part of another length": broken_then(part(CLIP[HALF:], total=SIZE + 5)),
    "a part without a place": broken_then(
        lambda _: (206, {"content-length": SIZE - HALF}, CLIP[HALF:])
    ),
    "more than the part": broken_then(
        chunked(CLIP[HALF:] + b"more", status=206, etag=TAG, **{"content-range": _RANGE})
    ),
    "no more of it": broken_then(lambda _: (416, {"content-length": 0}, b"")),
    "the whole of a changed file": broken_then(
        lambda _: (200, {"content-length": SIZE, "etag": '"two"'}, OTHER[:HALF])
    ),
}
"""Ways in which a media host answers something else than what was asked for."""


@dataclass
class Host:
    """The host while it runs: `lie` is answered `times` (None: for ever); `asked` is what came.

    `unnamed` answers about the task come before one that names its result. `pace` slows the clip
    down: bytes at a time, and seconds between them.
    """

    url: str = ""
    lie: Lie | None = None
    times: int | None = None
    unnamed: int = 0
    pace: tuple[int, float] | None = None
    asked: list[Asked] = field(default_factory=list[Asked])
    looks: int = 0
    posts: int = 0

    def task(self) -> dict[str, Any]:
        """The task, whose link is a new one at each look."""
        self.looks += 1
        made: dict[str, Any] = {"task_id": TASK_ID, "task_status": "succeed"}
        made["updated_at"] = made["created_at"] = int(time.time() * 1000)
        if self.unnamed:
            self.unnamed -= 1
            return made
        link = f"{self.url}/clip.mp4?look={self.looks}"
        made["task_result"] = {"videos": [{"id": "7", "url": link, "duration": "1"}]}
        return made

    def answer(self, asked: Asked) -> Answer:
        """What this request for the clip gets."""
        self.asked.append(asked)
        if self.lie is not None and (self.times is None or self.times > 0):
            told = self.lie(asked)
            if told is not None:
                first_half = "etag" in told[1] and told[2] == CLIP[:HALF]
                if self.times is not None and not first_half:
                    self.times -= 1
                return told
        if asked.offset and asked.condition in ("", TAG):
            return part(CLIP[asked.offset :], asked.offset)(asked)
        return 200, {"content-length": SIZE, "etag": TAG}, CLIP


class _Handler(socketserver.StreamRequestHandler):
    """One request; the connection ends with its answer."""

    server: _Server

    def handle(self) -> None:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            line = self.rfile.readline()
            if not line:
                return
            head += line
        text = head.decode("latin-1")
        self.rfile.read(int(_header(text, "content-length") or 0))
        method, target = text.split(" ", 2)[:2]
        host = self.server.host
        if "/clip.mp4" in target:
            start = _header(text, "range").removeprefix("bytes=").removesuffix("-")
            query = target.partition("?")[2]
            asked = Asked(int(start) if start else None, _header(text, "if-range"), query)
            self._send(*host.answer(asked), pace=host.pace)
            return
        host.posts += method == "POST"
        known = {"task_id": TASK_ID, "task_status": "submitted"}
        data = known if method == "POST" else host.task()
        said = json.dumps({"code": 0, "message": "SUCCEED", "data": data}).encode()
        self._send(200, {"content-length": len(said)}, said)

    def _send(
        self,
        status: int,
        head: dict[str, Any],
        body: bytes,
        pace: tuple[int, float] | None = None,
    ) -> None:
        lines = [f"HTTP/1.1 {status} OK", *(f"{k}: {v}" for k, v in head.items())]
        self.wfile.write("\r\n".join([*lines, "connection: close", "", ""]).encode())
        step, pause = pace or (max(len(body), 1), 0.0)
        for start in range(0, len(body), step):
            self.wfile.write(body[start : start + step])
            if pause and self.server.stop.wait(pause):
                return

    def finish(self) -> None:
        with suppress(OSError):  # the client has gone, which is its right
            super().finish()


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address, daemon_threads, block_on_close = True, True, False

    def __init__(self, host: Host) -> None:
        self.host, self.stop = host, threading.Event()
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that has gone is no error of ours."""


def _header(text: str, name: str) -> str:
    found = re.search(rf"(?im)^{name}: *(.*?)\r", text)
    return found[1] if found else ""


@contextmanager
def media_host(**settings: Any) -> Iterator[Host]:
    """Run a host on this machine."""
    host = Host(**settings)
    with _Server(host) as server:
        host.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield host
        finally:
            server.stop.set()
            server.shutdown()
            thread.join()

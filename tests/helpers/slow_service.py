"""A fault server: a real service before the sandbox that is slow, lags, drips and lies.

Each path of the API may have a `Trouble` of its own. A create that was read is carried out whatever
becomes of its client, as a service does that has taken it from its queue.
"""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import unquote, urlsplit

Task = dict[str, Any]

_HOP = {"connection", "transfer-encoding", "content-length", "date", "server", "keep-alive"}


@dataclass(frozen=True)
class Trouble:
    """What is wrong with one path; seconds are real ones.

    late     a create is carried out so long after it came; None: never
    hang_up  its connection is reset as soon as it was read; else it is answered when it is done
    lag      tasks are neither found nor listed for so long after they were made
    silent   tasks do not say what they were made of, nor under which id
    drip     seconds before each byte of the body that answers a create
    drip_reads  the same for look-ups, lists and files
    bend     changes each task that is told: late results, absurd numbers
    media    makes another answer of a file's: status, headers, body
    """

    late: float | None = 0.0
    hang_up: bool = False
    lag: float = 0.0
    silent: bool = False
    drip: float = 0.0
    drip_reads: float = 0.0
    bend: Callable[[Task], Task] | None = None
    media: Callable[[bytes], tuple[int, dict[str, str], bytes]] | None = None


def results_later(seconds: float) -> Callable[[Task], Task]:
    """A bend: `succeed` comes so long before `task_result`."""
    seen: dict[str, float] = {}

    def bend(task: Task) -> Task:
        since = seen.setdefault(str(task.get("task_id")), time.monotonic())
        early = "task_result" in task and time.monotonic() - since < seconds
        return {k: v for k, v in task.items() if k != "task_result"} if early else task

    return bend


def deducts(value: Any) -> Callable[[Task], Task]:
    """A bend: each finished task says that it cost so much."""

    def bend(task: Task) -> Task:
        return {**task, "final_unit_deduction": value} if task["task_status"] == "succeed" else task

    return bend


def a_page(body: bytes) -> tuple[int, dict[str, str], bytes]:
    """A lie about media: a page in the place of the file, with 200."""
    return 200, {"content-type": "text/html"}, b"<!doctype html><h1>Please log in</h1>"


def half(body: bytes) -> tuple[int, dict[str, str], bytes]:
    """A lie about media: half of the file, as if that were all."""
    return 200, {"content-type": "video/mp4"}, body[: len(body) // 2]


@dataclass
class SlowService:
    """The server, between its start and its end; `url` is where clients go."""

    target: str
    url: str = ""
    troubles: dict[str, Trouble] = field(default_factory=dict[str, Trouble])
    posts: list[tuple[str, float]] = field(default_factory=list[tuple[str, float]])
    """Path and time of each create that was read."""
    _made: dict[str, float] = field(default_factory=dict[str, float])
    _names: dict[str, str] = field(default_factory=dict[str, str])
    _out: int = 0
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def __enter__(self) -> Self:
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.service = self
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def trouble(self, path: str) -> Trouble:
        """The trouble of a path, that of the longest beginning of it."""
        known = [start for start in self.troubles if path.startswith(start)]
        return self.troubles[max(known, key=len)] if known else Trouble()

    def soothe(self) -> None:
        """No new create is troubled; what came before goes its way, and what lags goes on to."""
        calm = {p: replace(t, late=0.0, hang_up=False, drip=0.0) for p, t in self.troubles.items()}
        self.troubles = calm

    def wait_posted(self, count: int, seconds: float = 20.0) -> bool:
        """Wait until so many creates were read."""
        with self._changed:
            return self._changed.wait_for(lambda: len(self.posts) >= count, seconds)

    def wait_carried_out(self, seconds: float = 30.0) -> bool:
        """Wait until nothing that was read is still to be carried out."""
        with self._changed:
            return self._changed.wait_for(lambda: self._out == 0, seconds)

    # --- what the handler does -------------------------------------------------------------

    def create(self, path: str, headers: dict[str, str], body: bytes, answer: Answering) -> None:
        """Read a create; carry it out in its time, and answer then if anybody listens."""
        trouble = self.trouble(path)
        with self._changed:
            self.posts.append((path, time.monotonic()))
            self._out += trouble.late is not None
            self._changed.notify_all()
        if trouble.hang_up or trouble.late is None:
            answer.reset()
        if trouble.late is None:
            return
        if trouble.late:
            threading.Event().wait(trouble.late)
        status, kept, content = self.forward("POST", path, headers, body)
        with self._changed:
            with contextlib.suppress(ValueError, KeyError, TypeError):
                made = json.loads(content)["data"]["task_id"]
                self._made[made] = time.monotonic()
                self._names[str(json.loads(body).get("external_task_id") or made)] = made
            self._out -= 1
            self._changed.notify_all()
        answer(status, kept, content, trouble.drip)

    def read(self, path: str, headers: dict[str, str], answer: Answering) -> None:
        """Answer a look-up, a list, or a file."""
        trouble = self.trouble(urlsplit(path).path)
        status, kept, content = self.forward("GET", path, headers, b"")
        if "/media/" in path:
            if trouble.media is not None and status < 300:
                status, kept, content = trouble.media(content)
            answer(status, kept, content, trouble.drip_reads)
            return
        name = unquote(urlsplit(path).path.rpartition("/")[2])
        if self._hidden(self._names.get(name, name), trouble):
            text = {"code": 1201, "message": f"Task not found by id/external id: {name}"}
            answer(400, kept, json.dumps(text).encode(), trouble.drip_reads)
            return
        answer(status, kept, self._bent(content, trouble), trouble.drip_reads)

    def forward(
        self, method: str, path: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        """Ask the sandbox."""
        sandbox = HTTPConnection(self.target.removeprefix("http://"))
        try:
            sandbox.request(method, path, body or None, headers)
            reply = sandbox.getresponse()
            kept = {k: v for k, v in reply.getheaders() if k.lower() not in _HOP}
            content = reply.read()
            if "/media/" not in path:  # files are fetched through here, too
                content = content.replace(self.target.encode(), self.url.encode())
            return reply.status, kept, content
        finally:
            sandbox.close()

    def _hidden(self, task_id: str, trouble: Trouble) -> bool:
        made = self._made.get(task_id)
        return made is not None and time.monotonic() - made < trouble.lag

    def _bent(self, content: bytes, trouble: Trouble) -> bytes:
        said: Any = json.loads(content)
        data = said.get("data")
        if isinstance(data, dict) and "task_id" in data:
            said["data"] = self._told(data, trouble)
        elif isinstance(data, list):
            shown = [one for one in data if not self._hidden(one["task_id"], trouble)]
            said["data"] = [self._told(one, trouble) for one in shown]
        return json.dumps(said).encode()

    def _told(self, task: Task, trouble: Trouble) -> Task:
        if trouble.silent:
            task = {k: v for k, v in task.items() if k != "task_info"}
        return trouble.bend(task) if trouble.bend else task


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    service: SlowService

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that leave are what this is about."""


class Answering:
    """The way back to one client, who may have gone."""

    def __init__(self, handler: _Handler) -> None:
        self._handler = handler

    def reset(self) -> None:
        """End the connection with a TCP reset."""
        linger = struct.pack("ii", 1, 0)
        self._handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self._handler.close_connection = True
        self._handler.connection.close()

    def __call__(self, status: int, headers: dict[str, str], body: bytes, drip: float) -> None:
        handler = self._handler
        with contextlib.suppress(OSError, ValueError):
            handler.send_response(status)
            for name, value in headers.items():
                handler.send_header(name, value)
            handler.send_header("content-length", str(len(body)))
            handler.end_headers()
            if not drip:
                handler.wfile.write(body)
                return
            for at in range(len(body)):
                threading.Event().wait(drip)
                handler.wfile.write(body[at : at + 1])
                handler.wfile.flush()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_POST(self) -> None:
        """A create."""
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        self.server.service.create(self.path, self._passed_on(), body, Answering(self))

    def do_GET(self) -> None:
        """A look-up, a list, a file."""
        self.server.service.read(self.path, self._passed_on(), Answering(self))

    def _passed_on(self) -> dict[str, str]:
        wanted = ("authorization", "content-type", "range", "if-range")
        return {name: self.headers[name] for name in wanted if name in self.headers}

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002, the base's name
        """Nothing."""

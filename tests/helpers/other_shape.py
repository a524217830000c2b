"""A service of the other shape, over real HTTP: the model in the path, `data.id`, `GET /tasks`.

Written from the vendor's pages and the observations of 2026 (Kling API reference, new standard),
not from the library: it is the second opinion on `kling_core.editions`. As on the real one, what it
does not know in a body is ignored and made all the same: our own id counts inside `options` only.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import socket
import struct
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal, Self
from urllib.parse import parse_qs, urlsplit

OPERATIONS = ("text-to-video", "image-to-video", "omni-video", "motion-control")

Fault = Literal[
    "none", "lost before", "lost after", "503 after", "garbage after", "no id", "another's id"
]
"""What becomes of a create: it is lost on its way there or back, or accepted and answered oddly."""


@dataclass
class OtherShape:
    """The server, between its start and its end; `url` is where clients go.

    faults     what becomes of the first creates, in their order; then all is well
    own_ids    whether `options.external_task_id` is taken; else it is refused
    lags       a new task is neither found nor listed until `catch_up()`
    anywhere   a create on any path is taken, as by a host that serves it all; else on its own only
    pages      what the paths that it does not have are answered: an HTML page, else the API's 1203
    """

    faults: tuple[Fault, ...] = ()
    own_ids: bool = True
    lags: bool = False
    anywhere: bool = False
    pages: bool = True
    url: str = ""
    key: str = "key-of-the-other-shape"
    tasks: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    """Every task that it made, and bills, the oldest first."""
    creates: list[tuple[str, dict[str, Any]]] = field(
        default_factory=list[tuple[str, dict[str, Any]]]
    )
    """Path and body of each create that came through."""
    asked: list[str] = field(default_factory=list[str])
    """Method and path of each other request."""

    def __post_init__(self) -> None:
        self._numbers = itertools.count(831_922_345_719_271_433)
        self._hidden = set[str]()
        self._lock = threading.Lock()
        self._faults = iter(self.faults)

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

    def catch_up(self) -> None:
        """From now on everything is found and listed."""
        self.lags = False
        self._hidden.clear()

    def finish(self) -> None:
        """All tasks have succeeded."""
        for task in self.tasks:
            task["status"] = "succeeded"
            task["update_time"] += 83_000
            task["outputs"] = [
                {
                    "type": "video",
                    "id": f"9{task['id']}",
                    "url": f"{self.url}/files/{task['id']}.mp4",
                    "duration": "5.041",
                }
            ]
            task["billing"] = [{"charge_type": "unit", "package_type": "video", "amount": "3"}]

    # --- what the handler does -------------------------------------------------------------

    def answer(
        self, method: str, address: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, dict[str, Any] | str] | None:
        """Status and body; None for a connection that is cut."""
        path = urlsplit(address).path
        if not self._let_in(headers):
            text = "current API does not support AK/SK, please create an API key"
            return 401, _said(1002, text)
        with self._lock:
            if path == "/tasks":
                self.asked.append(f"{method} {path}")
                asked = parse_qs(urlsplit(address).query)
                return self._look_up(asked) if method == "GET" else self._list(json.loads(body))
            if method == "POST" and (self.anywhere or self._has(path)):
                return self._create(path, json.loads(body))
            self.asked.append(f"{method} {path}")
        if self.pages:
            return 404, "<!doctype html><h1>404 Not Found</h1>"
        return 404, _said(1203, "resource does not exist")

    def _let_in(self, headers: dict[str, str]) -> bool:
        return headers.get("authorization") == f"Bearer {self.key}"

    def _has(self, path: str) -> bool:
        operation, _, model = path.strip("/").partition("/")
        return operation in OPERATIONS and bool(model) and "/" not in model

    def _create(self, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any] | str] | None:
        self.creates.append((path, body))
        fault = next(self._faults, "none")
        if fault == "lost before":
            return None
        if self._has(path) and (wrong := _wrong(path, body)):
            return 400, _said(1201, wrong)
        own_id = (body.get("options") or {}).get("external_task_id") or ""
        if own_id and not self.own_ids:
            return 400, _said(1201, "options.external_task_id is not supported by the model")
        if own_id and any(task.get("external_id") == own_id for task in self.tasks):
            return 400, _said(1201, f"External_task_id {own_id} already exists")
        made = self._make(own_id)
        if fault == "lost after":
            return None
        if fault == "503 after":
            return 503, _said(5001, "service unavailable")
        if fault == "garbage after":
            return 200, '{"code": 0, "data": {"id": "83'
        if fault == "no id":
            return 200, _said(0, data={"status": "submitted", "reference": f"r-{made['id']}"})
        if fault == "another's id":
            return 200, _said(0, data={**made, "external_id": "somebody-elses"})
        return 200, _said(0, data=made)

    def _make(self, own_id: str) -> dict[str, Any]:
        now = int(time.time() * 1000)
        task = {
            "id": str(next(self._numbers)),
            "status": "submitted",
            "message": "",
            "create_time": now,
            "update_time": now,
        }
        if own_id:
            task["external_id"] = own_id
        self.tasks.append(task)
        if self.lags:
            self._hidden.add(task["id"])
        return dict(task)

    def _look_up(self, asked: dict[str, list[str]]) -> tuple[int, dict[str, Any]]:
        ids = ",".join(asked.get("task_ids", [])).split(",")
        own = ",".join(asked.get("external_task_ids", [])).split(",")
        wanted = [name for name in (*ids, *own) if name]
        if not wanted:
            return 400, _said(1201, "task_ids or external_task_ids is required")
        if len(wanted) > 20:
            return 400, _said(1201, "task_ids and external_task_ids cannot exceed 20 in total")
        found = [t for t in self._shown() if t["id"] in ids or t.get("external_id", "?") in own]
        return 200, _said(0, data=found)

    def _list(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        start, size = int(body.get("cursor") or 0), int(body.get("limit") or 100)
        shown = self._shown()
        page = shown[start : start + size]
        if not page:
            return 200, _said(0, data={"count": 0, "has_more": False})
        more = start + size < len(shown)
        data = {"result": page, "count": len(page), "has_more": more}
        return 200, _said(0, data={**data, "next_cursor": str(start + size) if more else ""})

    def _shown(self) -> list[dict[str, Any]]:
        return [dict(task) for task in self.tasks if task["id"] not in self._hidden]


def _wrong(path: str, body: dict[str, Any]) -> str:
    """What a create of the new standard lacks; empty when it may be made."""
    if path.startswith("/text-to-video/"):
        return "" if str(body.get("prompt") or "").strip() else "prompt cannot be empty"
    contents = body.get("contents")
    if not contents:
        return "contents cannot be empty"
    if not isinstance(contents, list):
        return "contents value type is invalid, expected array"
    known = ("prompt", "first_frame", "last_frame", "refer_image", "element", "voice")
    for number, item in enumerate(contents):
        if item.get("type") not in known:
            return f"contents[{number}].type value '{item.get('type')}' is invalid"
        if item["type"].endswith("_frame") and not item.get("url"):
            return f"content item of type '{item['type']}' must have a non-blank url"
    return ""


def _said(code: int, message: str = "SUCCEED", **more: Any) -> dict[str, Any]:
    return {"code": code, "message": message, "request_id": "r-1", **more}


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    service: OtherShape

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that leave are what this is about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        """A look-up."""
        self._answer("GET")

    def do_POST(self) -> None:
        """A create, or a list."""
        self._answer("POST")

    def _answer(self, method: str) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        said = self.server.service.answer(method, self.path, headers, body)
        if said is None:
            self._cut()
            return
        status, answer = said
        page = isinstance(answer, str) and answer.startswith("<")
        content = (answer if isinstance(answer, str) else json.dumps(answer)).encode()
        with contextlib.suppress(OSError):
            self.send_response(status)
            self.send_header("content-type", "text/html" if page else "application/json")
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    def _cut(self) -> None:
        """End the connection with a TCP reset."""
        linger = struct.pack("ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.close_connection = True
        self.connection.close()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002, the base's name
        """Nothing."""

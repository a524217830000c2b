"""A raw client of a sandbox, and pictures made without any library of ours."""

from __future__ import annotations

import base64
import struct
import zlib
from dataclasses import dataclass
from typing import Any

import httpx

from kling_core.sandbox import Sandbox

Json = dict[str, Any]


@dataclass
class Api:
    """A raw client of one sandbox."""

    sandbox: Sandbox
    http: httpx.Client

    def post(self, path: str, body: Any) -> httpx.Response:
        return self.http.post(path, json=body)

    def get(self, path: str, **params: Any) -> httpx.Response:
        return self.http.get(path, params=params)

    def create(self, path: str, body: Json) -> Json:
        """Creates a task and returns `data`."""
        answer = self.post(path, body)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    def finish(self, path: str, body: Json) -> Json:
        """Creates a task, waits for its end and returns the `data` of its query."""
        task_id = self.create(path, body)["task_id"]
        assert self.sandbox.wait_idle(30)
        return self.get(f"{path}/{task_id}").json()["data"]

    def refused(self, path: str, body: Json, code: int = 1201) -> str:
        """Posts a body that must be refused with that code and returns the message."""
        answer = self.post(path, body)
        envelope = answer.json()
        assert envelope["code"] == code, envelope
        assert "data" not in envelope
        return envelope["message"]


def png(width: int, height: int) -> bytes:
    """A PNG of two halves, made without any image library."""
    row = b"\0" + b"\xc8\x28\x28" * (width // 2) + b"\x28\x50\xc8" * (width - width // 2)

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + check

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(row * height, 1)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    )


def encoded(data: bytes) -> str:
    """Raw base64."""
    return base64.b64encode(data).decode()

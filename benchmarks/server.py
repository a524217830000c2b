"""A small fast server to measure clients against: answers at once, keeps connections, no checks.

`GET` gives a finished task, `POST` takes any body and gives a task with an id of its own, `/file`
is a clip of `FILE_BYTES`. Prints its port when it listens.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import re
import struct
import tempfile
from typing import IO

FILE_BYTES = 200_000_000
TASK_ID = "789012345678901234"
TASK = {
    "task_status": "succeed",
    "task_status_msg": "",
    "task_info": {"external_task_id": ""},
    "task_result": {
        "videos": [
            {
                "id": "789012345678901235",
                "url": "https://media.invalid/bs2/upload-ylab/789012345678901235/output.mp4",
                "duration": "5.041",
            }
        ]
    },
    "final_unit_deduction": "1",
    "created_at": 1796000000000,
    "updated_at": 1796000061000,
}
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


def _answer(task_id: str = TASK_ID) -> bytes:
    data = {**TASK, "task_id": task_id}
    envelope = {"code": 0, "message": "SUCCEED", "request_id": "Cl6kH2gHPegAAAAA", "data": data}
    content = json.dumps(envelope).encode()
    head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(content)}"
    return f"{head}\r\n\r\n".encode() + content


ANSWER = _answer()
NEW_IDS = itertools.count(int(TASK_ID) + 1)
FILE_HEAD = (
    f"HTTP/1.1 200 OK\r\ncontent-type: video/mp4\r\ncontent-length: {FILE_BYTES}\r\n\r\n"
).encode()


class Connection(asyncio.Protocol):
    """One connection; reads heads, skips bodies."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        self.head = b""
        self.left = 0
        self.sending: asyncio.Task[int] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        if self.left:
            self._body(len(data))
            return
        self.head += data
        head, end, rest = self.head.partition(b"\r\n\r\n")
        if not end:
            return
        self.head = b""
        if head.startswith(b"GET /file"):
            self.transport.write(FILE_HEAD)
            loop = asyncio.get_running_loop()
            self.sending = loop.create_task(loop.sendfile(self.transport, self.file))
        elif found := _LENGTH.search(head):
            self.left = int(found[1])
            self._body(len(rest))
        else:
            self.transport.write(ANSWER)

    def _body(self, came: int) -> None:
        self.left -= came
        if self.left <= 0:
            self.left = 0
            self.transport.write(_answer(str(next(NEW_IDS))))


def _clip(file: IO[bytes]) -> None:
    """Write a clip that players open, as long as the goal says: most of it is a box of padding."""
    import av

    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=24)
        stream.width, stream.height, stream.pix_fmt = 640, 360, "yuv420p"
        for _ in range(48):
            container.mux(stream.encode(av.VideoFrame(640, 360, "yuv420p")))
        container.mux(stream.encode())
    size = file.seek(0, os.SEEK_END)
    file.write(struct.pack(">I4s", FILE_BYTES - size, b"free"))
    file.truncate(FILE_BYTES)
    file.flush()


async def main() -> None:
    with tempfile.TemporaryFile() as file:
        _clip(file)
        loop = asyncio.get_running_loop()
        listening = await loop.create_server(lambda: Connection(file), "127.0.0.1", 0)
        print(listening.sockets[0].getsockname()[1], flush=True)
        await listening.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())

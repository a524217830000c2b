"""Files from the page: they come in pieces, for no front end carries a large file in one.

The page cuts a file into pieces of a mebibyte and sends each as a message with one buffer. They
may overtake each other: marimo sends every message as a request of its own.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from kling_core.errors import KlingError

__all__ = ["LARGEST", "PIECE", "Upload", "UploadRefused", "Uploads"]

PIECE = 1 << 20
"""Bytes of a piece; the last one may be shorter."""

LARGEST = 30 * PIECE
"""Bytes of the largest file that is carried; Kling itself takes less."""


class UploadRefused(KlingError):
    """The pieces make no file: too large, too many, or not of the length that was said."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that is here: its name on the user's computer, and its content."""

    id: str
    name: str
    data: bytes
    media: dict[str, Any] = field(default_factory=dict[str, Any], compare=False)
    """What was found out about it, by the kind of media that it is for."""


@dataclass(slots=True)
class _Coming:
    name: str
    size: int
    pieces: dict[int, bytes] = field(default_factory=dict[int, bytes])

    @property
    def count(self) -> int:
        """How many pieces there are."""
        return -(-self.size // PIECE)


class Uploads:
    """The files of one form. Pieces may come in any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._coming: dict[str, _Coming] = {}
        self._here: dict[str, Upload] = {}
        self._used: set[str] = set()

    def take(self, message: Mapping[str, Any], piece: bytes) -> bool:
        """Take one piece; True when the file is whole.

        The message has `id`, `name`, `size` of the whole file in bytes, and `i`, the number of
        the piece from 0. Raises `UploadRefused`, and forgets the file.
        """
        key, size = str(message.get("id")), int(message.get("size", 0))
        with self._lock:
            coming = self._coming.setdefault(key, _Coming(str(message.get("name")), size))
            number = int(message.get("i", -1))
            trouble = _trouble(coming, number, len(piece))
            if trouble:
                del self._coming[key]
                raise UploadRefused(f"{coming.name} {trouble}", fix="Choose the file again.")
            coming.pieces[number] = bytes(piece)  # it comes as a view of a message
            if len(coming.pieces) < coming.count:
                return False
            del self._coming[key]
            whole = b"".join(coming.pieces[i] for i in range(coming.count))
            self._here[key] = Upload(key, coming.name, whole)
            return True

    def put(self, name: str, data: bytes) -> Upload:
        """Keep data that is here already, as if the page had sent it."""
        upload = Upload(secrets.token_hex(8), name, data)
        with self._lock:
            self._here[upload.id] = upload
        return upload

    def get(self, key: str) -> Upload | None:
        """The file of this id; None while it is on its way, and for one that is not known."""
        with self._lock:
            return self._here.get(key)

    def keep_only(self, keys: Collection[str]) -> None:
        """Forget the files that nothing refers to any more.

        A front end may hold back the values of a form while pieces of files overtake them, so a
        file that nothing has referred to yet stays.
        """
        with self._lock:
            forgotten = self._used - set(keys)
            self._here = {key: one for key, one in self._here.items() if key not in forgotten}
            self._used = set(keys)


def _trouble(coming: _Coming, number: int, length: int) -> str:
    if coming.size > LARGEST:
        return f"has {coming.size:,} bytes; at most {LARGEST:,} can be carried"
    if coming.size < 1:
        return "is empty (0 bytes)"
    if number in coming.pieces:
        return "came with one piece twice"
    rest = coming.size - number * PIECE
    if not 0 <= number < coming.count or length != min(PIECE, rest):
        return "is not as large as was said"
    return ""

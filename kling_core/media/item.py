"""One piece of media, wherever it came from: it can be opened afresh as often as it is sent."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import os
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal, Protocol, cast
from urllib.parse import urlsplit

from kling_core.errors import Violation

if TYPE_CHECKING:
    from typing_extensions import Buffer

__all__ = ["Kind", "Media", "Unreadable"]

Kind = Literal["image", "tail", "mask", "try_on", "audio", "video"]
"""What the media is for; it decides which limits apply."""


class Unreadable(ValueError):
    """The media cannot be read; `violation` says which field, why, and what would do."""

    def __init__(self, violation: Violation) -> None:
        super().__init__(f"{violation.field}: {violation.message}")
        self.violation = violation


class _Source(Protocol):
    """Bytes that can be read from their beginning again and again."""

    def open(self) -> BinaryIO: ...


@dataclass(frozen=True, eq=False, repr=False)
class Media:
    """One input of a request: either a URL that Kling fetches, or bytes that we send.

    `name` is for messages, `field` the request field it was given for. `size` is in bytes and
    `None` for a URL. Build one with `kling_core.media.inputs.read`.
    """

    kind: Kind
    name: str
    field: str
    url: str | None = None
    size: int | None = None
    source: _Source | None = dataclasses.field(default=None, kw_only=True)
    memo: dict[str, object] = dataclasses.field(default_factory=dict[str, object], kw_only=True)
    """What was found out about the content; kept so that a file is examined once."""

    @property
    def is_url(self) -> bool:
        """Whether only the address is sent; the content is then unknown to us."""
        return self.url is not None

    @property
    def path(self) -> Path | None:
        """The file that holds the content, resolved; None for a URL or data."""
        return self.source.path.resolve() if isinstance(self.source, _File) else None

    def open(self) -> BinaryIO:
        """Open the content from its beginning; every call gives an independent stream.

        Raises `Unreadable` for a URL, and when the content changed or went away since it was read.
        """
        if self.source is None:
            raise Unreadable(Violation(self.field, f"{self.name} is a URL; its bytes are not here"))
        try:
            return self.source.open()
        except _ChangedError as error:
            raise self.changed(str(error)) from error
        except OSError as error:
            raise self.changed(f"cannot be read any more: {error.strerror or error}") from error

    def changed(self, how: str) -> Unreadable:
        """Make the error for content that is no longer what was checked."""
        return Unreadable(
            Violation(
                self.field,
                f"{self.name} {how}",
                "a file that stays as it is until it is sent",
            )
        )

    def sha256(self) -> str | None:
        """Return the content's SHA-256 in hex; `None` for a URL, whose content we never see."""
        if self.is_url:
            return None
        if "sha256" not in self.memo:
            with self.open() as stream:
                digest = hashlib.file_digest(cast("io.BytesIO", stream), "sha256")
            self.memo["sha256"] = digest.hexdigest()
        return cast("str", self.memo["sha256"])

    def __repr__(self) -> str:
        size = "URL" if self.size is None else f"{self.size} bytes"
        return f"<Media {self.kind} {self.name!r}, {size}>"

    @classmethod
    def of_url(cls, kind: Kind, url: str, *, field: str) -> Media:
        """Media that Kling fetches itself; its name leaves out the query, which may hold a key."""
        parts = urlsplit(url)
        name = parts.path.rstrip("/").rpartition("/")[2] or (parts.hostname or "URL")
        return cls(kind, name, field, url=url)

    @classmethod
    def of_bytes(cls, kind: Kind, name: str, data: bytes, *, field: str) -> Media:
        """Media held in memory."""
        return cls(kind, name, field, size=len(data), source=_Bytes(data))

    @classmethod
    def of_file(cls, kind: Kind, path: Path, *, field: str) -> Media:
        """Media in a regular file, which must stay as it is until it is sent."""
        state = path.stat()
        source = _File(path, state.st_mtime_ns, state.st_size)
        return cls(kind, path.name, field, size=state.st_size, source=source)

    @classmethod
    def of_stream(cls, kind: Kind, name: str, stream: BinaryIO, *, field: str) -> Media:
        """Media in a seekable file object, from where it stands to its end."""
        start = stream.tell()
        size = max(stream.seek(0, os.SEEK_END) - start, 0)
        stream.seek(start)
        return cls(kind, name, field, size=size, source=_Stream(stream, start, size))


class _ChangedError(Exception):
    """The content is no longer what was checked."""


@dataclass(frozen=True)
class _Bytes:
    data: bytes

    def open(self) -> BinaryIO:
        return io.BytesIO(self.data)


@dataclass(frozen=True)
class _File:
    path: Path
    mtime_ns: int
    size: int

    def open(self) -> BinaryIO:
        stream = self.path.open("rb")
        state = os.fstat(stream.fileno())  # of what was opened: the path may name another by now
        if (state.st_mtime_ns, state.st_size) == (self.mtime_ns, self.size):
            return stream
        stream.close()
        raise _ChangedError(
            f"changed after it was checked ({self.size:,} bytes then, {state.st_size:,} now)"
        )


class _Stream:
    """A file object that belongs to the caller: never closed by us, and left where it stood."""

    def __init__(self, stream: BinaryIO, start: int, size: int) -> None:
        self.stream = stream
        self.start = start
        self.size = size
        self.lock = threading.Lock()  # several bodies may read one file object

    def open(self) -> BinaryIO:
        if self.stream.closed:
            raise _ChangedError("was closed before it was sent")
        return io.BufferedReader(_View(self), 1 << 16)


class _View(io.RawIOBase):
    """An independent position over a shared file object."""

    def __init__(self, source: _Stream) -> None:
        self._source = source
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._source.size}[whence]
        self._at = max(base + offset, 0)
        return self._at

    def readinto(self, buffer: Buffer, /) -> int:
        target = memoryview(buffer).cast("B")
        source = self._source
        wanted = min(len(target), max(source.size - self._at, 0))
        with source.lock:
            stood = source.stream.tell()
            source.stream.seek(source.start + self._at)
            data = source.stream.read(wanted)
            source.stream.seek(stood)
        target[: len(data)] = data
        self._at += len(data)
        return len(data)

"""A file that comes in pieces: what is asked of a media host, and what of its answer is kept.

Shared by both ports. A host that answers something else than what was asked (other bytes, another
file, packed content) must not get it into a file.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Mapping
from typing import IO, NamedTuple, Self

from kling_core.wire.effects import Save, Saved

__all__ = ["Piece", "Sink", "asked", "judged"]

LEAST_RATE = 1024
"""Bytes a second below which a download is given up and taken up again."""

_RANGE = re.compile(r"bytes\s+(\d{1,18})-(\d{1,18})/(\d{1,18}|\*)", re.IGNORECASE)


class Piece(NamedTuple):
    """What an answer brings: where it is written, and how long it and the whole file must be.

    `length` and `total` are None when the host did not say. `wrong` says why it is none of it.
    """

    append: bool = False
    length: int | None = None
    total: int | None = None
    validator: str = ""
    wrong: str = ""


def asked(effect: Save) -> dict[str, str]:
    """The headers of the request for a file, or for the rest of it."""
    headers = {"accept-encoding": "identity"}  # lengths and ranges count the file's own bytes
    if effect.offset:
        headers["range"] = f"bytes={effect.offset}-"
        if effect.validator:
            headers["if-range"] = effect.validator
    return headers


def judged(effect: Save, status: int, headers: Mapping[str, str]) -> Piece:
    """What an answer of status 200 or 206 is worth."""
    packed = headers.get("content-encoding", "").strip().lower()
    if packed not in ("", "identity"):
        return Piece(wrong=f"the media host packed the file ({packed}), which was not asked for")
    if status == 200:  # also to a request for the rest: then all of it comes anew
        length = _number(headers.get("content-length", ""))
        return Piece(False, length, length, _validator(headers))
    found = _RANGE.fullmatch(headers.get("content-range", "").strip())
    if found is None:
        return Piece(wrong="the media host sent a part and does not say which")
    first, last = int(found[1]), int(found[2])
    total = _number(found[3])
    length = _number(headers.get("content-length", ""))
    if first != effect.offset or last < first:
        return Piece(wrong=f"the media host sent bytes from {first:,}, not from {effect.offset:,}")
    if (total is not None and last >= total) or length not in (None, last - first + 1):
        return Piece(wrong="the media host sent a part of a length that it cannot have")
    if _changed(effect.validator, headers):
        return Piece(wrong="the file has changed at the media host since its first part came")
    validator = effect.validator if effect.offset else _validator(headers)
    return Piece(effect.offset > 0, last - first + 1, total, validator)


class Sink:
    """The file that an answer is written to; hashed, measured and timed on the way.

    A stream that brings less than `LEAST_RATE` over `window` seconds is not read on.
    """

    def __init__(self, effect: Save, piece: Piece, window: float) -> None:
        self._piece = piece
        self._window = window
        self._left = piece.length
        self._since, self._bytes = time.monotonic(), 0
        self._digest = hashlib.sha256()
        self._failure, self._wrong, self._slow = "", "", False
        if not piece.append and effect.begun is not None:
            effect.begun(piece.validator, piece.total)
        self._file: IO[bytes] = effect.path.open("ab" if piece.append else "wb")

    def take(self, chunk: bytes) -> bool:
        """Write down what came; False when no more is wanted."""
        if self._left is not None:
            self._left -= len(chunk)
            if self._left < 0:
                self._wrong = "the media host sent more bytes than it had announced"
                return False
        self._digest.update(chunk)
        self._file.write(chunk)
        self._bytes += len(chunk)
        return self._beats()

    def _beats(self) -> bool:
        span = time.monotonic() - self._since
        if span < self._window:
            return True
        if self._bytes < LEAST_RATE * span:
            self._failure, self._slow = f"next to nothing came for {span:.0f} s", True
            return False
        self._since, self._bytes = self._since + span, 0
        return True

    def broke(self, failure: str) -> None:
        """The stream ended early."""
        self._failure = failure

    def saved(self, status: int) -> Saved:
        """What came of it."""
        good = not (self._piece.append or self._failure or self._wrong)
        return Saved(
            status,
            self._piece.total,
            failure=self._failure,
            sha256=self._digest.hexdigest() if good else None,
            validator=self._piece.validator,
            slow=self._slow,
            wrong=self._wrong,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


def _changed(validator: str, headers: Mapping[str, str]) -> bool:
    """Whether a part says by its own headers that it is of another file."""
    name = "etag" if validator.startswith('"') else "last-modified"
    said = headers.get(name, "").strip()
    return bool(validator and said and said != validator)


def _validator(headers: Mapping[str, str]) -> str:
    """What names this content exactly: a strong ETag, else the date of its last change."""
    etag = headers.get("etag", "").strip()
    if etag.startswith('"'):
        return etag
    return headers.get("last-modified", "").strip()


def _number(text: str) -> int | None:
    return int(text) if text.isdecimal() and len(text) <= 18 else None

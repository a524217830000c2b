"""Reading what came over the wire without trusting it: bounded in size, depth and numbers."""

from __future__ import annotations

import json
import zlib
from functools import cache
from math import isfinite
from typing import Any, cast

__all__ = ["MOST", "Intake", "NotWhole", "parse"]

MOST = 16 << 20
"""Bytes of an answer once unpacked; a list page of 500 tasks with the longest prompts has 4 MB."""

DEEPEST = 64
"""Levels of an answer's JSON; real ones have six."""

_PACKED = ("gzip", "x-gzip", "deflate")


class NotWhole(Exception):
    """An answer that is larger than any is, or packed wrongly."""


class Intake:
    """Puts an answer together from its pieces; raises `NotWhole` as soon as it is too much.

    `raw` tells whether it wants the pieces as they come, and unpacks them itself: a few kilobytes
    can unpack to a gigabyte. Other codings, which nobody asked for, the HTTP library has to read.
    """

    __slots__ = ("_parts", "_size", "_unpack", "raw")

    def __init__(self, coding: str | None) -> None:
        coding = (coding or "").strip().lower()
        # 47: the widest window, with the head of gzip or of zlib.
        self._unpack = zlib.decompressobj(47) if coding in _PACKED else None
        self.raw = self._unpack is not None or coding in ("", "identity")
        self._parts: list[bytes] = []
        self._size = 0

    def take(self, piece: bytes) -> None:
        """Add a piece."""
        if self._unpack is not None:
            try:
                # One byte more than there is room for, so that too much is seen.
                piece = self._unpack.decompress(piece, MOST - self._size + 1)
            except zlib.error as error:
                raise NotWhole(f"the answer is packed wrongly: {error}") from error
        self._size += len(piece)
        if self._size > MOST:
            raise NotWhole(f"the answer is larger than {MOST:,} bytes")
        self._parts.append(piece)

    def content(self) -> bytes:
        """All of it."""
        return self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)


def parse(content: bytes) -> Any:
    """JSON from outside, None when it is none.

    Numbers that are none (NaN, 1e999) are null. Halves of surrogate pairs, which come of texts that
    were cut off, and NUL are replaced: nothing that is written or shown could hold them.
    """
    try:
        text = content.decode(json.detect_encoding(content), "surrogatepass")
        value = _decoder().decode(text)
    except (ValueError, RecursionError):
        return None
    # Few brackets cannot be deep: hardly an answer is walked.
    if content.count(b"[") + content.count(b"{") > DEEPEST and _too_deep(value):
        return None
    # Where none of these is, nothing is to be replaced, and nothing is copied.
    odd = any(mark in content for mark in (b"\\ud", b"\\uD", b"\xed", b"\\u0000"))
    return _whole(value) if odd else value


@cache
def _decoder() -> json.JSONDecoder:
    return json.JSONDecoder(parse_float=_finite, parse_constant=lambda _: None)


def _finite(text: str) -> float | None:
    number = float(text)
    return number if isfinite(number) else None


def _too_deep(value: Any) -> bool:
    level: list[Any] = [value]
    for _ in range(DEEPEST):
        inner: list[Any] = []
        for node in level:
            if isinstance(node, dict):
                inner += cast("dict[str, Any]", node).values()
            elif isinstance(node, list):
                inner += cast("list[Any]", node)
        level = inner
    return bool(level)


def _whole(value: Any) -> Any:
    match value:
        case str():
            plain = value.replace("\0", "\ufffd")
            if plain.isascii():
                return plain
            # UTF-16 joins halves that belong together; only lone ones are replaced.
            return plain.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        case list():
            return [_whole(item) for item in cast("list[Any]", value)]
        case dict():
            fields = cast("dict[str, Any]", value)
            return {_whole(name): _whole(inner) for name, inner in fields.items()}
        case _:
            return value

"""A JSON body that streams its media: base64 made on the way out, nothing of it kept.

The length is known before the first byte, and the body can be sent as often as a retry needs.
"""

from __future__ import annotations

import binascii
import json
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Any, cast

from kling_core.media.item import Media

if TYPE_CHECKING:
    from typing import BinaryIO

__all__ = ["JSONBody"]

_STEP = 192 * 1024
"""Bytes read at a time: a multiple of 3, so that base64 pieces join; small ones cost more sends."""


class JSONBody:
    """JSON data in which a leaf may be a `Media`: its bytes go out as base64, its URL as text.

    Iterate it, plainly or with `async for`, as often as needed: each pass opens the media afresh.
    Raises `Unreadable` on the way when a file changed since it was read.
    """

    def __init__(self, tree: object) -> None:
        self._tree = tree
        self._parts = list(_joined(_pieces(tree)))
        self.length = sum(
            len(part) if isinstance(part, bytes) else _encoded(part) for part in self._parts
        )
        """The exact number of bytes that a pass yields, for `Content-Length`."""

    def __iter__(self) -> Iterator[bytes]:
        for part in self._parts:
            if isinstance(part, bytes):
                yield part
            else:
                yield from _base64(part)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        # A file is read in the loop: a tenth of a millisecond a piece is less than a thread costs.
        for part in self:
            yield part

    def __len__(self) -> int:
        return self.length

    def __repr__(self) -> str:
        return f"<JSONBody {self.length:,} bytes, {len(self.media())} media>"

    def preview(self) -> Any:
        """Return the data with each media as a short text, for dry runs and logs."""
        from kling_core.media.limits import describe

        return _mapped(self._tree, describe)

    def media(self) -> dict[str, Media]:
        """Return the media by their place in the body: `image`, `dynamic_masks[0].mask`."""
        return dict(_found(self._tree, ""))

    def digests(self) -> dict[str, str]:
        """Return the SHA-256 of each media that is sent as bytes, by its place in the body."""
        return {
            place: digest
            for place, media in self.media().items()
            if (digest := media.sha256()) is not None
        }


def _encoded(media: Media) -> int:
    return (cast("int", media.size) + 2) // 3 * 4


def _base64(media: Media) -> Iterator[bytes]:
    left = cast("int", media.size)
    with media.open() as stream:
        while left:
            step = min(_STEP, left)
            data = _take(stream, step)
            if len(data) < step:
                raise media.changed("became shorter while it was sent")
            left -= step
            yield binascii.b2a_base64(data, newline=False)


def _take(stream: BinaryIO, size: int) -> bytes:
    data = stream.read(size)
    # A stream may give less than is asked before its end.
    while len(data) < size and (more := stream.read(size - len(data))):
        data += more
    return data


def _pieces(node: object) -> Iterator[bytes | Media]:
    """Yield the body as JSON text and media, in order."""
    if isinstance(node, Media):
        if node.url is not None:
            yield _text(node.url)
        else:
            yield b'"'
            yield node
            yield b'"'
    elif isinstance(node, dict):
        comma = b"{"
        for key, value in cast("dict[str, object]", node).items():
            yield comma + _text(_checked(key)) + b":"
            yield from _pieces(value)
            comma = b","
        yield b"}" if node else b"{}"
    elif isinstance(node, (list, tuple)):
        comma = b"["
        for value in cast("list[object]", node):
            yield comma
            yield from _pieces(value)
            comma = b","
        yield b"]" if node else b"[]"
    else:
        yield _text(node)


def _checked(key: object) -> str:
    if not isinstance(key, str):
        raise TypeError(f"a JSON object's key must be text, not {type(key).__name__}")
    return key


def _text(value: object) -> bytes:
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False).encode()  # NaN is no JSON
    except UnicodeEncodeError:
        # Half a surrogate pair has no UTF-8; JSON can still say it as an escape.
        return json.dumps(value).encode()


def _joined(pieces: Iterator[bytes | Media]) -> Iterator[bytes | Media]:
    text: list[bytes] = []
    for piece in pieces:
        if isinstance(piece, bytes):
            text.append(piece)
        else:
            yield b"".join(text)
            yield piece
            text = []
    yield b"".join(text)


def _mapped(node: object, show: Any) -> Any:
    if isinstance(node, Media):
        return show(node)
    if isinstance(node, dict):
        items = cast("dict[str, object]", node).items()
        return {key: _mapped(value, show) for key, value in items}
    if isinstance(node, (list, tuple)):
        return [_mapped(value, show) for value in cast("list[object]", node)]
    return node


def _found(node: object, place: str) -> Iterator[tuple[str, Media]]:
    if isinstance(node, Media):
        yield place, node
    elif isinstance(node, dict):
        for key, value in cast("dict[str, object]", node).items():
            yield from _found(value, f"{place}.{key}" if place else key)
    elif isinstance(node, (list, tuple)):
        for index, value in enumerate(cast("list[object]", node)):
            yield from _found(value, f"{place}[{index}]")

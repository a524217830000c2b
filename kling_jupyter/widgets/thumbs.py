"""A small picture and a few words of each medium in a form."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING

from kling_core.media.inputs import ImageFacts, Unreadable, describe, facts

if TYPE_CHECKING:
    from kling_core.media.item import Media

__all__ = ["shown"]

_SIDE = 160
_MOST_PIXELS = 60_000_000
"""Larger pictures are described only: decoding one would hold up the form."""


def shown(media: Media) -> dict[str, str]:
    """`text` says what it is; `picture` is a data URI, or a URL that the page can show itself."""
    text = describe(media)[1:-1].removeprefix(f"{media.kind} ")
    if media.kind in ("audio", "video"):
        return {"text": text, "picture": ""}
    if media.url is not None:
        return {"text": text, "picture": media.url}
    if "thumb" not in media.memo:
        media.memo["thumb"] = _thumb(media)
    return {"text": text, "picture": str(media.memo["thumb"])}


def _thumb(media: Media) -> str:
    try:
        found = facts(media)
        if not isinstance(found, ImageFacts) or found.width * found.height > _MOST_PIXELS:
            return ""
        with media.open() as stream:
            return f"data:image/jpeg;base64,{base64.b64encode(_small(stream.read())).decode()}"
    except (OSError, ValueError, Unreadable):  # it is described all the same
        return ""


def _small(data: bytes) -> bytes:
    from PIL import Image, ImageOps

    with Image.open(io.BytesIO(data)) as image:
        image.draft("RGB", (2 * _SIDE, 2 * _SIDE))  # a JPEG decodes at a fraction of its size
        turned = ImageOps.exif_transpose(image)
        turned.thumbnail((_SIDE, _SIDE))
        buffer = io.BytesIO()
        turned.convert("RGB").save(buffer, "JPEG", quality=75)
    return buffer.getvalue()

"""Masks on their way between the canvas and Kling: packed bits there, PNG files here.

A canvas sends one bit a pixel, rows padded to whole bytes, compressed by zlib: a browser packs
that without a picture encoder, which may alter pixels to hide who is looking. A PNG made of it is
8-bit grey: white inside, black outside.
"""

from __future__ import annotations

import io
import zlib
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["Size", "is_blank", "packed", "png"]

Size = tuple[int, int]
"""Width and height in pixels."""

_INSIDE = 127
_TWO_VALUES = [255 * (value > _INSIDE) for value in range(256)]


@lru_cache(maxsize=32)
def png(data: bytes, size: Size) -> bytes:
    """The PNG of packed bits. Raises `ValueError` when they are not those of a mask this large."""
    picture = _picture(data, size).convert("L")
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


@lru_cache(maxsize=32)
def is_blank(data: bytes, size: Size) -> bool:
    """Whether nothing is painted. Raises `ValueError` as `png` does."""
    return not data or _picture(data, size).getbbox() is None


def packed(mask: Any, size: Size) -> bytes:
    """The packed bits of a mask given as any picture; white, or opaque, is inside.

    Raises `ValueError` when it is no picture, or not of this size.
    """
    from PIL import Image

    from kling_core.media.inputs import read

    with read(mask, "mask", field="mask").open() as stream, Image.open(stream) as picture:
        picture.load()
        if picture.size != size:
            found, wanted = (f"{w}x{h}" for w, h in (picture.size, size))
            raise ValueError(f"the mask is {found} px and the image {wanted}")
        grey = _grey(picture)
    return zlib.compress(grey.point(_TWO_VALUES).convert("1").tobytes())


def _grey(picture: Image) -> Image:
    if picture.has_transparency_data:
        opacity = picture.convert("RGBA").getchannel("A")
        if opacity.getextrema()[0] < _INSIDE:  # pyright: ignore[reportOperatorIssue]
            return opacity
    return picture.convert("L")


def _picture(data: bytes, size: Size) -> Image:
    from PIL import Image

    width, height = size
    length = (width + 7) // 8 * height
    reader = zlib.decompressobj()
    try:
        # One byte too many tells it, without unpacking whatever more there is.
        bits = reader.decompress(data, length + 1)
    except zlib.error as error:
        raise ValueError(f"these are no packed bits: {error}") from error
    if len(bits) != length or not reader.eof:
        raise ValueError(f"these are not the bits of a mask of {width}x{height} px")
    return Image.frombytes("1", size, bits)

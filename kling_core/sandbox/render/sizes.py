"""Pixel sizes: what a ratio, a mode and a quality come to."""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

from kling_core.sandbox.render.read import read_image

__all__ = ["Quality", "Size", "image_size", "size_like", "video_size"]

Quality = Literal["test", "std"]

_SHORT_SIDE = {"std": 360, "pro": 480, "4k": 720}
_TEST_SHORT_SIDE = 180
_LONG_SIDE = 1024
_TEST_LONG_SIDE = 256
_WIDEST = 2.5


class Size(NamedTuple):
    """Width and height in pixels."""

    width: int
    height: int

    def times(self, factor: float) -> Size:
        """The size made larger by `factor`, in even numbers."""
        return Size(round(self.width * factor / 2) * 2, round(self.height * factor / 2) * 2)


def video_size(aspect_ratio: str, mode: str = "std", quality: Quality = "std") -> Size:
    """The size of a clip: even numbers, the short side set by the mode.

    `std` is the 360p class, `pro` 480p and `4k` 720p: small stand-ins for the service's 720p,
    1080p and 2160p that keep their order. Quality `test` is 180p whatever the mode. Raises
    `ValueError` for a ratio that is not `W:H`.
    """
    across, down = _ratio(aspect_ratio)
    return _even(across / down, _short_side(mode, quality))


def image_size(aspect_ratio: str, resolution: str = "1k", quality: Quality = "std") -> Size:
    """The size of a still: the exact ratio, a long side near 1024 (test: 256); `2k` doubles it.

    Raises `ValueError` for a ratio that is not `W:H`.
    """
    across, down = _ratio(aspect_ratio)
    common = math.gcd(across, down)
    across, down = across // common, down // common
    long_side = _TEST_LONG_SIDE if quality == "test" else _LONG_SIDE
    units = max(1, round(long_side / max(across, down)))
    units *= 2 if resolution == "2k" else 1
    return Size(across * units, down * units)


def size_like(image: bytes, mode: str = "std", quality: Quality = "std") -> Size:
    """The size of a clip that starts from `image`: its ratio (at most 2.5:1), even numbers.

    Raises `BadMedia` when the image cannot be decoded.
    """
    width, height = read_image(image).size
    ratio = min(_WIDEST, max(1 / _WIDEST, width / height))
    return _even(ratio, _short_side(mode, quality))


def _ratio(text: str) -> tuple[int, int]:
    across, colon, down = text.partition(":")
    if not (colon and across.isdigit() and down.isdigit() and int(across) and int(down)):
        raise ValueError(f"an aspect ratio looks like 16:9; got {text!r}")
    return int(across), int(down)


def _short_side(mode: str, quality: Quality) -> int:
    return _TEST_SHORT_SIDE if quality == "test" else _SHORT_SIDE.get(mode, _SHORT_SIDE["std"])


def _even(ratio: float, short_side: int) -> Size:
    long_side = 2 * round(short_side * max(ratio, 1 / ratio) / 2)
    return Size(long_side, short_side) if ratio >= 1 else Size(short_side, long_side)

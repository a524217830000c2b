"""Pictures as YUV 4:2:0 planes, the form x264 takes: sampling, layering, dissolving.

No frame passes through RGB, which is what keeps a five second clip under half a second of CPU.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import av
import numpy as np
import numpy.typing as npt
from PIL import Image

__all__ = [
    "Box",
    "Layer",
    "Plane",
    "Planes",
    "blend",
    "dissolve",
    "place",
    "sample",
]

Plane = npt.NDArray[np.uint8]
Box = tuple[float, float, float, float]


class Planes(NamedTuple):
    """One picture: luma, and two chroma planes of half its width and height."""

    y: Plane
    u: Plane
    v: Plane

    @property
    def width(self) -> int:
        """Width in luma pixels; even."""
        return self.y.shape[1]

    @property
    def height(self) -> int:
        """Height in luma pixels; even."""
        return self.y.shape[0]

    @classmethod
    def of(cls, image: Image.Image) -> Planes:
        """The planes of an image (BT.601, limited range), cut to even numbers."""
        width, height = image.width // 2 * 2, image.height // 2 * 2
        if (width, height) != image.size:
            image = image.crop((0, 0, width, height))
        pixels = np.asarray(image.convert("RGB"))
        return cls.of_frame(av.VideoFrame.from_ndarray(pixels, format="rgb24"))

    @classmethod
    def of_frame(cls, frame: av.VideoFrame) -> Planes:
        """The planes of a decoded frame, as copies."""
        rows = frame.reformat(format="yuv420p").to_ndarray()
        stacked = rows.astype(np.uint8, copy=False).reshape(-1)
        width, height = frame.width // 2, frame.height // 2
        luma, chroma = 4 * width * height, width * height
        return cls(
            stacked[:luma].reshape(height * 2, width * 2),
            stacked[luma : luma + chroma].reshape(height, width),
            stacked[luma + chroma :].reshape(height, width),
        )

    def frame(self) -> av.VideoFrame:
        """These planes as a new frame for the encoder."""
        stacked = np.concatenate([plane.reshape(-1) for plane in self])
        return av.VideoFrame.from_ndarray(stacked.reshape(-1, self.width), format="yuv420p")

    def image(self) -> Image.Image:
        """These planes as an RGB image."""
        return Image.fromarray(self.frame().to_ndarray(format="rgb24").astype(np.uint8))

    def copy(self) -> Planes:
        """Planes of their own that may be drawn upon."""
        return Planes(*(plane.copy() for plane in self))


class Layer(NamedTuple):
    """A picture with transparency: colours multiplied by opacity, and what shines through."""

    colour: Planes
    clear: Planes

    @classmethod
    def of(cls, image: Image.Image) -> Layer:
        """The layer of an RGBA image, padded to even numbers."""
        width, height = (image.width + 1) // 2 * 2, (image.height + 1) // 2 * 2
        if (width, height) != image.size:
            image = image.crop((0, 0, width, height))
        return cls.masked(Planes.of(image), np.asarray(image.getchannel("A")))

    @classmethod
    def masked(cls, picture: Planes, alpha: Plane) -> Layer:
        """`picture` where `alpha` (0..255, of luma size) is high, nothing where it is zero."""
        wide = alpha.astype(np.uint16)
        half = (wide[::2, ::2] + wide[1::2, ::2] + wide[::2, 1::2] + wide[1::2, 1::2] + 2) >> 2
        alphas = (wide, half, half)
        colour = (_by_255(p * a) for p, a in zip(picture, alphas, strict=True))
        clear = ((255 - a).astype(np.uint8) for a in alphas)
        return cls(Planes(*colour), Planes(*clear))


def sample(picture: Planes, box: Box, width: int, height: int) -> Planes:
    """The part of `picture` inside `box` (luma pixels, left top right bottom), resized smoothly.

    Bilinear at sub-pixel positions; the box lies inside the picture. For many parts of one large
    picture, `Fine` is quicker.
    """
    half = (box[0] / 2, box[1] / 2, box[2] / 2, box[3] / 2)
    return Planes(
        _resample(picture.y, box, width, height),
        _resample(picture.u, half, width // 2, height // 2),
        _resample(picture.v, half, width // 2, height // 2),
    )


def blend(target: Planes, layer: Layer, x: int, y: int, opacity: float = 1.0) -> None:
    """Draw `layer` onto `target` with its top left corner at `x`, `y` (rounded to even)."""
    strength = round(max(0.0, min(1.0, opacity)) * 256)
    x, y = x // 2 * 2, y // 2 * 2
    for index, scale in enumerate((1, 2, 2)):
        _blend_plane(
            target[index], layer.colour[index], layer.clear[index], x // scale, y // scale, strength
        )


def place(target: Planes, layer: Layer, x: float, y: float, opacity: float = 1.0) -> None:
    """Like `blend`, at a sub-pixel position; the layer's outer two rows and columns are empty."""
    left, top = int(np.floor(x / 2)) * 2, int(np.floor(y / 2)) * 2
    width, height = layer.colour.width, layer.colour.height
    if left >= target.width or top >= target.height or left + width <= 0 or top + height <= 0:
        return
    shift_x, shift_y = x - left, y - top
    box = (2 - shift_x, 2 - shift_y, width - shift_x, height - shift_y)
    colour = sample(layer.colour, box, width - 2, height - 2)
    clear = sample(layer.clear, box, width - 2, height - 2)
    blend(target, Layer(colour, clear), left + 2, top + 2, opacity)


def dissolve(one: Planes, other: Planes, share: float) -> Planes:
    """A mix: `one` at share 0, exactly `other` at share 1."""
    weight = np.uint16(round(max(0.0, min(1.0, share)) * 256))
    rest = np.uint16(256 - weight)
    mixed = ((a * rest + b * weight) >> 8 for a, b in zip(one, other, strict=True))
    return Planes(*(plane.astype(np.uint8) for plane in mixed))


def _resample(plane: Plane, box: Box, width: int, height: int) -> Plane:
    rows, columns = plane.shape
    inside = (max(0.0, box[0]), max(0.0, box[1]), min(columns, box[2]), min(rows, box[3]))
    image = Image.fromarray(plane)
    return np.array(image.resize((width, height), Image.Resampling.BILINEAR, box=inside))


def _blend_plane(target: Plane, colour: Plane, clear: Plane, x: int, y: int, strength: int) -> None:
    left, top = max(0, x), max(0, y)
    right = min(target.shape[1], x + colour.shape[1])
    bottom = min(target.shape[0], y + colour.shape[0])
    if right <= left or bottom <= top:
        return
    part = (slice(top - y, bottom - y), slice(left - x, right - x))
    area = target[top:bottom, left:right]
    ink = colour[part].astype(np.uint16)
    through = clear[part].astype(np.uint16)
    if strength < 256:
        ink = (ink * np.uint16(strength)) >> 8
        through = 255 - (((255 - through) * np.uint16(strength)) >> 8)
    area[...] = np.minimum(ink + _by_255(area * through), 255)


def _by_255(product: npt.NDArray[np.integer[Any]]) -> Plane:
    """A product of two bytes, divided by 255 and rounded."""
    # Exact for every product of two bytes, and no division.
    rounded = product + np.uint16(128)
    return ((rounded + (rounded >> 8)) >> 8).astype(np.uint8)

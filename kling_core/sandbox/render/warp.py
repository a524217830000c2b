"""Pictures enlarged once, so that any part of them, straight or bent, is one gather a frame."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image

from kling_core.sandbox.render.planes import Box, Layer, Plane, Planes

__all__ = ["NET", "Fine", "FineLayer", "Floats", "net"]

Floats = npt.NDArray[np.float32]

NET = 18
"""Cells across and down a net; a net has one knot more than cells each way."""

_FINER = 4


class Fine:
    """A picture kept at four times its size: the nearest pixel is within an eighth of one."""

    def __init__(self, picture: Planes) -> None:
        self._planes = [_enlarged(plane) for plane in picture]

    def part(self, box: Box, width: int, height: int) -> Planes:
        """A frame of this size that shows `box` (luma pixels: left, top, right, bottom)."""
        half = (box[0] / 2, box[1] / 2, box[2] / 2, box[3] / 2)
        luma, u, v = self._planes
        return Planes(
            _cut(luma, box, width, height),
            _cut(u, half, width // 2, height // 2),
            _cut(v, half, width // 2, height // 2),
        )

    def bent(self, x: Floats, y: Floats, width: int, height: int) -> Planes:
        """A frame of this size whose knots show the picture at `x`, `y` (0..1 each)."""
        luma, u, v = self._planes
        here = _gathering(luma.shape, x, y, width, height)
        there = _gathering(u.shape, x, y, width // 2, height // 2)
        flat = (plane.reshape(-1) for plane in (luma, u, v))
        taken = (p.take(at, mode="clip") for p, at in zip(flat, (here, there, there), strict=True))
        return Planes(*taken)


class FineLayer:
    """A layer kept at four times its size."""

    def __init__(self, layer: Layer) -> None:
        self._colour = Fine(layer.colour)
        self._clear = _enlarged(layer.clear.y)

    def part(self, box: Box, width: int, height: int) -> Layer:
        """A layer of this size that shows `box` (luma pixels: left, top, right, bottom)."""
        clear = _cut(self._clear, box, width, height)
        halved = clear[::2, ::2]
        return Layer(self._colour.part(box, width, height), Planes(clear, halved, halved))


def net() -> tuple[Floats, Floats]:
    """The knots of an even net as x and y in 0..1."""
    at = np.linspace(0, 1, NET + 1, dtype=np.float32)
    x, y = np.meshgrid(at, at)
    return x, y


def _enlarged(plane: Plane) -> Plane:
    image = Image.fromarray(plane)
    size = (image.width * _FINER, image.height * _FINER)
    return np.asarray(image.resize(size, Image.Resampling.BILINEAR))


def _cut(plane: Plane, box: Box, width: int, height: int) -> Plane:
    rows, columns = plane.shape
    across = _pixels(box[0], box[2], width, columns)
    down = _pixels(box[1], box[3], height, rows)
    # Nothing is out of range; `clip` only spares the look at each index.
    return plane.take(down, 0, mode="clip").take(across, 1, mode="clip")


def _pixels(start: float, stop: float, count: int, limit: int) -> npt.NDArray[np.intp]:
    step = (stop - start) / count
    at = (start + step / 2 + step * np.arange(count)) * _FINER
    return np.clip(at, 0, limit - 1).astype(np.intp)


def _gathering(
    shape: tuple[int, ...], x: Floats, y: Floats, width: int, height: int
) -> npt.NDArray[np.intp]:
    """For each pixel of the frame, where it lies in a flat plane of this shape."""
    rows, columns = shape
    at_x = _between_knots(np.clip(x * columns, 0, columns - 1), width, height)
    at_y = _between_knots(np.clip(y * rows, 0, rows - 1), width, height)
    at = at_y.astype(np.intp)
    at *= columns
    at += at_x.astype(np.intp)
    return at


def _between_knots(values: Floats, width: int, height: int) -> Floats:
    """A value for each pixel, on straight lines between those of the knots."""
    knots = Image.fromarray(values)
    box = (0.5, 0.5, NET + 0.5, NET + 0.5)
    pixels = knots.resize((width, height), Image.Resampling.BILINEAR, box=box)
    return np.asarray(pixels, np.float32)

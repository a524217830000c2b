"""The motion brush: regions of an image that travel along drawn paths, and one that stays."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from kling_core.sandbox.render.motion import ease
from kling_core.sandbox.render.planes import Layer, Plane, Planes, blend, place
from kling_core.sandbox.render.read import cover, cover_box, read_image
from kling_core.sandbox.render.sizes import Size

__all__ = ["Brush", "Mask"]

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Mask:
    """A region and its way: an image that is white (or opaque) inside the region, and the points
    of the way in pixels of the input image, the origin at its bottom left corner.
    """

    mask: bytes
    points: Sequence[tuple[float, float]]


class Brush:
    """The image taken apart: what stays behind, what travels, what holds still on top."""

    def __init__(
        self, image: Image.Image, size: Size, masks: Sequence[Mask], static_mask: bytes | None
    ) -> None:
        left, _, right, _ = cover_box(image.size, *size)
        scale = size.width / (right - left)
        flat = cover(image, *size)
        picture = Planes.of(flat)
        areas = [_area(mask.mask, size) for mask in masks]
        self.background = Planes.of(_filled(flat, areas)) if areas else picture
        self._pieces = [
            _Piece(picture, area, _scaled(mask.points, scale))
            for mask, area in zip(masks, areas, strict=True)
        ]
        held = _area(static_mask, size) if static_mask else None
        self._held = Layer.masked(picture, held) if held is not None else None

    def draw(self, frame: Planes, t: float) -> None:
        """Draw the travelling regions, then the held one, as they are at share `t` of the clip."""
        for piece in self._pieces:
            piece.draw(frame, t)
        if self._held is not None:
            blend(frame, self._held, 0, 0)


class _Piece:
    """One region, cut out with soft edges, and its path in pixels of the frame."""

    def __init__(self, picture: Planes, area: Plane, path: Sequence[tuple[float, float]]) -> None:
        rows, columns = np.nonzero(area)
        self._path = path
        self._layer: Layer | None = None
        if not rows.size:
            return
        # Even, as chroma has one value for two pixels.
        self._left, self._top = int(columns.min()) // 2 * 2, int(rows.min()) // 2 * 2
        right, bottom = int(columns.max()) // 2 * 2 + 2, int(rows.max()) // 2 * 2 + 2
        luma = (slice(self._top, bottom), slice(self._left, right))
        chroma = (slice(self._top // 2, bottom // 2), slice(self._left // 2, right // 2))
        part = Planes(picture.y[luma], picture.u[chroma], picture.v[chroma])
        self._layer = Layer.masked(_padded(part), np.pad(area[luma], ((4, 4), (4, 4))))

    def draw(self, frame: Planes, t: float) -> None:
        if self._layer is None:
            return
        dx, dy = _along(self._path, ease(t))
        place(frame, self._layer, self._left - 4 + dx, self._top - 4 + dy)


def _padded(part: Planes) -> Planes:
    """The piece with the empty margin that `place` wants around it."""
    return Planes(np.pad(part.y, 4, "edge"), np.pad(part.u, 2, "edge"), np.pad(part.v, 2, "edge"))


def _area(data: bytes, size: Size) -> Plane:
    """The region of a mask at the frame's size, 0..255, with a soft edge."""
    image = read_image(data)
    region = image.convert("L")
    if image.mode == "RGBA" and np.asarray(image.getchannel("A")).min() < 255:
        region = image.getchannel("A")
    shaped = cover(region.convert("RGB"), *size).convert("L")
    inside = (np.asarray(shaped) > 127).astype(np.uint8) * 255
    return np.asarray(Image.fromarray(inside).filter(ImageFilter.GaussianBlur(0.8)))


def _filled(image: Image.Image, areas: Sequence[Plane]) -> Image.Image:
    """The image with its regions filled from what surrounds them."""
    region = np.max(np.stack(areas), axis=0)
    hole = Image.fromarray(region).filter(ImageFilter.MaxFilter(5))
    keep: Floats = np.float32(1) - np.asarray(hole, np.float32) / np.float32(255)
    pixels = np.asarray(image, np.float32)
    total, weight = pixels * 0, keep[..., None] * 0
    for radius in (4, 12, 40, 120):
        spread = _blurred(keep, radius)[..., None]
        planes = [_blurred(pixels[..., c] * keep, radius) for c in range(3)]
        colours = np.stack(planes, 2)
        share = np.clip(spread * 8, 0, 1) * (1 - weight)
        total += share * colours / np.maximum(spread, 1e-4)
        weight += share
    inside = total / np.maximum(weight, 1e-4)
    mixed = pixels * keep[..., None] + inside * (1 - keep[..., None])
    return Image.fromarray(np.clip(mixed, 0, 255).astype(np.uint8))


def _blurred(values: Floats, radius: int) -> Floats:
    """The values averaged over about this many pixels."""
    image = Image.fromarray(values.astype(np.float32))
    small = (max(1, image.width // radius), max(1, image.height // radius))
    rough = image.resize(small, Image.Resampling.BOX)
    return np.asarray(rough.resize(image.size, Image.Resampling.BILINEAR))


def _scaled(points: Sequence[tuple[float, float]], scale: float) -> list[tuple[float, float]]:
    """The path as shifts from its first point, in frame pixels with y downwards."""
    if not points:
        return [(0.0, 0.0)]
    first_x, first_y = points[0]
    return [((x - first_x) * scale, (first_y - y) * scale) for x, y in points]


def _along(path: Sequence[tuple[float, float]], share: float) -> tuple[float, float]:
    """The point at this share of the path's length."""
    steps = [math.dist(a, b) for a, b in pairwise(path)]
    left = sum(steps) * share
    for ((ax, ay), (bx, by)), step in zip(pairwise(path), steps, strict=True):
        if step and left <= step:
            return ax + (bx - ax) * left / step, ay + (by - ay) * left / step
        left -= step
    return path[-1]

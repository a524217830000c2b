"""What moves of its own in a scene: weather, birds, a boat, a shooting star."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from kling_core.sandbox.render.planes import Layer, Planes, place

__all__ = ["Actor", "traveller", "weather"]

Actor = Callable[[Planes, float], None]
"""Draws itself onto a frame at a time given in seconds."""

_SMOOTH = 4  # drawn so much larger and shrunk: Pillow draws no soft edges


def weather(kind: str, width: int, height: int, seed: int) -> Actor | None:
    """Fireflies, snow, rain or petals for frames of this size; None for `clear`."""
    rng = random.Random(seed)
    unit = min(width, height) / 360
    if kind == "rain":
        return _falling(rng, 60, _streak(unit), (0.05, 1.3), 0.0, width, height)
    if kind == "snow":
        return _falling(rng, 46, _dot(2.6 * unit, 235), (0.02, 0.16), 0.03, width, height)
    if kind == "petals":
        return _falling(rng, 30, _dot(3.4 * unit, 200), (0.05, 0.13), 0.05, width, height)
    if kind == "fireflies":
        return _falling(rng, 26, _dot(3.2 * unit, 200), (0.01, -0.06), 0.03, width, height, True)
    return None


def traveller(kind: str, width: int, height: int, water: float | None, seed: int) -> Actor:
    """Birds, a boat on the water or a shooting star, crossing frames of this size."""
    rng = random.Random(seed)
    if kind == "boat":
        return _boat(rng, width, height, water or 0.7)
    if kind == "star":
        return _star(rng, width, height)
    return _birds(rng, width, height)


def _falling(
    rng: random.Random,
    count: int,
    sprite: npt.NDArray[np.uint8],
    speed: tuple[float, float],
    sway: float,
    width: int,
    height: int,
    twinkle: bool = False,
) -> Actor:
    """`count` specks of light that drift with `speed` (shares of the frame a second)."""
    drops = [
        (rng.random(), rng.random(), rng.uniform(0.6, 1.4), rng.uniform(0, 6.28))
        for _ in range(count)
    ]
    rows, columns = sprite.shape
    strengths = [(sprite * (step / 8)).astype(np.uint8) for step in range(9)]

    def draw(frame: Planes, seconds: float) -> None:
        for first_x, first_y, pace, phase in drops:
            x = first_x + speed[0] * pace * seconds + sway * math.sin(phase + seconds * 1.4)
            y = first_y + speed[1] * pace * seconds
            left = int((x % 1) * (width - columns))
            top = int((y % 1) * (height - rows))
            glow = 0.55 + 0.45 * math.sin(phase + 2.4 * seconds) if twinkle else pace / 1.4
            spot = frame.y[top : top + rows, left : left + columns]
            light = strengths[round(8 * glow)]
            # 235 is white here, and a byte that runs over comes out black.
            spot += np.minimum(light, 235 - np.minimum(spot, 235))

    return draw


def _dot(radius: float, light: int) -> npt.NDArray[np.uint8]:
    reach = math.ceil(radius)
    at = np.arange(-reach, reach + 1)
    away = np.hypot(at[:, None], at[None, :])
    return (light * np.clip(1.25 - away / radius, 0, 1) ** 1.3).astype(np.uint8)


def _streak(unit: float) -> npt.NDArray[np.uint8]:
    long = max(6, round(13 * unit))
    fade = np.linspace(10, 90, long)[:, None]
    return np.repeat(fade, max(1, round(unit)), 1).astype(np.uint8)


def _birds(rng: random.Random, width: int, height: int) -> Actor:
    wings = [_bird(round(height * 0.045), lift) for lift in (0.9, 0.45, 0.0, -0.35)]
    beat = (0, 1, 2, 3, 2, 1)
    start, level = rng.uniform(-0.15, 0.3), rng.uniform(0.12, 0.3)
    way = rng.choice((1, -1))
    flock = [(rng.uniform(0, 0.16), rng.uniform(-0.06, 0.06), rng.random()) for _ in range(4)]

    def draw(frame: Planes, seconds: float) -> None:
        for behind, above, phase in flock:
            x = start + 0.085 * seconds - behind
            y = level + above + 0.012 * math.sin(seconds * 1.3 + phase * 6)
            wing = wings[beat[int(seconds * 9 + phase * 6) % len(beat)]]
            across = x if way > 0 else 1 - x
            place(frame, wing, across * width, y * height)

    return draw


def _bird(size: int, lift: float) -> Layer:
    big = Image.new("RGBA", (size * _SMOOTH, size * _SMOOTH), (18, 20, 34, 0))
    draw = ImageDraw.Draw(big)
    wide, middle = big.width * 0.86, big.height * 0.5
    tip = middle - lift * big.height * 0.3
    for near, far in ((0.5, 0.04), (0.5, 0.96)):
        elbow = (wide * (near + far) / 2, (middle + tip) / 2 - big.height * 0.1)
        points = [(wide * near, middle), elbow, (wide * far, tip)]
        draw.line(points, fill=(18, 20, 34, 235), width=round(_SMOOTH * 1.6), joint="curve")
    return Layer.of(_shrunk(big))


def _boat(rng: random.Random, width: int, height: int, water: float) -> Actor:
    size = round(height * 0.15)
    big = Image.new("RGBA", (size * _SMOOTH, size * _SMOOTH), (250, 248, 240, 0))
    draw = ImageDraw.Draw(big)

    def points(*pairs: tuple[float, float]) -> list[tuple[float, float]]:
        return [(x * big.width, y * big.height) for x, y in pairs]

    draw.polygon(points((0.47, 0.08), (0.47, 0.66), (0.14, 0.66)), fill=(250, 248, 240, 255))
    draw.polygon(points((0.52, 0.2), (0.52, 0.66), (0.76, 0.66)), fill=(228, 222, 214, 255))
    hull = points((0.04, 0.7), (0.9, 0.7), (0.74, 0.88), (0.2, 0.88))
    draw.polygon(hull, fill=(186, 62, 52, 255))
    layer = Layer.of(_shrunk(big))
    start, way = rng.uniform(0.1, 0.45), rng.choice((1, -1))
    line = height * (water + 0.07) - size * 0.85

    def draw_boat(frame: Planes, seconds: float) -> None:
        x = start + 0.045 * seconds
        bob = math.sin(seconds * 2.1) * size * 0.05
        place(frame, layer, (x if way > 0 else 0.9 - x) * width, line + bob)

    return draw_boat


def _star(rng: random.Random, width: int, height: int) -> Actor:
    """A shooting star about every three seconds."""
    first, x, y = rng.uniform(0.4, 1.4), rng.uniform(0.1, 0.6), rng.uniform(0.06, 0.2)
    tail = [_dot(max(1.2, height / 360 * (2.6 - 0.2 * i)), 235 - 22 * i) for i in range(9)]

    def draw(frame: Planes, seconds: float) -> None:
        turn, moment = divmod(seconds - first, 3.0)
        if moment > 0.7 or turn < 0:
            return
        for index, dot in enumerate(tail):
            along = moment * 0.5 - index * 0.008
            left = int(((x + turn * 0.17) % 0.7 + along) * width)
            top = int((y + along * 0.45) * height)
            rows, columns = dot.shape
            if along < 0 or left + columns > width or top + rows > height:
                continue
            spot = frame.y[top : top + rows, left : left + columns]
            spot += np.minimum((dot * (1 - moment / 0.7)).astype(np.uint8), 235 - spot.clip(0, 235))

    return draw


def _shrunk(big: Image.Image) -> Image.Image:
    """The drawing at its own size with soft edges and the empty margin that `place` wants."""
    size = (big.width // _SMOOTH, big.height // _SMOOTH)
    small = big.resize(size, Image.Resampling.BOX)
    return small.crop((-2, -2, size[0] + 4, size[1] + 4))

"""Video effects: families of moves and light, one of which each effect scene is played with."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from kling_core.sandbox.render.actors import weather
from kling_core.sandbox.render.encode import frame_count, write_clip
from kling_core.sandbox.render.errors import never
from kling_core.sandbox.render.motion import Lens, View, ease
from kling_core.sandbox.render.planes import Layer, Planes, blend, dissolve
from kling_core.sandbox.render.read import cover, read_image
from kling_core.sandbox.render.scenes import seed_of
from kling_core.sandbox.render.sizes import Size
from kling_core.sandbox.render.warp import Fine, net

__all__ = ["FAMILIES", "effect", "family_of"]

Moment = Callable[[float], Planes]
Field = npt.NDArray[np.floating[Any]]
Bend = Callable[[Field, Field, float], tuple[Field, Field]]


def effect(
    path: Path,
    *,
    scene: str,
    images: Sequence[bytes],
    size: Size,
    seconds: float = 5.0,
    fps: int = 24,
    cancelled: Callable[[], bool] = never,
) -> None:
    """The image played with an effect; two images stand side by side.

    The family of the effect follows from the scene's name: by a word in it (`squish`, `fireworks`,
    `dance` ...) or by its hash. Raises `BadMedia`, `Cancelled`, and `ValueError` for no images.
    """
    if not images:
        raise ValueError("effect needs at least one image")
    picture = Planes.of(_side_by_side(images, size))
    moment = FAMILIES[family_of(scene)](picture, random.Random(seed_of(scene)))
    total = frame_count(seconds, fps)

    def frames() -> Iterator[Planes]:
        for index in range(total):
            yield moment(index / max(1, total - 1))

    write_clip(path, frames(), fps=fps, cancelled=cancelled)


def family_of(scene: str) -> str:
    """The name of the family that plays this scene."""
    for words, family in _WORDS.items():
        if any(word in scene.lower() for word in words.split()):
            return family
    names = sorted(FAMILIES)
    return names[seed_of("effect", scene) % len(names)]


def _side_by_side(images: Sequence[bytes], size: Size) -> Image.Image:
    """One picture of this size with the images next to each other, left to right."""
    whole = Image.new("RGB", size)
    edges = [round(size.width * i / len(images)) for i in range(len(images) + 1)]
    for data, left, right in zip(images, edges, edges[1:], strict=False):
        whole.paste(cover(read_image(data), right - left, size.height), (left, 0))
    return whole


def _bent(bend: Bend) -> Callable[[Planes, random.Random], Moment]:
    """A family that bends the picture as rubber: `bend` maps target to source, both in -1..1."""

    def family(picture: Planes, rng: random.Random) -> Moment:
        del rng
        rubber = Fine(picture)
        grid_x, grid_y = (2 * knots - 1 for knots in net())

        def moment(t: float) -> Planes:
            x, y = (np.clip(v / 2 + 0.5, 0, 1) for v in bend(grid_x, grid_y, t))
            return rubber.bent(
                x.astype(np.float32), y.astype(np.float32), picture.width, picture.height
            )

        return moment

    return family


def _squish(x: Field, y: Field, t: float) -> tuple[Field, Field]:
    """Pressed flat like a soft toy, again and again, springing back."""
    press = 0.42 * abs(math.sin(math.pi * 2.5 * t)) ** 1.5 * min(1, 8 * (1 - t))
    near = np.exp(-(x**2) * 1.4)
    low = y * (1 + press * 1.7 * near) - press * 1.5 * near * (1 - (y + 1) / 2)
    wide = x * (1 - press * 0.55 * np.exp(-((y - 0.3) ** 2)))
    return wide, low


def _swirl(x: Field, y: Field, t: float) -> tuple[Field, Field]:
    angle = 3.4 * math.sin(math.pi * t) ** 2 * np.clip(1 - np.hypot(x, y), 0, 1) ** 1.5
    return x * np.cos(angle) - y * np.sin(angle), x * np.sin(angle) + y * np.cos(angle)


def _bulge(x: Field, y: Field, t: float) -> tuple[Field, Field]:
    """Blown up like a balloon that breathes."""
    swell = 0.62 * math.sin(math.pi * 3 * t) ** 2
    share = 1 - swell * np.exp(-(x**2 + y**2) * 2.2)
    return x * share, y * share


def _sway(x: Field, y: Field, t: float) -> tuple[Field, Field]:
    """A dance: the feet stay, the hips and the head swing to a beat."""
    free = np.clip((1 - y) / 2, 0, 1)
    beat = math.sin(2 * math.pi * 4 * t)
    shift = 0.3 * beat * free * np.sin(2.4 * free + 0.4)
    hop = 0.06 * abs(math.sin(2 * math.pi * 4 * t)) * free
    return x + shift * (1 - np.abs(x) ** 3), y + hop * (1 - np.abs(y) ** 3)


def _wave(x: Field, y: Field, t: float) -> tuple[Field, Field]:
    """Seen through running water."""
    strength = 0.05 * math.sin(math.pi * t) ** 0.5
    return (
        x + strength * np.sin(9 * y + 22 * t) * (1 - np.abs(x) ** 4),
        y + strength * np.sin(8 * x + 19 * t) * (1 - np.abs(y) ** 4),
    )


def _roll(picture: Planes, rng: random.Random) -> Moment:
    """A whole turn around, nearer in the middle of it."""
    lens = Lens(picture, picture.width, picture.height, turning=True)
    way = rng.choice((1, -1))

    def moment(t: float) -> Planes:
        turn = 360 * ease(t) * way
        zoom = 1 + 0.75 * math.sin(math.pi * t)
        return lens.look(View(zoom=zoom, roll=turn))

    return moment


def _confetti(picture: Planes, rng: random.Random) -> Moment:
    """Paper in all colours bursts up and rains down."""
    colours = ((240, 70, 90), (255, 196, 60), (80, 200, 120), (70, 140, 250), (190, 90, 230))
    lens = Lens(picture, picture.width, picture.height)
    long = max(4, picture.height // 42)
    scraps = [
        Layer.of(_scrap(colour, long, turn)) for colour in colours for turn in (0, 40, 80, 130)
    ]
    flight = [
        (rng.random(), rng.uniform(0.75, 1.25), rng.uniform(-0.2, 0.2), rng.randrange(5))
        for _ in range(48)
    ]

    def moment(t: float) -> Planes:
        frame = lens.look(View(1 + 0.08 * ease(t)))
        for index, (x, pace, side, colour) in enumerate(flight):
            clock = t * 1.9 * pace - 0.75 * (index % 7) / 7
            if clock < 0:
                continue
            y = 1.05 - 2.3 * clock + 1.9 * clock**2
            scrap = scraps[colour * 4 + int(clock * 14 + index) % 4]
            blend(
                frame,
                scrap,
                int((x + side * clock) % 1 * picture.width),
                int(y * picture.height),
            )
        return frame

    return moment


def _scrap(colour: tuple[int, int, int], long: int, turn: int) -> Image.Image:
    big = Image.new("RGBA", (long * 8, long * 8), (*colour, 0))
    big.paste((*colour, 255), (long, long * 2, long * 7, long * 5))
    turned = big.rotate(turn, Image.Resampling.BICUBIC, fillcolor=(*colour, 0))
    small = turned.resize((long * 2, long * 2), Image.Resampling.BOX)
    scrap = Image.new("RGBA", (long * 2 + 6, long * 2 + 6), (*colour, 0))
    scrap.paste(small, (2, 2))
    return scrap


def _glow(picture: Planes, rng: random.Random) -> Moment:
    """Warm light wells up from the middle in pulses."""
    height, width = picture.y.shape
    down, across = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    halo = np.exp(-(across**2 + down**2) * 1.6)
    bright = picture.y + (235 - picture.y) * halo * 0.85
    warm = (104 - 30 * halo[::2, ::2], 150 + 30 * halo[::2, ::2])
    lit = Planes(*(plane.astype(np.uint8) for plane in (bright, *warm)))
    sparks = weather("fireflies", width, height, rng.getrandbits(32))

    def moment(t: float) -> Planes:
        pulse = ease(min(1, t * 3)) * (0.55 + 0.4 * math.sin(2 * math.pi * 3 * t))
        frame = dissolve(picture, lit, pulse)
        if sparks:
            sparks(frame, t * 5)
        return frame

    return moment


def _seasons(picture: Planes, rng: random.Random) -> Moment:
    """Day turns into night while snow begins to fall."""
    night = Planes(
        (16 + (picture.y.astype(np.float32) - 16) * 0.38).astype(np.uint8),
        np.clip(picture.u * 0.4 + 95, 0, 255).astype(np.uint8),
        np.clip(picture.v * 0.4 + 67, 0, 255).astype(np.uint8),
    )
    snow = weather("snow", picture.width, picture.height, rng.getrandbits(32))

    def moment(t: float) -> Planes:
        frame = dissolve(picture, night, ease((t - 0.1) / 0.6))
        if snow and t > 0.25:
            snow(frame, t * 5)
        return frame

    return moment


FAMILIES: dict[str, Callable[[Planes, random.Random], Moment]] = {
    "squish": _bent(_squish),
    "swirl": _bent(_swirl),
    "bulge": _bent(_bulge),
    "sway": _bent(_sway),
    "wave": _bent(_wave),
    "roll": _roll,
    "confetti": _confetti,
    "glow": _glow,
    "seasons": _seasons,
}
"""Each family by name: from the picture and a random source to the picture at share `t`."""

_WORDS = {
    "squish jelly bouncy": "squish",
    "dance sway twist swag shake samba shrug groove disco": "sway",
    "bloom expansion fuzzy balloon inflate chubby pet": "bulge",
    "birthday firework confetti celebrat champagne party prosperity fortune": "confetti",
    "swirl teleport magic witch vampire": "swirl",
    "360 roll spin flip rocket": "roll",
    "night christmas santa snow winter frost": "seasons",
    "surf diving splash sailing fish": "wave",
    "glow spark light lantern star hug kiss heart wing": "glow",
}

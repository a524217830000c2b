"""Landscapes out of a prompt: a mood, a land and a weather, chosen by its words and its hash."""

from __future__ import annotations

import colorsys
import hashlib
import random
import re
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

__all__ = ["Landscape", "paint", "seed_of"]

Rgb = tuple[float, float, float]
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Landscape:
    """A painted scene: what is far (RGB), what is near (RGBA), and what moves in it.

    `water` is the share of the height below which the far picture is water, or None; `weather` is
    `fireflies`, `snow`, `rain`, `petals` or `clear`; `traveller` is `birds`, `boat` or `star`.
    """

    far: Image.Image
    near: Image.Image
    water: float | None
    weather: str
    traveller: str


@dataclass(frozen=True)
class _Mood:
    top: Rgb
    middle: Rgb
    low: Rgb
    far_land: Rgb
    near_land: Rgb
    light: Rgb
    dark: bool = False


_MOODS = {
    "dawn": _Mood(
        (86, 112, 176), (238, 168, 164), (255, 224, 178), (150, 124, 160), (58, 50, 92),
        (255, 244, 214),
    ),
    "day": _Mood(
        (52, 126, 208), (132, 190, 238), (226, 240, 248), (134, 176, 172), (34, 88, 66),
        (255, 252, 236),
    ),
    "dusk": _Mood(
        (48, 30, 92), (202, 80, 110), (255, 182, 92), (128, 60, 108), (30, 16, 48),
        (255, 230, 160),
    ),
    "night": _Mood(
        (8, 12, 42), (26, 42, 96), (74, 90, 152), (44, 58, 108), (9, 12, 30),
        (232, 238, 255), dark=True,
    ),
    "aurora": _Mood(
        (6, 18, 44), (14, 72, 88), (86, 150, 140), (30, 70, 92), (6, 18, 30),
        (220, 255, 240), dark=True,
    ),
}  # fmt: skip
_LANDS = ("hills", "mountains", "dunes", "city", "sea")
_WEATHERS = ("fireflies", "fireflies", "snow", "rain", "petals", "clear")

_HINTS: dict[str, dict[str, str]] = {
    "mood": {
        "dawn": "dawn sunrise morning blossom cherry spring 晨 日出 早 樱",
        "day": "day noon sunny summer garden flower meadow winter 白天 晴 夏 花",
        "dusk": "dusk sunset evening autumn 黄昏 夕 日落 秋",
        "night": "night moon midnight star neon dark 夜 月 星",
        "aurora": "aurora arctic magic space 极光 太空",
    },
    "land": {
        "hills": "hill field meadow forest farm garden grass village 草 田 林 村",
        "mountains": "mountain peak alps cliff valley everest 山 峰",
        "dunes": "desert dune sand camel sahara 沙",
        "city": "city street tower skyline town tokyo car robot 城 街 楼",
        "sea": "sea ocean boat ship lake river water beach wave lighthouse fish 海 湖 船 河 鱼",
    },
    "weather": {
        "snow": "snow winter ice blizzard christmas 雪 冬",
        "rain": "rain storm thunder 雨",
        "petals": "petal blossom flower spring sakura cherry 花 春",
        "fireflies": "firefly magic forest dust 萤",
    },
}


def seed_of(*words: object) -> int:
    """A number of 64 bits that depends on each of `words`, the same in every process."""
    text = "\x1f".join(str(word) for word in words)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")


def paint(prompt: str, width: int, height: int, seed: int) -> Landscape:
    """The landscape of `prompt` at this size; its words steer it, `seed` decides the rest."""
    rng = random.Random(seed)
    mood_name = _hinted("mood", prompt) or rng.choice(tuple(_MOODS))
    land = _hinted("land", prompt) or rng.choice(_LANDS)
    weather = _hinted("weather", prompt) or rng.choice(_WEATHERS)
    mood = _tinted(_MOODS[mood_name], rng.uniform(-0.07, 0.07))
    canvas = _Canvas(width, height, rng, mood)
    horizon = 0.56 if land == "sea" else 0.7
    canvas.sky(horizon, aurora=mood_name == "aurora")
    _LAND_PAINTERS[land](canvas)
    water = None
    if land == "sea" or (land in ("hills", "mountains") and rng.random() < 0.5):
        water = 0.6 if land == "sea" else 0.72
        canvas.water(water)
    near = canvas.near(land)
    traveller = "boat" if water and land == "sea" else ("star" if mood.dark else "birds")
    return Landscape(canvas.image(), near, water, weather, traveller)


def _hinted(kind: str, prompt: str) -> str | None:
    text = prompt.lower()
    words = {word.rstrip("s") for word in re.findall(r"[a-z]+", text)}
    for value, hints in _HINTS[kind].items():
        for hint in hints.split():
            if hint in words or (not hint.isascii() and hint in text):
                return value
    return None


def _tinted(mood: _Mood, turn: float) -> _Mood:
    """The mood with its hues turned, so that two prompts of one mood still differ."""

    def turned(colour: Rgb) -> Rgb:
        hue, saturation, value = colorsys.rgb_to_hsv(*(c / 255 for c in colour))
        red, green, blue = colorsys.hsv_to_rgb((hue + turn) % 1, saturation, value)
        return (red * 255, green * 255, blue * 255)

    return _Mood(
        turned(mood.top), turned(mood.middle), turned(mood.low),
        turned(mood.far_land), turned(mood.near_land), mood.light, mood.dark,
    )  # fmt: skip


class _Canvas:
    """A float picture being painted from the sky down."""

    def __init__(self, width: int, height: int, rng: random.Random, mood: _Mood) -> None:
        self.width, self.height, self.rng, self.mood = width, height, rng, mood
        self.noise = np.random.default_rng(rng.getrandbits(64))
        self.pixels: Floats = np.zeros((height, width, 3), np.float32)
        self.rows: Floats = np.arange(height, dtype=np.float32)[:, None]
        self.columns: Floats = np.arange(width, dtype=np.float32)[None, :]
        self.sun_x = rng.uniform(0.2, 0.8) * width

    def image(self) -> Image.Image:
        return Image.fromarray(np.clip(self.pixels, 0, 255).astype(np.uint8))

    def sky(self, horizon: float, *, aurora: bool) -> None:
        stops = [0.0, horizon * 0.62, horizon * 1.02, 1.0]
        colours = np.array([self.mood.top, self.mood.middle, self.mood.low, self.mood.low])
        at = np.linspace(0, 1, self.height)
        gradient = np.stack([np.interp(at, stops, colours[:, c]) for c in range(3)], 1)
        self.pixels += gradient[:, None, :].astype(np.float32)
        if self.mood.dark:
            self._stars()
        if aurora:
            self._aurora()
        self._sun(self.height * self.rng.uniform(0.2, 0.42))
        self._clouds()

    def hills(self, count: int, top: float, bottom: float, rough: float) -> None:
        """`count` ridges from far and hazy to near and dark."""
        for layer in range(count):
            depth = (layer + 1) / (count + 1)
            base = top + (bottom - top) * layer / max(1, count - 1)
            swing = (0.075 - 0.03 * depth) * rough
            self.land(self.ridge(base, swing, 1.2 + layer * 0.6), self.colour(depth))

    def ridge(self, base: float, swing: float, waves: float) -> Floats:
        """The height line of a range of hills, in rows, one for each column."""
        line = np.zeros(self.width, np.float32)
        for octave in range(5):
            turns = waves * 2**octave * self.rng.uniform(0.8, 1.2)
            phase = self.rng.uniform(0, 2 * np.pi)
            wave = np.sin(self.columns[0] / self.width * turns * 2 * np.pi + phase)
            line += wave * np.float32(0.5**octave)
        return (base - swing * line) * np.float32(self.height)

    def peaks(self, base: float, swing: float, waves: float) -> Floats:
        """Like `ridge`, with sharp tops."""
        line = np.zeros(self.width, np.float32)
        for octave in range(6):
            turns = waves * 2**octave * self.rng.uniform(0.8, 1.2)
            at = (self.columns[0] / self.width * turns + self.rng.random()) % 1
            line += (1 - 2 * np.abs(2 * at - 1)).astype(np.float32) * np.float32(0.52**octave)
        return (base - swing * line) * np.float32(self.height)

    def roofs(self, base: float, tallest: float, widest: float) -> Floats:
        """The height line of a row of houses."""
        line = np.zeros(self.width, np.float32)
        x = 0
        while x < self.width:
            across = max(3, round(self.width * self.rng.uniform(0.35, 1) * widest))
            line[x : x + across] = base - tallest * self.rng.random() ** 1.6
            x += across
        return line * np.float32(self.height)

    def colour(self, depth: float) -> Floats:
        """The colour of land: 0 = far away, 1 = at one's feet."""
        far, near = np.array(self.mood.far_land), np.array(self.mood.near_land)
        return (far * (1 - depth) + near * depth).astype(np.float32)

    def land(self, line: Floats, colour: Floats) -> None:
        """Fill below `line`, with haze gathering at the foot."""
        top = int(max(0, line.min()))
        below = self.rows[top:] - line[None, :]
        cover = np.clip(below + np.float32(0.5), 0, 1)[..., None]
        foot = np.clip(below / np.float32(self.height * 0.3), 0, 1)[..., None]
        haze = colour + (np.array(self.mood.low, np.float32) - colour) * np.float32(0.22)
        shade = colour + (haze - colour) * foot
        part = self.pixels[top:]
        part += (shade - part) * cover

    def snow_caps(self, line: Floats, colour: Floats) -> None:
        """White where a range is high, with a ragged lower edge."""
        limit = np.quantile(line, 0.45) + (self.peaks(0, 0.02, 9) * 1.0)
        cap = np.clip((limit[None, :] - self.rows) / 2, 0, 1)
        cap = cap * np.clip(self.rows - line[None, :] + 0.5, 0, 1)
        white = colour * 0.25 + np.array(self.mood.light, np.float32) * 0.75
        self.pixels += (white - self.pixels) * (cap * 0.9)[..., None]

    def windows(self, line: Floats, share: float) -> None:
        """Lights behind some of the windows of a row of houses."""
        step = max(3, self.width // 110)
        lit = self.noise.random((self.height // step + 1, self.width // step + 1)) < share
        grid = np.repeat(np.repeat(lit, step, 0), step, 1)[: self.height, : self.width]
        pane = (self.columns % step >= step * 0.4) & (self.rows % step >= step * 0.4)
        inside = self.rows > line[None, :] + step
        warm = np.array((255, 214, 130), np.float32)
        strength = (grid & pane & inside).astype(np.float32)[..., None]
        self.pixels += (warm - self.pixels) * strength * (0.9 if self.mood.dark else 0.55)

    def water(self, level: float) -> None:
        """Mirror what stands above `level` and let the light glitter under the sun."""
        top = round(self.height * level)
        count = self.height - top
        source = np.clip(top - 1 - (np.arange(count) * 1.5).astype(int), 0, self.height - 1)
        mirror = self.pixels[source]
        deep = np.array(self.mood.top, np.float32)
        share = np.linspace(0.25, 0.7, count, dtype=np.float32)[:, None, None]
        mirror = mirror * (1 - share) * 0.95 + deep * share
        down = np.linspace(0, 1, count, dtype=np.float32)[:, None]
        spread = self.width * (0.015 + 0.09 * down)
        column = np.exp(-(((self.columns - self.sun_x) / spread) ** 2))
        waves = np.sin(self.rows[:count] ** 0.75 * 4 + np.sin(self.columns / 9) * 0.6)
        glitter = column * np.clip(waves, 0, 1) * (1 - 0.6 * down)
        light = np.array(self.mood.light, np.float32)
        self.pixels[top:] = mirror + (light - mirror) * (glitter * 0.8)[..., None]

    def near(self, land: str) -> Image.Image:
        """The foreground as a picture of its own, clear above it."""
        colour = np.array(self.mood.near_land, np.float32) * 0.72
        if land == "city":
            line = self.roofs(0.93, 0.1, 0.14)
        elif land == "sea":
            line = self.ridge(0.99, 0.03, 0.7) + self.height * np.float32(0.08)
            slope = np.abs(self.columns[0] - self.sun_x) / self.width
            line -= slope * np.float32(self.height * 0.16)
        else:
            line = self.ridge(0.92, 0.035, 1.1)
        if land in ("hills", "mountains"):
            line = np.minimum(line, self._trees(line))
        alpha = np.clip(self.rows - line[None, :] + 0.5, 0, 1)
        foot = np.clip((self.rows - line[None, :]) / (self.height * 0.2), 0, 1)[..., None]
        rgba = np.empty((self.height, self.width, 4), np.float32)
        rgba[..., :3] = colour * (1.15 - 0.55 * foot)
        rgba[..., 3] = alpha * 255
        return Image.fromarray(np.clip(rgba, 0, 255).astype(np.uint8), "RGBA")

    def _trees(self, line: Floats) -> Floats:
        """The height line of firs that stand on `line`, in groups."""
        top = line.copy()
        grove = np.sin(self.columns[0] / self.width * 9 + self.rng.uniform(0, 6))
        for _ in range(46):
            x = self.rng.uniform(0, self.width)
            column = min(self.width - 1, int(x))
            if grove[column] < self.rng.uniform(-0.6, 0.8):
                continue
            tall = self.height * self.rng.uniform(0.06, 0.17)
            away = np.abs(self.columns[0] - x)
            branch = tall * 0.05 * (away * 28 / tall % 1)
            fir = line[column] + 3 - tall + away * 4.2 - branch
            top = np.where(away < tall * 0.24, np.minimum(top, fir), top)
        return top.astype(np.float32)

    def _stars(self) -> None:
        count = self.width * self.height // 1800
        ys = (self.noise.random(count) ** 1.4 * self.height * 0.66).astype(int)
        xs = (self.noise.random(count) * self.width).astype(int)
        glow = (self.noise.random(count) ** 3 * 190 + 30).astype(np.float32)
        self.pixels[ys, xs] += glow[:, None]
        bright = glow > 130
        for dy, dx in ((0, 1), (1, 0), (0, -1), (-1, 0)):
            at = (np.clip(ys + dy, 0, self.height - 1)[bright], (xs + dx)[bright] % self.width)
            self.pixels[at] += glow[bright, None] * 0.35

    def _aurora(self) -> None:
        for shift, colour in ((0.0, (70, 255, 170)), (0.09, (120, 120, 255))):
            line = self.ridge(0.34 - shift, 0.09, 0.8)[None, :]
            above = (line - self.rows) / self.height
            curtain = np.where(above > 0, np.exp(-above * 7), np.exp(above * 60))
            rays = 0.7 + 0.3 * np.sin(self.columns / self.width * 90 + line / 9)
            ink = np.array(colour, np.float32)
            self.pixels += (curtain * rays * 0.5)[..., None].astype(np.float32) * ink

    def _sun(self, y: float) -> None:
        radius = self.height * (0.05 if self.mood.dark else 0.065)
        away = np.hypot(self.columns - self.sun_x, self.rows - y)
        glow = np.exp(-away / (radius * 3.4)) * (0.35 if self.mood.dark else 0.6)
        disc = np.clip(radius - away + 0.5, 0, 1)
        light = np.array(self.mood.light, np.float32)
        share = np.maximum(glow, disc).astype(np.float32)[..., None]
        self.pixels += (light - self.pixels) * share

    def _clouds(self) -> None:
        grid = self.noise.random((9, 7)).astype(np.float32)
        small = Image.fromarray(grid, "F")
        soft = small.resize((self.width, self.height), Image.Resampling.BICUBIC)
        fine = Image.fromarray(self.noise.random((30, 12)).astype(np.float32), "F")
        fine = fine.resize((self.width, self.height), Image.Resampling.BICUBIC)
        thick = np.asarray(soft) * 0.7 + np.asarray(fine) * 0.3
        fade = np.clip(1 - self.rows / (self.height * 0.6), 0, 1)
        share = np.clip((thick - 0.52) * 3.2, 0, 1) * fade * (0.22 if self.mood.dark else 0.5)
        light = (np.array(self.mood.light) + np.array(self.mood.middle)).astype(np.float32) / 2
        self.pixels += (light - self.pixels) * share[..., None].astype(np.float32)


def _paint_hills(canvas: _Canvas) -> None:
    canvas.hills(4, 0.58, 0.8, 0.8)


def _paint_mountains(canvas: _Canvas) -> None:
    line = canvas.peaks(0.5, 0.17, 1.3)
    canvas.land(line, canvas.colour(0.15))
    canvas.snow_caps(line, canvas.colour(0.15))
    canvas.land(canvas.peaks(0.64, 0.07, 2.3), canvas.colour(0.4))
    canvas.land(canvas.ridge(0.74, 0.04, 2.0), canvas.colour(0.62))


def _paint_dunes(canvas: _Canvas) -> None:
    sand = np.array((226, 168, 96), np.float32)
    for layer, base in enumerate((0.62, 0.7, 0.8)):
        line = canvas.peaks(base, 0.03, 0.8 + 0.3 * layer) * 0.3
        line += canvas.ridge(base, 0.05, 0.9 + 0.4 * layer) * np.float32(0.7)
        depth = 0.2 + 0.25 * layer
        share = np.float32(0.2 if canvas.mood.dark else 0.45)
        tone = canvas.colour(depth) * np.float32(0.55) + sand * share
        canvas.land(line, tone.astype(np.float32))


def _paint_city(canvas: _Canvas) -> None:
    for depth, base, tall, wide in ((0.2, 0.72, 0.3, 0.06), (0.45, 0.8, 0.34, 0.075)):
        line = canvas.roofs(base, tall, wide)
        canvas.land(line, canvas.colour(depth))
        canvas.windows(line, 0.12 + 0.3 * depth)
    line = canvas.roofs(0.86, 0.22, 0.1)
    canvas.land(line, canvas.colour(0.75))
    canvas.windows(line, 0.34)


def _paint_sea(canvas: _Canvas) -> None:
    canvas.land(canvas.ridge(0.6, 0.045, 0.9), canvas.colour(0.1))
    canvas.land(canvas.peaks(0.62, 0.05, 0.7), canvas.colour(0.35))


_LAND_PAINTERS = {
    "hills": _paint_hills,
    "mountains": _paint_mountains,
    "dunes": _paint_dunes,
    "city": _paint_city,
    "sea": _paint_sea,
}

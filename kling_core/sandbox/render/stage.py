"""A prompt's scene as something to film: layers with depth, ripples, actors and a caption."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt
from PIL import Image

from kling_core.sandbox.render.actors import Actor, traveller, weather
from kling_core.sandbox.render.caption import caption
from kling_core.sandbox.render.motion import Camera, Lens, View, camera_view, drift_view
from kling_core.sandbox.render.planes import Layer, Planes, blend
from kling_core.sandbox.render.scenes import Landscape, paint, seed_of
from kling_core.sandbox.render.sizes import Size
from kling_core.sandbox.render.warp import FineLayer

__all__ = ["Stage", "caption_drawer", "picture_of"]

Drawer = Callable[[Planes, float], None]

_PARALLAX = 1.7


class Stage:
    """The scene of a prompt, filmed frame by frame.

    `negative_prompt` changes the scene as another prompt would and is noted in the caption.
    """

    def __init__(
        self,
        prompt: str,
        size: Size,
        *,
        negative_prompt: str = "",
        camera: Camera | None = None,
        label: str = "",
        captioned: bool = True,
    ) -> None:
        self._seed = seed_of(prompt, negative_prompt) if negative_prompt else seed_of(prompt)
        self._size, self._camera = size, camera
        land = paint(prompt, size.width, size.height, self._seed)
        self._water = land.water
        self._turning = self._view(0.0).turned or self._view(1.0).turned
        far, near, self._top = _layers(land, size, flat=self._turning)
        self._near = FineLayer(near) if near else None
        self._far_size = (far.width, far.height)
        self._lens = Lens(far, *size, turning=self._turning)
        self._actors: list[Actor] = [
            traveller(land.traveller, size.width, size.height, land.water, self._seed)
        ]
        if falling := weather(land.weather, size.width, size.height, self._seed):
            self._actors.append(falling)
        without = f"without: {negative_prompt}" if negative_prompt else ""
        note = " · ".join(part for part in (label, without) if part)
        self._caption = caption_drawer(prompt, size, note) if captioned else None

    def frames(self, count: int, fps: float) -> Iterator[Planes]:
        """The clip, `count` pictures long."""
        for index in range(count):
            yield self.frame(index / max(1, count - 1), index / fps)

    def frame(self, t: float, seconds: float) -> Planes:
        """The picture at share `t` of the move, `seconds` after the start."""
        view = self._view(t)
        picture = self._lens.look(view)
        if self._water is not None and not self._turning:
            self._ripple(picture, view, seconds)
        self._actors[0](picture, seconds)
        if self._near is not None:
            self._draw_near(picture, view.nearer(_PARALLAX))
        for actor in self._actors[1:]:
            actor(picture, seconds)
        if self._caption:
            self._caption(picture, seconds)
        return picture

    def _view(self, t: float) -> View:
        return camera_view(self._camera, t) if self._camera else drift_view(self._seed >> 8, t)

    def _ripple(self, picture: Planes, view: View, seconds: float) -> None:
        """Let the water's rows swap places in waves that run towards the viewer."""
        _, top, _, bottom = view.box(1000, 1000)
        level = ((self._water or 0) * 1000 - top) / (bottom - top)
        for plane in picture:
            height: int = plane.shape[0]
            start = max(0, math.ceil(height * level))
            if height - start < 4:
                return
            rows = _rippled(height - start, height, seconds)
            plane[start:] = plane[start:].take(rows, 0, mode="clip")

    def _draw_near(self, picture: Planes, view: View) -> None:
        """The foreground, sampled only where its band lies in the frame."""
        assert self._near is not None
        width, height = self._size
        left, top, right, bottom = view.box(*self._far_size)
        rise = (bottom - top) / height
        first = max(0, math.ceil((self._top - top) / rise / 2)) * 2
        if first >= height:
            return
        box = (left, top + first * rise - self._top, right, bottom - self._top)
        blend(picture, self._near.part(box, width, height - first), 0, first)


def caption_drawer(text: str, size: Size, note: str = "", after: float = 0.0) -> Drawer | None:
    """Draws `text` at the foot of frames of this size, fading in `after` that many seconds."""
    strip = caption(text, size.width, size.height, note)
    if strip is None:
        return None
    layer = Layer.of(strip)
    x = (size.width - strip.width) // 2
    y = size.height - strip.height - max(4, round(size.height * 0.045))

    def draw(frame: Planes, seconds: float) -> None:
        opacity = min(1.0, (seconds - after) / 0.5 + 0.1)
        if opacity > 0:
            blend(frame, layer, x, y, opacity)

    return draw


def picture_of(land: Landscape) -> Image.Image:
    """The landscape as one RGB image."""
    whole = land.far.convert("RGBA")
    whole.alpha_composite(land.near)
    return whole.convert("RGB")


def _rippled(count: int, height: int, seconds: float) -> npt.NDArray[np.intp]:
    """For each of `count` rows of water in a picture this high, the row that is seen there."""
    down = np.linspace(0, 1, count)
    swell = np.sin(26 * np.power(down, 0.6) - 3.2 * seconds)
    chop = 0.6 * np.sin(61 * down + 2.3 * seconds)
    reach = height * (0.003 + 0.012 * down)
    return (np.linspace(0.5, count - 0.5, count) + (swell + chop) * reach).astype(np.intp)


def _layers(land: Landscape, size: Size, *, flat: bool) -> tuple[Planes, Layer | None, int]:
    """The far picture, the near layer and the row where it begins; one picture when `flat`."""
    if flat:
        return Planes.of(picture_of(land)), None, 0
    far = Planes.of(land.far)
    bounds = land.near.getchannel("A").getbbox()
    if bounds is None:
        return far, None, 0
    top = max(0, bounds[1] - 6) // 2 * 2
    return far, Layer.of(land.near.crop((0, top, size.width, size.height))), top

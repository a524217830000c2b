"""Camera moves: where the camera looks at a moment, and the picture it then sees."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from kling_core.sandbox.render.planes import Box, Planes
from kling_core.sandbox.render.warp import Fine, Floats, net

__all__ = ["Camera", "Lens", "View", "camera_view", "drift_view", "ease", "push_in"]

_FOCAL = 2.2
_TURN = 11.0
_ROLL = 10.0
_PADDING = 0.25


@dataclass(frozen=True)
class Camera:
    """A camera move as asked for (Kling API reference, `camera_control`).

    `type` is `simple`, `down_back`, `forward_up`, `right_turn_forward` or `left_turn_forward`.
    With `simple`, `axis` is the one config key that is not zero (`horizontal`, `vertical`, `pan`,
    `tilt`, `roll`, `zoom`) and `value` its amount in -10..10. Signs are the camera's own:
    horizontal and pan minus = left, vertical and tilt minus = down, roll minus =
    counter-clockwise (the picture turns the other way), zoom plus = a wider view.
    """

    type: str = "simple"
    axis: str | None = None
    value: float = 0.0


@dataclass(frozen=True)
class View:
    """Where the camera looks: `zoom` 1 shows all of the picture, 2 a quarter of it.

    `x` and `y` move the centre, in shares of the picture (plus = right, down); the angles are in
    degrees (`yaw` plus = right, `pitch` plus = up, `roll` plus = clockwise).
    """

    zoom: float = 1.0
    x: float = 0.0
    y: float = 0.0
    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0

    @property
    def turned(self) -> bool:
        """Whether the view needs more than a rectangle of the picture."""
        return bool(self.yaw or self.pitch or self.roll)

    def nearer(self, factor: float) -> View:
        """The same move as seen by something `factor` times as near: it moves more."""
        return replace(
            self, zoom=1 + (self.zoom - 1) * factor, x=self.x * factor, y=self.y * factor
        )

    def box(self, width: int, height: int) -> Box:
        """The part of a picture of this size that is seen, moved inside where it sticks out."""
        across, down = width / self.zoom, height / self.zoom
        left = min(max(0.0, width * (0.5 + self.x) - across / 2), width - across)
        top = min(max(0.0, height * (0.5 + self.y) - down / 2), height - down)
        return (left, top, left + across, top + down)


def ease(t: float) -> float:
    """0..1 to 0..1, slow at both ends."""
    t = min(1.0, max(0.0, t))
    return t * t * (3 - 2 * t)


def camera_view(camera: Camera, t: float) -> View:
    """Where `camera` looks at moment `t` of 0..1. Raises `ValueError` for an unknown move."""
    e = 0.6 * t + 0.4 * ease(t)
    match camera.type:
        case "down_back":
            return View(zoom=1.6 - 0.5 * e, y=-0.16 + 0.18 * e)
        case "forward_up":
            return View(zoom=1.1 + 0.5 * e, y=0.02 - 0.18 * e)
        case "right_turn_forward":
            return View(zoom=1.25 + 0.35 * e, yaw=_TURN * e)
        case "left_turn_forward":
            return View(zoom=1.25 + 0.35 * e, yaw=-_TURN * e)
        case "simple":
            return _simple_view(camera.axis, _strength(camera.value), e)
        case _:
            raise ValueError(f"unknown camera move {camera.type!r}")


def push_in(t: float) -> View:
    """The move of a clip nobody asked a move for: the whole picture, then slowly nearer."""
    return View(zoom=1 + 0.15 * ease(t))


def drift_view(seed: int, t: float) -> View:
    """One of a few gentle moves for a scene, chosen by `seed`."""
    e = 0.7 * t + 0.3 * ease(t)
    side = 1 if seed & 1 else -1
    if seed & 2:
        return View(zoom=1.02 + 0.18 * e, x=side * 0.03 * e)
    return View(zoom=1.14, x=side * (0.055 - 0.11 * e))


class Lens:
    """Films `picture` at a size of `width` by `height`.

    `turning` says that views will be turned (yaw, pitch, roll), which costs more per frame.
    """

    def __init__(self, picture: Planes, width: int, height: int, *, turning: bool = False) -> None:
        self._width, self._height, self._turning = width, height, turning
        self._whole = (picture.width, picture.height)
        self._fine = Fine(_roomy(picture) if turning else picture)

    def look(self, view: View) -> Planes:
        """What is seen at this view, as planes that may be drawn upon."""
        width, height = self._width, self._height
        if not self._turning:
            return self._fine.part(view.box(*self._whole), width, height)
        x, y = _turned_net(view, width / height)
        margin = 1 + 2 * _PADDING
        return self._fine.bent((x + _PADDING) / margin, (y + _PADDING) / margin, width, height)


def _roomy(picture: Planes) -> Planes:
    """`picture` with a mirrored margin, so that a turned camera never looks past its edge."""
    luma, u, v = (
        np.pad(
            plane,
            [(round(side * _PADDING),) * 2 for side in plane.shape],
            "reflect",
        )
        for plane in picture
    )
    return Planes(luma, u, v)


def _strength(value: float) -> float:
    """-10..10 as -1..1, where the smallest move asked for can still be seen."""
    return math.copysign(0.3 + 0.07 * min(10.0, abs(value)), value) if value else 0.0


def _simple_view(axis: str | None, s: float, e: float) -> View:
    swing = 2 * e - 1
    match axis:
        case "horizontal":
            return View(zoom=1.35, x=0.125 * s * swing)
        case "vertical":
            return View(zoom=1.35, y=-0.125 * s * swing)
        case "pan":
            return View(zoom=1.4, yaw=_TURN * s * swing)
        case "tilt":
            return View(zoom=1.4, pitch=_TURN * 0.7 * s * swing)
        case "roll":
            return View(zoom=1.35, roll=_ROLL * s * swing)
        case "zoom":
            near = 1 + 0.6 * abs(s)
            return View(zoom=near + (1 - near) * (e if s > 0 else 1 - e))
        case _:
            raise ValueError(f"unknown camera axis {axis!r}")


def _turned_net(view: View, ratio: float) -> tuple[Floats, Floats]:
    """Where in the picture (0..1) a turned pinhole camera sees each knot of the frame."""
    yaw, pitch, roll = (math.radians(a) for a in (view.yaw, view.pitch, view.roll))
    across, down = net()
    x = (2 * across - 1) * np.float32(ratio / view.zoom)
    y = (2 * down - 1) * np.float32(1 / view.zoom)
    x, y = x * math.cos(roll) - y * math.sin(roll), x * math.sin(roll) + y * math.cos(roll)
    y, ahead = (
        y * math.cos(pitch) - _FOCAL * math.sin(pitch),
        y * math.sin(pitch) + _FOCAL * math.cos(pitch),
    )
    x, ahead = (
        x * math.cos(yaw) + ahead * math.sin(yaw),
        ahead * math.cos(yaw) - x * math.sin(yaw),
    )
    seen_x = x / ahead * _FOCAL / (2 * ratio) + (0.5 + view.x)
    seen_y = y / ahead * _FOCAL / 2 + (0.5 + view.y)
    return seen_x.astype(np.float32), seen_y.astype(np.float32)

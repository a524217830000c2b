"""Clips out of words and pictures: text to video, image to video, several images to video."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from pathlib import Path

from PIL import Image, ImageDraw, ImageFilter

from kling_core.sandbox.render.audio import ambience
from kling_core.sandbox.render.brush import Brush, Mask
from kling_core.sandbox.render.encode import frame_count, write_clip
from kling_core.sandbox.render.errors import never
from kling_core.sandbox.render.motion import Camera, Lens, View, camera_view, ease, push_in
from kling_core.sandbox.render.planes import Layer, Planes, blend, dissolve, sample
from kling_core.sandbox.render.read import cover, read_image
from kling_core.sandbox.render.sizes import Size
from kling_core.sandbox.render.stage import Stage

__all__ = ["image_video", "multi_image_video", "text_video"]

_OVERSIZE = 1.25


def text_video(
    path: Path,
    *,
    prompt: str,
    size: Size,
    seconds: float,
    fps: int = 24,
    negative_prompt: str = "",
    sound: bool = False,
    camera: Camera | None = None,
    shots: Sequence[tuple[str, float]] | None = None,
    cancelled: Callable[[], bool] = never,
) -> None:
    """A moving landscape that follows from the prompt, with the prompt as its caption.

    `shots` (prompt, seconds) makes a clip of several scenes with hard cuts between them; the last
    one lasts until `seconds`. `sound` adds an audible ambience. Raises `Cancelled`, and
    `ValueError` for an unknown camera move.
    """
    total = frame_count(seconds, fps)
    parts: list[Iterator[Planes]] = []
    plan = list(shots or [(prompt, seconds)])
    begun, clock = 0, 0.0
    for number, (words, length) in enumerate(plan, 1):
        clock += length
        end = total if number == len(plan) else min(total, round(clock * fps))
        label = f"shot {number} of {len(plan)}" if shots else ""
        stage_frames = _stage_frames(words, size, end - begun, fps, negative_prompt, camera, label)
        parts.append(stage_frames)
        begun = end
    track = ambience(prompt or plan[0][0], total / fps) if sound else None
    write_clip(path, chain.from_iterable(parts), fps=fps, sound=track, cancelled=cancelled)


def image_video(
    path: Path,
    *,
    image: bytes | None,
    tail: bytes | None = None,
    prompt: str = "",
    size: Size,
    seconds: float,
    fps: int = 24,
    sound: bool = False,
    camera: Camera | None = None,
    masks: Sequence[Mask] | None = None,
    static_mask: bytes | None = None,
    cancelled: Callable[[], bool] = never,
) -> None:
    """The image set in motion: a slow push in, or the asked camera move, or the motion brush.

    With `tail` the clip ends on exactly that image; with only `tail` it starts from a blurred,
    distant form of it. `masks` move regions of the image along their trajectories and
    `static_mask` holds one still. Raises `BadMedia`, `Cancelled`, and `ValueError` for no image
    at all or an unknown camera move.
    """
    if image is None and tail is None:
        raise ValueError("image_video needs an image or a tail image")
    total = frame_count(seconds, fps)
    start = _still(image or tail or b"", size, _OVERSIZE)
    if image is None:
        start = _fogged(start)
    ending = Planes.of(_still(tail, size, 1.0)) if tail is not None else None
    if masks or static_mask:
        moving = _brushed(image or tail or b"", size, total, masks or (), static_mask, camera)
    else:
        moving = _filmed(start, size, total, camera)
    frames = _ending_on(moving, ending, size, total) if ending else moving
    track = ambience(prompt, total / fps) if sound else None
    write_clip(path, frames, fps=fps, sound=track, cancelled=cancelled)


def multi_image_video(
    path: Path,
    *,
    images: Sequence[bytes],
    prompt: str,
    size: Size,
    seconds: float,
    fps: int = 24,
    cancelled: Callable[[], bool] = never,
) -> None:
    """All images as cards that float into the prompt's scene, each alive with its own move.

    Raises `BadMedia`, `Cancelled`, and `ValueError` for no images.
    """
    if not images:
        raise ValueError("multi_image_video needs at least one image")
    total = frame_count(seconds, fps)
    stage = Stage(prompt, size)
    cards = [
        _Card(data, spot, size, index)
        for index, (data, spot) in enumerate(zip(images, _spots(len(images), size), strict=True))
    ]

    def frames() -> Iterator[Planes]:
        for index in range(total):
            t = index / max(1, total - 1)
            picture = stage.frame(t, index / fps)
            for card in cards:
                card.draw(picture, t, index / fps)
            yield picture

    write_clip(path, frames(), fps=fps, cancelled=cancelled)


def _stage_frames(
    prompt: str,
    size: Size,
    count: int,
    fps: int,
    negative_prompt: str,
    camera: Camera | None,
    label: str,
) -> Iterator[Planes]:
    """One scene's frames; it is painted only when its turn has come."""
    stage = Stage(prompt, size, negative_prompt=negative_prompt, camera=camera, label=label)
    yield from stage.frames(count, fps)


def _still(data: bytes, size: Size, oversize: float) -> Image.Image:
    width, height = size.times(oversize)
    return cover(read_image(data, within=(width * 2, height * 2)), width, height)


def _fogged(image: Image.Image) -> Image.Image:
    """Where a clip may start that is only told how to end: the same place, not yet there."""
    blurred = image.filter(ImageFilter.GaussianBlur(image.height / 22))
    return Image.blend(blurred, Image.new("RGB", image.size, (214, 222, 236)), 0.35)


def _filmed(image: Image.Image, size: Size, total: int, camera: Camera | None) -> Iterator[Planes]:
    views = [_view(camera, index / max(1, total - 1)) for index in range(total)]
    lens = Lens(Planes.of(image), *size, turning=any(view.turned for view in views))
    for view in views:
        yield lens.look(view)


def _view(camera: Camera | None, t: float) -> View:
    return camera_view(camera, t) if camera else push_in(t)


def _brushed(
    data: bytes,
    size: Size,
    total: int,
    masks: Sequence[Mask],
    static_mask: bytes | None,
    camera: Camera | None,
) -> Iterator[Planes]:
    image = read_image(data)
    brush = Brush(image, size, masks, static_mask)
    still = brush.background if masks and not camera else None
    moving = None if still else _filmed(brush.background.image(), size, total, camera)
    for index in range(total):
        picture = next(moving) if moving else brush.background.copy()
        brush.draw(picture, index / max(1, total - 1))
        yield picture


def _ending_on(
    frames: Iterator[Planes], ending: Planes, size: Size, total: int
) -> Iterator[Planes]:
    """`frames`, dissolving over their second half into `ending`, which comes to rest."""
    for index, picture in enumerate(frames):
        t = (index + 1) / total
        share = ease((t - 0.35) / 0.6)
        if share <= 0:
            yield picture
            continue
        zoom = 1 + 0.1 * (1 - share)
        yield dissolve(picture, sample(ending, View(zoom).box(*size), *size), share)


class _Card:
    """One image with a white rim, filmed with a slow push in, sliding to its spot."""

    def __init__(
        self, data: bytes, spot: tuple[int, int, int, int], size: Size, index: int
    ) -> None:
        self._x, self._y, width, height = spot
        rim = max(2, size.height // 90) // 2 * 2 + 2
        self._inner = Size(width - 2 * rim, height - 2 * rim)
        self._rim, self._index, self._size = rim, index, size
        self._lens = Lens(Planes.of(_still(data, self._inner, 1.2)), *self._inner)
        frame = Image.new("RGBA", (width, height), (255, 255, 255, 0))
        ImageDraw.Draw(frame).rounded_rectangle(
            (0, 0, width - 1, height - 1), radius=rim, fill=(252, 252, 250, 255)
        )
        self._frame = Layer.of(frame)

    def draw(self, target: Planes, t: float, seconds: float) -> None:
        """The card at its place at this moment."""
        arrived = ease((seconds - 0.12 * self._index) / 0.8)
        y = self._y + (1 - arrived) * (self._size.height - self._y)
        top = int(y) // 2 * 2
        blend(target, self._frame, self._x, top)
        seen = self._lens.look(push_in(t))
        solid = Layer(seen, Planes(*(plane * 0 for plane in seen)))
        blend(target, solid, self._x + self._rim, top + self._rim)


def _spots(count: int, size: Size) -> list[tuple[int, int, int, int]]:
    """Where `count` cards stand: left, top, width, height, all even."""
    columns = count if size.width > size.height else (1 if count == 1 else 2)
    rows = -(-count // columns)
    gap = max(4, min(size) // 24)
    down = round(size.height * 0.74)
    across = (size.width - gap * (columns + 1)) / columns
    tall = (down - gap * (rows + 1)) / rows
    wide = min(across, tall * 1.25)
    tall = min(tall, wide * 1.25)
    spots: list[tuple[int, int, int, int]] = []
    for index in range(count):
        row, column = divmod(index, columns)
        here = min(columns, count - row * columns)
        left = (size.width - here * wide - (here - 1) * gap) / 2 + column * (wide + gap)
        top = gap + (down - rows * tall - (rows - 1) * gap) / 2 * 0.6 + row * (tall + gap)
        spots.append((_even(left), _even(top), _even(wide), _even(tall)))
    return spots


def _even(value: float) -> int:
    return int(value) // 2 * 2

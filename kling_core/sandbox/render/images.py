"""Stills: a picture of a prompt, a picture made over, and a garment tried on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageChops, ImageFilter, ImageOps

from kling_core.sandbox.render.caption import caption
from kling_core.sandbox.render.encode import replacing
from kling_core.sandbox.render.errors import Cancelled, never
from kling_core.sandbox.render.read import cover, read_image
from kling_core.sandbox.render.scenes import paint, seed_of
from kling_core.sandbox.render.sizes import Size
from kling_core.sandbox.render.stage import picture_of

__all__ = ["image", "try_on"]

_TRY_ON_LONGEST = 1280
# Where shoulders to hips are in an upright photo of a person: left, top, right, bottom.
_TORSO = (0.24, 0.24, 0.76, 0.66)
_INKS = (
    ((24, 24, 66), (226, 84, 108), (255, 226, 150)),
    ((10, 38, 48), (34, 142, 140), (238, 246, 214)),
    ((40, 22, 30), (190, 112, 60), (255, 240, 214)),
    ((30, 18, 72), (118, 92, 214), (196, 244, 255)),
    ((16, 40, 22), (108, 160, 66), (250, 246, 190)),
)


def image(
    path: Path,
    *,
    prompt: str,
    size: Size,
    reference: bytes | None = None,
    index: int = 0,
    negative_prompt: str = "",
    cancelled: Callable[[], bool] = never,
) -> None:
    """A PNG of the prompt's landscape with the prompt below, another one for each `index`.

    With `reference`, that image made over as a print in three inks chosen by prompt and index.
    Raises `BadMedia` and `Cancelled`.
    """
    _check(cancelled)
    seed = seed_of(prompt, negative_prompt, index)
    if reference is None:
        picture = picture_of(paint(prompt, size.width, size.height, seed))
    else:
        picture = _printed(cover(read_image(reference), *size), _INKS[(seed + index) % len(_INKS)])
    note = f"without: {negative_prompt}" if negative_prompt else ""
    strip = caption(prompt, size.width, size.height, note)
    if strip is not None:
        margin = max(4, round(size.height * 0.04))
        at = ((size.width - strip.width) // 2, size.height - strip.height - margin)
        picture.paste(strip, at, strip)
    _check(cancelled)
    _save(path, picture)


def try_on(
    path: Path, *, human: bytes, cloth: bytes, cancelled: Callable[[], bool] = never
) -> None:
    """A PNG of the person with the garment over the torso.

    The garment's white (or transparent) surroundings are taken away; the picture keeps the
    person's size, at most 1280 pixels long. Raises `BadMedia` and `Cancelled`.
    """
    _check(cancelled)
    person = read_image(human, within=(_TRY_ON_LONGEST, _TRY_ON_LONGEST))
    person = cover(person, *person.size)
    person.thumbnail((_TRY_ON_LONGEST, _TRY_ON_LONGEST), reducing_gap=2.0)
    garment = _cut_out(read_image(cloth, within=(_TRY_ON_LONGEST, _TRY_ON_LONGEST)))
    _check(cancelled)
    left, top, right, bottom = (
        round(share * side) for share, side in zip(_TORSO, person.size * 2, strict=True)
    )
    worn = ImageOps.contain(garment, (right - left, bottom - top), Image.Resampling.LANCZOS)
    at = ((left + right - worn.width) // 2, top)
    shade = Image.new("RGBA", person.size, (10, 10, 20, 0))
    shade.paste((10, 10, 20, 110), (at[0] + 2, at[1] + 5), worn.getchannel("A"))
    dressed = person.convert("RGBA")
    dressed.alpha_composite(shade.filter(ImageFilter.GaussianBlur(max(3, person.width / 90))))
    dressed.alpha_composite(worn, at)
    _save(path, dressed.convert("RGB"))


def _printed(picture: Image.Image, inks: tuple[tuple[int, int, int], ...]) -> Image.Image:
    """The picture in dark, middle and light ink, flat areas, drawn outlines."""
    grey = ImageOps.autocontrast(picture.convert("L").filter(ImageFilter.MedianFilter(3)))
    toned = ImageOps.colorize(ImageOps.posterize(grey, 3), *(inks[0], inks[2]), mid=inks[1])
    lines = picture.convert("L").filter(ImageFilter.GaussianBlur(1)).filter(ImageFilter.FIND_EDGES)
    strength = np.asarray(lines).astype(np.int16)
    drawn = Image.fromarray((255 - np.clip((strength - 24) * 4, 0, 150)).astype(np.uint8))
    printed = ImageChops.multiply(toned, drawn.convert("RGB"))
    return Image.blend(picture.convert("RGB"), printed, 0.82)


def _cut_out(cloth: Image.Image) -> Image.Image:
    """The garment without its white surroundings, cropped to what is left."""
    alpha = _not_white(cloth.convert("RGB"))
    if cloth.mode == "RGBA" and np.asarray(cloth.getchannel("A")).min() < 250:
        alpha = cloth.getchannel("A")
    cut = cloth.convert("RGBA")
    cut.putalpha(alpha)
    bounds = Image.fromarray(np.asarray(alpha) > 40).getbbox()
    return cut.crop(bounds) if bounds else cut


def _not_white(cloth: Image.Image) -> Image.Image:
    """Opacity: what is not white, and white that lies inside it."""
    darkest: npt.NDArray[np.uint8] = np.asarray(cloth).min(axis=2)
    solid = darkest < 236
    if not solid.any():
        return Image.new("L", cloth.size, 255)
    inside = np.ones_like(solid)
    for axis in (0, 1):
        before = np.maximum.accumulate(solid, axis)
        after = np.flip(np.maximum.accumulate(np.flip(solid, axis), axis), axis)
        inside &= before & after
    mask = Image.fromarray((inside * 255).astype(np.uint8))
    return mask.filter(ImageFilter.MedianFilter(5)).filter(ImageFilter.GaussianBlur(1))


def _check(cancelled: Callable[[], bool]) -> None:
    if cancelled():
        raise Cancelled


def _save(path: Path, picture: Image.Image) -> None:
    with replacing(path) as part:
        picture.save(part, format="PNG", compress_level=4)

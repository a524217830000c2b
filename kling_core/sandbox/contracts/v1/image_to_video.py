"""Wire contract of image to video (Kling API reference, image to video)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kling_core.sandbox.contract import Contract, Shop, Task
from kling_core.sandbox.contracts.v1._clips import (
    Format,
    clip_job,
    read_format,
    read_move,
    read_shots,
    read_sound,
    read_strength,
    read_words,
)
from kling_core.sandbox.fields import Body, Source
from kling_core.sandbox.jobs import Bench, Job
from kling_core.sandbox.refusals import TaskFailed, wrong_value

if TYPE_CHECKING:
    from kling_core.sandbox.render import Mask

_NAME = "image_to_video"
_COORDINATE = 65536


@dataclass(frozen=True)
class _Brush:
    """A dynamic mask and the way its region goes, in pixels from the bottom-left corner."""

    mask: Source
    points: list[tuple[int, int]]


def _read(body: Body, shop: Shop) -> Job:
    form = read_format(body, shop, _NAME, default_model="kling-v1")
    shots = read_shots(body, form)
    prompt, negative = read_words(body)
    read_strength(body)
    sound = read_sound(body, form)
    first, tail = _read_frames(body, form, sound=sound)
    static, brushes = _read_masks(body, form)
    move = read_move(body)
    if move:
        if move.type != "simple":
            raise wrong_value(f"camera_control.type value '{move.type}' is invalid")
        form.need("camera_control_simple", "camera_control")
    groups = [bool(first and tail), bool(static or brushes), bool(move)]
    if sum(groups) > 1:
        raise wrong_value(
            "image_tail, dynamic_masks/static_mask and camera_control cannot be used together"
        )
    voices = _read_voices_and_elements(body, form, sound=sound)

    def paint(bench: Bench, path: Path) -> None:
        from kling_core.sandbox import render

        image = bench.image(first) if first else None
        last = bench.image(tail, ratio=False) if tail else None
        still, masks = _fetch_masks(bench, image, static, brushes)
        render.image_video(
            path,
            image=image,
            tail=last,
            prompt=prompt or " / ".join(shot.prompt for shot in shots),
            size=render.size_like(image or last or b"", form.mode, bench.quality),
            seconds=form.seconds,
            fps=bench.fps,
            sound=sound,
            camera=move.camera() if move else None,
            masks=masks or None,
            static_mask=still,
            cancelled=bench.cancelled,
        )

    said = (prompt, negative, *(shot.prompt for shot in shots))
    voice = voices and "<<<voice_" in prompt
    return clip_job(_NAME, form, paint, said, sound="on" if sound else "off", voice=voice)


def _read_frames(body: Body, form: Format, *, sound: bool) -> tuple[Source | None, Source | None]:
    first = body.image("image")
    tail = body.image("image_tail")
    if not first and not tail:
        raise wrong_value("image or image_tail is required")
    if tail:
        form.need("start_end_frame" if first else "end_frame_only", "image_tail")
    if tail and sound and form.model_name == "kling-v2-6":
        raise wrong_value("sound must be off when image_tail is given for kling-v2-6")
    return first, tail


def _read_masks(body: Body, form: Format) -> tuple[Source | None, list[_Brush]]:
    static = body.image("static_mask")
    brushes: list[_Brush] = []
    for item in body.items("dynamic_masks", 0, 6):
        mask = item.image("mask", required=True)
        points = [
            (point.whole("x", 0, _COORDINATE), point.whole("y", 0, _COORDINATE))
            for point in item.items("trajectories", 2, 77)
        ]
        if mask:
            brushes.append(_Brush(mask, points))
    if static:
        form.need("motion_brush", "static_mask")
    if brushes:
        form.need("motion_brush", "dynamic_masks")
    return static, brushes


def _read_voices_and_elements(body: Body, form: Format, *, sound: bool) -> bool:
    elements = body.items("element_list", 0, 3)
    voices = body.items("voice_list", 0, 2)
    for element in elements:
        element.whole("element_id", 1, 10**18)
    for voice in voices:
        voice.text("voice_id", required=True)
    if elements:
        form.need("element_control", "element_list")
    if voices:
        form.need("voice_control", "voice_list")
    if elements and voices:
        raise wrong_value("element_list and voice_list cannot be used together")
    if voices and not sound:
        raise wrong_value("sound must be on when voice_list is given")
    return bool(voices)


def _fetch_masks(
    bench: Bench, image: bytes | None, static: Source | None, brushes: list[_Brush]
) -> tuple[bytes | None, list[Mask]]:
    """The masks' bytes; the task fails when their sizes do not fit the image and each other."""
    from kling_core.sandbox.inputs import image_size
    from kling_core.sandbox.render import Mask

    still = bench.mask(static) if static else None
    masks = [Mask(bench.mask(brush.mask), list(brush.points)) for brush in brushes]
    all_masks = [mask.mask for mask in masks] + ([still] if still else [])
    sizes = {image_size(mask) for mask in all_masks}
    if len(sizes) > 1:
        raise TaskFailed("The resolution of dynamic_masks and static_mask must be the same")
    if sizes and image:
        (width, height), (mask_width, mask_height) = image_size(image), sizes.pop()
        # Equal ratios up to the rounding of one pixel.
        if abs(width * mask_height - height * mask_width) > max(width, height):
            raise TaskFailed("The aspect ratio of the mask must be the same as that of the image")
    return still, masks


CONTRACT = Contract(_NAME, [Task("/v1/videos/image2video", _read)])

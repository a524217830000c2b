"""Wire contract of video extension (Kling API reference, video extension)."""

from __future__ import annotations

from pathlib import Path

from kling_core.sandbox.catalog import endpoint_retirement
from kling_core.sandbox.contract import Contract, Shop, Task
from kling_core.sandbox.contracts.v1._clips import Format, clip_job, read_strength, read_words
from kling_core.sandbox.fields import Body
from kling_core.sandbox.jobs import Bench, Clip, Job
from kling_core.sandbox.refusals import wrong_value

ADDED_SECONDS = 5
"""What one extension adds; the service adds 4 to 5 s."""

LONGEST_SECONDS = 180.0
"""An extended clip is at most 3 minutes long."""

_NAME = "video_extension"
_ENDPOINTS = ("text_to_video", "image_to_video", _NAME)
_MODELS = ("kling-v1", "kling-v1-5", "kling-v1-6")


def _read(body: Body, shop: Shop) -> Job:
    warnings = endpoint_retirement(_NAME, shop.retired)
    parent = _source(shop, body.text("video_id", required=True))
    prompt, negative = read_words(body)
    if parent.model_name == "kling-v1" and (negative or body.has("cfg_scale")):
        field = "negative_prompt" if negative else "cfg_scale"
        raise wrong_value(f"{field} is not supported for videos of kling-v1")
    read_strength(body)

    def paint(bench: Bench, path: Path) -> None:
        from kling_core.sandbox import render

        render.extend(
            path,
            parent=parent.path,
            prompt=prompt,
            seconds=ADDED_SECONDS,
            cancelled=bench.cancelled,
        )

    form = Format(parent.model_name, parent.mode, ADDED_SECONDS, frozenset(), warnings)
    return clip_job(_NAME, form, paint, (prompt, negative), parent)


def _source(shop: Shop, video_id: str) -> Clip:
    """The clip to extend. Raises 1201 for an unknown id and for a clip that cannot be extended."""
    parent = shop.find_clip(video_id)
    if parent is None:
        raise wrong_value(f"From video not found by id: {video_id}")
    if parent.endpoint not in _ENDPOINTS or parent.model_name not in _MODELS:
        raise wrong_value(
            f"video_id value '{video_id}' is invalid, a {parent.endpoint} video "
            f"of {parent.model_name or 'no model'} cannot be extended"
        )
    if parent.seconds + ADDED_SECONDS > LONGEST_SECONDS:
        raise wrong_value(
            f"video_id value '{video_id}' is invalid, the extended video exceeds 3 minutes"
        )
    return parent


CONTRACT = Contract(_NAME, [Task("/v1/videos/video-extend", _read)])

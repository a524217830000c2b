"""Wire contract of video extension (Kling API reference, video extension)."""

from __future__ import annotations

from kling_core.sandbox.catalog import endpoint_retirement, units
from kling_core.sandbox.contract import Contract, Shop, Task
from kling_core.sandbox.contracts.v1._clips import PROMPT_LIMIT
from kling_core.sandbox.fields import Body
from kling_core.sandbox.jobs import Bench, Clip, Job, Output, generation_seconds
from kling_core.sandbox.refusals import wrong_value

ADDED_SECONDS = 5.0
"""What one extension adds; the service adds 4 to 5 s."""

LONGEST_SECONDS = 180.0
"""An extended clip is at most 3 minutes long."""

_NAME = "video_extension"
_ENDPOINTS = ("text_to_video", "image_to_video", _NAME)
_MODELS = ("kling-v1", "kling-v1-5", "kling-v1-6")


def _read(body: Body, shop: Shop) -> Job:
    warnings = endpoint_retirement(_NAME, shop.retired)
    parent = _source(shop, body.text("video_id", required=True))
    prompt = body.text("prompt", at_most=PROMPT_LIMIT)
    negative = body.text("negative_prompt", at_most=PROMPT_LIMIT)
    if parent.model_name == "kling-v1" and (negative or body.has("cfg_scale")):
        field = "negative_prompt" if negative else "cfg_scale"
        raise wrong_value(f"{field} is not supported for videos of kling-v1")
    body.number("cfg_scale", 0, 1, 0.5)

    def make(bench: Bench) -> list[Output]:
        from kling_core.sandbox import render

        path = bench.path(".mp4")
        render.extend(
            path,
            parent=parent.path,
            prompt=prompt,
            seconds=ADDED_SECONDS,
            cancelled=bench.cancelled,
        )
        return [Output(path, parent.seconds + ADDED_SECONDS)]

    return Job(
        model_name=parent.model_name,
        mode=parent.mode,
        nominal_seconds=generation_seconds(parent.model_name, parent.mode, ADDED_SECONDS),
        units=units(_NAME, parent.model_name, parent.mode, int(ADDED_SECONDS)),
        make=make,
        prompts=(prompt, negative),
        warnings=warnings,
        parent=parent,
    )


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

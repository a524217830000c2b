"""Text to video: `POST /v1/videos/text2video`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from kling_core.declare import shared_fields
from kling_core.declare.endpoint import Endpoint, Request
from kling_core.declare.fields import param
from kling_core.rules.rules import Any_, Given, Is, Needed, Not, Only

SOURCE = "Kling API reference, text to video (2026-03)"
MULTI_SHOT = Is("multi_shot", True)
ONE_PROMPT = Any_(Not(MULTI_SHOT), Is("shot_type", "intelligence"))


class TextToVideo(Request):
    """Make a video from a text prompt."""

    prompt: str | None = shared_fields.prompt_param("What the video shows.")
    negative_prompt: str | None = shared_fields.negative_prompt_param()
    model_name: str | None = shared_fields.model_param()
    mode: shared_fields.Mode = shared_fields.mode_param()
    duration: int | str = shared_fields.duration_param()
    aspect_ratio: shared_fields.VideoRatio = param(default="16:9", doc="Width to height.")
    sound: shared_fields.Switch | bool = shared_fields.sound_param()
    cfg_scale: float | None = shared_fields.cfg_scale_param()
    camera_control: shared_fields.CameraControl | Mapping[str, Any] | str | None = (
        shared_fields.camera_param(
            "Camera move, such as zoom=5 or down_back; kling-v1 std 5 s only."
        )
    )
    multi_shot: bool | None = param(
        rare=True, default=None, api_default=False, doc="Several shots in one clip; kling-v3."
    )
    shot_type: Literal["customize", "intelligence"] | None = param(
        rare=True,
        default=None,
        doc="customize: `multi_prompt` sets the shots; intelligence: the model does.",
    )
    multi_prompt: Sequence[shared_fields.Shot | Mapping[str, Any]] | None = param(
        rare=True,
        default=None,
        doc="The shots, 1 to 6; their durations add up to `duration`.",
        of=list[shared_fields.Shot],
        parse=shared_fields.shots,
        min_items=1,
        max_items=6,
    )
    external_task_id: str | None = shared_fields.external_task_id_param()
    callback_url: str | None = shared_fields.callback_url_param()
    watermark_info: shared_fields.WatermarkInfo | Mapping[str, bool] | bool | None = (
        shared_fields.watermark_param()
    )


NEEDS_PROMPT = Needed("prompt", when=ONE_PROMPT, source=SOURCE, message="is required")
SHOT_RULES = (
    Only("prompt", when=ONE_PROMPT, source=SOURCE),
    Needed("shot_type", when=MULTI_SHOT, source=SOURCE),
    Only("shot_type", when=MULTI_SHOT, source=SOURCE),
    Needed("multi_prompt", when=Is("shot_type", "customize"), source=SOURCE),
    Only("multi_prompt", when=Is("shot_type", "customize"), source=SOURCE),
    shared_fields.SHOTS_FIT,
)

ENDPOINT = Endpoint(
    name="text_to_video",
    call="task",
    routes={"v1": "/v1/videos/text2video"},
    request=TextToVideo,
    makes="video",
    pool="video",
    pack="video",
    toolset="video",
    source=SOURCE,
    advice="For a scene from words alone; to start from a picture take image_to_video.",
    aliases=("t2v",),
    positional="prompt",
    rules=(NEEDS_PROMPT, *SHOT_RULES, shared_fields.ONE_CAMERA_VALUE),
    features={
        "multi_shot": MULTI_SHOT,
        "sound": Is("sound", "on"),
        "camera_control": Given("camera_control"),
    },
    example={"prompt": "a paper boat drifts down a rainy street", "duration": 5},
)

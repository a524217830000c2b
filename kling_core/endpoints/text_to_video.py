"""Text to video: `POST /v1/videos/text2video`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from kling_core.catalog.rules import Any_, Given, Is, Needed, Not, Only
from kling_core.endpoints import parts
from kling_core.endpoints.base import Endpoint, Request, param

SOURCE = "Kling API reference, text to video (2026-03)"
MULTI_SHOT = Is("multi_shot", True)
ONE_PROMPT = Any_(Not(MULTI_SHOT), Is("shot_type", "intelligence"))


class TextToVideo(Request):
    """Make a video from a text prompt."""

    prompt: str | None = parts.prompt_param("What the video shows.")
    negative_prompt: str | None = parts.negative_prompt_param()
    model_name: str | None = parts.model_param()
    mode: parts.Mode = parts.mode_param()
    duration: int | str = parts.duration_param()
    aspect_ratio: parts.VideoRatio = param(default="16:9", doc="Width to height.")
    sound: parts.Switch | bool = parts.sound_param()
    cfg_scale: float | None = parts.cfg_scale_param()
    camera_control: parts.CameraControl | Mapping[str, Any] | str | None = parts.camera_param(
        "Camera move, such as zoom=5 or down_back; kling-v1 std 5 s only."
    )
    multi_shot: bool | None = param(
        rare=True, default=None, api_default=False, doc="Several shots in one clip; kling-v3."
    )
    shot_type: Literal["customize", "intelligence"] | None = param(
        rare=True,
        default=None,
        doc="customize: `multi_prompt` sets the shots; intelligence: the model does.",
    )
    multi_prompt: Sequence[parts.Shot | Mapping[str, Any]] | None = param(
        rare=True,
        default=None,
        doc="The shots, 1 to 6; their durations add up to `duration`.",
        of=list[parts.Shot],
        parse=parts.shots,
        min_items=1,
        max_items=6,
    )
    external_task_id: str | None = parts.external_task_id_param()
    callback_url: str | None = parts.callback_url_param()
    watermark_info: parts.WatermarkInfo | Mapping[str, bool] | bool | None = parts.watermark_param()


NEEDS_PROMPT = Needed("prompt", when=ONE_PROMPT, source=SOURCE, message="is required")
SHOT_RULES = (
    Only("prompt", when=ONE_PROMPT, source=SOURCE),
    Needed("shot_type", when=MULTI_SHOT, source=SOURCE),
    Only("shot_type", when=MULTI_SHOT, source=SOURCE),
    Needed("multi_prompt", when=Is("shot_type", "customize"), source=SOURCE),
    Only("multi_prompt", when=Is("shot_type", "customize"), source=SOURCE),
    parts.SHOTS_FIT,
)

ENDPOINT = Endpoint(
    name="text_to_video",
    path="/v1/videos/text2video",
    request=TextToVideo,
    output="videos",
    product="video",
    source=SOURCE,
    advice="For a scene from words alone; to start from a picture take image_to_video.",
    aliases=("t2v",),
    positional="prompt",
    rules=(NEEDS_PROMPT, *SHOT_RULES, parts.ONE_CAMERA_VALUE),
    features={
        "multi_shot": MULTI_SHOT,
        "sound": Is("sound", "on"),
        "camera_control": Given("camera_control"),
    },
    example={"prompt": "a paper boat drifts down a rainy street", "duration": 5},
)

"""Image to video: `POST /v1/videos/image2video`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from kling_core.declare import shared_fields
from kling_core.declare.endpoint import Endpoint, Request
from kling_core.declare.fields import param
from kling_core.endpoints.text_to_video import MULTI_SHOT, SHOT_RULES
from kling_core.rules.rules import (
    All,
    Any_,
    AtLeastOne,
    Check,
    Exclusive,
    Given,
    Is,
    Needed,
    Not,
    Only,
)

SOURCE = "Kling API reference, image to video (2026-03)"


class ImageToVideo(Request):
    """Make a video from a start image, an end image or both."""

    image: shared_fields.MediaInput | None = param(
        default=None, doc="Start frame.", media="image", source=SOURCE, short="i"
    )
    image_tail: shared_fields.MediaInput | None = param(
        default=None, doc="End frame.", media="tail"
    )
    prompt: str | None = shared_fields.prompt_param("What happens in the video.")
    negative_prompt: str | None = shared_fields.negative_prompt_param()
    model_name: str | None = shared_fields.model_param()
    mode: shared_fields.Mode = shared_fields.mode_param()
    duration: int | str = shared_fields.duration_param()
    sound: shared_fields.Switch | bool = shared_fields.sound_param()
    cfg_scale: float | None = shared_fields.cfg_scale_param()
    camera_control: shared_fields.CameraControl | Mapping[str, Any] | str | None = (
        shared_fields.camera_param("Simple camera move, such as zoom=5; kling-v1-5 pro 5 s only.")
    )
    static_mask: shared_fields.MediaInput | None = param(
        rare=True,
        default=None,
        doc="Mask of the area that stays still (motion brush).",
        media="mask",
    )
    dynamic_masks: Sequence[shared_fields.DynamicMask | Mapping[str, Any]] | None = param(
        rare=True,
        default=None,
        doc="Up to 6 masked regions, each with the path along which it moves (motion brush).",
        of=list[shared_fields.DynamicMask],
        min_items=1,
        max_items=6,
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
    element_list: Sequence[shared_fields.ElementRef | Mapping[str, int] | int] | None = param(
        rare=True,
        default=None,
        doc="Elements of the account to use, up to 3; kling-v3.",
        of=list[shared_fields.ElementRef],
        parse=shared_fields.wrapped("element_id"),
        min_items=1,
        max_items=3,
    )
    voice_list: Sequence[shared_fields.VoiceRef | Mapping[str, str] | str] | None = param(
        rare=True,
        default=None,
        doc="Voices that the prompt cites as <<<voice_1>>>, up to 2; kling-v2-6 pro with sound.",
        of=list[shared_fields.VoiceRef],
        parse=shared_fields.wrapped("voice_id"),
        min_items=1,
        max_items=2,
    )
    external_task_id: str | None = shared_fields.external_task_id_param()
    callback_url: str | None = shared_fields.callback_url_param()
    watermark_info: shared_fields.WatermarkInfo | Mapping[str, bool] | bool | None = (
        shared_fields.watermark_param()
    )


def _simple_only(fields: Mapping[str, Any]) -> shared_fields.Problems:
    control = fields.get("camera_control")
    if not control or control["type"] == "simple":
        return []
    message = f"{control['type']} is a move of text_to_video; here it is a simple one, as zoom=5"
    return [("camera_control", message, "no camera_control")]


BRUSH = Any_(Given("static_mask"), Given("dynamic_masks"))

ENDPOINT = Endpoint(
    name="image_to_video",
    call="task",
    routes={"v1": "/v1/videos/image2video"},
    request=ImageToVideo,
    makes="video",
    pool="video",
    pack="video",
    toolset="video",
    source=SOURCE,
    advice="For one picture, or a start and an end frame; for several "
    "subjects take multi_image_to_video.",
    aliases=("i2v",),
    positional="prompt",
    rules=(
        AtLeastOne("image", "image_tail", source=SOURCE),
        Exclusive(
            ("image_tail",), ("static_mask", "dynamic_masks"), ("camera_control",), source=SOURCE
        ),
        Only("static_mask", when=Given("image"), source=SOURCE),
        Only("dynamic_masks", when=Given("image"), source=SOURCE),
        Exclusive(("element_list",), ("voice_list",), source=SOURCE),
        Only("voice_list", when=Is("sound", "on"), source=SOURCE),
        Needed("prompt", when=Is("shot_type", "intelligence"), source=SOURCE),
        *SHOT_RULES,
        shared_fields.ONE_CAMERA_VALUE,
        Check(fields=("camera_control",), test=_simple_only, source=shared_fields.CAMERA_SOURCE),
    ),
    features={
        "start_end_frame": All(Given("image"), Given("image_tail")),
        "end_frame_only": All(Given("image_tail"), Not(Given("image"))),
        "motion_brush": BRUSH,
        "camera_control_simple": Given("camera_control"),
        "multi_shot": MULTI_SHOT,
        "sound": Is("sound", "on"),
        "element_control": Given("element_list"),
        "voice_control": Given("voice_list"),
    },
    example={"image": "photo.jpg", "prompt": "the camera pushes in slowly"},
)

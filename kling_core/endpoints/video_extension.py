"""Video extension: `POST /v1/videos/video-extend`."""

from __future__ import annotations

from kling_core.declare import shared_fields
from kling_core.declare.endpoint import Endpoint, Request
from kling_core.declare.fields import param
from kling_core.rules.rules import Given

SOURCE = "Kling API reference, video extension (2026-03)"


class VideoExtension(Request):
    """Continue a video; model and mode are those of the source."""

    video_id: str = param(
        doc="Id of the video (not of its task): made by kling-v1, v1-5 or v1-6, at most 30 days "
        "old, at most 3 minutes long in the end.",
        id_of="video",
        source=SOURCE,
    )
    prompt: str | None = shared_fields.prompt_param("What happens next.")
    negative_prompt: str | None = shared_fields.negative_prompt_param()
    cfg_scale: float | None = shared_fields.cfg_scale_param()
    external_task_id: str | None = shared_fields.external_task_id_param()
    callback_url: str | None = shared_fields.callback_url_param()


ENDPOINT = Endpoint(
    name="video_extension",
    call="task",
    routes={"v1": "/v1/videos/video-extend"},
    request=VideoExtension,
    makes="video",
    pool="video",
    pack="video",
    toolset="video",
    source=SOURCE,
    advice="Only for clips of kling-v1, v1-5 and v1-6; to go on from any other "
    "clip give its last frame to image_to_video.",
    aliases=("extend",),
    positional="prompt",
    features={"extension": Given("video_id")},
    example={"video_id": "831922345719271433", "prompt": "it reaches the sea"},
)

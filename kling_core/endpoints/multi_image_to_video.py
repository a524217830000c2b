"""Multi-image to video: `POST /v1/videos/multi-image2video`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kling_core.declare import shared_fields
from kling_core.declare.endpoint import Endpoint, Request
from kling_core.declare.fields import param

SOURCE = "Kling API reference, multi-image to video (2026-03)"


class MultiImageToVideo(Request):
    """Make a video from 1 to 4 images of subjects."""

    image_list: Sequence[shared_fields.MediaInput | Mapping[str, Any]] = param(
        doc="1 to 4 images, each cropped to its subject.",
        media="image",
        many=True,
        item="image",
        min_items=1,
        max_items=4,
        source=SOURCE,
        short="i",
    )
    prompt: str = param(
        doc="What the video shows.", max_length=shared_fields.PROMPT_MAX, unit="characters"
    )
    negative_prompt: str | None = shared_fields.negative_prompt_param()
    model_name: str | None = shared_fields.model_param()
    mode: shared_fields.Mode = shared_fields.mode_param()
    duration: int | str = shared_fields.duration_param()
    aspect_ratio: shared_fields.VideoRatio = param(default="16:9", doc="Width to height.")
    external_task_id: str | None = shared_fields.external_task_id_param()
    callback_url: str | None = shared_fields.callback_url_param()
    watermark_info: shared_fields.WatermarkInfo | Mapping[str, bool] | bool | None = (
        shared_fields.watermark_param()
    )

    @classmethod
    def adopt(cls, given: dict[str, Any]) -> dict[str, Any]:
        """Accept `images` and a repeated `image`, as command lines spell the list."""
        for spelling in ("images", "image"):
            if spelling in given and "image_list" not in given:
                value = given[spelling]
                rest = {k: v for k, v in given.items() if k != spelling}
                given = {"image_list": value, **rest}
        return super().adopt(given)


ENDPOINT = Endpoint(
    name="multi_image_to_video",
    call="task",
    routes={"v1": "/v1/videos/multi-image2video"},
    request=MultiImageToVideo,
    makes="video",
    pool="video",
    pack="video",
    toolset="video",
    source=SOURCE,
    advice="For several subjects in one new scene; to animate a picture "
    "as it is take image_to_video.",
    positional="prompt",
    example={"image_list": ["cat.jpg", "hat.jpg"], "prompt": "the cat tries on the hat"},
)

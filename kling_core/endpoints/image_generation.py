"""Image generation: `POST /v1/images/generations`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from kling_core.declare import shared_fields
from kling_core.declare.endpoint import Endpoint, Request
from kling_core.declare.fields import param
from kling_core.rules.rules import Check, Given, Is, Needed, Not, Only

SOURCE = "Kling API reference, image generation (2026-09)"


class ImageGeneration(Request):
    """Make 1 to 9 images from a prompt, optionally from an image."""

    prompt: str = param(
        doc="What the image shows.",
        max_length=shared_fields.PROMPT_MAX,
        unit="characters",
        source=SOURCE,
    )
    negative_prompt: str | None = shared_fields.negative_prompt_param()
    model_name: str | None = shared_fields.model_param()
    image: shared_fields.MediaInput | None = param(
        default=None, doc="Image to start from.", media="image", short="i"
    )
    image_reference: Literal["subject", "face"] | None = param(
        default=None, doc="What to keep of `image`; face needs exactly one face."
    )
    image_fidelity: float | None = param(
        default=None, api_default=0.5, doc="How closely to keep `image`.", ge=0, le=1
    )
    human_fidelity: float | None = param(
        rare=True,
        default=None,
        api_default=0.45,
        doc="How closely to keep the face of a subject.",
        ge=0,
        le=1,
    )
    element_list: Sequence[shared_fields.ElementRef | Mapping[str, int] | int] | None = param(
        rare=True,
        default=None,
        doc="Elements of the account to use; elements and image at most 10; kling-v3.",
        of=list[shared_fields.ElementRef],
        parse=shared_fields.wrapped("element_id"),
        min_items=1,
        max_items=10,
    )
    resolution: Literal["1k", "2k"] = param(default="1k", doc="Size of the images.")
    n: int = param(default=1, doc="How many images; each takes a slot.", ge=1, le=9, unit="images")
    aspect_ratio: shared_fields.ImageRatio = param(default="16:9", doc="Width to height.")
    external_task_id: str | None = shared_fields.external_task_id_param()
    callback_url: str | None = shared_fields.callback_url_param()
    watermark_info: shared_fields.WatermarkInfo | Mapping[str, bool] | bool | None = (
        shared_fields.watermark_param()
    )


def _ten_in_all(fields: Mapping[str, Any]) -> shared_fields.Problems:
    elements: list[Any] = fields.get("element_list") or []
    if "image" not in fields or len(elements) <= 9:
        return []
    message = f"elements and image are at most 10 together; you gave {len(elements) + 1}"
    return [("element_list", message, "at most 9 elements beside an image")]


ENDPOINT = Endpoint(
    name="image_generation",
    call="task",
    routes={"v1": "/v1/images/generations"},
    request=ImageGeneration,
    makes="image",
    pool="image",
    pack="image",
    toolset="image",
    source=SOURCE,
    advice="For pictures, also as a start for image_to_video; to dress a person "
    "take virtual_try_on.",
    aliases=("image",),
    positional="prompt",
    weight="n",
    rules=(
        Only("negative_prompt", when=Not(Given("image")), source=SOURCE),
        Needed("image", when=Given("image_reference"), source=SOURCE),
        Only("image_fidelity", when=Given("image"), source=SOURCE),
        Only("human_fidelity", when=Is("image_reference", "subject"), source=SOURCE),
        Check(fields=("element_list", "image"), test=_ten_in_all, source=SOURCE),
    ),
    example={"prompt": "a lighthouse in fog, oil on canvas", "aspect_ratio": "3:2"},
)

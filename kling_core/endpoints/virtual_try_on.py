"""Virtual try-on: `POST /v1/images/kolors-virtual-try-on`."""

from __future__ import annotations

from kling_core.declare import shared_fields
from kling_core.declare.endpoint import Endpoint, Request
from kling_core.declare.fields import param

SOURCE = "Kling API reference, virtual try-on (2026-03)"


class VirtualTryOn(Request):
    """Dress a person in a garment."""

    human_image: shared_fields.MediaInput = param(doc="The person.", media="try_on", source=SOURCE)
    cloth_image: shared_fields.MediaInput = param(
        doc="The garment: a product photo or one on white; upper, lower or dress.", media="try_on"
    )
    model_name: str | None = shared_fields.model_param()
    external_task_id: str | None = shared_fields.external_task_id_param()
    callback_url: str | None = shared_fields.callback_url_param()


ENDPOINT = Endpoint(
    name="virtual_try_on",
    call="task",
    routes={"v1": "/v1/images/kolors-virtual-try-on"},
    request=VirtualTryOn,
    makes="image",
    pool="try_on",
    pack="image",
    toolset="image",
    source=SOURCE,
    advice="Only for clothes on a person; for any other picture take image_generation.",
    aliases=("try-on",),
    example={"human_image": "person.jpg", "cloth_image": "shirt.jpg"},
)

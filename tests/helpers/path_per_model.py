"""Endpoints of the path-per-model edition, declared in memory, with and without an own id."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from kling_core.catalog import tables
from kling_core.declare import registry, shared_fields
from kling_core.declare.endpoint import Endpoint, Request
from kling_core.declare.fields import Part, param

SOURCE = "made for the tests"


class Scene(Request):
    """Make a video from a text prompt."""

    prompt: str | None = param(doc="What the video shows.", default=None)
    model_name: str | None = param(doc="The model.", default=None)
    duration: int = param(doc="Seconds.", default=5, wire="settings.duration")
    resolution: str = param(doc="Size.", default="720p", wire="settings.resolution")
    watermark_info: shared_fields.WatermarkInfo | bool | None = shared_fields.watermark_param()
    external_task_id: str | None = shared_fields.external_task_id_param()
    callback_url: str | None = shared_fields.callback_url_param()


class Reference(Part):
    """A picture, and the name by which the prompt cites it."""

    url: str = param(doc="Its address.")
    id: str = param(doc="Its name.")


class Frames(Request):
    """Make a video from pictures."""

    prompt: str | None = param(doc="What happens.", default=None, wire="contents.prompt.text")
    image: str | None = param(doc="The first frame.", default=None, wire="contents.first_frame.url")
    image_name: str | None = param(doc="Its name.", default=None, wire="contents.first_frame.id")
    references: Any = param(
        doc="What it shows.", default=None, of=list[Reference], wire="contents.refer_image"
    )
    voices: Any = param(
        doc="Who speaks.", default=None, of=list[str], wire="contents.voice", item="voice_id"
    )
    model_name: str | None = param(doc="The model.", default=None)
    duration: int = param(doc="Seconds.", default=5, wire="settings.duration")
    external_task_id: str | None = shared_fields.external_task_id_param()
    callback_url: str | None = shared_fields.callback_url_param()


def scene(**more: Any) -> Endpoint:
    """Text to video, its own id inside `options`."""
    facts: dict[str, Any] = {
        "name": "scene",
        "call": "task",
        "routes": {"v2": "/text-to-video/{model}"},
        "request": Scene,
        "makes": "video",
        "pool": "video",
        "pack": "video",
        "toolset": "video",
        "source": SOURCE,
        "positional": "prompt",
        "example": {"prompt": "a paper boat", "model_name": "kling-3.0"},
    }
    return Endpoint(**{**facts, **more})


def frames(**more: Any) -> Endpoint:
    """Image to video."""
    example = {"image": "https://x.test/a.png", "model_name": "kling-3.0"}
    routes = {"v2": "/image-to-video/{model}"}
    facts: dict[str, Any] = {"name": "frames", "routes": routes, "request": Frames}
    return scene(**{**facts, "positional": "", "example": example, **more})


def without_own_id(endpoint: Endpoint, name: str) -> Endpoint:
    """The same under another name, for a model that refuses our ids."""
    request = type(f"{endpoint.request.__name__}Unnamed", (endpoint.request,), {})
    request.__doc__ = endpoint.request.__doc__
    return replace(endpoint, name=name, request=request, external_task_id=False)


@contextmanager
def registered(*endpoints: Endpoint) -> Iterator[None]:
    """The registry and the catalogue know these endpoints, as if each had its file and row."""
    known = tables.load("endpoints.json")["endpoints"]
    known |= {endpoint.name: {**known["text_to_video"]} for endpoint in endpoints}
    for endpoint in endpoints:
        registry.add(endpoint)
    try:
        yield
    finally:
        for endpoint in endpoints:
            registry.remove(endpoint.name)
            del known[endpoint.name]

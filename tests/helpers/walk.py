"""A request of each endpoint that the sandbox takes, made from the endpoint's own example.

A new endpoint is walked without a change here: its example is taken, with real media in the place
of each media field and a real clip in the place of `video_id`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from helpers.media import mask, picture, sound
from kling_core import Kling
from kling_core.declare.endpoint import Endpoint

Media = Callable[[str], Any]
BYTES = {
    "image": picture(),
    "tail": picture(),
    "try_on": picture(400, 600),
    "mask": mask(),
    "audio": sound(),
}


def in_memory(kind: str) -> Any:
    """Media of that kind as bytes; a URL for video, which goes by URL only."""
    return BYTES.get(kind, "https://videos.example/clip.mp4")


def example(endpoint: Endpoint, video_id: str, media: Media = in_memory) -> dict[str, Any]:
    """The endpoint's example with real media and a real source video."""
    params = endpoint.request.params()
    fields: dict[str, Any] = {}
    for name, value in endpoint.example.items():
        kind = params[name].media
        if kind and params[name].many:
            fields[name] = [media(kind) for _ in value]
        elif kind:
            fields[name] = media(kind)
        else:
            fields[name] = video_id if name == "video_id" else value
    return fields


def source_video(kling: Kling) -> str:
    """The id of a finished clip that can be extended and lip-synced."""
    made = kling.text_to_video.create(prompt="a face in the rain", model_name="kling-v1-6")
    return made.wait().videos[0].id

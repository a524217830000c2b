"""An endpoint that no file declares, and its rows of data: what a new one consists of.

`with added(endpoint):` registers it and takes it away again. `puppets()` has a field of every kind.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal

from kling_core.catalog import tables
from kling_core.declare import catalogues, registry, shared_fields
from kling_core.declare.endpoint import Endpoint, Request
from kling_core.declare.fields import Part, param
from kling_core.rules import price
from kling_core.rules.rules import ExactlyOne, Given, Needed

MODEL = "puppet-1"
SOURCE = "the test of the house"


class Joint(Part):
    """A joint of a puppet, and what hangs on it."""

    at: int = param(doc="Centimetres from the floor.", ge=0, le=90, unit="cm")
    picture: shared_fields.MediaInput = param(doc="What hangs on it.", media="image", of=Any)
    caption: str | None = param(default=None, doc="What is written on it.", max_length=40)


class Puppets(Request):
    """Make a puppet play."""

    prompt: str = param(doc="What it plays.", max_length=80, unit="characters", source=SOURCE)
    model_name: str | None = shared_fields.model_param()
    stage: Literal["street", "theatre"] = param(default="street", doc="Where it plays.")
    music: shared_fields.Switch | bool = shared_fields.sound_param()
    bow: bool | None = param(default=None, api_default=True, doc="Whether it bows in the end.")
    strings: int = param(default=4, doc="How many strings.", ge=2, le=9, short="s")
    tempo: float | None = param(default=None, api_default=1.0, doc="How fast.", ge=0.5, le=2)
    duration: int | str = shared_fields.duration_param()
    voice_id: str | None = param(default=None, doc="Who speaks.", choices="voices/tts")
    backdrops: Sequence[shared_fields.MediaInput] | None = param(
        default=None, doc="What hangs behind.", media="image", many=True, min_items=1, max_items=3
    )
    video_id: str | None = param(default=None, doc="The clip that it plays on.", id_of="video")
    video_url: shared_fields.MediaInput | None = param(
        default=None, doc="The clip that it plays on.", media="video"
    )
    tags: Sequence[str] | None = param(
        rare=True, default=None, doc="Words to find it by.", of=list[str], min_items=1, max_items=3
    )
    joints: Sequence[Joint | Mapping[str, Any]] | None = param(
        rare=True, default=None, doc="Its joints.", of=list[Joint], min_items=1, max_items=5
    )
    external_task_id: str | None = shared_fields.external_task_id_param()
    callback_url: str | None = shared_fields.callback_url_param()


def puppets(**changes: Any) -> Endpoint:
    """The endpoint, or another one that differs in some facts."""
    facts: dict[str, Any] = {
        "name": "puppets",
        "call": "task",
        "routes": {"v1": "/v1/videos/puppets"},
        "request": Puppets,
        "makes": "video",
        "pool": "video",
        "pack": "video",
        "toolset": "toys",
        "source": SOURCE,
        "aliases": ("pup",),
        "positional": "prompt",
        "advice": "For a play of puppets; for anything else take text_to_video.",
        "rules": (
            ExactlyOne("video_id", "video_url", source=SOURCE),
            Needed("voice_id", when=Given("tags"), source=SOURCE),
        ),
        "features": {"strings": Given("strings")},
        "example": {"video_id": "831922345719271433", "prompt": "a bear learns to dance"},
    }
    return Endpoint(**{**facts, **changes})


@contextmanager
def added(endpoint: Endpoint) -> Iterator[Endpoint]:
    """The endpoint is registered, and has its rows: alive, with a model, at 0.2 units a second."""
    status, models = (tables.load(f"{name}.json") for name in ("endpoints", "models"))
    rows = tables.load("prices.json")["rows"]
    like = next(row for row in models["models"] if row["product"] == "video")
    mode = {"5": ["strings"], "10": ["strings"]}
    able = {endpoint.name: {"modes": {"none": mode}}}
    status["endpoints"][endpoint.name] = {**status["endpoints"]["text_to_video"], "evidence": "-"}
    models["models"].append({**like, "model_name": MODEL, "status": "active", "endpoints": able})
    models["defaults"][endpoint.name] = MODEL
    rows.append(
        {**rows[0], "endpoints": [endpoint.name], "models": [MODEL], "mode": None, "when": {}}
        | {"per": "second", "units": "0.2", "usd": "0.028"}
    )
    _forget()
    try:
        registry.add(endpoint)
        try:
            yield endpoint
        finally:
            registry.remove(endpoint.name)
    finally:
        del status["endpoints"][endpoint.name], models["defaults"][endpoint.name]
        models["models"].pop()
        rows.pop()
        _forget()


def _forget() -> None:
    for kept in (tables._models, price.prices, catalogues._lengths):
        kept.cache_clear()

"""Video effects: `POST /v1/videos/effects`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from kling_core.catalog import tables
from kling_core.declare import shared_fields
from kling_core.declare.endpoint import Endpoint, Request
from kling_core.declare.fields import param
from kling_core.rules.rules import Check, ExactlyOne
from kling_core.text import did_you_mean

SOURCE = "Kling API reference, video effects (2026-09)"


class VideoEffects(Request):
    """Put the subject of one or two images into a ready-made scene."""

    effect_scene: str = param(
        doc="The scene, see `kling models video-effects`.", choices="effects/scenes", source=SOURCE
    )
    image: shared_fields.MediaInput | None = param(
        default=None,
        doc="The image of a single-image scene.",
        media="image",
        wire="input.image",
        short="i",
    )
    images: Sequence[shared_fields.MediaInput] | None = param(
        default=None,
        doc="The two images of a dual-image scene: left, right.",
        media="image",
        many=True,
        wire="input.images",
        min_items=2,
        max_items=2,
    )
    duration: int | str | None = param(
        rare=True,
        default=None,
        doc="Only for older scenes that still document it; today's take none.",
        wire="input.duration",
        of=str,
        parse=shared_fields.seconds,
        unit="seconds",
        choices="lengths",
    )
    mode: Literal["std", "pro"] | None = param(
        rare=True,
        default=None,
        doc="Only first-generation dual scenes (ended) took one.",
        wire="input.mode",
    )
    model_name: str | None = param(
        rare=True,
        default=None,
        doc="Only scenes of 2025 (ended) took one.",
        wire="input.model_name",
    )
    external_task_id: str | None = shared_fields.external_task_id_param()
    callback_url: str | None = shared_fields.callback_url_param()

    @classmethod
    def adopt(cls, given: dict[str, Any]) -> dict[str, Any]:
        """Two images under `image`, as command lines repeat it, are `images`."""
        given = super().adopt(given)
        if isinstance(given.get("image"), (list, tuple)) and "images" not in given:
            several: Sequence[Any] = given["image"]
            rest = {k: v for k, v in given.items() if k != "image"}
            given = {
                **rest,
                **({"image": several[0]} if len(several) == 1 else {"images": several}),
            }
        return given

    @classmethod
    def warn(cls, fields: Mapping[str, Any]) -> list[str]:
        """Unknown and ended scenes."""
        name = fields.get("effect_scene", "")
        scene = tables.effects().get(name)
        if not name or (scene is not None and _today(scene)):
            return []
        if scene is not None:
            when = f"ended on {scene.ended_on}" if scene.ended_on else "left the list by 2026-09"
            return [f"effect_scene {name!r} {when}; Kling may refuse it"]
        hint = did_you_mean(name, tables.effects(), 3)
        return [f"effect_scene {name!r} is not in the list of 2026-09{hint}"]


def _today(scene: tables.EffectScene) -> bool:
    return scene.listed and scene.ended_on is None


def _scene(fields: Mapping[str, Any]) -> shared_fields.Problems:
    scene = tables.effects().get(fields.get("effect_scene", ""))
    if scene is None or ("image" in fields) == ("images" in fields):
        return []
    wanted = "images" if scene.images == 2 else "image"
    if wanted in fields:
        return []
    words = "two images (left, right)" if scene.images == 2 else "one image"
    message = f"{scene.name} takes {words}"
    return [(next(f for f in ("image", "images") if f in fields), message, f"{wanted}=…")]


def _first_generation(fields: Mapping[str, Any]) -> shared_fields.Problems:
    scene = tables.effects().get(fields.get("effect_scene", ""))
    if scene is None or (scene.images == 2 and not _today(scene)):
        return []
    return [
        (name, f"{scene.name} takes no {name}; only the dual scenes of 2025 did", f"no {name}")
        for name in ("mode", "model_name")
        if name in fields
    ]


def _length(fields: Mapping[str, Any]) -> shared_fields.Problems:
    duration = fields.get("duration")
    if duration is None:
        return []
    scene = tables.effects().get(fields.get("effect_scene", ""))
    dual_today = scene is not None and scene.images == 2 and _today(scene)
    lengths = ("5",) if dual_today else ("5", "10")
    if duration in lengths:
        return []
    name = scene.name if scene else "an effect"
    message = f"{name} makes {' or '.join(lengths)} seconds; you asked for {duration}"
    return [("duration", message, " or ".join(f"duration={length}" for length in lengths))]


def _fight(fields: Mapping[str, Any]) -> shared_fields.Problems:
    model = fields.get("model_name")
    if fields.get("effect_scene") != "fight" or model in (None, "kling-v1-6"):
        return []
    message = f"fight was made by kling-v1-6 only; you asked for {model}"
    return [("model_name", message, "model_name=kling-v1-6")]


ENDPOINT = Endpoint(
    name="video_effects",
    call="task",
    routes={"v1": "/v1/videos/effects"},
    request=VideoEffects,
    makes="video",
    pool="video",
    pack="video",
    toolset="video",
    source=SOURCE,
    advice="For a ready-made effect by its name; for a motion of your own take image_to_video.",
    aliases=("effects",),
    positional="effect_scene",
    rules=(
        ExactlyOne("image", "images", source=SOURCE),
        Check(fields=("effect_scene", "image", "images"), test=_scene, source=SOURCE),
        Check(fields=("effect_scene", "mode", "model_name"), test=_first_generation, source=SOURCE),
        Check(fields=("effect_scene", "duration"), test=_length, source=SOURCE),
        Check(fields=("effect_scene", "model_name"), test=_fight, source=SOURCE),
    ),
    example={"effect_scene": "bullet_time_360", "image": "photo.jpg"},
)

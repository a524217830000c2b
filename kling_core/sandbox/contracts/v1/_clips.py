"""Parts that the contracts of clips share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kling_core.sandbox.catalog import NO_MODE, Row, features, model, retirement, units
from kling_core.sandbox.contract import Shop
from kling_core.sandbox.fields import Body
from kling_core.sandbox.jobs import Bench, Clip, Job, Output, generation_seconds
from kling_core.sandbox.refusals import wrong_value

if TYPE_CHECKING:
    from kling_core.sandbox.render import Camera

PROMPT_LIMIT = 2500
"""Longest prompt and negative prompt, in characters."""

RATIOS = ("16:9", "9:16", "1:1")
"""Aspect ratios of the video endpoints."""

Paint = Callable[[Bench, Path], None]
"""Paints the clip into that file."""

_SHOT_LIMIT = 512
_FIXED_MOVES = ("down_back", "forward_up", "right_turn_forward", "left_turn_forward")
_AXES = ("horizontal", "vertical", "pan", "tilt", "roll", "zoom")


@dataclass(frozen=True)
class Shot:
    """One shot of a multi-shot clip."""

    prompt: str
    seconds: int


@dataclass(frozen=True)
class Move:
    """A camera move: a fixed one, or `simple` with one axis and its signed strength."""

    type: str
    axis: str | None = None
    value: float = 0.0

    def camera(self) -> Camera:
        """The move as the renderer takes it."""
        from kling_core.sandbox.render import Camera

        return Camera(type=self.type, axis=self.axis, value=self.value)


@dataclass(frozen=True)
class Format:
    """Model, mode and length of a clip, and what that combination can do."""

    model_name: str
    mode: str
    seconds: int
    features: frozenset[str]
    warnings: list[str]

    def need(self, feature: str, field: str) -> None:
        """Refuses the field when the model cannot do that in this mode at this length."""
        if feature not in self.features:
            raise wrong_value(
                f"{field} is not supported by {self.model_name} in mode {self.mode} "
                f"with duration {self.seconds}"
            )


def read_format(
    body: Body, shop: Shop, endpoint: str, *, default_model: str, warnings: Sequence[str] = ()
) -> Format:
    """Reads `model_name`, `mode` and `duration` against the capability map."""
    row = model(body.text("model_name") or default_model, "video", endpoint)
    warnings = [*warnings, *retirement(row, shop.retired)]
    mode = body.choice("mode", ("std", "pro", "4k"), "std")
    seconds = body.whole("duration", 1, 60, 5)
    can = features(row, endpoint, mode, seconds)
    return Format(row["model_name"], _mode(row, endpoint, mode), seconds, can, warnings)


def read_words(body: Body, *, required: bool = False) -> tuple[str, str]:
    """Reads the prompt and the negative prompt."""
    prompt = body.text("prompt", required=required, at_most=PROMPT_LIMIT)
    return prompt, body.text("negative_prompt", at_most=PROMPT_LIMIT)


def read_strength(body: Body) -> None:
    """Reads `cfg_scale`, which the painter does not follow."""
    body.number("cfg_scale", 0, 1, 0.5)


def one_clip(seconds: float, paint: Paint) -> Callable[[Bench], list[Output]]:
    """Makes one clip of that length."""

    def make(bench: Bench) -> list[Output]:
        path = bench.path(".mp4")
        paint(bench, path)
        return [Output(path, seconds)]

    return make


def clip_job(
    name: str,
    form: Format,
    paint: Paint,
    prompts: tuple[str, ...],
    parent: Clip | None = None,
    **variant: object,
) -> Job:
    """The job of one clip in that format, behind `parent` if there is one; see `catalog.units`."""
    before = parent.seconds if parent else 0
    return Job(
        model_name=form.model_name,
        mode=form.mode,
        nominal_seconds=generation_seconds(form.model_name, form.mode, form.seconds),
        units=units(name, form.model_name, form.mode, form.seconds, **variant),
        make=one_clip(before + form.seconds, paint),
        prompts=prompts,
        warnings=form.warnings,
        parent=parent,
    )


def read_shots(body: Body, form: Format) -> list[Shot]:
    """Reads the multi-shot fields; empty for an ordinary clip.

    Without `multi_shot` the other two are not used by the service, so they are not judged either.
    """
    wanted = body.flag("multi_shot")
    for key in ("shot_type", "multi_prompt"):
        body.get(key)
    if not wanted:
        return []
    form.need("multi_shot", "multi_shot")
    if body.choice("shot_type", ("customize", "intelligence")) == "intelligence":
        return _even_shots(body.text("prompt", required=True, at_most=PROMPT_LIMIT), form.seconds)
    shots: list[Shot] = []
    for item in body.items("multi_prompt", 1, 6):
        item.whole("index", 0, 100)
        prompt = item.text("prompt", required=True, at_most=_SHOT_LIMIT)
        shots.append(Shot(prompt, item.whole("duration", 1, 60)))
    total = sum(shot.seconds for shot in shots)
    if total != form.seconds:
        raise wrong_value(
            f"multi_prompt durations sum to {total}, duration value '{form.seconds}' is invalid"
        )
    return shots


def read_move(body: Body) -> Move | None:
    """Reads `camera_control`."""
    control = body.object("camera_control")
    if control is None:
        return None
    kind = control.choice("type", ("simple", *_FIXED_MOVES), "simple")
    config = control.object("config")
    if kind != "simple":
        if config is not None and _axes(config):
            raise wrong_value(f"camera_control.config is not supported with type {kind}")
        return Move(kind)
    axes = _axes(config) if config else {}
    if len(axes) != 1:
        raise wrong_value("camera_control.config is invalid, exactly one value must be non-zero")
    axis, value = axes.popitem()
    return Move(kind, axis, value)


def read_sound(body: Body, form: Format) -> bool:
    """Reads `sound`."""
    wanted = body.choice("sound", ("on", "off"), "off") == "on"
    if wanted:
        form.need("sound", "sound")
    return wanted


def _axes(config: Body) -> dict[str, float]:
    values = {axis: config.number(axis, -10, 10, 0) for axis in _AXES}
    return {axis: value for axis, value in values.items() if value}


def _mode(row: Row, endpoint: str, mode: str) -> str:
    return NO_MODE if NO_MODE in row["endpoints"][endpoint]["modes"] else mode


def _even_shots(prompt: str, seconds: int) -> list[Shot]:
    first = -(-seconds // 2)
    return [Shot(prompt, first), Shot(prompt, seconds - first)]

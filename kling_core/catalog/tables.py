"""Reads the catalogue's JSON files, once each, into small frozen records."""

from __future__ import annotations

import json
import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any, Literal

Status = Literal["active", "retiring", "retired", "unverified"]


@dataclass(frozen=True, slots=True)
class Capability:
    """What one model does at one endpoint.

    Video models fill `modes` (mode, then seconds as a string, then features; the mode "none" means
    that the model takes no `mode`); image models fill `aspect_ratios`, `resolutions` (by
    "text_to_image" and "image_to_image") and `features`.
    """

    modes: Mapping[str, Mapping[str, tuple[str, ...]]]
    features: tuple[str, ...]
    aspect_ratios: tuple[str, ...]
    resolutions: Mapping[str, tuple[str, ...]]
    unsupported_fields: tuple[str, ...]
    """Fields of the endpoint that this model does not take."""
    conflicts: tuple[tuple[str, ...], ...]
    """Features that it has, but not together."""
    requires: Mapping[str, tuple[str, ...]]
    """A given field, then the settings of which it needs one ("image_reference=face")."""
    fps: int | None

    def durations(self, mode: str | None = None) -> tuple[str, ...]:
        """The seconds offered in `mode`, or in any mode when it is None or not offered."""
        offered = self.modes.get(mode or "")
        chosen = list(self.modes.values()) if offered is None else [offered]
        return tuple(sorted({d for durations in chosen for d in durations}, key=int))


@dataclass(frozen=True, slots=True)
class Model:
    """A model edition; the same name can be a video and an image model, with a status each."""

    name: str
    product: Literal["video", "image", "try_on"]
    status: Status
    status_as_of: str
    """The day ("2026-09-28") or month ("2026-03") of the newest evidence."""
    evidence: str
    introduced_on: date | None
    retired_on: date | None
    """The announced day; None for a retired model means that no day was published."""
    successor: str | None
    """The living model to move to: our choice, the vendor names none."""
    resolution: Mapping[str, str]
    fps: int | None
    capability_source: str
    confidence: str
    endpoints: Mapping[str, Capability]
    editions: Mapping[str, str]
    """The editions of the API that have it, with the name that it has there; empty: not said."""

    @property
    def alive(self) -> bool:
        """Whether the model is expected to answer."""
        return self.status != "retired"


@dataclass(frozen=True, slots=True)
class EndpointStatus:
    """Whether an endpoint still answers, since when we know, and what to use instead."""

    name: str
    status: Status
    status_as_of: str
    retired_on: date | None
    evidence: str
    instead: str
    source: str


@dataclass(frozen=True, slots=True)
class EffectScene:
    """A video effect: how many pictures it takes, and whether the current list still has it."""

    name: str
    images: Literal[1, 2]
    listed: bool
    ended_on: date | None = None
    """The announced last day, where one was announced."""


@dataclass(frozen=True, slots=True)
class Voice:
    """A lip-sync voice; `languages` are those in whose official list it stands."""

    voice_id: str
    languages: tuple[str, ...]
    name_en: str | None = None
    name_zh: str | None = None
    observed: str | None = None
    """What live checks saw ("accepted 2026 (en)"), None when nobody published one."""


def as_of() -> date:
    """The day of the model table."""
    return date.fromisoformat(load("models.json")["as_of"])


def models(endpoint: str | None = None) -> list[Model]:
    """All models, newest first within a product; with `endpoint`, those that serve it."""
    return [m for m in _models() if endpoint is None or endpoint in m.endpoints]


def model(name: str, endpoint: str) -> Model | None:
    """The model of that name that serves `endpoint`, or None."""
    return next((m for m in models(endpoint) if m.name == name), None)


def default_model(endpoint: str) -> str | None:
    """The model we send when none is given; the server's own defaults are retired models."""
    return load("models.json")["defaults"].get(endpoint)


def endpoint_status(name: str) -> EndpointStatus:
    """The status of an endpoint. Raises KeyError for a name that is not one of the eight."""
    entry = load("endpoints.json")["endpoints"][name]
    return EndpointStatus(
        name=name,
        status=entry["status"],
        status_as_of=entry["status_as_of"],
        retired_on=_day(entry["retired_on"]),
        evidence=entry["evidence"],
        instead=entry["instead"],
        source=entry["source"],
    )


@cache
def effects() -> Mapping[str, EffectScene]:
    """All known effect scenes by name: the current ones first, then those of older lists."""
    table = load("effects.json")
    ended: dict[str, str] = table["ended"]
    scenes: dict[str, EffectScene] = {}
    for group, listed in ((table, True), (table["older"], False)):
        for name in group["single"]:
            scenes[name] = EffectScene(name, 1, listed, _day(ended.get(name)))
        for name in group["dual"]:
            scenes[name] = EffectScene(name, 2, listed, _day(ended.get(name)))
    return scenes


@cache
def voices() -> Mapping[str, Voice]:
    """The lip-sync voices by id."""
    return {
        v["voice_id"]: Voice(
            v["voice_id"],
            tuple(v["languages"]),
            v["name_en"],
            v["name_zh"],
            v["observed"],
        )
        for v in load("voices.json")["voices"]
    }


@cache
def load(name: str) -> dict[str, Any]:
    """One of the catalogue's JSON files as it stands, numbers with a point refused."""
    text = pkgutil.get_data("kling_core.catalog", name)  # also of a package inside a zip
    assert text is not None
    return json.loads(text, parse_float=_no_float)


@cache
def _models() -> tuple[Model, ...]:
    return tuple(_model(entry) for entry in load("models.json")["models"])


def _model(entry: dict[str, Any]) -> Model:
    return Model(
        name=entry["model_name"],
        product=entry["product"],
        status=entry["status"],
        status_as_of=entry["status_as_of"],
        evidence=entry["evidence"],
        introduced_on=_day(entry["introduced_on"]),
        retired_on=_day(entry["retired_on"]),
        successor=entry["successor"],
        resolution=entry.get("resolution", {}),
        fps=entry.get("fps"),
        capability_source=entry["capability_source"],
        confidence=entry["confidence"],
        endpoints={
            name: _capability(values, entry.get("fps"))
            for name, values in entry["endpoints"].items()
        },
        editions=entry.get("editions", {}),
    )


def _capability(entry: dict[str, Any], fps: int | None) -> Capability:
    return Capability(
        modes={
            mode: {
                seconds: tuple(features)
                for span, features in durations.items()
                for seconds in _seconds(span)
            }
            for mode, durations in entry.get("modes", {}).items()
        },
        features=tuple(entry.get("features", ())),
        aspect_ratios=tuple(entry.get("aspect_ratios", ())),
        resolutions={k: tuple(v) for k, v in entry.get("resolutions", {}).items()},
        unsupported_fields=tuple(entry.get("unsupported_fields", ())),
        conflicts=tuple(tuple(pair) for pair in entry.get("conflicts", ())),
        requires={k: tuple(v) for k, v in entry.get("requires", {}).items()},
        fps=entry.get("fps", fps),
    )


def _seconds(span: str) -> list[str]:
    """The durations that a key stands for: "5", or every second of "3-15"."""
    first, _, last = span.partition("-")
    return [str(second) for second in range(int(first), int(last or first) + 1)]


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


def _no_float(text: str) -> float:
    raise ValueError(f"{text} in the catalogue: write it as a string, money is Decimal")

"""Which model, mode and duration offers what a video request uses, and the nearest that does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from kling_core.catalog import tables
from kling_core.rules.conditions import Condition, Fields, either, given

NO_MODE = "none"


@dataclass(frozen=True)
class Ask:
    """What a video request asks of its model.

    `mode` and `duration` are None where they are not known or not valid, and then match any.
    `features` are those the request uses, with the condition that says so.
    """

    endpoint: str
    model: tables.Model
    fields: Fields
    mode: str | None
    duration: str | None
    features: Mapping[str, Condition]

    @property
    def capability(self) -> tables.Capability:
        """What the asked model does at this endpoint."""
        return self.model.endpoints[self.endpoint]


@dataclass(frozen=True)
class Cell:
    """One entry of the capability table: a model at one mode and duration."""

    model: tables.Model
    mode: str
    duration: str
    features: tuple[str, ...]


def cells(endpoint: str, model: tables.Model) -> Iterator[Cell]:
    """All modes and durations of a model."""
    for mode, durations in model.endpoints[endpoint].modes.items():
        for duration, features in durations.items():
            yield Cell(model, mode, duration, features)


def offered(ask: Ask, feature: str, mode: str | None, duration: str | None) -> bool:
    """Whether the asked model has the feature at a mode and duration; None matches any."""
    return any(
        feature in cell.features and mode in (None, cell.mode) and duration in (None, cell.duration)
        for cell in cells(ask.endpoint, ask.model)
    )


def where(ask: Ask, feature: str) -> tuple[str, str]:
    """At which settings the asked model has the feature, and what was asked; both may be empty."""
    table = list(cells(ask.endpoint, ask.model))
    having = [cell for cell in table if feature in cell.features]
    at: list[str] = []
    asked: list[str] = []
    for name, value in (("mode", ask.mode), ("duration", ask.duration)):
        some = dict.fromkeys(getattr(cell, name) for cell in having)
        if some and len(some) < len({getattr(cell, name) for cell in table}):
            at.append(" or ".join(f"{name}={v}" for v in some))
            asked.append(f"{name}={value}" if value else "")
    return " and ".join(at), " and ".join(filter(None, asked))


def nearest(ask: Ask, wanted: Iterable[str]) -> str:
    """What to type to get the wanted features; empty when no living model has them.

    A cell that satisfies the whole request comes first, then another mode, another duration, and
    another model last.
    """
    wanted = set(wanted)
    candidates = [
        cell
        for model in tables.models(ask.endpoint)
        if model is ask.model or model.alive  # its own model, even a retired one: that may be meant
        for cell in cells(ask.endpoint, model)
        if wanted <= set(cell.features) and not _in_conflict(ask.endpoint, cell, wanted)
    ]
    if not candidates:
        return ""
    ranks = [_rank(ask, cell) for cell in candidates]
    best = min(ranks)
    return either(
        _settings(ask, cell) for cell, rank in zip(candidates, ranks, strict=True) if rank == best
    )


def offering(endpoint: str, feature: str) -> list[Cell]:
    """The entries of the table that have a feature: those of living models first."""
    found = [
        cell
        for model in tables.models(endpoint)
        for cell in cells(endpoint, model)
        if feature in cell.features
    ]
    return sorted(found, key=lambda cell: not cell.model.alive)


def having(endpoint: str, feature: str) -> list[tables.Model]:
    """The models that have a feature at some mode and duration."""
    return [
        model
        for model in tables.models(endpoint)
        if any(feature in cell.features for cell in cells(endpoint, model))
    ]


def _rank(ask: Ask, cell: Cell) -> tuple[bool, ...]:
    """How far a cell is from the request; the smaller the nearer."""
    other_mode = cell.mode not in (NO_MODE, _mode(ask))
    other_duration = cell.duration != _duration(ask)
    other_model = cell.model is not ask.model
    return (
        not _satisfies(ask, cell),
        other_model,
        other_model and cell.model.status != "active",
        other_duration,
        other_mode,
    )


def _satisfies(ask: Ask, cell: Cell) -> bool:
    used = set(ask.features)
    return used <= set(cell.features) and not _in_conflict(ask.endpoint, cell, used)


def _in_conflict(endpoint: str, cell: Cell, features: set[str]) -> bool:
    return any(features >= set(pair) for pair in cell.model.endpoints[endpoint].conflicts)


def _settings(ask: Ask, cell: Cell) -> str:
    changes: list[str] = []
    if cell.model is not ask.model:
        changes.append(f"model_name={cell.model.name}")
    if cell.mode == NO_MODE:
        changes += ["no mode"] if given("mode", ask.fields) else []
    elif cell.mode != _mode(ask):
        changes.append(f"mode={cell.mode}")
    if cell.duration != _duration(ask):
        changes.append(f"duration={cell.duration}")
    return " and ".join(changes)


def _mode(ask: Ask) -> object:
    return ask.fields.get("mode", "std")


def _duration(ask: Ask) -> object:
    return ask.fields.get("duration", "5")

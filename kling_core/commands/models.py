"""Models, effect scenes and voices, and what they can do, from the dated tables."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kling_core.advice import Advice, Text
from kling_core.commands.table import Table
from kling_core.text import ranges

if TYPE_CHECKING:
    from kling_core.catalog.tables import Capability, Model
    from kling_core.declare.endpoint import Endpoint

__all__ = ["Told", "one", "overview"]


@dataclass(frozen=True, slots=True)
class Told:
    """A table, what to say before it, and what to say after it."""

    table: Table
    notes: tuple[str, ...]
    warnings: tuple[str, ...] = ()


def overview(endpoints: Iterable[Endpoint], *, retired: bool) -> Told:
    """The models of every endpoint, and the default of each; `retired` ones too when asked."""
    from kling_core.catalog import tables

    rows: list[tuple[str, ...]] = []
    hidden = 0
    for endpoint in endpoints:
        models = tables.models(endpoint.name)
        shown = [m for m in models if m.alive or retired]
        hidden += len(models) - len(shown)
        default = tables.default_model(endpoint.name)
        name = endpoint.command
        for model in shown:
            mark = "default" if model.name == default else ""
            rows.append((name, model.name, _status(model), mark))
            name = ""
        if not shown:
            rows.append((name, "-", _without_models(endpoint), ""))
    notes = [Text(Advice("models of"), " shows modes, durations and features"), _as_of()]
    if hidden:
        notes.insert(0, f"{hidden} retired entries are left out; --all shows them")
    return Told(Table(("endpoint", "model", "status", ""), rows), tuple(notes))


def one(endpoint: Endpoint, *, retired: bool) -> Told:
    """The models of one endpoint with modes, sizes, seconds and features; or scenes, or voices."""
    from kling_core.catalog import tables
    from kling_core.declare import choices

    status = tables.endpoint_status(endpoint.name)
    warnings: list[str] = []
    if status.status == "retired":
        instead = f"; use instead: {status.instead}" if status.instead else ""
        warnings.append(f"{endpoint.command} is retired ({status.evidence}){instead}")
    listed = next(iter(choices.lists(endpoint)), None)
    notes: list[str] = []
    if listed is not None:
        table = Table(listed.columns, listed.rows(retired=retired))
    else:
        retired = retired or status.status == "retired"
        table, hidden = _models(endpoint, retired=retired)
        if hidden:
            notes.append(f"{hidden} retired models are left out; --all shows them")
        if not table.rows and not hidden:
            notes.append(f"{endpoint.command}: there is no model to choose")
    return Told(table, (*notes, _as_of()), tuple(warnings))


def _as_of() -> str:
    from kling_core.catalog import tables

    return f"table of {tables.as_of()}; other names pass with a warning"


def _without_models(endpoint: Endpoint) -> str:
    from kling_core.catalog import tables

    status = tables.endpoint_status(endpoint.name)
    return f"{status.status}: {status.instead}" if status.status == "retired" else status.status


def _status(model: Model) -> str:
    if model.status == "retired":
        when = f" on {model.retired_on}" if model.retired_on else ""
        then = f"; use {model.successor}" if model.successor else ""
        return f"retired{when}{then}"
    if model.status == "retiring" and model.retired_on:
        return f"ends on {model.retired_on}"
    return f"{model.status} ({model.status_as_of})"


def _models(endpoint: Endpoint, *, retired: bool) -> tuple[Table, int]:
    """The table, and how many retired models it leaves out."""
    from kling_core.catalog import tables

    default = tables.default_model(endpoint.name)
    models = tables.models(endpoint.name)
    shown = [m for m in models if m.alive or retired]
    rows: list[tuple[str, ...]] = []
    video = endpoint.makes == "video"
    for model in shown:
        name = f"{model.name} (default)" if model.name == default else model.name
        status = _status(model)
        does = _video(model, endpoint.name) if video else _image(model.endpoints[endpoint.name])
        for row in does:
            rows.append((name, *row, status))
            name = status = ""
    head = ("mode", "size", "seconds", "features") if video else ("sizes", "ratios", "features")
    return Table(("model", *head, "status"), rows), len(models) - len(shown)


def _video(model: Model, endpoint: str) -> list[tuple[str, ...]]:
    """A row for each mode, and more where its durations differ in what they can do."""
    rows: list[tuple[str, ...]] = []
    for mode, durations in model.endpoints[endpoint].modes.items():
        groups: dict[tuple[str, ...], list[int]] = {}
        for seconds, features in durations.items():
            groups.setdefault(features, []).append(int(seconds))
        for features, lengths in groups.items():
            shown = ", ".join(f for f in features if f != "generation") or "-"
            rows.append((mode, model.resolution.get(mode, "-"), ranges(lengths), shown))
    return rows or [("-", "-", "-", "-")]


def _image(capability: Capability) -> list[tuple[str, ...]]:
    sizes: dict[str, None] = {}
    for offered in capability.resolutions.values():
        sizes.update(dict.fromkeys(offered))
    return [
        (
            ", ".join(sizes) or "-",
            " ".join(capability.aspect_ratios) or "-",
            ", ".join(capability.features) or "-",
        )
    ]

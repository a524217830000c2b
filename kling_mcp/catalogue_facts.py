"""What endpoints and models can do and cost, as facts for tools and resources; offline."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kling_core.declare import choices
from kling_core.text import ranges
from kling_mcp import schemas

if TYPE_CHECKING:
    from kling_core.catalog.tables import Capability, Model
    from kling_core.declare.endpoint import Endpoint

__all__ = ["endpoint_facts", "overview"]


def overview() -> dict[str, Any]:
    """Every endpoint with its living models."""
    from kling_core.catalog import tables
    from kling_core.declare import registry

    return {
        "as_of": str(tables.as_of()),
        "endpoints": [
            {
                "endpoint": e.name,
                "does": e.summary,
                "status": tables.endpoint_status(e.name).status,
                "default_model": tables.default_model(e.name),
                "models": [m.name for m in tables.models(e.name) if m.alive],
            }
            for e in registry.endpoints()
        ],
    }


def endpoint_facts(endpoint: Endpoint) -> dict[str, Any]:
    """One endpoint: its models with modes, lengths and features, prices, scenes or voices."""
    from kling_core.catalog import tables

    status = tables.endpoint_status(endpoint.name)
    facts: dict[str, Any] = {
        "endpoint": endpoint.name,
        "does": endpoint.summary,
        "when": endpoint.advice,
        "status": status.status,
        "instead": status.instead if status.status != "active" else "",
        "default_model": tables.default_model(endpoint.name),
        "models": [_model(m, endpoint.name) for m in tables.models(endpoint.name) if m.alive],
        "prices": _prices(endpoint.name),
        "rare_arguments": _rare(endpoint),
        "as_of": str(tables.as_of()),
    }
    for listed in choices.lists(endpoint):
        facts |= listed.groups()
    return facts


def _rare(endpoint: Endpoint) -> dict[str, Any]:
    """The schemas of the arguments that tools list by their type alone."""
    known, _ = schemas.fields(endpoint)
    params = endpoint.request.params()
    return {name: schema for name, schema in known.items() if params[name].rare}


def _model(model: Model, endpoint: str) -> dict[str, Any]:
    able = model.endpoints[endpoint]
    return {
        "model_name": model.name,
        "status": model.status,
        "ends_on": str(model.retired_on) if model.retired_on else "",
        "successor": model.successor or "",
        "modes": _modes(model, able),
        "features": list(able.features),
        "aspect_ratios": list(able.aspect_ratios),
        "resolutions": sorted({size for sizes in able.resolutions.values() for size in sizes}),
        "takes_no": list(able.unsupported_fields),
    }


def _modes(model: Model, able: Capability) -> list[dict[str, Any]]:
    """One entry for each mode and set of features, with the lengths that have them."""
    found: list[dict[str, Any]] = []
    for mode, durations in able.modes.items():
        groups: dict[tuple[str, ...], list[int]] = {}
        for seconds, features in durations.items():
            groups.setdefault(features, []).append(int(seconds))
        for features, lengths in groups.items():
            found.append(
                {
                    "mode": mode,
                    "size": model.resolution.get(mode, ""),
                    "seconds": ranges(lengths),
                    "features": [f for f in features if f != "generation"],
                }
            )
    return found


def _prices(endpoint: str) -> list[str]:
    from kling_core.catalog import tables

    lines: list[str] = []
    for row in tables.load("prices.json")["rows"]:
        if endpoint in row["endpoints"]:
            when = [f"{k}={v}" for k, v in row["when"].items()]
            mode = [row["mode"]] if row["mode"] not in (None, "none") else []
            words = " ".join([*row["models"], *mode, *when])
            lines.append(f"{words}: ${row['usd']} per {row['per']}".lstrip(": "))
    return lines

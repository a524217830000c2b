"""`kling models`: models, effect scenes and voices, from the dated tables. Offline."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from kling_core.cli import console
from kling_core.commands import arguments, models

if TYPE_CHECKING:
    from kling_core.catalog.tables import Model
    from kling_core.declare.endpoint import Endpoint


def run(argv: list[str], *, sandbox: bool) -> int:  # noqa: ARG001 - the tables are those of the service
    """The command; see `kling models --help`."""
    parser = arguments.Parser(
        prog="kling models",
        usage="kling models [ENDPOINT] [options]",
        description="Models and what they can do; the scenes of video-effects; the voices of "
        "lip-sync.",
    )
    parser.add_argument("--all", action="store_true", help="also what Kling has retired")
    parser.add_argument("--json", action="store_true", help="print as JSON")
    namespace, words = arguments.parse_words(parser, argv)
    if len(words) > 1:
        raise arguments.UsageProblem(f"kling models takes one endpoint; you gave {len(words)}")
    from kling_core.declare import registry

    chosen = [registry.get(words[0])] if words else list(registry.endpoints())
    if namespace.json:
        console.show_json({e.name: _as_json(e) for e in chosen})
        return 0
    told = models.one(chosen[0], retired=namespace.all) if words else None
    told = told or models.overview(chosen, retired=namespace.all)
    for warning in told.warnings:
        console.say(f"warning: {warning}")
    if told.table.rows:
        console.show_table(told.table)
    for note in told.notes:
        console.say(note)
    return 0


# --- as JSON -------------------------------------------------------------------------------


def _as_json(endpoint: Endpoint) -> Mapping[str, Any]:
    from kling_core.catalog import tables
    from kling_core.declare import choices

    status = tables.endpoint_status(endpoint.name)
    shown: dict[str, Any] = {
        "status": status.status,
        "status_as_of": status.status_as_of,
        "default_model": tables.default_model(endpoint.name),
        "models": [_model_json(m, endpoint.name) for m in tables.models(endpoint.name)],
    }
    for listed in choices.lists(endpoint):
        shown[listed.key] = listed.records()
    return shown


def _model_json(model: Model, endpoint: str) -> dict[str, Any]:
    from dataclasses import asdict

    able = asdict(model.endpoints[endpoint])
    return {
        "model_name": model.name,
        "status": model.status,
        "status_as_of": model.status_as_of,
        "retired_on": model.retired_on,
        "successor": model.successor,
        "resolution": dict(model.resolution),
        **{key: value for key, value in able.items() if value},
    }

"""`kling models`: models, effect scenes and voices, from the dated tables. Offline."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from kling_core.cli import arguments, console
from kling_core.words import ranges

if TYPE_CHECKING:
    from kling_core.catalog.data import Capability, Model
    from kling_core.endpoints.base import Endpoint


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
    from kling_core.catalog import data
    from kling_core.endpoints import registry

    chosen = [registry.get(words[0])] if words else list(registry.endpoints())
    if namespace.json:
        console.show_json({e.name: _as_json(e) for e in chosen})
    elif words:
        _one(chosen[0], retired=namespace.all)
    else:
        _overview(chosen, retired=namespace.all)
    if not namespace.json:
        console.say(f"table of {data.as_of()}; other names pass with a warning")
    return 0


# --- every endpoint ------------------------------------------------------------------------


def _overview(endpoints: Iterable[Endpoint], *, retired: bool) -> None:
    from kling_core.catalog import data

    rows: list[tuple[str, ...]] = []
    hidden = 0
    for endpoint in endpoints:
        models = data.models(endpoint.name)
        shown = [m for m in models if m.alive or retired]
        hidden += len(models) - len(shown)
        default = data.default_model(endpoint.name)
        name = endpoint.command
        for model in shown:
            mark = "default" if model.name == default else ""
            rows.append((name, model.name, _status(model), mark))
            name = ""
        if not shown:
            rows.append((name, "-", _without_models(endpoint), ""))
    console.show_table(("endpoint", "model", "status", ""), rows)
    if hidden:
        console.say(f"{hidden} retired entries are left out; --all shows them")
    console.say("kling models ENDPOINT shows modes, durations and features")


def _without_models(endpoint: Endpoint) -> str:
    from kling_core.catalog import data

    status = data.endpoint_status(endpoint.name)
    return f"{status.status}: {status.instead}" if status.status == "retired" else status.status


def _status(model: Model) -> str:
    if model.status == "retired":
        when = f" on {model.retired_on}" if model.retired_on else ""
        then = f"; use {model.successor}" if model.successor else ""
        return f"retired{when}{then}"
    if model.status == "retiring" and model.retired_on:
        return f"ends on {model.retired_on}"
    return f"{model.status} ({model.status_as_of})"


# --- one endpoint --------------------------------------------------------------------------


def _one(endpoint: Endpoint, *, retired: bool) -> None:
    from kling_core.catalog import data

    status = data.endpoint_status(endpoint.name)
    if status.status == "retired":
        console.say(f"warning: {endpoint.command} is retired ({status.evidence})")
        if status.instead:
            console.say(f"use instead: {status.instead}")
    kinds = {p.placeholder for p in endpoint.request.params().values()}
    if "SCENE" in kinds:
        _scenes(retired=retired)
    elif "VOICE" in kinds:
        _voices()
    else:
        _models(endpoint, retired=retired or status.status == "retired")


def _scenes(*, retired: bool) -> None:
    from kling_core.catalog import data

    rows: list[tuple[str, ...]] = []
    for scene in sorted(data.effects().values(), key=lambda s: (-s.images, s.name)):
        ended = scene.ended_on is not None or not scene.listed
        when = f"ended on {scene.ended_on}" if scene.ended_on else "no longer listed"
        if not ended or retired:
            rows.append((scene.name, str(scene.images), when if ended else "active"))
    console.show_table(("scene", "images", "status"), rows)


def _voices() -> None:
    from kling_core.catalog import data

    rows = [
        (v.voice_id, " ".join(v.languages), v.name_en or v.name_zh or "-", v.observed or "-")
        for v in data.voices().values()
    ]
    console.show_table(("voice", "languages", "name", "seen live"), rows)


def _models(endpoint: Endpoint, *, retired: bool) -> None:
    from kling_core.catalog import data

    default = data.default_model(endpoint.name)
    models = data.models(endpoint.name)
    shown = [m for m in models if m.alive or retired]
    rows: list[tuple[str, ...]] = []
    video = endpoint.product == "video"
    for model in shown:
        name = f"{model.name} (default)" if model.name == default else model.name
        status = _status(model)
        does = _video(model, endpoint.name) if video else _image(model.endpoints[endpoint.name])
        for row in does:
            rows.append((name, *row, status))
            name = status = ""
    head = ("mode", "size", "seconds", "features") if video else ("sizes", "ratios", "features")
    if shown:
        console.show_table(("model", *head, "status"), rows)
    if len(shown) < len(models):
        console.say(f"{len(models) - len(shown)} retired models are left out; --all shows them")


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


# --- as JSON -------------------------------------------------------------------------------


def _as_json(endpoint: Endpoint) -> Mapping[str, Any]:
    from dataclasses import asdict

    from kling_core.catalog import data

    status = data.endpoint_status(endpoint.name)
    kinds = {p.placeholder for p in endpoint.request.params().values()}
    shown: dict[str, Any] = {
        "status": status.status,
        "status_as_of": status.status_as_of,
        "default_model": data.default_model(endpoint.name),
        "models": [_model_json(m, endpoint.name) for m in data.models(endpoint.name)],
    }
    if "SCENE" in kinds:
        shown["effect_scenes"] = [asdict(s) for s in data.effects().values()]
    if "VOICE" in kinds:
        shown["voices"] = [asdict(v) for v in data.voices().values()]
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

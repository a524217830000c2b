"""Judges a request by the catalogue: is the model alive, and does it do what is asked.

What the catalogue does not know passes with a warning; what it knows to be impossible is a
violation that says what would be possible.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from kling_core.catalog import tables
from kling_core.errors import Violation
from kling_core.rules import capability_table, video_capability
from kling_core.rules.capability_table import NO_MODE, Ask
from kling_core.rules.conditions import Condition, Fields, either, given, listed


@dataclass(frozen=True)
class Verdict:
    """What the catalogue says about a request."""

    violations: list[Violation]
    warnings: list[str]


def judge(
    endpoint: str,
    features: Mapping[str, Condition],
    fields: Fields,
    *,
    bad: frozenset[str] = frozenset(),
    parent_model: str | None = None,
) -> Verdict:
    """Judge normalised fields; the arguments are those of `rules.check`."""
    status = tables.endpoint_status(endpoint)
    retired = status.status == "retired"
    warnings = [_retired_endpoint(status)] if retired else []
    own = fields.get("model_name")
    name, field = (parent_model, "video_id") if own is None else (own, "model_name")
    if not isinstance(name, str) or field in bad or not tables.models(endpoint):
        return Verdict([], warnings)
    model = tables.model(name, endpoint)
    if model is None and _same_product(endpoint, name):
        return Verdict([_not_here(endpoint, name, field)], warnings)
    if model is None:
        return Verdict([], [*warnings, _unknown(endpoint, name)])
    ask = _ask(endpoint, model, features, fields, bad=bad, inherits=own is None)
    # A retired endpoint has been told, and with it all its models.
    if not retired and model.status in ("retired", "retiring"):
        warnings.append(_ending(model, ask))
    return Verdict(list(_violations(ask)), warnings)


def untaken(endpoint: str, model_name: str) -> frozenset[str]:
    """The fields that a model does not take: assumed values of these must not be sent."""
    model = tables.model(model_name, endpoint)
    if model is None:
        return frozenset()
    capability = model.endpoints[endpoint]
    modeless = ("mode",) if NO_MODE in capability.modes else ()
    return frozenset((*modeless, *capability.unsupported_fields))


def _ask(
    endpoint: str,
    model: tables.Model,
    features: Mapping[str, Condition],
    fields: Fields,
    *,
    bad: frozenset[str],
    inherits: bool,
) -> Ask:
    """The request as the table sees it; an inherited mode and duration match any."""
    capability = model.endpoints[endpoint]
    # Where they are left out: the service's own defaults.
    mode = NO_MODE if NO_MODE in capability.modes else fields.get("mode", "std")
    duration = fields.get("duration", "5")
    known_mode = not inherits and "mode" not in bad and mode in capability.modes
    known_duration = not inherits and "duration" not in bad
    return Ask(
        endpoint=endpoint,
        model=model,
        fields={name: value for name, value in fields.items() if name not in bad},
        mode=str(mode) if known_mode else None,
        duration=str(duration) if known_duration else None,
        features={
            feature: condition
            for feature, condition in features.items()
            if not bad & set(condition.names) and condition.holds(fields)
        },
    )


# --- violations ----------------------------------------------------------------------------


def _violations(ask: Ask) -> Iterator[Violation]:
    yield from _untaken_fields(ask)
    yield from _missing_fields(ask)
    if ask.model.product == "image":
        yield from _image(ask)
    elif ask.model.product == "video":
        yield from video_capability.judge(ask)


def _untaken_fields(ask: Ask) -> Iterator[Violation]:
    for field in ask.capability.unsupported_fields:
        if not given(field, ask.fields):
            continue
        takers = [
            f"model_name={model.name}"
            for model in tables.models(ask.endpoint)
            if model.status == "active"
            and field not in model.endpoints[ask.endpoint].unsupported_fields
        ]
        # An extension takes the model of its source and has no choice.
        others = takers[:1] if "model_name" in ask.fields else []
        message = f"{ask.model.name} does not take {field}"
        valid = either([f"no {field}", *others])
        yield Violation(field, message, valid, ask.model.capability_source)


def _missing_fields(ask: Ask) -> Iterator[Violation]:
    for field, settings in ask.capability.requires.items():
        needed = settings[0].partition("=")[0]
        if given(field, ask.fields) and not given(needed, ask.fields):
            message = f"{ask.model.name} needs {needed} beside {field}"
            yield Violation(needed, message, either(settings), ask.model.capability_source)


def _image(ask: Ask) -> Iterator[Violation]:
    """Sizes of an image model, which differ between words alone and a start image."""
    name, fields, source = ask.model.name, ask.fields, ask.model.capability_source
    task = "image_to_image" if given("image", fields) else "text_to_image"
    sizes = ask.capability.resolutions.get(task)
    if sizes is None:
        yield Violation("image", f"{name} only redraws an image", "image=…", source)
        return
    words = "from an image" if given("image", fields) else "from words"
    for field, offered, what in (
        ("resolution", sizes, f"images {words}"),
        ("aspect_ratio", ask.capability.aspect_ratios, "images"),
    ):
        asked = fields.get(field)
        if asked is not None and offered and asked not in offered:
            message = f"{name} makes {what} in {listed(offered, 'or')}; you asked for {asked}"
            near = sorted(offered, key=lambda size: _distance(size, str(asked)))
            yield Violation(field, message, either(f"{field}={size}" for size in near), source)


def _distance(size: str, asked: str) -> float:
    """How far apart two aspect ratios are; 0 for sizes such as 2k."""
    (w1, _, h1), (w2, _, h2) = size.partition(":"), asked.partition(":")
    if not all(side.isdecimal() and int(side) for side in (w1, h1, w2, h2)):
        return 0
    return abs(math.log(int(w1) * int(h2) / (int(h1) * int(w2))))


def _not_here(endpoint: str, name: str, field: str) -> Violation:
    serving = tables.models(endpoint)
    if field == "video_id":
        names = listed([model.name for model in serving], "or")
        return Violation(
            field,
            f"only videos of {names} can be the source; this one is of {name}",
            f"a video of {names}",
            serving[0].capability_source,
        )
    alive = [model for model in serving if model.status == "active"] or serving
    return Violation(
        field,
        f"{name} does not do {endpoint.replace('_', ' ')}",
        either(f"model_name={model.name}" for model in alive),
        serving[0].capability_source,
    )


# --- warnings ------------------------------------------------------------------------------


def _same_product(endpoint: str, name: str) -> bool:
    """Whether the catalogue knows the model, only not at this endpoint."""
    products = {model.product for model in tables.models(endpoint)}
    return any(model.name == name and model.product in products for model in tables.models())


def _unknown(endpoint: str, name: str) -> str:
    import difflib

    names = [model.name for model in tables.models(endpoint)]
    near = difflib.get_close_matches(name.lower().replace(".", "-"), names, n=2)
    hint = f"; did you mean {' or '.join(near)}?" if near else ""
    return f"{name} is not in the model list of {tables.as_of()} and is sent as it is{hint}"


def _retired_endpoint(status: tables.EndpointStatus) -> str:
    words = status.name.replace("_", " ")
    seen = f"{status.evidence}, {status.status_as_of}"
    return f"{words} is retired ({seen}); use {status.instead}"


def _ending(model: tables.Model, ask: Ask) -> str:
    if model.status == "retiring":
        text = f"{model.name} is being retired (seen {model.status_as_of})"
    elif model.retired_on:
        text = f"{model.name} was retired on {model.retired_on}"
    else:
        text = f"{model.name} is retired (seen {model.status_as_of})"
    return f"{text}; use {model.successor}" if _continues(model, ask) else text


def _continues(model: tables.Model, ask: Ask) -> bool:
    """Whether the model has a successor that does what is asked, as far as the table tells."""
    successor = tables.model(model.successor or "", ask.endpoint)
    if successor is None or model.product != "video":
        return model.successor is not None
    return all(
        successor in capability_table.having(ask.endpoint, feature) for feature in ask.features
    )

"""What is wrong with an endpoint's declaration, all at once, found when it is registered."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, get_args

from kling_core.catalog import tables
from kling_core.declare import catalogues
from kling_core.declare.endpoint import Call, EditionName, Endpoint, Makes, Pack, Pool
from kling_core.declare.fields import Param
from kling_core.declare.kinds import part_of

__all__ = ["faults"]


def faults(endpoint: Endpoint) -> list[str]:
    """Everything in a declaration that contradicts itself, or names what is not there."""
    return [
        *_plain(endpoint),
        *_routes(endpoint.routes),
        *_fields("", endpoint.request.params()),
        *_mentions(endpoint),
        *_steps(endpoint),
    ]


def _plain(endpoint: Endpoint) -> Iterator[str]:
    closed: tuple[tuple[str, str, Any], ...] = (
        ("call", endpoint.call, Call),
        ("makes", endpoint.makes, Makes),
        ("pool", endpoint.pool, Pool),
        ("pack", endpoint.pack, Pack),
    )
    for name, value, allowed in closed:
        if value not in get_args(allowed):
            known = ", ".join(repr(one) for one in get_args(allowed))
            yield f"{name}={value!r} is none of {known}"
    if not endpoint.toolset:
        yield "it names no toolset"
    if endpoint.name not in tables.load("endpoints.json")["endpoints"]:
        yield "catalog/endpoints.json has no row that says whether it is alive"


def _steps(endpoint: Endpoint) -> Iterator[str]:
    """What is wrong with the further calls; each is judged as an endpoint of its own, too."""
    several = endpoint.call in ("session", "collection")
    if (endpoint.steps or endpoint.presets) and not several:
        yield f"call={endpoint.call!r} has no further calls"
    if endpoint.call == "session" and not endpoint.steps:
        yield "a session needs its steps"
    if endpoint.deletes and endpoint.call != "answer":
        yield "what deletes answers at once"
    for step in endpoint.steps:
        if step.call != "answer" or step.steps:
            yield f"the step {step.name} does not answer at once"
        if not step.name.startswith(f"{endpoint.name}_"):
            yield f"the step {step.name} is not named {endpoint.name}_ with a word behind it"
        yield from (f"{step.name}: {fault}" for fault in faults(step))
    yield from _routes(endpoint.presets) if endpoint.presets else ()


def _routes(routes: Mapping[EditionName, str]) -> Iterator[str]:
    if not routes:
        yield "it has no route"
    for edition, route in routes.items():
        if edition not in get_args(EditionName):
            yield f"the route of {edition!r} is of no edition"
        if not re.fullmatch(r"(/[\w-]+|/\{model\})+", route):
            yield f"{route!r} is no route; write /v1/videos/text2video or /text-to-video/{{model}}"


def _fields(place: str, params: Mapping[str, Param]) -> Iterator[str]:
    """What is wrong with fields, and with the fields of the objects in them."""
    if not place and not params:
        yield "it has no fields"
    shorts = Counter(declared.short for declared in params.values() if declared.short)
    yield from (
        f"two fields have the short option -{s}" for s, count in shorts.items() if count > 1
    )
    for name, declared in params.items():
        if declared.choices and declared.choices not in catalogues.known():
            known = ", ".join(catalogues.known())
            yield f"{place}{name} chooses from {declared.choices!r}, which is none of {known}"
        try:
            part = part_of(declared)
        except (TypeError, NameError) as error:
            yield f"{place}{name}: {error}"
        else:
            yield from _fields(f"{place}{name}.", part.params()) if part is not None else ()


def _mentions(endpoint: Endpoint) -> Iterator[str]:
    """Fields that are spoken of, and are not there."""
    said: list[tuple[str, Iterable[str]]] = [
        ("positional", [endpoint.positional] if endpoint.positional else []),
        ("weight", [endpoint.weight] if isinstance(endpoint.weight, str) else []),
        ("example", endpoint.example),
        *((type(rule).__name__, sorted(rule.mentions)) for rule in endpoint.rules),
        *((f"feature {name}", used.names) for name, used in endpoint.features.items()),
    ]
    for where, names in said:
        for name in names:
            if name.partition(".")[0] not in endpoint.request.params():
                yield f"{where} speaks of the field {name!r}, which is not there"

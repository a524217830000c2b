"""The one check of a request: types and bounds, rules of the model, and local media."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kling_core.catalog import tables
from kling_core.declare import prompt_check
from kling_core.declare.endpoint import Check, MediaKind, Param, Request
from kling_core.declare.validation import validate
from kling_core.errors import Violation
from kling_core.media.inputs import Media, Unreadable, inspect, inspect_masks, read
from kling_core.rules import capability, rules


def check(request: Request) -> Check:
    """Judge `request`, see `Request.check`. Reads local media files; sends nothing."""
    endpoint = request.endpoint
    given = {k: v for k, v in request.adopt(dict(request.given)).items() if not _blank(v)}
    fields, violations = validate(type(request), given, source=endpoint.source)
    sent = set(fields)
    unmeant, odd = prompt_check.judge(request.params(), fields)
    violations += unmeant
    violations += _read_media(endpoint.media_params, fields)
    effective = {**_assumed(request, given), **fields}
    model = effective.get("model_name") or tables.default_model(endpoint.name)
    if model and "model_name" in request.params():
        effective["model_name"] = model
        sent.add("model_name")
        for name in capability.untaken(endpoint.name, model) - set(given):
            effective.pop(name, None)
    findings = rules.check(
        endpoint.name,
        endpoint.rules,
        endpoint.features,
        effective,
        bad=frozenset(v.field.partition(".")[0] for v in violations) - fields.keys(),
        parent_model=(request.parent or {}).get("model_name"),
    )
    warnings = (*findings.warnings, *request.warn(effective), *odd)
    return Check((*violations, *findings.violations), warnings, effective, frozenset(sent))


def _blank(value: Any) -> bool:
    return value is None or (isinstance(value, (str, list, tuple)) and len(value) == 0)  # pyright: ignore[reportUnknownArgumentType]


def _assumed(request: Request, given: Mapping[str, Any]) -> dict[str, Any]:
    return {
        p.name: p.default
        for p in request.params().values()
        if not p.required and p.default is not None and p.name not in given
    }


def _read_media(params: list[Param], fields: dict[str, Any]) -> list[Violation]:
    """Put `Media` in the place of each raw value; what cannot be used is removed and reported."""
    problems: list[Violation] = []
    for declared in params:
        if declared.name not in fields:
            continue
        kind, value = declared.media or "image", fields[declared.name]
        named = [(declared.name, value)]
        if declared.many:
            named = [(f"{declared.name}.{i}", item) for i, item in enumerate(value)]
        read = [_one(item, kind, name, problems) for name, item in named]
        if None in read:
            del fields[declared.name]
        else:
            fields[declared.name] = read if declared.many else read[0]
    return problems + _read_masks(fields)


def _read_masks(fields: dict[str, Any]) -> list[Violation]:
    problems: list[Violation] = []
    regions: list[dict[str, Any]] = []
    for i, region in enumerate(fields.get("dynamic_masks", ())):
        mask = _one(region["mask"], "mask", f"dynamic_masks.{i}.mask", problems)
        if mask is None:
            del fields["dynamic_masks"]
            return problems
        regions.append({**region, "mask": mask})
    if regions:
        fields["dynamic_masks"] = regions
    image, still = fields.get("image"), fields.get("static_mask")
    if image and (still or regions):
        problems += inspect_masks(image, still, [region["mask"] for region in regions])
    return problems


def _one(value: Any, kind: MediaKind, name: str, problems: list[Violation]) -> Media | None:
    """The media of one value; a flawed file stays, so that other rules still see the field."""
    try:
        media = read(value, kind, field=name)
    except Unreadable as error:
        problems.append(error.violation)
        return None
    problems += inspect(media, field=name)
    return media

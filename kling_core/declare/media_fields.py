"""The pictures, sounds and videos of a request: read where they are local, and inspected."""

from __future__ import annotations

from typing import Any

from kling_core.declare.fields import MediaKind, Param
from kling_core.errors import Violation
from kling_core.media import inputs
from kling_core.media.inputs import Media, Unreadable

__all__ = ["read"]


def read(params: list[Param], fields: dict[str, Any]) -> list[Violation]:
    """Put `Media` in the place of each raw value; what cannot be used is removed and reported."""
    problems: list[Violation] = []
    for declared in params:
        if declared.name not in fields:
            continue
        kind, value = declared.media or "image", fields[declared.name]
        named = [(declared.name, value)]
        if declared.many:
            named = [(f"{declared.name}.{i}", item) for i, item in enumerate(value)]
        found = [_one(item, kind, name, problems) for name, item in named]
        if None in found:
            del fields[declared.name]
        else:
            fields[declared.name] = found if declared.many else found[0]
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
        problems += inputs.inspect_masks(image, still, [region["mask"] for region in regions])
    return problems


def _one(value: Any, kind: MediaKind, name: str, problems: list[Violation]) -> Media | None:
    """The media of one value; a flawed file stays, so that other rules still see the field."""
    try:
        media = inputs.read(value, kind, field=name)
    except Unreadable as error:
        problems.append(error.violation)
        return None
    problems += inputs.inspect(media, field=name)
    return media

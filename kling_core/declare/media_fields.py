"""The pictures, sounds and videos of a request: read where they are local, and inspected."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from kling_core.declare.fields import MediaKind, Param
from kling_core.declare.kinds import Leaf, Medium, changed, holds, kind_of
from kling_core.errors import Violation
from kling_core.media import inputs
from kling_core.media.inputs import Limits, Media, Unreadable

__all__ = ["read"]

LimitsOf = Callable[[MediaKind], Limits]


def read(
    params: Mapping[str, Param], fields: dict[str, Any], limits_of: LimitsOf
) -> list[Violation]:
    """Put `Media` in the place of each raw value; what cannot be used is removed and reported."""
    problems: list[Violation] = []
    for name in [n for n in fields if n in params and holds(kind_of(params[n]), Medium)]:
        unusable: list[str] = []
        made = changed(params, {name: fields[name]}, partial(_put, problems, unusable, limits_of))
        if unusable:
            del fields[name]
        else:
            fields[name] = made[name]
    return problems + _inspect_masks(fields)


def _put(problems: list[Violation], unusable: list[str], limits_of: LimitsOf, leaf: Leaf) -> Any:
    if not isinstance(leaf.kind, Medium):
        return leaf.value
    media = _one(leaf.value, leaf.kind.role, leaf.place, problems, limits_of)
    unusable += [leaf.place] if media is None else []
    return media


def _inspect_masks(fields: Mapping[str, Any]) -> list[Violation]:
    """Whether the masks of a motion brush fit the picture, and one another."""
    image, still = fields.get("image"), fields.get("static_mask")
    moving = [region["mask"] for region in fields.get("dynamic_masks", ())]
    return inputs.inspect_masks(image, still, moving) if image and (still or moving) else []


def _one(
    value: Any, kind: MediaKind, name: str, problems: list[Violation], limits_of: LimitsOf
) -> Media | None:
    """The media of one value; a flawed file stays, so that other rules still see the field."""
    # Videos go by URL, and are not looked into.
    limits = None if kind == "video" else limits_of(kind)
    try:
        media = inputs.read(value, kind, field=name, limits=limits)
    except Unreadable as error:
        problems.append(error.violation)
        return None
    problems += inputs.inspect(media, field=name, limits=limits)
    return media

"""Objects that bring request fields along, such as a motion brush.

Anything that has `kling_fields()`, a mapping of request fields, may be given for one of them:
`%kling image-to-video --image {brush}` takes its masks and its model too. What is typed itself
comes first.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from kling_core.commands.arguments import UsageProblem

__all__ = ["unfolded"]


def unfolded(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields, with those that objects among them bring along.

    Raises `UsageProblem` when an object has nothing for the field it is given for.
    """
    typed, brought = dict(fields), dict[str, Any]()
    for name, value in fields.items():
        fields_of = getattr(value, "kling_fields", None)
        if not callable(fields_of):
            continue
        more = cast("Mapping[str, Any]", fields_of())
        if name not in more:
            flags = " or ".join(f"--{other.replace('_', '-')}" for other in more)
            raise UsageProblem(
                f"--{name.replace('_', '-')}: {value!r} has nothing for it",
                fix=f"Give it for {flags}.",
            )
        typed[name] = more[name]
        brought |= more
    return {**brought, **typed}

"""Two tasks side by side: the fields in which their requests differ, and what became of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from kling_core.commands import readable
from kling_core.commands import show as facts
from kling_core.commands.tasks import price
from kling_core.ledger.redact import without_secrets

if TYPE_CHECKING:
    from kling_core.ledger.records import Row

__all__ = ["ABSENT", "Difference", "between", "outcomes"]

ABSENT = "–"
"""What stands for a field that one of the two does not have."""


class Difference(NamedTuple):
    """One line of the comparison: its name, and the value of either task."""

    name: str
    first: str
    second: str


def between(first: Row, second: Row) -> list[Difference]:
    """The request fields that differ, those of the first task first; the endpoint too.

    Media is the same when its bytes are, wherever they were read from; a field that was left out
    is the same as its default.
    """
    lines: list[Difference] = []
    if first.endpoint != second.endpoint:
        shown = [row.endpoint.replace("_", "-") for row in (first, second)]
        lines.append(Difference("endpoint", *shown))
    ours, theirs = _fields(first), _fields(second)
    for name in dict.fromkeys((*ours, *theirs)):
        values = [_value(row, f, name) for row, f in ((first, ours), (second, theirs))]
        if _essence(values[0][0]) != _essence(values[1][0]):
            shown = [_shown(value) + (" (default)" * left_out) for value, left_out in values]
            lines.append(Difference(name, *shown))
    return lines


def outcomes(first: Row, second: Row) -> list[Difference]:
    """State, cost and time of the two, whether they differ or not."""
    return [
        Difference("state", first.state, second.state),
        Difference("cost", price(first), price(second)),
        Difference("time", _time(first), _time(second)),
    ]


def _fields(row: Row) -> Mapping[str, Any]:
    """What was asked for, as far as it was written down; the model even when it was not named."""
    sent: Mapping[str, Any] = row.request.get("sent") or {}
    known: Mapping[str, Any] = without_secrets(row.request).get("fields") or sent
    fields = {name: value for name, value in known.items() if name != "external_task_id"}
    return {"model_name": row.model_name, **fields} if row.model_name else fields


def _value(row: Row, fields: Mapping[str, Any], name: str) -> tuple[Any, bool]:
    """What a request has in a field, and whether that is the default, because it was left out."""
    from kling_core.declare.fields import MISSING
    from kling_core.flows.known_rows import endpoint_of

    if name in fields:
        return fields[name], False
    declared = endpoint_of(row).request.params().get(name)
    if declared is None:
        return None, False
    default = declared.api_default if declared.default in (MISSING, None) else declared.default
    return default, default is not None


def _essence(value: Any) -> Any:
    """The value as far as it counts: media by its bytes, numbers by what they say."""
    if isinstance(value, Mapping):
        facts = cast("Mapping[str, Any]", value)
        if "media" in facts:
            return facts.get("sha256") or facts.get("url")
        return {name: _essence(inner) for name, inner in facts.items()}
    if isinstance(value, list):
        return [_essence(inner) for inner in cast("list[Any]", value)]
    return None if value is None else str(value)


def _shown(value: Any) -> str:
    if value is None:
        return ABSENT
    if isinstance(value, str):
        return value
    return json.dumps(_named(value), ensure_ascii=False, default=str).strip('"')


def _named(value: Any) -> Any:
    """Media by a name that people know it by."""
    if isinstance(value, Mapping):
        facts = cast("Mapping[str, Any]", value)
        if "media" in facts:
            place = facts.get("url") or PurePath(facts.get("path") or "").name
            return place or f"{facts['media']} {str(facts.get('sha256', ''))[:8]}"
        return {name: _named(inner) for name, inner in facts.items()}
    if isinstance(value, list):
        return [_named(inner) for inner in cast("list[Any]", value)]
    return value


def _time(row: Row) -> str:
    seconds = facts.took(row)
    return readable.clock(seconds) if seconds is not None else ABSENT

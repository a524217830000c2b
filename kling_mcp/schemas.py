"""JSON schemas for tools, derived from the declarations, and the strict reading of arguments.

Slim and portable: no `$ref`, no unions, no nullable types, no titles, no enum but of texts, no
object without properties; there are hosts that refuse every tool because of one. Of several
spellings that a field takes, the plainest is offered: `sound` is a boolean, a camera move a text
such as "zoom=5".
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from kling_core.declare import catalogues, choices, kinds
from kling_core.declare.kinds import ListOf, Piece, kind_of
from kling_core.errors import Violation
from kling_core.text import did_you_mean, nearest

if TYPE_CHECKING:
    from kling_core.declare.endpoint import Endpoint
    from kling_core.declare.fields import Param, Part
    from kling_core.declare.kinds import Kind

__all__ = ["Schema", "field", "fields", "judge", "longest", "object_schema", "outlined"]

Schema = dict[str, Any]

HIDDEN = ("external_task_id", "callback_url")
"""Fields that are not the agent's business: our own id, and the address of a receiver."""


def object_schema(properties: Mapping[str, Schema], required: list[str] | None = None) -> Schema:
    """A closed object."""
    schema: Schema = {"type": "object", "properties": dict(properties)}
    if required:
        schema["required"] = required
    return {**schema, "additionalProperties": False}


def fields(endpoint: Endpoint, *, callbacks: bool = False) -> tuple[dict[str, Schema], list[str]]:
    """The schemas of an endpoint's fields, and which of them are required."""
    request = endpoint.request
    hidden = HIDDEN[:1] if callbacks else HIDDEN
    shown = {n: p for n, p in request.params().items() if n not in hidden}
    schemas = {name: field(endpoint, declared) for name, declared in shown.items()}
    return schemas, [name for name, p in shown.items() if p.required]


def field(endpoint: Endpoint, declared: Param) -> Schema:
    """The whole schema of one field."""
    schema = _plain(kind_of(declared))
    if declared.choices == "lengths":
        schema |= _lengths(endpoint)
    if not declared.required and (usual := _default(schema, declared.default)):
        schema["default"] = usual
    return {**schema, "description": _words(endpoint, declared)}


def outlined(endpoint: Endpoint, properties: Mapping[str, Schema]) -> dict[str, Schema]:
    """The schemas as tools list them: of rare fields the type alone, `kling_models` tells more."""
    params = endpoint.request.params()
    return {
        name: _outline(schema) if name in params and params[name].rare else schema
        for name, schema in properties.items()
    }


def _outline(schema: Schema) -> Schema:
    short = {key: schema[key] for key in ("type", "enum") if key in schema}
    if "items" in schema:
        short["items"] = _outline(schema["items"])
    if "properties" in schema:  # there are hosts that take no bare object
        short["properties"] = {n: _outline(s) for n, s in schema["properties"].items()}
    return short


def _plain(kind: Kind) -> Schema:
    """The schema of the plainest spelling of a kind, with its bounds."""
    match kind:
        case ListOf(item=item):
            return {"type": "array", "items": _plain(item)} | _given(
                minItems=kind.least or None, maxItems=kind.most
            )
        case Piece(part=part, bare=bare):
            return _bare(_plain(bare)) if bare is not None else _part(part)
        case kinds.Flag() | kinds.Switch():
            return {"type": "boolean"}
        case kinds.Number(whole=whole):
            bounds = _given(minimum=kind.least, maximum=kind.most)
            return {"type": "integer" if whole else "number"} | bounds
        case kinds.OneOf(values=values):
            return {"type": "string", "enum": list(values)}
        case kinds.Id(whole=True):
            return {"type": "integer"}
        case kinds.Text(most=most):
            return {"type": "string"} | _given(maxLength=most)
        case kinds.Medium() | kinds.Named() | kinds.Id():
            return {"type": "string"}


def _part(part: type[Part]) -> Schema:
    params = part.params()
    inner = {
        name: _bare(_plain(kind_of(declared)))
        for name, declared in params.items()
        if not (name == "index" and not declared.required)  # the place in the list says it
    }
    return object_schema(inner, [name for name in inner if params[name].required])


def _bare(schema: Schema) -> Schema:
    """A schema without bounds: those of pieces are left to the rules, which tell them all."""
    bounds = ("minimum", "maximum", "minItems", "maxItems", "maxLength")
    return {key: value for key, value in schema.items() if key not in bounds}


def _given(**bounds: float | None) -> Schema:
    return {name: value for name, value in bounds.items() if value is not None}


def _lengths(endpoint: Endpoint) -> Schema:
    """The shortest and the longest clip that any living model of the endpoint makes.

    As bounds, though some make 5 or 10 seconds only: there are hosts that take no enum of numbers.
    """
    lengths = _seconds(endpoint)
    return {"minimum": min(lengths), "maximum": max(lengths)}


def longest(endpoint: Endpoint) -> int:
    """Seconds of the longest clip that the endpoint makes."""
    return max(_seconds(endpoint))


def _seconds(endpoint: Endpoint) -> list[int]:
    known = catalogues.find("lengths").choices(endpoint.name)
    return [int(choice.value) for choice in known if choice.live] or [5, 10]


def _default(schema: Schema, value: Any) -> Any:
    """The default as the schema spells it; None and False need not be said."""
    if value is None:
        return None
    if schema["type"] == "boolean":
        return {"on": True, "off": False}.get(value, value)
    return int(value) if schema["type"] == "integer" else value


def _words(endpoint: Endpoint, declared: Param) -> str:
    """The field's documentation in few words: what else there is to know, the rules tell."""
    named = choices.catalogue(declared)
    if named is not None and named.assumes:
        usual = named.usual(endpoint.name)
        return f"Default {usual}; see kling_models" if usual else "See kling_models"
    text = re.sub(r"`kling models[^`]*`", "kling_models", declared.doc).replace("`", "")
    first = re.split(r"[.](?= [A-Z]|$)", text)[0]
    listed = ":" in first or "see kling_models" in first
    return first if listed else first.partition("; ")[0]


# --- reading arguments ---------------------------------------------------------------------


def judge(schema: Schema, given: Mapping[str, Any]) -> list[Violation]:
    """Everything in the arguments that the schema forbids, as violations with what is valid.

    Nothing is converted: "5" is no number, and 5.0 no text.
    """
    return _object(schema, given, "")


_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
    "array": (list,),
    "object": (dict,),
}


def _object(schema: Schema, given: Mapping[str, Any], place: str) -> list[Violation]:
    properties: Mapping[str, Schema] = schema.get("properties", {})
    if schema.get("additionalProperties"):
        return []
    found: list[Violation] = []
    for name in sorted(given.keys() - properties.keys()):
        near = nearest(name, properties)
        known = near[0] if near else "one of " + ", ".join(properties)
        hint = did_you_mean(name, properties)
        found.append(Violation(place + name, f"there is no such argument{hint}", known))
    required: list[str] = schema.get("required", [])
    lacking = [name for name in required if given.get(name) is None]
    found += [Violation(place + name, "is required", f"{name}=…") for name in lacking]
    for name, inner in properties.items():
        if given.get(name) is not None:
            found += _value(inner, given[name], place + name)
    return found


def _fits(value: Any, kind: str) -> bool:
    if kind == "integer" and isinstance(value, float):
        return value.is_integer()  # JSON knows one kind of number
    if isinstance(value, float) and not math.isfinite(value):
        return False
    return isinstance(value, _TYPES[kind]) and (kind == "boolean" or not isinstance(value, bool))


def _value(schema: Schema, value: Any, place: str) -> list[Violation]:
    kind: str = schema["type"]
    if not _fits(value, kind):
        article = "an" if kind[0] in "aeio" else "a"
        said = f"{_shown(value)} is not {article} {kind}"
        return [
            Violation(place, said, f"{article} {kind}, not in quotes" if _text(value, kind) else "")
        ]
    if kind == "object":
        return _object(schema, value, f"{place}.")
    if kind == "array":
        found = _bounds(schema, len(value), place, "minItems", "maxItems", "entries")
        for number, entry in enumerate(value):
            found += _value(schema["items"], entry, f"{place}.{number}")
        return found
    if "enum" in schema and value not in schema["enum"]:
        choices = ", ".join(str(one) for one in schema["enum"])
        return [Violation(place, f"{_shown(value)} is not available", choices)]
    if kind == "string":
        return _bounds(schema, len(value), place, "minLength", "maxLength", "characters")
    return _bounds(schema, value, place, "minimum", "maximum", "")


def _bounds(
    schema: Schema, number: float, place: str, low: str, high: str, unit: str
) -> list[Violation]:
    least, most = schema.get(low), schema.get(high)
    if (least is None or number >= least) and (most is None or number <= most):
        return []
    said = f"has {number:,} {unit}" if unit else f"{number} is out of range"
    if least is not None and most is not None:
        return [Violation(place, said, f"{least:,} to {most:,}")]
    return [Violation(place, said, f"at least {least:,}" if most is None else f"at most {most:,}")]


def _text(value: Any, kind: str) -> bool:
    return isinstance(value, str) and kind in ("integer", "number", "boolean")


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:39]}…"

"""Types and bounds of declared fields, by pydantic, one field at a time.

The pydantic model of a request is built from its declaration at first use. Fields are validated
singly so that one wrong field never hides another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Annotated, Any, cast, get_args, get_origin, get_type_hints

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, create_model

from kling_core.declare.fields import Param, Part
from kling_core.declare.kinds import part_of
from kling_core.declare.plain_values import as_id
from kling_core.errors import Violation
from kling_core.text import blank, did_you_mean, nearest

_CONFIG = ConfigDict(extra="forbid", arbitrary_types_allowed=True)


@cache
def model_of(part: type[Part]) -> type[BaseModel]:
    """The pydantic model of a declaration; its JSON schema carries docs, bounds and units."""
    hints = get_type_hints(part)
    fields: dict[str, Any] = {
        name: _field(declared, hints[name]) for name, declared in part.params().items()
    }
    return create_model(part.__name__, __config__=_CONFIG, __doc__=part.__doc__, **fields)


def validate(
    part: type[Part], given: Mapping[str, Any], *, source: str = ""
) -> tuple[dict[str, Any], list[Violation]]:
    """Validate each given field; returns the good ones, normalised, and all violations."""
    model, params = model_of(part), part.params()
    good: dict[str, Any] = {}
    violations: list[Violation] = []
    for name, value in given.items():
        if name not in params:
            violations.append(_unknown(name, params))
            continue
        scratch = model.model_construct()
        try:
            model.__pydantic_validator__.validate_assignment(scratch, name, value)
        except ValidationError as error:
            violations += [_violation(name, params[name], e) for e in error.errors()]
        else:
            good[name] = _plain(getattr(scratch, name))
    missing = [p for p in params.values() if p.required and _absent(given.get(p.name))]
    violations += [Violation(p.name, "is required", _short(p), p.source) for p in missing]
    return good, [v if v.source else replace(v, source=source) for v in violations]


def _absent(value: Any) -> bool:
    return value is None or (isinstance(value, str) and blank(value))


def _field(declared: Param, hint: Any) -> tuple[Any, Any]:
    kind = declared.of or hint
    if declared.media:
        kind = list[Any] if declared.many else Any
    validators = [BeforeValidator(_unwrap(declared))]
    listed = declared.min_items is not None or declared.max_items is not None
    bounds: dict[str, Any] = {
        "ge": declared.ge,
        "le": declared.le,
        "max_length": declared.max_items if listed else declared.max_length,
        "min_length": declared.min_items if listed else None,
    }
    extra: Any = {k: v for k in ("unit", "source", "media") if (v := getattr(declared, k))}
    given: dict[str, Any] = {k: v for k, v in bounds.items() if v is not None}
    default = ... if declared.required else declared.default
    info: Any = Field(default, description=declared.doc, json_schema_extra=extra or None, **given)
    return Annotated[(_lower(kind), *validators)], info


def _lower(kind: Any) -> Any:
    """Replace declared parts by their pydantic models."""
    if isinstance(kind, type) and issubclass(kind, Part):
        return Annotated[model_of(kind), BeforeValidator(_given)]
    origin, inner = get_origin(kind), get_args(kind)
    if origin is list and inner:
        item: Any = _lower(inner[0])
        return cast("Any", list[item])
    return cast("Any", kind)


def _given(value: Any) -> Any:
    return value.given if isinstance(value, Part) else value


def _unwrap(declared: Param) -> Any:
    name = declared.parse is None and declared.max_length is None and not declared.media

    def before(value: Any) -> Any:
        if declared.name.endswith("_id"):
            value = as_id(value)
        if declared.parse:
            value = declared.parse(value)
        if name and isinstance(value, str):
            value = value.strip()  # names and ids: a copied one often carries a blank
        if declared.many:
            value = list(value) if isinstance(value, (list, tuple)) else [value]  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
            key = declared.item
            value = [v[key] if isinstance(v, Mapping) and key in v else v for v in value]  # pyright: ignore[reportUnknownVariableType]
        return value  # pyright: ignore[reportUnknownVariableType]

    return before


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return {name: _plain(getattr(value, name)) for name in _in_order(value)}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]  # pyright: ignore[reportUnknownVariableType]
    return value


def _in_order(value: BaseModel) -> list[str]:
    return [
        name
        for name in type(value).model_fields
        if name in value.model_fields_set and getattr(value, name) is not None
    ]


def _unknown(name: str, params: Mapping[str, Param]) -> Violation:
    nest, _, field = name.partition(".")
    if field in params:
        return Violation(field, f"is given twice: in {nest} and beside it", "one of the two")
    near = nearest(name, params)
    advice = near[0] if near else "one of " + ", ".join(params)
    return Violation(name, f"there is no such field{did_you_mean(name, params)}", advice)


def _short(declared: Param) -> str:
    return f"{declared.name}=…  ({declared.doc.rstrip('.')})"


def _violation(name: str, declared: Param, error: Any) -> Violation:
    place = ".".join(str(part) for part in (name, *error["loc"][1:]))
    message, valid = _words(declared, error)
    return Violation(place, message, valid, declared.source)


def _words(declared: Param, error: Any) -> tuple[str, str]:
    kind, context, value = error["type"], error.get("ctx", {}), error["input"]
    match kind:
        case "string_too_long":
            limit = context["max_length"]
            return f"has {len(value):,} characters", f"at most {limit:,}"
        case "greater_than_equal" | "less_than_equal":
            low, high = declared.ge, declared.le
            if len(error["loc"]) > 1:  # a bound inside a nested part
                side = "at least" if kind == "greater_than_equal" else "at most"
                limit = f"{side} {context.get('ge', context.get('le')):g}"
            elif low is not None and high is not None:
                limit = f"{low:g} to {high:g}"
            else:
                limit = f"at least {low:g}" if low is not None else f"at most {high:g}"
            return f"{value} is out of range", limit
        case "too_long" | "too_short":
            inner = _innermost(declared, error["loc"][1:])
            low, high = inner.min_items or 0, inner.max_items
            count = f"exactly {high}" if low == high else f"{low} to {high}"
            return f"has {context['actual_length']} entries", count
        case "string_unicode":
            return f"{_brief(value)} holds half a character, which cannot be sent", "UTF-8"
        case "literal_error":
            return f"{value!r} is not available", _choices(value, context["expected"])
        case "extra_forbidden" | "missing":
            return "is required" if kind == "missing" else "there is no such field", ""
        case "value_error":
            return str(context["error"]), ""
        case _:
            text = error["msg"].removeprefix("Input ")
            return f"{_brief(value)} {text[:1].lower()}{text[1:]}", ""


def _innermost(declared: Param, place: Sequence[str | int]) -> Param:
    """The field that a place inside a declared field leads to."""
    for step in place:
        part = part_of(declared)
        if isinstance(step, str) and part is not None:
            declared = part.params().get(step, declared)
    return declared


def _choices(value: Any, expected: str) -> str:
    known = [word.strip("' ") for word in expected.replace(" or ", ", ").split(",")]
    return ", ".join(nearest(str(value), known) or known)


def _brief(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:39]}…"

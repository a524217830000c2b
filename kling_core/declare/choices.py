"""What else a request could have: the choices of each field, and why some are not to be had.

    possible = judge(request)
    possible.choices["mode"]["4k"]     "kling-v2-6 has the modes std and pro"
    possible.fields["camera_control"]  "kling-v2-6 does not offer camera control"

Nothing here knows a rule: each choice is tried, and `Request.check` judges it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

from kling_core.declare import catalogues
from kling_core.declare.catalogues import Choice
from kling_core.declare.kinds import (
    Flag,
    Id,
    Kind,
    ListOf,
    Medium,
    Named,
    Number,
    OneOf,
    Piece,
    Switch,
    Text,
    kind_of,
    part_of,
    words,
)

if TYPE_CHECKING:
    from kling_core.declare.endpoint import Endpoint, Request
    from kling_core.declare.fields import MediaKind, Param, Part
    from kling_core.errors import Violation

__all__ = ["Choice", "Possible", "catalogue", "choices", "is_named", "judge", "lists", "samples"]


@dataclass(frozen=True, slots=True)
class Possible:
    """What a request cannot have as it stands, with the reasons; all else it can.

    `fields` holds fields that are not given and would be refused with any value, `choices` the
    refused values of fields that have choices. Fields inside others are named with dots:
    `camera_control.type`.
    """

    fields: dict[str, str] = field(default_factory=dict[str, str])
    choices: dict[str, dict[str, str]] = field(default_factory=dict[str, dict[str, str]])


def choices(endpoint: Endpoint, name: str) -> tuple[Choice, ...]:
    """What is known to be a value of a field, best first; empty for a field without choices."""
    declared = endpoint.request.params()[name]
    listed = words(kind_of(declared))
    if listed:
        return tuple(Choice(value) for value in listed)
    named = catalogue(declared)
    return named.choices(endpoint.name) if named is not None else ()


def catalogue(declared: Param) -> catalogues.Catalogue | None:
    """The list of names that a field chooses from; None for a field without."""
    return catalogues.find(declared.choices) if declared.choices else None


def is_named(declared: Param) -> bool:
    """Whether its choices are names of a catalogue, which may be more than we know of."""
    named = catalogue(declared)
    return named is not None and named.open


def lists(endpoint: Endpoint) -> list[catalogues.Listed]:
    """The lists beside the models that the fields of an endpoint choose from."""
    found = (catalogue(declared) for declared in endpoint.request.params().values())
    return [named for named in dict.fromkeys(found) if isinstance(named, catalogues.Listed)]


def judge(request: Request) -> Possible:
    """Try what is not given, and every choice of what is; some hundred offline checks."""
    found = Possible()
    trial = _Trial(request)
    for name, declared in request.params().items():
        if is_named(declared):  # the model decides about the others, never they about it
            continue
        options = [choice.value for choice in choices(request.endpoint, name)]
        reason = ""
        if not trial.has(name) and not declared.required:
            reason = trial.refusal(name, options or samples(declared))
        if reason:
            found.fields[name] = reason
        elif options:
            _judge_choices(trial, found, name, {option: [option] for option in options})
        _judge_inside(trial, found, name, declared)
    return found


def samples(declared: Param) -> list[Any]:
    """A few values that the field may have, if anything; each alone is valid by type and bounds."""
    return _samples(declared, kind_of(declared))


def _samples(declared: Param, kind: Kind) -> list[Any]:
    match kind:
        case ListOf(item=item, least=least):
            return [[one] * (least or 1) for one in _samples(declared, item)]
        case Medium(role=role):
            return [_medium(declared, role)]
        case Piece(part=part):
            return list(_pieces(part))
        case OneOf(values=values) | Switch(values=values):
            return list(values)
        case Flag():
            return [True]
        case Number(bounded=False) if declared.unit == "seconds":
            return ["5"]
        case Number() | Id(whole=True):
            bounds = [b for b in (declared.le, declared.ge) if b is not None]
            return [next((b for b in bounds if b), 0)] if bounds else [1]
        case Text(prose=True):
            return ["a"]
        case Text() | Named() | Id():
            return ["1"]


def _pieces(part: type[Part]) -> Iterator[dict[str, Any]]:
    """Objects of that kind: with each choice of what is required, and each of what is not."""
    needed: dict[str, list[Any]] = {}
    optional: dict[str, list[Any]] = {}
    for name, declared in part.params().items():
        (needed if declared.required else optional)[name] = samples(declared)
    first = {name: values[0] for name, values in needed.items()}
    if first:
        yield first
    for name, values in needed.items():
        yield from ({**first, name: value} for value in values[1:])
    for name, values in optional.items():
        yield from ({**first, name: value} for value in values)


# --- trying --------------------------------------------------------------------------------


class _Trial:
    """A request, and what becomes of it when one thing in it is changed."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.fields = request.adopt(dict(request.given))

    def has(self, name: str) -> bool:
        value = self.fields.get(name)
        return value is not None and value not in ("", [])

    def refusal(self, name: str, values: Iterable[Any]) -> str:
        """Why the field can have none of the values; empty when it can have one."""
        known = {_key(v) for v in self._violations({name: None})}
        reasons: list[list[str]] = []
        for value in values:
            against = self._objections(name, {name: value}, known)
            if against and all(_root(v) != name for v in against):
                # It is at odds with another field: perhaps not when a third one says how.
                tries = (self._objections(name, {name: value, **c}, known) for c in self.companions)
                against = next((left for left in tries if not left), against)
            if not against:
                return ""
            reasons.append([_plain(v) for v in sorted(against, key=lambda v: _root(v) != name)])
        if not reasons:
            return ""
        shared = [reason for reason in reasons[0] if all(reason in others for others in reasons)]
        return (shared or reasons[0])[0]

    @cached_property
    def companions(self) -> list[dict[str, Any]]:
        """Every choice of every optional field that is not given and has no value assumed."""
        return [
            {name: value}
            for name, declared in self.request.params().items()
            if not self.has(name) and declared.default is None
            for value in words(kind_of(declared))
        ]

    def _objections(
        self, name: str, changes: Mapping[str, Any], known: set[tuple[str, str]]
    ) -> list[Violation]:
        """What is wrong with the changes; what is only still to be filled in elsewhere is not."""
        return [
            v
            for v in self._violations(changes)
            if _key(v) not in known and (_root(v) == name or self.has(_root(v)))
        ]

    def _violations(self, changes: Mapping[str, Any]) -> Sequence[Violation]:
        made = {k: v for k, v in {**self.fields, **changes}.items() if v is not None}
        return type(self.request)(**made).with_parent(self.request.parent).check().violations


def _judge_choices(
    trial: _Trial, found: Possible, path: str, options: Mapping[str, Sequence[Any]]
) -> None:
    """Note the options of which no variant will do."""
    root = path.partition(".")[0]
    refused = {option: trial.refusal(root, values) for option, values in options.items()}
    refused = {option: reason for option, reason in refused.items() if reason}
    if refused:
        found.choices[path] = refused


def _judge_inside(trial: _Trial, found: Possible, name: str, declared: Param) -> None:
    """The same one floor down, for an object that is given."""
    part = part_of(declared)
    fields = _object(declared, trial.fields.get(name))
    if part is None or not fields:
        return
    extra: list[dict[str, Any]] = [{}]
    for inner, piece in part.params().items():
        if inner not in fields and not piece.required:
            extra += [{inner: value} for value in samples(piece)]
    for inner, piece in part.params().items():
        named = words(kind_of(piece))
        if named:
            variants = {str(v): [{**fields, inner: v, **e} for e in extra] for v in named}
            _judge_choices(trial, found, f"{name}.{inner}", variants)
        elif inner not in fields and not piece.required:
            values = [{**fields, inner: value} for value in samples(piece)]
            reason = trial.refusal(name, values)
            if reason:
                found.fields[f"{name}.{inner}"] = reason


def _object(declared: Param, value: Any) -> Mapping[str, Any]:
    """The fields of an object, however it was spelled; empty for what is none."""
    try:
        read = declared.parse(value) if declared.parse is not None else value
    except ValueError:
        return {}
    read = getattr(read, "given", read)
    return cast("Mapping[str, Any]", read) if isinstance(read, Mapping) else {}


def _plain(violation: Violation) -> str:
    """The rule, without what was asked for: that is only a trial."""
    return re.split(r"; you (?:asked for|gave) ", violation.message)[0]


def _key(violation: Violation) -> tuple[str, str]:
    """What it objects to, whatever the numbers: a sum that is wrong already is nothing new."""
    return violation.field, re.sub(r"\d+", "#", violation.message)


def _root(violation: Violation) -> str:
    return violation.field.partition(".")[0]


def _medium(declared: Param, role: MediaKind) -> Any:
    from kling_core.media.item import Media

    return Media.of_url(role, "https://example.com/medium", field=declared.name)

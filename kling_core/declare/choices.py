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
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any, Literal, cast, get_args, get_origin, get_type_hints

from kling_core.catalog import tables as data

if TYPE_CHECKING:
    from kling_core.declare.endpoint import Endpoint, Request
    from kling_core.declare.fields import Param, Part
    from kling_core.errors import Violation

__all__ = ["Choice", "Possible", "choices", "is_named", "judge", "literals", "samples"]


@dataclass(frozen=True, slots=True)
class Choice:
    """One value that a field may have; `note` is what is special about it, empty for most."""

    value: str
    note: str = ""


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
    named = literals(declared, _hints(endpoint.request)[name])
    if named:
        return tuple(Choice(str(value)) for value in named)
    match declared.placeholder:
        case "MODEL":
            models = data.models(endpoint.name)
            return tuple(
                Choice(m.name, "" if m.status == "active" else m.status)
                for m in sorted(models, key=lambda m: not m.alive)
            )
        case "SCENE":
            scenes = data.effects().values()
            return tuple(
                Choice(s.name, "two images" if s.images == 2 else "")
                for s in scenes
                if s.listed and s.ended_on is None
            )
        case "VOICE":
            return tuple(
                Choice(v.voice_id, ", ".join(filter(None, (v.name_en, " ".join(v.languages)))))
                for v in data.voices().values()
            )
        case _:
            return _lengths(endpoint) if name == "duration" else ()


def is_named(declared: Param) -> bool:
    """Whether its choices are names of the catalogue, which may be more than we know of."""
    return declared.placeholder in ("MODEL", "SCENE", "VOICE")


def judge(request: Request) -> Possible:
    """Try what is not given, and every choice of what is; some hundred offline checks."""
    found = Possible()
    trial = _Trial(request)
    hints = _hints(type(request))
    for name, declared in request.params().items():
        if is_named(declared):  # the model decides about the others, never they about it
            continue
        options = [choice.value for choice in choices(request.endpoint, name)]
        reason = ""
        if not trial.has(name) and not declared.required:
            reason = trial.refusal(name, options or samples(declared, hints[name]))
        if reason:
            found.fields[name] = reason
        elif options:
            _judge_choices(trial, found, name, {option: [option] for option in options})
        _judge_inside(trial, found, name, declared)
    return found


def samples(declared: Param, hint: Any) -> list[Any]:
    """A few values that the field may have, if anything; each alone is valid by type and bounds."""
    part = declared.part
    if declared.media:
        one = _medium(declared)
        return [[one] * (declared.min_items or 1)] if declared.many else [one]
    if part is not None:
        several = get_origin(declared.of) is list
        inner = list(_pieces(part))
        return [[piece] * (declared.min_items or 1) for piece in inner] if several else inner
    named = literals(declared, hint)
    if named:
        return list(named)
    if bool in (hint, *get_args(hint)):
        return [True]
    if declared.unit == "seconds":
        return ["5"]
    if declared.ge is not None or declared.le is not None:
        bounds = (b for b in (declared.le, declared.ge) if b is not None)
        return [next((b for b in bounds if b), 0)]
    return ["a"] if declared.prose else ["1"]


def _pieces(part: type[Part]) -> Iterator[dict[str, Any]]:
    """Objects of that kind: with each choice of what is required, and each of what is not."""
    hints = _hints(part)
    needed: dict[str, list[Any]] = {}
    optional: dict[str, list[Any]] = {}
    for name, declared in part.params().items():
        (needed if declared.required else optional)[name] = samples(declared, hints[name])
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
        hints = _hints(type(self.request))
        return [
            {name: value}
            for name, declared in self.request.params().items()
            if not self.has(name) and declared.default is None
            for value in literals(declared, hints[name])
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
    part = declared.part
    fields = _object(declared, trial.fields.get(name))
    if part is None or not fields:
        return
    hints = _hints(part)
    extra: list[dict[str, Any]] = [{}]
    for inner, piece in part.params().items():
        if inner not in fields and not piece.required:
            extra += [{inner: value} for value in samples(piece, hints[inner])]
    for inner, piece in part.params().items():
        named = literals(piece, hints[inner])
        if named:
            variants = {str(v): [{**fields, inner: v, **e} for e in extra] for v in named}
            _judge_choices(trial, found, f"{name}.{inner}", variants)
        elif inner not in fields and not piece.required:
            values = [{**fields, inner: value} for value in samples(piece, hints[inner])]
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


# --- declarations --------------------------------------------------------------------------


@cache
def _hints(part: type[Part]) -> dict[str, Any]:
    return get_type_hints(part)


def literals(declared: Param, hint: Any) -> tuple[Any, ...]:
    """The values that a field is declared to choose from; empty for a free one."""
    kinds = [hint, declared.of, *get_args(hint)]
    return next((get_args(kind) for kind in kinds if get_origin(kind) is Literal), ())


@cache
def _lengths(endpoint: Endpoint) -> tuple[Choice, ...]:
    """Every length that some model makes."""
    tables = [model.endpoints[endpoint.name] for model in data.models(endpoint.name)]
    lengths = {seconds for table in tables for seconds in table.durations()}
    return tuple(Choice(seconds) for seconds in sorted(lengths, key=int))


def _medium(declared: Param) -> Any:
    from kling_core.media.item import Media

    kind = declared.media or "image"
    return Media.of_url(kind, "https://example.com/medium", field=declared.name)

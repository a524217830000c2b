"""What kind of value a field takes: a closed set, worked out once for each declared field.

    match kind_of(declared):
        case Number(least=low, most=high): …
        case ListOf(item=Medium()): …

Whoever shows, reads or describes fields matches on the kind. `leaves` and `changed` walk through
the values of fields down to what is neither a list nor an object.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, NamedTuple, Union, cast, get_args, get_origin, get_type_hints

from kling_core.declare.fields import MediaKind, Param, Part, Thing

__all__ = [
    "Flag",
    "Id",
    "Kind",
    "Leaf",
    "ListOf",
    "Medium",
    "Named",
    "Number",
    "OneOf",
    "Piece",
    "Switch",
    "Text",
    "changed",
    "holds",
    "innermost",
    "kind_of",
    "leaves",
    "part_of",
    "words",
]


class Text(NamedTuple):
    """A text; `prose` is written in words of one's own, `most` is its greatest length."""

    prose: bool = False
    most: int | None = None


class Number(NamedTuple):
    """A number, a `whole` one or any, with its bounds where there are some."""

    whole: bool
    least: float | None = None
    most: float | None = None

    @property
    def bounded(self) -> bool:
        """Whether it has a bound at all."""
        return self.least is not None or self.most is not None


class OneOf(NamedTuple):
    """One of a few words that the declaration lists."""

    values: tuple[str, ...]


class Switch(NamedTuple):
    """The word "on" or "off", for which True and False may stand."""

    values: tuple[str, ...] = ("on", "off")


class Flag(NamedTuple):
    """True or False."""


class Named(NamedTuple):
    """A name of a catalogue, which may have more names than we know of; see `catalogues`."""

    catalogue: str


class Medium(NamedTuple):
    """A picture, a sound or a video; `role` says what for, and so which limits it has."""

    role: MediaKind

    @property
    def stuff(self) -> Literal["image", "audio", "video"]:
        """What it is, whatever it is for."""
        return self.role if self.role in ("audio", "video") else "image"


class Id(NamedTuple):
    """The id of something that was made earlier; some are written as `whole` numbers."""

    of: Thing
    whole: bool = False


class Piece(NamedTuple):
    """An object with declared fields; `bare` is the kind of a plain value that stands for it."""

    part: type[Part]
    bare: Kind | None = None


class ListOf(NamedTuple):
    """Several values of one kind."""

    item: Kind
    least: int = 0
    most: int | None = None


Kind = Text | Number | OneOf | Switch | Flag | Named | Medium | Id | Piece | ListOf


@cache
def kind_of(declared: Param) -> Kind:
    """The kind of value that a declared field takes.

    Raises `TypeError` for an annotation that tells none.
    """
    hint = _hints(declared.owner).get(declared.name) if declared.owner is not None else None
    types = _members(hint)
    listed = get_origin(declared.of) is list
    several = any(get_origin(one) in (Sequence, list) for one in types)
    if not (declared.many or listed or several):
        return _single(declared, types, declared.of)
    of = get_args(declared.of)[0] if listed else None
    entries = _members(*(inner for one in types for inner in get_args(one)[:1]))
    item = _single(declared, entries, of)
    return ListOf(item, declared.min_items or 0, declared.max_items)


def innermost(kind: Kind) -> Kind:
    """The kind of the entries of a list; any other kind itself."""
    return innermost(kind.item) if isinstance(kind, ListOf) else kind


def part_of(declared: Param) -> type[Part] | None:
    """The class of an object, or of the objects in a list; None for a field of another kind."""
    kind = innermost(kind_of(declared))
    return kind.part if isinstance(kind, Piece) else None


def words(kind: Kind) -> tuple[str, ...]:
    """The words that the declaration lists for it; empty for a kind without."""
    return kind.values if isinstance(kind, (OneOf, Switch)) else ()


def holds(kind: Kind, wanted: type[Kind]) -> bool:
    """Whether a value of this kind is, or has in it, one of the kind that is wanted."""
    match kind:
        case ListOf(item=item):
            return holds(item, wanted)
        case Piece(part=part):
            inner = (kind_of(declared) for declared in part.params().values())
            return wanted is Piece or any(holds(one, wanted) for one in inner)
        case _:
            return isinstance(kind, wanted)


def _single(declared: Param, types: Sequence[Any], of: Any) -> Kind:
    """The kind of one value of these types, or of the type that is validated in their place."""
    if declared.media:
        return Medium(declared.media)
    part = next((one for one in (of, *types) if _is_part(one)), None)
    plain = [one for one in types if not _is_part(one) and get_origin(one) is not Mapping]
    if part is not None:
        return Piece(part, _standing_for(part, plain) if plain else None)
    found = _scalar(declared, [*plain, of])
    if found is None:
        raise TypeError(f"no kind of field is known for {declared.name}: {types or of}")
    return found


def _standing_for(part: type[Part], types: Sequence[Any]) -> Kind | None:
    """The kind of a plain value that is given in the place of an object: its only field's."""
    fields = list(part.params().values())
    return kind_of(fields[0]) if len(fields) == 1 else _scalar(None, types)


def _scalar(declared: Param | None, types: Sequence[Any]) -> Kind | None:
    """The plainest kind of these types, with what the field declares of it; None for none."""
    whole = int in types
    listed = next((get_args(one) for one in types if get_origin(one) is Literal), ())
    if declared is not None and declared.id_of:
        return Id(declared.id_of, whole)
    if listed:
        either = bool in types and set(listed) == {"on", "off"}
        return Switch() if either else OneOf(listed)
    if bool in types:
        return Flag()
    if whole or float in types:
        bounds = (declared.ge, declared.le) if declared is not None else ()
        return Number(whole, *bounds)
    if str not in types:
        return None
    if declared is not None and declared.choices:
        return Named(declared.choices)
    return Text(declared.prose, declared.max_length) if declared is not None else Text()


def _members(*hints: Any) -> list[Any]:
    """The members of unions, None left out."""
    found: list[Any] = []
    for hint in hints:
        if get_origin(hint) in (Union, UnionType):
            found += _members(*get_args(hint))
        elif hint is not NoneType:
            found.append(hint)
    return found


def _is_part(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Part)


@cache
def _hints(part: type[Part]) -> dict[str, Any]:
    return get_type_hints(part)


# --- walking through values ----------------------------------------------------------------


class Leaf(NamedTuple):
    """A value that is neither a list nor an object of fields, and where it stands.

    The place is written as checks write it: `image`, `image_list.0`, `dynamic_masks.0.mask`.
    """

    place: str
    declared: Param
    kind: Kind
    value: Any


def leaves(params: Mapping[str, Param], fields: Mapping[str, Any]) -> list[Leaf]:
    """Every leaf of the declared fields among these, in their order."""
    found: list[Leaf] = []

    def note(leaf: Leaf) -> Any:
        found.append(leaf)
        return leaf.value

    changed(params, fields, note)
    return found


def changed(
    params: Mapping[str, Param], fields: Mapping[str, Any], change: Callable[[Leaf], Any]
) -> dict[str, Any]:
    """The fields with `change(leaf)` in the place of every leaf; undeclared ones as they are.

    Objects become plain ones, and so does a medium that stands for a list of one.
    """
    return {
        name: _walked(params[name], kind_of(params[name]), name, value, change)
        if name in params
        else value
        for name, value in fields.items()
    }


def _walked(
    declared: Param, kind: Kind, place: str, value: Any, change: Callable[[Leaf], Any]
) -> Any:
    match kind:
        case ListOf(item=item):
            if isinstance(value, (list, tuple)) or isinstance(item, Medium):
                several = cast("list[Any]", value if isinstance(value, (list, tuple)) else [value])
                return [
                    _walked(declared, item, f"{place}.{i}", _bare(one, declared.item), change)
                    for i, one in enumerate(several)
                ]
            return _walked(declared, item, place, value, change)
        case Piece(part=part):
            given: Any = value.given if isinstance(value, Part) else value
            if not isinstance(given, Mapping):
                return value
            inner = part.params()
            fields = cast("Mapping[str, Any]", given)
            return {
                name: _walked(inner[name], kind_of(inner[name]), f"{place}.{name}", one, change)
                if name in inner
                else one
                for name, one in fields.items()
            }
        case _:
            return change(Leaf(place, declared, kind, value))


def _bare(value: Any, key: str) -> Any:
    """An entry of a list without the object that wraps it on the wire."""
    if not key or not isinstance(value, Mapping):
        return value
    return cast("Mapping[str, Any]", value).get(key, cast("Any", value))

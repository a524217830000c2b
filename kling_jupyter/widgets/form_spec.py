"""From an endpoint's declaration to the description of its form, as plain data for the page.

    spec(endpoint)  {"endpoint", "title", "summary", "sections": [{"name", "title", "fields"}]}

A field has `name`, `label`, `doc`, `kind` and what its kind needs (see `_field`). Kinds: `area`,
`text`, `number`, `choice`, `flag`, `media`, `list` (with the `item` it repeats) and `part` (with
its `fields`). Adding an endpoint, or a field to one, needs nothing here.
"""

from __future__ import annotations

import math
import re
from functools import cache
from typing import TYPE_CHECKING, Any

from kling_core.declare import choices as possible
from kling_core.declare import kinds
from kling_core.declare.kinds import Flag, ListOf, Medium, Number, Piece, kind_of

if TYPE_CHECKING:
    from kling_core.declare.endpoint import Endpoint
    from kling_core.declare.fields import Param, Part
    from kling_core.declare.kinds import Kind

__all__ = ["label", "spec"]

Facts = dict[str, Any]

_PROSE = 300
"""Texts that may be longer get a box of several lines."""

_EXACT = 2**53
"""Beyond this a page cannot count exactly; such numbers are texts to it."""

_SEGMENTS = 5
"""Up to so many choices stand side by side; more go into a list."""


@cache
def spec(endpoint: Endpoint) -> Facts:
    """The description of the endpoint's form."""
    sections: dict[str, list[Facts]] = {"input": [], "settings": [], "more": []}
    for declared in endpoint.request.params().values():
        sections[_section(endpoint, declared)].append(_field(endpoint, declared))
    titles = {"input": "", "settings": "Settings", "more": "More options"}
    return {
        "endpoint": endpoint.command,
        "title": label(endpoint.name),
        "summary": endpoint.summary,
        "lead": endpoint.positional,
        "sections": [
            {"name": name, "title": titles[name], "fields": fields}
            for name, fields in sections.items()
            if fields
        ],
    }


def label(name: str) -> str:
    """A field's or an endpoint's name in words: `aspect_ratio` is "Aspect ratio"."""
    words = re.sub(r"_(name|info)$", "", name).replace("_", " ").capitalize()
    return re.sub(r"\b(url|id)\b", lambda found: found[0].upper(), words)


# --- where ---------------------------------------------------------------------------------


def _section(endpoint: Endpoint, declared: Param) -> str:
    """What every request says goes on top, what we assume beside it, the rest is folded away."""
    kind = kinds.innermost(kind_of(declared))
    if isinstance(kind, Medium) and kind.role != "mask":
        return "input"
    if (
        declared.required
        or declared.name == endpoint.positional
        or _is_alternative(endpoint, declared)
    ):
        return "input"
    named = possible.catalogue(declared)
    if named is not None and named.open:
        live = not named.assumes or named.usual(endpoint.name)
        return "settings" if live else "more"
    return "settings" if declared.default is not None else "more"


def _is_alternative(endpoint: Endpoint, declared: Param) -> bool:
    """Whether a rule demands it or another field in its place."""
    return any(declared.name in getattr(rule, "names", ()) for rule in endpoint.rules)


# --- what ----------------------------------------------------------------------------------


def _field(endpoint: Endpoint, declared: Param) -> Facts:
    """One field of a request."""
    facts = _facts(declared)
    named = possible.catalogue(declared)
    choices = possible.choices(endpoint, declared.name)
    if choices and facts["kind"] != "flag":
        facts |= _choice([(c.value, c.note) for c in choices], declared)
        if named is not None and named.assumes:
            facts |= {"default": named.usual(endpoint.name) or "", "doc": ""}
    if declared.name == endpoint.positional and facts["kind"] == "text":
        facts["kind"] = "area"
    if len(declared.name) == 1 and declared.unit:
        facts["label"] = label(declared.unit)
    return facts


def _facts(declared: Param) -> Facts:
    """One field, of a request or of a piece of one."""
    facts: Facts = {
        "name": declared.name,
        "label": label(re.sub(r"_list$", "s", declared.name)),
        "doc": _doc(declared.doc),
        "required": declared.required,
        "default": _text(None if declared.required else declared.default),
        "assumed": _text(declared.api_default),
    }
    return facts | _of_kind(declared, kind_of(declared), facts)


def _of_kind(declared: Param, kind: Kind, facts: Facts) -> Facts:
    """What the page needs to build a field of this kind; `facts` are those of every field."""
    match kind:
        case Medium(role=role):
            return {"kind": "media", "media": role, "accept": _ACCEPT[role]}
        case Flag() | Piece(bare=Flag()):  # true stands for the whole object
            return {"kind": "flag", "on": True}
        case kinds.Switch():
            return {"kind": "flag", "on": "on"}
        case kinds.OneOf(values=values):
            return _choice([(value, "") for value in values], declared)
        case Piece(part=part):
            return _part(part, frozenset())
        case ListOf(item=Piece(part=part)):
            head = {"name": "", "label": label(_singular(declared, part)), "doc": ""}
            return _list(kind, {**head, **_part(part, _numbered(declared))})
        case ListOf(item=item):
            return _list(kind, {**facts, **_of_kind(declared, item, facts)})
        case Number() if (kind.most or 0) < _EXACT:
            return _number(declared, kind)
        case Number() | kinds.Text() | kinds.Named() | kinds.Id():
            long = declared.max_length or 0
            return {"kind": "area" if long > _PROSE else "text", "maxLength": declared.max_length}


def _doc(text: str) -> str:
    """The words of the declaration without what is for the command line."""
    return re.sub(r", see `kling [^`]*`", "", text).replace("`", "")


def _number(declared: Param, kind: Number) -> Facts:
    if kind.bounded or declared.unit != "seconds":
        return {
            "kind": "number",
            "min": kind.least,
            "max": kind.most,
            "step": 1 if kind.whole else _step(kind),
            "whole": kind.whole,
            "unit": declared.unit,
        }
    return {"kind": "number", "min": 1, "max": None, "step": 1, "whole": True, "unit": "seconds"}


def _choice(choices: list[tuple[str, str]], declared: Param) -> Facts:
    known = [{"value": value, "note": note} for value, note in choices]
    return {
        "kind": "choice",
        "choices": known,
        "open": possible.is_named(declared),
        "segments": len(known) <= _SEGMENTS and not possible.is_named(declared),
        "unit": declared.unit,
    }


def _part(part: type[Part], given: frozenset[str]) -> Facts:
    fields = [_facts(p) for name, p in part.params().items() if name not in given]
    return {"kind": "part", "part": part.__name__, "oneOnly": part.one_only, "fields": fields}


def _numbered(declared: Param) -> frozenset[str]:
    """The fields that the declaration itself fills in for each entry of a list: its number."""
    if declared.parse is None:
        return frozenset()
    (entry,) = declared.parse([{}])
    return frozenset(entry)


def _list(kind: ListOf, item: Facts) -> Facts:
    return {"kind": "list", "item": item, "least": kind.least, "most": kind.most}


def _singular(declared: Param, part: type[Part]) -> str:
    word = re.sub(r"(?<!^)(?=[A-Z])", "_", part.__name__.removesuffix("Ref")).lower()
    return word or declared.name


def _step(kind: Number) -> float:
    if kind.least is None or kind.most is None:
        return 1
    return 10.0 ** math.floor(math.log10((kind.most - kind.least) / 10))


def _text(value: Any) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else f"{value}"


_ACCEPT = {
    "image": "image/png,image/jpeg",
    "tail": "image/png,image/jpeg",
    "mask": "image/png,image/jpeg",
    "try_on": "image/png,image/jpeg",
    "audio": "audio/mpeg,audio/wav,audio/mp4,audio/aac,.mp3,.wav,.m4a,.aac",
    "video": "",
}
"""What a file dialog offers; video goes by URL only, so it has no file dialog."""

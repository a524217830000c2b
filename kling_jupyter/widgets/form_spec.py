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
from typing import TYPE_CHECKING, Any, get_args, get_origin, get_type_hints

from kling_core.catalog import tables
from kling_core.declare import choices as possible

if TYPE_CHECKING:
    from kling_core.declare.endpoint import Endpoint
    from kling_core.declare.fields import Param, Part

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
    hints = get_type_hints(endpoint.request)
    sections: dict[str, list[Facts]] = {"input": [], "settings": [], "more": []}
    for name, declared in endpoint.request.params().items():
        sections[_section(endpoint, declared)].append(_field(endpoint, declared, hints[name]))
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
    if declared.media and declared.media != "mask":
        return "input"
    if (
        declared.required
        or declared.name == endpoint.positional
        or _is_alternative(endpoint, declared)
    ):
        return "input"
    if possible.is_named(declared):
        live = declared.placeholder != "MODEL" or tables.default_model(endpoint.name)
        return "settings" if live else "more"
    return "settings" if declared.default is not None else "more"


def _is_alternative(endpoint: Endpoint, declared: Param) -> bool:
    """Whether a rule demands it or another field in its place."""
    return any(declared.name in getattr(rule, "names", ()) for rule in endpoint.rules)


# --- what ----------------------------------------------------------------------------------


def _field(endpoint: Endpoint, declared: Param, hint: Any) -> Facts:
    """One field of a request."""
    facts = _facts(declared, hint)
    choices = possible.choices(endpoint, declared.name)
    if choices and facts["kind"] != "flag":
        facts |= _choice([(c.value, c.note) for c in choices], declared)
        if declared.placeholder == "MODEL":
            facts |= {"default": tables.default_model(endpoint.name) or "", "doc": ""}
    if declared.name == endpoint.positional and facts["kind"] == "text":
        facts["kind"] = "area"
    if len(declared.name) == 1 and declared.unit:
        facts["label"] = label(declared.unit)
    return facts


def _facts(declared: Param, hint: Any) -> Facts:
    """One field, of a request or of a piece of one."""
    facts: Facts = {
        "name": declared.name,
        "label": label(re.sub(r"_list$", "s", declared.name)),
        "doc": _doc(declared.doc),
        "required": declared.required,
        "default": _text(None if declared.required else declared.default),
        "assumed": _text(declared.api_default),
    }
    part = declared.part
    if declared.media:
        medium = {"kind": "media", "media": declared.media, "accept": _ACCEPT[declared.media]}
        return facts | (_list(declared, {**facts, **medium}) if declared.many else medium)
    if part is not None:
        return facts | _structure(declared, hint, part)
    named = possible.literals(declared, hint)
    if set(named) == {"on", "off"}:
        return facts | {"kind": "flag", "on": "on"}
    if named:
        return facts | _choice([(str(value), "") for value in named], declared)
    if bool in _kinds(declared, hint):
        return facts | {"kind": "flag", "on": True}
    return facts | _scalar(declared, hint)


def _doc(text: str) -> str:
    """The words of the declaration without what is for the command line."""
    return re.sub(r", see `kling [^`]*`", "", text).replace("`", "")


def _scalar(declared: Param, hint: Any) -> Facts:
    bounded = declared.ge is not None or declared.le is not None
    if bounded and (declared.le or 0) < _EXACT:
        whole = float not in _kinds(declared, hint)
        return {
            "kind": "number",
            "min": declared.ge,
            "max": declared.le,
            "step": 1 if whole else _step(declared),
            "whole": whole,
            "unit": declared.unit,
        }
    if declared.unit == "seconds":
        return {
            "kind": "number",
            "min": 1,
            "max": None,
            "step": 1,
            "whole": True,
            "unit": "seconds",
        }
    long = declared.max_length or 0
    return {"kind": "area" if long > _PROSE else "text", "maxLength": declared.max_length}


def _choice(choices: list[tuple[str, str]], declared: Param) -> Facts:
    known = [{"value": value, "note": note} for value, note in choices]
    return {
        "kind": "choice",
        "choices": known,
        "open": possible.is_named(declared),
        "segments": len(known) <= _SEGMENTS and not possible.is_named(declared),
        "unit": declared.unit,
    }


def _structure(declared: Param, hint: Any, part: type[Part]) -> Facts:
    if bool in get_args(hint) and declared.parse is not None:  # true stands for the whole object
        return {"kind": "flag", "on": True}
    if get_origin(declared.of) is list:
        named = label(_singular(declared, part))
        return _list(declared, {"name": "", "label": named, "doc": "", **_part(declared, part)})
    return _part(declared, part)


def _part(declared: Param, part: type[Part]) -> Facts:
    hints = get_type_hints(part)
    given = _numbered(declared)
    fields = [_facts(p, hints[name]) for name, p in part.params().items() if name not in given]
    return {"kind": "part", "part": part.__name__, "oneOnly": part.one_only, "fields": fields}


def _numbered(declared: Param) -> set[str]:
    """The fields that the declaration itself fills in for each entry of a list: its number."""
    if declared.parse is None or get_origin(declared.of) is not list:
        return set()
    (entry,) = declared.parse([{}])
    return set(entry)


def _list(declared: Param, item: Facts) -> Facts:
    return {
        "kind": "list",
        "item": item,
        "least": declared.min_items or 0,
        "most": declared.max_items,
    }


def _singular(declared: Param, part: type[Part]) -> str:
    word = re.sub(r"(?<!^)(?=[A-Z])", "_", part.__name__.removesuffix("Ref")).lower()
    return word or declared.name


def _step(declared: Param) -> float:
    if declared.ge is None or declared.le is None:
        return 1
    return 10.0 ** math.floor(math.log10((declared.le - declared.ge) / 10))


def _kinds(declared: Param, hint: Any) -> list[Any]:
    return [hint, declared.of, *get_args(hint)]


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

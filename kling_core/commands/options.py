"""Each field of an endpoint as a command-line option, derived from its declaration."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin, get_type_hints

if TYPE_CHECKING:
    from kling_core.declare.endpoint import Endpoint
    from kling_core.declare.fields import Param, Part

Kind = Literal["text", "media", "choice", "switch", "flag", "structure"]


@dataclass(frozen=True, slots=True)
class Option:
    """One field as an option.

    `flag` and `short` are its spellings ("--duration", "-d" or ""), `aliases` further ones.
    `takes_value` is False for a flag such as --multi-shot; a switch such as --sound takes one of
    its `choices` or, when written alone, means "on". `repeats` tells that it may be given several
    times. `choices` are shown and completed, never enforced.
    """

    flag: str
    short: str
    field: str
    kind: Kind
    takes_value: bool
    repeats: bool
    choices: tuple[str, ...]
    metavar: str
    doc: str
    aliases: tuple[str, ...] = ()

    @property
    def spellings(self) -> tuple[str, ...]:
        """Every way to write it, the negative of a switch not included."""
        return tuple(s for s in (self.short, self.flag, *self.aliases) if s)

    @property
    def negative(self) -> str:
        """The spelling that turns it off; empty for options that take a value."""
        return f"--no-{self.flag[2:]}" if self.kind in ("switch", "flag") else ""


@cache
def options(endpoint: Endpoint) -> tuple[Option, ...]:
    """Every field of the endpoint as an option, in the order of its declaration."""
    params = endpoint.request.params()
    hints = get_type_hints(endpoint.request)
    taken = {_flag(name) for name in params}
    return tuple(_option(endpoint, p, hints[name], taken) for name, p in params.items())


def shape(endpoint: Endpoint, field: str) -> type[Part] | None:
    """The declared class of a structured field, or of the entries of its list; else None."""
    return endpoint.request.params()[field].part


def example(endpoint: Endpoint) -> str:
    """The declaration's example as it is typed after the endpoint's name."""
    known = {option.field: option for option in options(endpoint)}
    typed: list[str] = []
    for name, value in endpoint.example.items():
        flag = min(known[name].spellings[1 if known[name].short else 0 :], key=len)
        for one in value if isinstance(value, list) else [value]:  # pyright: ignore[reportUnknownVariableType]
            if name != endpoint.positional:
                typed += [flag, shlex.quote(str(one))]  # pyright: ignore[reportUnknownArgumentType]
    said = endpoint.example.get(endpoint.positional)
    return " ".join([*typed, *([shlex.quote(str(said))] if said else [])])


_TAILS = ("_name", "_control", "_info", "_list")


def _option(endpoint: Endpoint, declared: Param, hint: Any, taken: set[str]) -> Option:
    kind, choices = _kind(declared, hint)
    flag = f"--{declared.item}" if declared.many and declared.item else _flag(declared.name)
    short = f"-{declared.short}" if declared.short else ""
    short = short or (f"-{declared.name}" if len(declared.name) == 1 else "")
    part = declared.part
    listed = declared.many or get_origin(declared.of) is list
    plain = next((declared.name.removesuffix(t) for t in _TAILS if declared.name.endswith(t)), "")
    more = [_flag(declared.name), _flag(plain)] if plain else [_flag(declared.name)]
    if listed and part is not None:
        word = re.sub(r"(?<!^)(?=[A-Z])", "-", part.__name__.removesuffix("Ref")).lower()
        more.append(f"--{word}")
    own = _flag(declared.name)
    aliases = tuple(
        dict.fromkeys(m for m in more if m != flag and (m == own or m not in taken)),
    )
    choices = choices or _catalogued(endpoint, declared)
    return Option(
        flag=flag,
        short=short,
        field=declared.name,
        kind=kind,
        takes_value=kind != "flag",
        repeats=listed or kind == "media",
        choices=choices,
        metavar=_metavar(declared, kind, choices),
        doc=_doc(endpoint, declared, kind, choices),
        aliases=aliases,
    )


def _kind(declared: Param, hint: Any) -> tuple[Kind, tuple[str, ...]]:
    if declared.media:
        return "media", ()
    inner = [hint, declared.of, *get_args(hint)]
    choices = next((get_args(i) for i in inner if get_origin(i) is Literal), ())
    if set(choices) == {"on", "off"}:
        return "switch", choices
    if choices:
        return "choice", choices
    if bool in inner:
        return "flag", ()
    return ("structure" if declared.part else "text"), ()


def _catalogued(endpoint: Endpoint, declared: Param) -> tuple[str, ...]:
    from kling_core.catalog import tables

    match declared.placeholder:
        case "MODEL":
            return tuple(m.name for m in tables.models(endpoint.name) if m.alive)
        case "SCENE":
            scenes = tables.effects().values()
            return tuple(s.name for s in scenes if s.listed and s.ended_on is None)
        case "VOICE":
            return tuple(tables.voices())
        case _:
            return ()


def _metavar(declared: Param, kind: Kind, choices: tuple[str, ...]) -> str:
    if declared.placeholder:
        return declared.placeholder
    if kind == "flag":
        return "on|off"
    if kind in ("choice", "switch"):
        return "|".join(choices)
    if declared.unit == "seconds":
        return "SECONDS"
    if kind == "media":
        return "URL" if declared.media == "video" else "FILE"
    if kind == "structure":
        return "JSON"
    numeric = declared.ge is not None or declared.le is not None
    return "N" if numeric else "TEXT"


def _doc(endpoint: Endpoint, declared: Param, kind: Kind, choices: tuple[str, ...]) -> str:
    from kling_core.catalog import tables

    facts: list[str] = []
    if declared.name == endpoint.positional:
        facts.append("or the words that are no option")
    elif declared.required:
        facts.append("required")
    part = declared.part
    if part is not None and part.__name__ == "Shot":
        facts.append('or --shot "3 a boat leaves", repeated')
    if declared.ge is not None or declared.le is not None:
        facts.append(_range(declared))
    if declared.max_length:
        facts.append(f"at most {declared.max_length:,} {declared.unit or 'characters'}")
    if kind == "media" and declared.many and declared.max_items:
        facts.append("repeat the option for each")
    assumed = declared.default if not declared.required else None
    if declared.placeholder == "MODEL":
        assumed = tables.default_model(endpoint.name)
        facts.append("now live: " + ", ".join(choices))
    if assumed is not None:
        facts.append(f"default {assumed}")
    elif declared.api_default is not None:
        told = str(declared.api_default)
        facts.append(f"Kling's default: {told.lower() if kind == 'flag' else told}")
    return declared.doc + (f" [{'; '.join(facts)}]" if facts else "")


def _range(declared: Param) -> str:
    if declared.ge is not None and declared.le is not None:
        return f"{declared.ge:g} to {declared.le:g}"
    return f"at least {declared.ge:g}" if declared.ge is not None else f"at most {declared.le:g}"


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")

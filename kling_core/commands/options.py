"""Each field of an endpoint as a command-line option, derived from its declaration."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Literal

from kling_core.declare import kinds
from kling_core.declare.kinds import Flag, ListOf, Medium, Piece, kind_of

if TYPE_CHECKING:
    from kling_core.declare.endpoint import Endpoint
    from kling_core.declare.fields import Param, Part
    from kling_core.declare.kinds import Kind

Typed = Literal["text", "media", "choice", "switch", "flag", "structure"]
"""How a value is typed: as it is, as a file or URL, as one of the choices, as JSON, or not at all.
"""


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
    kind: Typed
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
    taken = {_flag(name) for name in params}
    return tuple(_option(endpoint, declared, taken) for declared in params.values())


def shape(endpoint: Endpoint, field: str) -> type[Part] | None:
    """The declared class of a structured field, or of the entries of its list; else None."""
    return kinds.part_of(endpoint.request.params()[field])


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


def _option(endpoint: Endpoint, declared: Param, taken: set[str]) -> Option:
    kind = kind_of(declared)
    typed, choices = _typed(kind), kinds.words(kind) or _catalogued(endpoint, declared)
    flag = f"--{declared.item}" if declared.many and declared.item else _flag(declared.name)
    short = f"-{declared.short}" if declared.short else ""
    short = short or (f"-{declared.name}" if len(declared.name) == 1 else "")
    part, listed = kinds.part_of(declared), isinstance(kind, ListOf)
    plain = next((declared.name.removesuffix(t) for t in _TAILS if declared.name.endswith(t)), "")
    more = [_flag(declared.name), _flag(plain)] if plain else [_flag(declared.name)]
    if listed and part is not None:
        word = re.sub(r"(?<!^)(?=[A-Z])", "-", part.__name__.removesuffix("Ref")).lower()
        more.append(f"--{word}")
    own = _flag(declared.name)
    aliases = tuple(
        dict.fromkeys(m for m in more if m != flag and (m == own or m not in taken)),
    )
    return Option(
        flag=flag,
        short=short,
        field=declared.name,
        kind=typed,
        takes_value=typed != "flag",
        repeats=listed or typed == "media",
        choices=choices,
        metavar=declared.placeholder or _metavar(declared, kind),
        doc=_doc(endpoint, declared, typed, choices),
        aliases=aliases,
    )


def _typed(kind: Kind) -> Typed:
    match kind:
        case Medium() | ListOf(item=Medium()):
            return "media"
        case kinds.OneOf():
            return "choice"
        case kinds.Switch():
            return "switch"
        case Flag() | Piece(bare=Flag()):  # true stands for the whole object
            return "flag"
        case Piece() | ListOf(item=Piece()):
            return "structure"
        case _:
            return "text"


def _catalogued(endpoint: Endpoint, declared: Param) -> tuple[str, ...]:
    """The names that are offered; of lengths none, which the model decides."""
    from kling_core.declare.choices import catalogue

    named = catalogue(declared)
    if named is None or not named.open:
        return ()
    return tuple(choice.value for choice in named.choices(endpoint.name) if choice.live)


def _metavar(declared: Param, kind: Kind) -> str:
    """What stands for the value in help; completion knows some of these words."""
    from kling_core.declare.choices import catalogue

    named = catalogue(declared)
    match kind:
        case _ if named is not None:
            return named.word
        case kinds.Id(of=thing):
            return thing.upper()
        case Flag() | Piece(bare=Flag()) | kinds.Switch():
            return "on|off"
        case kinds.OneOf(values=values):
            return "|".join(values)
        case kinds.Number():
            return "SECONDS" if declared.unit == "seconds" else "N"
        case Medium(stuff=stuff):
            return "URL" if stuff == "video" else "FILE"
        case Piece():
            return "JSON"
        case ListOf(item=item):
            return _metavar(declared, item)
        case kinds.Text() | kinds.Named():
            return "TEXT"


def _doc(endpoint: Endpoint, declared: Param, typed: Typed, choices: tuple[str, ...]) -> str:
    from kling_core.declare.choices import catalogue

    facts: list[str] = []
    if declared.name == endpoint.positional:
        facts.append("or the words that are no option")
    elif declared.required:
        facts.append("required")
    part = kinds.part_of(declared)
    if part is not None and part.__name__ == "Shot":
        facts.append('or --shot "3 a boat leaves", repeated')
    if declared.ge is not None or declared.le is not None:
        facts.append(_range(declared))
    if declared.max_length:
        facts.append(f"at most {declared.max_length:,} {declared.unit or 'characters'}")
    if typed == "media" and declared.many and declared.max_items:
        facts.append("repeat the option for each")
    assumed = declared.default if not declared.required else None
    named = catalogue(declared)
    if named is not None and named.assumes:
        assumed = named.usual(endpoint.name)
        facts.append("now live: " + ", ".join(choices))
    if assumed is not None:
        facts.append(f"default {assumed}")
    elif declared.api_default is not None:
        told = str(declared.api_default)
        facts.append(f"Kling's default: {told.lower() if typed == 'flag' else told}")
    return declared.doc + (f" [{'; '.join(facts)}]" if facts else "")


def _range(declared: Param) -> str:
    if declared.ge is not None and declared.le is not None:
        return f"{declared.ge:g} to {declared.le:g}"
    return f"at least {declared.ge:g}" if declared.ge is not None else f"at most {declared.le:g}"


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")

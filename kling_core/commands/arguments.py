"""From an endpoint's declaration to its command line: options, parser, fields.

Shared by `kling` and by the notebook magics. The parser judges spelling only: values go to the
request as they were typed, so that its check reports everything that is wrong with them at once.
"""

from __future__ import annotations

import argparse
import difflib
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from kling_core import text_files
from kling_core.commands import prompt_words
from kling_core.commands.options import Option, example, options, shape
from kling_core.errors import KlingError

if TYPE_CHECKING:
    from kling_core.declare.endpoint import Endpoint

__all__ = [
    "HelpShown",
    "Option",
    "Parser",
    "UsageProblem",
    "build",
    "consumes",
    "example",
    "fields",
    "nearest",
    "options",
    "parse",
    "parse_words",
]


class UsageProblem(KlingError):
    """The command line cannot be understood: an unknown option, a missing value. Nothing ran."""


class HelpShown(Exception):
    """Help was asked for; `text` is what to show."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


class Parser(argparse.ArgumentParser):
    """An `ArgumentParser` that raises `UsageProblem` and `HelpShown` and never exits."""

    endpoint: Endpoint | None = None
    words: str = ""
    """The name under which the words that are no options are stored; empty: none are taken."""
    once: bool = False
    """Whether two values of a field are refused; shells expect that the last one counts."""
    switches: Mapping[str, tuple[str, ...]] = {}
    """The values that may follow a switch, which may also stand alone; by field."""

    def __init__(
        self, *, prog: str, description: str = "", epilog: str = "", usage: str = ""
    ) -> None:
        super().__init__(
            prog=prog,
            description=description or None,
            epilog=epilog or None,
            usage=usage or None,
            allow_abbrev=False,
            formatter_class=_Formatter,
        )

    def actions(self) -> dict[str, argparse.Action]:
        """Every option by its spelling."""
        return self._option_string_actions

    def print_help(self, file: Any = None) -> NoReturn:  # noqa: ARG002 - argparse calls it so
        raise HelpShown(self.format_help())

    def error(self, message: str) -> NoReturn:
        message = message.removeprefix("argument ")
        found = re.match(r"(\S+): invalid choice: '([^']*)'", message)
        action = self._option_string_actions.get(found[1].partition("/")[0]) if found else None
        if found is None or action is None or not action.choices:
            raise UsageProblem(message, fix=f"See {self.prog} --help.")
        choices = [str(choice) for choice in action.choices]
        near = nearest(found[2], choices)
        meant = f"; did you mean {near}?" if near else ""
        raise UsageProblem(
            f"{found[1]} {found[2]!r} is not to be had{meant}", fix=f"Use {_either(choices)}."
        )


def build(
    endpoint: Endpoint,
    *,
    prog: str,
    positional: bool = True,
    extra: Callable[[argparse.ArgumentParser], None] | None = None,
) -> Parser:
    """The parser of one endpoint: an option per field, and its words when `positional`.

    `extra` adds the options of the front end. Use `parse` on the result, then `fields`.
    """
    words = endpoint.positional if positional else ""
    parser = Parser(
        prog=prog,
        usage=f"{prog} [options]" + (f" {words.upper()}" if words else ""),
        description=f"{endpoint.summary}\n({endpoint.source})",
        epilog=f"example:\n  {prog} {example(endpoint)}",
    )
    parser.endpoint, parser.words = endpoint, words
    group = parser.add_argument_group(f"fields of {endpoint.command}")
    for option in options(endpoint):
        _add(group, option)
    parser.switches = {o.field: o.choices for o in options(endpoint) if o.kind == "switch"}
    if extra is not None:
        extra(parser)
    return parser


def parse(parser: Parser, argv: Sequence[Any]) -> argparse.Namespace:
    """Parse; options and words may come in any order, and `--` ends the options.

    An element of `argv` that is no string is an object for the option before it. What can only be
    a slip in the words of a prompt is refused, unless they stand behind `--`; the namespace says so
    in `verbatim`. Raises `UsageProblem`, and `HelpShown` for --help.
    """
    typed = _sort(parser, list(argv))
    namespace, words = parser.parse_args(typed.flags), typed.words
    if parser.endpoint is not None:
        namespace.verbatim = typed.meant == 0
    if not words:
        return namespace
    if not parser.words:
        raise UsageProblem(
            f"{words[0]!r} is not an option, and {parser.prog} takes no other words",
            fix=f"See {parser.prog} --help.",
        )
    if getattr(namespace, parser.words, None) is not None:
        raise UsageProblem(
            f"{parser.words} is given twice: as --{parser.words.replace('_', '-')} and as "
            f"{' '.join(map(str, words))!r}",
            fix="Put it in quotes, once.",
        )
    declared = parser.endpoint.request.params().get(parser.words) if parser.endpoint else None
    if declared is not None and declared.prose and typed.meant != 0:
        _refuse_slips(parser, typed)
    setattr(namespace, parser.words, words[0] if len(words) == 1 else " ".join(map(str, words)))
    return namespace


def parse_words(parser: Parser, argv: Sequence[Any]) -> tuple[argparse.Namespace, list[Any]]:
    """The options, and the words that are none, in order; otherwise as `parse`."""
    typed = _sort(parser, list(argv))
    return parser.parse_args(typed.flags), typed.words


def consumes(parser: Parser, token: str, following: Any = None) -> int:
    """How many tokens the option `token` takes: 0 when it is no option but a word, else 1 or 2.

    Raises `UsageProblem` for an option that does not exist, or whose value is missing.
    """
    name, equals, _ = token.partition("=")
    actions = parser.actions()
    _refuse_long_dash(parser, token)
    if not token.startswith("-") or token in ("-", "--") or re.match(r"-[\d.]", token):
        return 0
    flag = _known(parser, name)
    if flag is None:
        if any(c.isspace() for c in name):
            return 0
        raise _unknown(parser, name)
    action = actions[flag]
    if equals or action.nargs == 0 or _attached(parser, token):
        return 1
    if action.nargs == "?":
        return 2 if following in parser.switches.get(action.dest, ()) else 1
    is_option = isinstance(following, str) and _known(parser, following.partition("=")[0])
    if following is None or (is_option and not re.match(r"-[\d.]", following)):
        raise UsageProblem(f"{name} needs a value", fix=f"See {parser.prog} --help.")
    return 2


def fields(endpoint: Endpoint, namespace: argparse.Namespace) -> dict[str, Any]:
    """The given fields, for `kling.<endpoint>.create(**fields)`; numbers stay text.

    JSON and `@file.json` of structured fields are read here. Raises `UsageProblem`.
    """
    found: dict[str, Any] = {}
    for option in options(endpoint):
        value = getattr(namespace, option.field, None)
        if value is not None:
            found[option.field] = _value(endpoint, option, value)
    return found


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that was probably meant: swapped letters first, then the most alike."""
    known = list(known)
    swapped = [k for k in known if sorted(k) == sorted(word)]
    near = swapped or difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    return near[0] if near else None


def _either(words: Sequence[str]) -> str:
    return " or ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


# --- the parser ----------------------------------------------------------------------------


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Shows each option once, by its short and its first long spelling."""

    def __init__(self, prog: str, **settings: Any) -> None:
        super().__init__(prog, max_help_position=30, **settings)

    def _format_action_invocation(self, action: argparse.Action) -> str:
        short = next((s for s in action.option_strings if not s.startswith("--")), "")
        long = next((s for s in action.option_strings if s.startswith("--")), "")
        shown = ", ".join(s for s in (short, long) if s)
        if not shown:
            return super()._format_action_invocation(action)
        if action.nargs == 0:
            return shown
        value = str(action.metavar or action.dest.upper())
        return f"{shown} [{value}]" if action.nargs == "?" else f"{shown} {value}"


def _add(group: Any, option: Option) -> None:
    spellings = [s for s in (option.flag, *option.aliases, option.short) if s]
    facts: dict[str, Any] = {
        "dest": option.field,
        "help": option.doc.replace("%", "%%"),
        "metavar": option.metavar,
    }
    if not option.negative:
        how = "append" if option.repeats else _Once
        group.add_argument(*spellings, action=how, **facts)
        return
    group.add_argument(*spellings, action=_Once, nargs="?", const="on", **facts)
    off: dict[str, Any] = {"nargs": 0, "const": "off", "help": argparse.SUPPRESS}
    group.add_argument(option.negative, action=_Once, dest=option.field, **off)


class _Once(argparse.Action):
    """Keeps a field's last value, or refuses a second one where its parser is strict."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        value = self.const if self.nargs == 0 else values
        before = getattr(namespace, self.dest, None)
        strict = isinstance(parser, Parser) and parser.once
        if strict and before is not None and (before != value or isinstance(value, _Held)):
            raise UsageProblem(
                f"{option_string} is given twice: as {before} and as {value}", fix="Give it once."
            )
        setattr(namespace, self.dest, value)


class _Held(str):
    """An object on its way through argparse, which passes strings only."""

    __slots__ = ("value",)
    value: Any


def _held(value: Any) -> _Held:
    held = _Held(f"<{type(value).__name__}>")
    held.value = value
    return held


@dataclass(slots=True)
class _Typed:
    """A command line taken apart: the options, each with its value, and the words."""

    flags: list[str] = field(default_factory=list[str])
    words: list[Any] = field(default_factory=list[Any])
    breaks: list[int] = field(default_factory=list[int])
    """The words before which an option stands, by their number; the first one left out."""
    meant: int | None = None
    """The number of the first word behind `--`."""


def _sort(parser: Parser, rest: list[Any]) -> _Typed:
    typed = _Typed()
    ended = False
    while rest:
        word = rest.pop(0)
        if word == "--":
            typed.meant = len(typed.words)
            typed.words += rest
            return typed
        following = rest[0] if rest else None
        taken = consumes(parser, word, following) if isinstance(word, str) else 0
        if taken == 0:
            typed.breaks += [len(typed.words)] if ended else []
            ended = False
            typed.words.append(word)
            continue
        ended = bool(typed.words)
        name, equals, value = word.partition("=")
        flag = _known(parser, name) or name
        if taken == 2:
            value = rest.pop(0)
            equals = "="
            if path := prompt_words.torn(value, rest):
                raise UsageProblem(f"{flag} {path} has blanks", fix=f'Write {flag} "{path}".')
        elif _attached(parser, word):
            equals, value = "=", word[2:]
        if equals and not isinstance(value, str):
            typed.flags += [flag, _held(value)]
        else:
            typed.flags.append(f"{flag}={value}" if equals else flag)
    return typed


def _refuse_long_dash(parser: Parser, token: str) -> None:
    """Word processors, chats and phones make one long dash of two hyphens."""
    name = prompt_words.long_dash(token)
    if not name:
        return
    known = [spelling.lstrip("-") for spelling in parser.actions()]
    near = nearest(name, known)
    if near is not None:
        raise UsageProblem(
            f"{token} begins with a long dash", fix=f"Write --{near}, with two hyphens."
        )


def _refuse_slips(parser: Parser, typed: _Typed) -> None:
    names = {spelling.lstrip("-") for spelling in parser.actions()}
    meant = len(typed.words) if typed.meant is None else typed.meant
    slip = prompt_words.judge(
        typed.words, name=parser.words, names=names, breaks=typed.breaks, meant=meant
    )
    if slip is not None:
        raise UsageProblem(slip.message, fix=slip.fix)


def _known(parser: Parser, name: str) -> str | None:
    """The spelling in the parser's table: --aspect_ratio is --aspect-ratio, -d5 is -d."""
    actions = parser.actions()
    for spelling in (name, name.replace("_", "-") if name.startswith("--") else name):
        if spelling in actions:
            return spelling
    return name[:2] if _attached(parser, name) else None


def _attached(parser: Parser, token: str) -> bool:
    """Whether it is a short option with its value attached, as in -d5."""
    action = parser.actions().get(token[:2])
    if action is None or len(token) < 3 or token[1] == "-" or token[2] == "=":
        return False
    return action.nargs is None and bool(re.match(r"-\w\d+$", token))


def _unknown(parser: Parser, name: str) -> UsageProblem:
    """The refusal of an option: whose it is, or which one was probably meant."""
    owners = _owners(name) if parser.endpoint is not None else []
    if parser.endpoint is not None and owners:
        return UsageProblem(
            f"{parser.endpoint.command} takes no {name}",
            fix=f"It belongs to {' and '.join(owners[:2])}.",
        )
    bare = {spelling.lstrip("-"): action for spelling, action in parser.actions().items()}
    near = nearest(name.lstrip("-"), bare)  # the dashes would make all options look alike
    meant = ""
    if near is not None:
        first = next((s for s in bare[near].option_strings if s.startswith("--")), f"-{near}")
        meant = f"; did you mean {first}?"
    fix = f"See {parser.prog} --help; words that begin with a dash go after --."
    return UsageProblem(f"unknown option {name}{meant}", fix="" if meant else fix)


def _owners(name: str) -> list[str]:
    """The endpoints that have this option."""
    from kling_core.declare import registry

    typed = name.replace("_", "-")
    return [
        endpoint.command
        for endpoint in registry.endpoints()
        if any(typed in option.spellings for option in options(endpoint) if len(typed) > 2)
    ]


# --- values --------------------------------------------------------------------------------


def _value(endpoint: Endpoint, option: Option, value: Any) -> Any:
    """What was typed, as the request takes it; lists of one media file are that file."""
    typed: list[Any] = value if isinstance(value, list) else [value]  # pyright: ignore[reportUnknownVariableType]
    typed = [v.value if isinstance(v, _Held) else v for v in typed]
    if option.kind == "structure":
        piece = shape(endpoint, option.field)
        read = [_structure(option, piece.__name__ if piece else "", v) for v in typed]
        if not option.repeats:
            return read[-1]
        return [inner for v in read for inner in (v if isinstance(v, list) else [v])]  # pyright: ignore[reportUnknownVariableType]
    if option.kind == "media":
        return typed[0] if len(typed) == 1 else typed
    if option.kind == "flag":
        return {"on": True, "true": True, "off": False, "false": False}.get(typed[0], typed[0])
    return typed if option.repeats else typed[-1]


def _structure(option: Option, piece: str, value: Any) -> Any:
    """JSON, the JSON of an `@file`, a shot's short spelling, or the text as it stands."""
    if not isinstance(value, str):
        return value
    text, place = value.strip(), option.flag
    if text.startswith("@"):
        place = text[1:]
        try:
            text = text_files.read(Path(place).expanduser()).strip()
        except (OSError, ValueError, RuntimeError) as error:
            raise UsageProblem(f"{option.flag}: {place} cannot be read: {error}") from error
    if text.startswith(("{", "[")) or place != option.flag:
        try:
            return json.loads(text)
        except ValueError as error:
            raise UsageProblem(f"{place} is not valid JSON: {error}") from error
    if piece != "Shot":
        return value
    shot = re.fullmatch(r"(\d+)\s*s?\s+(\S.*)", text, re.DOTALL)
    if shot is None:
        raise UsageProblem(
            f"--shot: {value!r} does not begin with the seconds of the shot",
            fix='Write --shot "3 a boat leaves", or JSON.',
        )
    return {"duration": shot[1], "prompt": shot[2]}

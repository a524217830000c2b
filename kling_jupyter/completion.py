"""Tab after `%kling`: commands, options, values, tasks, files and variables.

Everything comes from the declarations, so a new endpoint or command completes without an edit
here. Where there is nothing to offer, the word itself is, for a prompt is no Python.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from IPython.core.completer import (
    CompletionContext,
    SimpleCompletion,
    context_matcher,  # pyright: ignore[reportUnknownVariableType]
)

from kling_jupyter.parsing import cell_fields

if TYPE_CHECKING:
    import argparse

    from kling_core.commands.arguments import Parser
    from kling_core.declare.endpoint import Endpoint
    from kling_jupyter.commands.base import Command
    from kling_jupyter.workspace import Workspace

__all__ = ["Offer", "install", "offers", "uninstall"]

_IDENTIFIER = "kling"
_LINE = re.compile(r"^\s*(?:[^=]*[^=!<>]=\s*)?%kling(?:\s+(.*))?$", re.DOTALL)
_CELL = re.compile(r"^%%kling(?:\s+(.*))?$", re.DOTALL)
_HELD = re.compile(r"\{([^\W\d]\w*)?(?:\.(\w*))?$")
_RECENT = 30
"""Tasks of the ledger that are offered."""


class Offer(NamedTuple):
    """One word that would fit, and its kind as the front end shows it."""

    text: str
    kind: str


def install(shell: Any, workspace: Workspace) -> None:
    """Complete our lines in this shell; a second time changes nothing."""
    uninstall(shell)  # twice there, it would offer all twice

    mark: Any = cast("Any", context_matcher)(identifier=_IDENTIFIER, priority=200)

    def kling(context: CompletionContext) -> Any:
        found = offers(workspace, context.full_text, context.cursor_line, context.text_until_cursor)
        if found is None:
            return {"completions": []}
        fragment, offered = found
        fitting = [o for o in offered if _fits_to(o, fragment) and o.text != fragment]
        if not fitting and fragment:
            fitting = [Offer(fragment, "text")]
        return {
            "completions": [SimpleCompletion(o.text, type=o.kind) for o in fitting],
            "matched_fragment": fragment,
            "suppress": True,
            "ordered": True,
        }

    shell.Completer.custom_matchers.append(mark(kling))


def uninstall(shell: Any) -> None:
    """Leave our lines to IPython again."""
    matchers: list[Any] = getattr(shell.Completer, "custom_matchers", [])
    known = [m for m in matchers if getattr(m, "matcher_identifier", "") == _IDENTIFIER]
    for matcher in known:
        matchers.remove(matcher)


def offers(
    workspace: Workspace, cell: str, row: int, before: str
) -> tuple[str, Iterable[Offer]] | None:
    """The piece before the cursor, and what it may become; None where the line is not ours.

    `cell` is the whole cell and `before` its line `row` up to the cursor.
    """
    head = _CELL.match(cell.partition("\n")[0])
    if head is not None and row > 0:
        return _in_body(workspace, head[1] or "", cell.split("\n")[1 : row + 1], before)
    found = _CELL.match(before) if row == 0 else None
    found = found or _LINE.match(before)
    if found is None:
        return None
    return _in_line(workspace, found[1]) if found[1] is not None else ("", ())


def _fits_to(offer: Offer, fragment: str) -> bool:
    """Whether the word goes on from what is typed; a file may have to begin with a quote."""
    return offer.text.startswith((fragment, f'"{fragment}'))


# --- where we are --------------------------------------------------------------------------


def _in_line(workspace: Workspace, typed: str) -> tuple[str, Iterable[Offer]]:
    """Behind `%kling `."""
    from kling_jupyter.commands.base import COMMANDS

    *words, fragment = re.split(r"\s+", typed)
    if not words:
        return fragment, _commands()
    command = COMMANDS.get(words[0].lower())
    takes = command.takes.split() if command is not None else ["GENERATION"]
    if "GENERATION" in takes:
        rest = words if command is None else words[1:]
        if not rest:
            return fragment, _endpoints()
        parser = _generation(rest[0])
        return _in_options(workspace, parser, rest[1:], fragment, ()) if parser else (fragment, ())
    assert command is not None
    return _in_options(workspace, _parser(command), words[1:], fragment, takes)


def _in_body(
    workspace: Workspace, head: str, lines: list[str], before: str
) -> tuple[str, Iterable[Offer]] | None:
    """Below the first line of a cell: variables in the prompt, fields below the mark."""
    held = _held(workspace, before, media=False)
    parser = _generation(head.split(maxsplit=1)[0]) if head.split() else None
    if parser is None or not any(map(cell_fields.is_mark, lines[:-1])):
        return held or (before.rpartition(" ")[2], ())
    name, colon, value = before.partition(":")
    if before.startswith("-"):
        *words, fragment = re.split(r"\s+", before)
        return _in_options(workspace, parser, words, fragment, ())
    if not colon:
        return name, (Offer(f"{o.text[2:]}: ", o.kind) for o in _options(parser, ()))
    action = parser.actions().get(f"--{name.strip().replace('_', '-')}")
    return _values(workspace, parser, action, value.lstrip())


def _in_options(
    workspace: Workspace, parser: Parser, words: list[str], fragment: str, takes: Iterable[str]
) -> tuple[str, Iterable[Offer]]:
    """Behind a command: an option, the value of one, or a word that the command takes."""
    actions = parser.actions()
    name, equals, value = fragment.partition("=")
    if equals and name.startswith("-"):
        return _values(workspace, parser, actions.get(name.replace("_", "-")), value)
    last = actions.get(words[-1]) if words else None
    if last is not None and last.nargs is None:
        return _values(workspace, parser, last, fragment)
    held = _held(workspace, fragment, media="FILE" in takes)
    if held is not None:
        return held
    if fragment.startswith("-"):
        return fragment, _options(parser, words)
    offered = [offer for kind in takes for offer in _kinds(workspace, kind, fragment)]
    if last is not None and last.nargs == "?":
        offered += [Offer(v, "value") for v in parser.switches.get(last.dest, ())]
    prose = any(not word.startswith("-") for word in words)  # may be an option's value: no matter
    if not fragment and not (prose and not last and not takes):
        offered += _options(parser, words)
    return fragment, offered


# --- what there is -------------------------------------------------------------------------


def _commands() -> tuple[Offer, ...]:
    from kling_jupyter.commands.base import COMMANDS

    named = [Offer(name, "command") for name in COMMANDS]
    return (*_endpoints(), *named)


def _endpoints() -> tuple[Offer, ...]:
    from kling_core.declare import registry

    known = registry.endpoints()
    aliases = [Offer(alias, "endpoint") for e in known for alias in e.aliases]
    return (*(Offer(e.command, "endpoint") for e in known), *aliases)


def _generation(word: str) -> Parser | None:
    """The parser of an endpoint's options, None when there is no such endpoint."""
    from kling_core.declare import registry

    try:
        return _shaped(registry.get(word.lower()))
    except registry.UnknownEndpoint:
        return None


@cache
def _shaped(endpoint: Endpoint) -> Parser:
    from kling_jupyter.parsing import grammar

    return grammar.parser(endpoint)


@cache
def _parser(command: Command) -> Parser:
    """The parser of a command's options; it has none when the module declares none."""
    from kling_core.commands.arguments import Parser

    add: Callable[[Parser], None] | None = getattr(command.loaded(), "options", None)
    made = Parser(prog=f"%kling {command.name}")
    if add is not None:
        add(made)
    return made


def _options(parser: Parser, words: Iterable[str]) -> Iterator[Offer]:
    """The options that are not given yet, each once; the prompt needs none."""
    import argparse

    positional = parser.endpoint.positional if parser.endpoint is not None else ""

    given = {parser.actions().get(word.partition("=")[0]) for word in words}
    seen: set[int] = set()
    for spelling, action in parser.actions().items():
        hidden = action.help == argparse.SUPPRESS or spelling == "--help"
        # One that may be repeated; argparse has no public name for it.
        once = action in given and type(action).__name__ != "_AppendAction"
        if (
            hidden
            or once
            or action.dest == positional
            or not spelling.startswith("--")
            or id(action) in seen
        ):
            continue
        seen.add(id(action))
        yield Offer(spelling, "option")


def _values(
    workspace: Workspace, parser: Parser, action: argparse.Action | None, fragment: str
) -> tuple[str, Iterable[Offer]]:
    """What an option may be."""
    if action is None:
        return fragment, ()
    metavar = str(action.metavar or "")
    held = _held(workspace, fragment, media=metavar in ("FILE", "URL", "VIDEO"))
    if held is not None:
        return held
    declared = _choices(parser, action)
    if declared:
        return fragment, [Offer(value, "value") for value in declared]
    return fragment, list(_kinds(workspace, metavar, fragment))


def _choices(parser: Parser, action: argparse.Action) -> tuple[str, ...]:
    """The values of a field: those of its declaration, or of the catalog."""
    from kling_core.commands.arguments import options

    for option in options(parser.endpoint) if parser.endpoint is not None else ():
        if option.field == action.dest:
            return option.choices or (("on", "off") if option.kind == "flag" else ())
    return tuple(str(choice) for choice in action.choices or ())


def _kinds(workspace: Workspace, kind: str, fragment: str) -> Iterable[Offer]:
    """Words of a kind, see `Command`."""
    from kling_core.declare import catalogues
    from kling_jupyter.commands.base import COMMANDS

    match kind:
        case "MODEL":
            models = catalogues.find("models").choices()
            return [Offer(choice.value, "model") for choice in models if choice.live]
        case "ENDPOINT":
            return _endpoints()
        case "COMMAND":
            return [Offer(name, "command") for name in COMMANDS]
        case "TASK":
            return _tasks(workspace)
        case "VIDEO":
            return _braced(workspace, media=True)
        case "FILE" | "URL":
            return [*_braced(workspace, media=True), *_files(fragment)]
        case "PLACE":
            return _files(fragment)
        case "VAR":
            return [Offer(name, "variable") for name in _variables(workspace)]
        case _:
            return ()


def _tasks(workspace: Workspace) -> list[Offer]:
    """The newest tasks of the ledger."""
    from kling_core.errors import KlingError

    try:
        rows = workspace.client.tasks.ledger.rows(limit=_RECENT)
    except KlingError:  # not connected
        return []
    return [Offer(row.task_id or row.id, "task") for row in rows]


def _files(fragment: str) -> list[Offer]:
    """Files and folders; one whose name holds a blank is put into quotes."""
    quote = fragment[:1] if fragment[:1] in ("'", '"') else ""
    typed = fragment[len(quote) :]
    folder, name = typed[: typed.rfind("/") + 1], typed[typed.rfind("/") + 1 :]
    try:
        entries = sorted(Path(folder or ".").expanduser().iterdir())
    except (OSError, RuntimeError, ValueError):  # RuntimeError: there is no such ~user
        return []
    made: list[Offer] = []
    for entry in entries:
        if not entry.name.startswith(name) or (entry.name.startswith(".") and not name):
            continue
        path = f"{folder}{entry.name}"
        if entry.is_dir():
            made.append(Offer(f"{quote}{path}/", "folder"))
        elif quote or " " not in path:
            made.append(Offer(f"{quote}{path}{quote}", "file"))
        else:
            made.append(Offer(f'"{path}"', "file"))
    return made


# --- variables -----------------------------------------------------------------------------


def _held(workspace: Workspace, text: str, *, media: bool) -> tuple[str, Iterable[Offer]] | None:
    """The variables, when the text ends inside a brace."""
    found = _HELD.search(text)
    if found is None:
        return None
    if found[2] is None:
        return found[0], _braced(workspace, media=media)
    value: Any = _variables(workspace).get(found[1] or "")
    kind = cast("Any", type(value))
    names = [name for name in dir(value) if not name.startswith("_")] if value is not None else []
    # Asked of the class: to ask the object may run a property, at a mere Tab.
    names = [name for name in names if not callable(getattr(kind, name, None))]
    return found[0], [Offer(f"{{{found[1]}.{name}}}", "attribute") for name in names]


def _braced(workspace: Workspace, *, media: bool) -> list[Offer]:
    names = [name for name, value in _variables(workspace).items() if _fits(value, media=media)]
    return [Offer(f"{{{name}}}", "variable") for name in names]


_TEXTS = ("str", "int", "float", "Decimal", "PosixPath", "WindowsPath")


def _fits(value: Any, *, media: bool) -> bool:
    """Whether a value may be put there: text into words; anything that may be media to media."""
    # By name, so that nothing is imported for a Tab.
    kinds = {kind.__name__ for kind in type(value).__mro__}
    if media:
        held = {"Job", "TaskState", "Output", "Image", "ndarray", "bytes", "PurePath", "str"}
        return bool(kinds & held)
    return bool(kinds & {*_TEXTS, "Job", "TaskState"})


def _variables(workspace: Workspace) -> Mapping[str, Any]:
    from kling_jupyter.parsing.variables import own

    return {name: value for name, value in own(workspace.shell).items() if not name.startswith("_")}

"""What every command of `%kling` shares: the line that was typed, and finding an endpoint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from kling_core.commands.arguments import UsageProblem, nearest
from kling_core.declare import registry

if TYPE_CHECKING:
    from kling_core.declare.endpoint import Endpoint
    from kling_jupyter.workspace import Studio

__all__ = ["Command", "Line", "endpoint_of"]


@dataclass(frozen=True, slots=True)
class Line:
    """What was typed after the command's word: the rest, the cell's body, and the variables."""

    rest: str
    cell: str | None
    names: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Command:
    """One command; its module has `run(studio, line)` and is imported when it is used.

    For completion, help and reading alike the module may have `options(made: Parser)`, which adds
    the command's options to a parser, and which `run` hands to `grammar.flags`. What the value of
    an option can be is told by its `choices`, or by its metavar: MODEL, TASK, ENDPOINT, VAR (a
    variable's name), FILE or PLACE (files and folders).

    `takes` tells in the same way what the words after the command are: "ENDPOINT", "TASK",
    "COMMAND", or "GENERATION" for an endpoint with its options; a command whose words may be of
    several kinds has them apart by a blank.
    """

    name: str
    module: str
    summary: str
    takes: str = ""

    def run(self, studio: Studio, line: Line) -> Any:
        """Run it; what it returns is the value of the cell. Raises `KlingError`, `HelpShown`."""
        return import_module(f"kling_jupyter.commands.{self.module}").run(studio, line)


def endpoint_of(word: str, others: Mapping[str, Any] | None = None) -> Endpoint:
    """The endpoint of this name or alias; `others` are the commands that might stand there too.

    Raises `UsageProblem`, with what was probably meant.
    """
    if word.startswith("-"):
        what = "endpoint" if others is None else "command"
        raise UsageProblem(
            f"{word} stands where the {what} belongs", fix=f"Name the {what} first, then options."
        )
    try:
        return registry.get(word.lower())
    except registry.UnknownEndpoint as error:
        known = [e.command for e in registry.endpoints()]
        known += [alias for e in registry.endpoints() for alias in e.aliases]
        near = nearest(word.lower(), [*(others or ()), *known])
        meant = f"; did you mean {near}?" if near else ""
        what = "endpoint" if others is None else "command"
        raise UsageProblem(
            f"there is no {what} {word!r}{meant}", fix="%kling help lists them all."
        ) from error

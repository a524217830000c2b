"""`%kling help …`: all commands, or the options of one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kling_core.commands.arguments import HelpShown
from kling_jupyter import commands
from kling_jupyter.commands.base import Line, endpoint_of
from kling_jupyter.display import say
from kling_jupyter.html import tables
from kling_jupyter.parsing import grammar

if TYPE_CHECKING:
    from kling_jupyter.workspace import Studio

__all__ = ["run"]


def run(studio: Studio, line: Line) -> None:
    """Say what there is. Raises `HelpShown`, which is how all help of one command is shown."""
    word, _ = grammar.first_word(line.rest)
    command = commands.COMMANDS.get(word.lower())
    if not word or word.lower() == "help" or word in commands.ASKING:
        say(tables.overview(commands.COMMANDS.values()))
    elif command is not None:
        command.run(studio, Line("--help", None, line.names))
    else:
        endpoint = endpoint_of(word, commands.COMMANDS)
        raise HelpShown(grammar.parser(endpoint).format_help())

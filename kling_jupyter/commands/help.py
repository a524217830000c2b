"""`%kling help …`: all commands, or the options of one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kling_jupyter import commands, grammar, tables
from kling_jupyter.commands.base import Line
from kling_jupyter.display import say

if TYPE_CHECKING:
    from kling_jupyter.studio import Studio

__all__ = ["run"]


def run(studio: Studio, line: Line) -> None:
    """Say what there is."""
    word, _ = grammar.first_word(line.rest)
    command = commands.COMMANDS.get(word.lower())
    if not word or word == "help":
        say(tables.overview(commands.COMMANDS.values()))
    elif command is not None:
        command.run(studio, Line("--help", None, line.names))
    else:
        say(grammar.parser(commands.endpoint(word)).format_help())

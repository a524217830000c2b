"""`%kling quote …`: what a generation would cost; sends nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kling_core.cli.arguments import HelpShown, Parser, UsageProblem
from kling_jupyter import commands, figure, grammar
from kling_jupyter.commands.base import Line
from kling_jupyter.commands.generate import price
from kling_jupyter.display import show
from kling_jupyter.outputs import adopted

if TYPE_CHECKING:
    from kling_jupyter.studio import Studio

__all__ = ["run"]


def run(studio: Studio, line: Line) -> None:
    """Show the price. Raises `HelpShown`."""
    word, rest = grammar.first_word(line.rest)
    if word in commands.ASKING:
        raise HelpShown(_help())
    if not word:
        raise UsageProblem("name an endpoint", fix="%kling quote text-to-video -d 10 a boat")
    endpoint = commands.endpoint(word)
    typed = grammar.generation(endpoint, rest, line.cell, line.names)
    request = adopted(endpoint, typed.fields)
    warnings = request.require().warnings
    show(studio.shell, figure.of_state(price(request), [*typed.notes, *warnings]))


def _help() -> str:
    asked = Parser(
        prog="%kling quote",
        usage="%%kling quote ENDPOINT [options] [PROMPT]",
        description="What a generation would cost, typed as the generation itself; sends nothing.",
        epilog="example:\n  %kling quote text-to-video -d 10 a boat\n\n"
        "The options are those of the endpoint: %kling help text-to-video.",
    )
    return asked.format_help()

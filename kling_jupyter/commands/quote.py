"""`%kling quote …`: what a generation would cost; sends nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kling_core.commands.arguments import HelpShown, Parser, UsageProblem
from kling_jupyter.commands.base import ASKING, Line, endpoint_of
from kling_jupyter.commands.generate import price
from kling_jupyter.display import show
from kling_jupyter.html import task_figure
from kling_jupyter.input_values import request_of
from kling_jupyter.parsing import grammar

if TYPE_CHECKING:
    from kling_jupyter.workspace import Workspace

__all__ = ["run"]


def run(workspace: Workspace, line: Line) -> None:
    """Show the price. Raises `HelpShown`."""
    word, rest = grammar.first_word(line.rest)
    if word in ASKING:
        raise HelpShown(_help())
    if not word:
        raise UsageProblem("name an endpoint", fix="%kling quote text-to-video -d 10 a boat")
    endpoint = endpoint_of(word)
    typed = grammar.generation(endpoint, rest, line.cell, line.names)
    request = request_of(endpoint, typed.fields)
    warnings = request.require().warnings
    show(workspace.shell, task_figure.of_state(price(request), [*typed.notes, *warnings]))


def _help() -> str:
    asked = Parser(
        prog="%kling quote",
        usage="%%kling quote ENDPOINT [options] [PROMPT]",
        description="What a generation would cost, typed as the generation itself; sends nothing.",
        epilog="example:\n  %kling quote text-to-video -d 10 a boat\n\n"
        "The options are those of the endpoint: %kling help text-to-video.",
    )
    return asked.format_help()

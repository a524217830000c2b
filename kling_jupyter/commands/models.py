"""`%kling models …`: models, effects and voices, and what they can do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kling_core.commands import models
from kling_core.commands.arguments import Parser, UsageProblem
from kling_core.declare import registry
from kling_jupyter.commands.base import Line, endpoint_of
from kling_jupyter.display import show
from kling_jupyter.html import tables
from kling_jupyter.parsing import grammar

if TYPE_CHECKING:
    from kling_jupyter.workspace import Workspace

__all__ = ["options", "run"]


def options(made: Parser) -> None:
    """Add the options of this command."""
    made.add_argument("--all", action="store_true", help="also what Kling has retired")
    made.description = (
        "Models and what they can do; the scenes of video-effects; the voices of lip-sync."
    )
    made.words, made.usage = "words", "%%kling models [ENDPOINT] [--all]"


def run(workspace: Workspace, line: Line) -> None:
    """Show the table of one endpoint, or of all."""
    typed = grammar.flags(options, "models", line.rest)
    given = str(getattr(typed, "words", None) or "").split()
    if len(given) > 1:
        raise UsageProblem(f"%kling models takes one endpoint; you gave {len(given)}")
    if given:
        told = models.one(endpoint_of(given[0]), retired=typed.all)
    else:
        told = models.overview(registry.endpoints(), retired=typed.all)
    show(workspace.shell, tables.of_table(told.table, told.notes, told.warnings))

"""`%kling gallery …`: the clips and pictures of the ledger as a page of posters that play."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kling_core.commands.arguments import Parser
from kling_jupyter.commands import selecting
from kling_jupyter.commands.base import Line
from kling_jupyter.display import show
from kling_jupyter.html import gallery, tables
from kling_jupyter.parsing import grammar

if TYPE_CHECKING:
    from kling_jupyter.workspace import Workspace

__all__ = ["options", "run"]


def options(made: Parser) -> None:
    """Add the options of this command."""
    selecting.options(made)
    made.description = (
        "The tasks of the ledger as a page of posters that play, newest first; WORDS are looked "
        "for in\nthe prompts. It stays in the saved notebook and needs no kernel."
    )
    made.words, made.usage = "words", "%%kling gallery [options] [WORDS]"


def run(workspace: Workspace, line: Line) -> None:
    """Show it."""
    typed = grammar.flags(options, "gallery", line.rest)
    found = selecting.chosen(workspace, typed)
    notes = [found.note] if found.note else []
    page = gallery.of_rows(workspace.client, found.rows, workspace.folder) if found.rows else None
    told = tables.of_lines(notes)
    show(workspace.shell, tables.joined(page, told) if page and notes else page or told)

"""`%kling tasks …`: what the ledger knows, newest first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kling_core.commands import slots, tasks
from kling_core.commands.arguments import Parser
from kling_jupyter.commands import selecting
from kling_jupyter.commands.base import Line
from kling_jupyter.display import show
from kling_jupyter.html import tables
from kling_jupyter.parsing import grammar

if TYPE_CHECKING:
    from kling_jupyter.workspace import Workspace

__all__ = ["options", "run"]


def options(made: Parser) -> None:
    """Add the options of this command."""
    made.add_argument(
        "--state",
        action="append",
        choices=tasks.STATES,
        metavar="STATE",
        help=f"only these; may be repeated: {', '.join(tasks.STATES)}",
    )
    selecting.options(made)
    made.add_argument("--wide", action="store_true", help="show prompts in full")
    made.description = (
        "The tasks of the ledger, newest first; WORDS are looked for in the prompts. Asks nobody.\n"
        "kept: saved to disk, or the days left before Kling purges it."
    )
    made.words, made.usage = "words", "%%kling tasks [options] [WORDS]"


def run(workspace: Workspace, line: Line) -> None:
    """Show the table."""
    typed = grammar.flags(options, "tasks", line.rest)
    rows = selecting.rows(workspace, typed)
    if not rows:
        show(workspace.shell, tables.of_lines([selecting.none(typed)]))
        return
    table = tasks.tasks(workspace.client, rows, narrow=not typed.wide)
    notes = [*selecting.more(typed, rows), *slots.lines(workspace.client.session.ledger())]
    show(workspace.shell, tables.of_table(table, notes))

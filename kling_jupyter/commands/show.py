"""`%kling show …`: everything about one task, and its outputs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kling_core.commands import find
from kling_core.commands import show as facts
from kling_core.commands.arguments import Parser
from kling_jupyter import named_tasks
from kling_jupyter.commands.base import Line
from kling_jupyter.display import show
from kling_jupyter.html import tables, task_figure
from kling_jupyter.parsing import grammar

if TYPE_CHECKING:
    from kling_jupyter.workspace import Workspace

__all__ = ["options", "run"]


def options(made: Parser) -> None:
    """Add the options of this command."""
    made.description = (
        "Everything the ledger knows of a task: request, states, cost against quote, outputs, "
        "family.\nA task is an id, a beginning or end of one, or a {variable}."
    )
    made.words, made.usage = "words", "%%kling show TASK"


def run(workspace: Workspace, line: Line) -> None:
    """Show it."""
    typed = grammar.flags(options, "show", line.rest)
    row = named_tasks.one(workspace, typed, line.names, "show")
    kept = workspace.client.session.ledger().kept(row.id)
    told = tables.of_facts(facts.about(workspace.client, row, kept))
    task = find.restored(workspace.client, row)
    if any(output.path is not None for output in task.outputs):
        pictures = {**task_figure.of_task(task, workspace.folder), "text/plain": ""}
        told = tables.joined(pictures, told)
    show(workspace.shell, told)

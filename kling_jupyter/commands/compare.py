"""`%kling compare A B`: two tasks side by side, and in what their requests differ."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kling_core.commands.arguments import Parser, UsageProblem
from kling_jupyter import named_tasks
from kling_jupyter.commands.base import Line
from kling_jupyter.display import show
from kling_jupyter.html import compare
from kling_jupyter.parsing import grammar

if TYPE_CHECKING:
    from kling_jupyter.workspace import Workspace

__all__ = ["options", "run"]


def options(made: Parser) -> None:
    """Add the options of this command."""
    made.description = (
        "Two tasks side by side: their outputs at the same height, the fields in which their "
        "requests\ndiffer, cost and time. A task is an id, a beginning or end of one, or a "
        "{variable}."
    )
    made.words, made.usage = "words", "%%kling compare TASK TASK"


def run(workspace: Workspace, line: Line) -> None:
    """Show them."""
    typed = grammar.flags(options, "compare", line.rest)
    given = named_tasks.words(typed)
    if len(given) != 2:
        raise UsageProblem(
            f"%kling compare takes two tasks; you gave {len(given) or 'none'}",
            fix="%kling tasks lists them; %kling compare {clip} {other} takes them in variables.",
        )
    first, second = (named_tasks.row(workspace, word, line.names) for word in given)
    show(workspace.shell, compare.of_rows(workspace.client, first, second, workspace.folder))

"""`%kling give-up …`: let go of the slot of a task that hangs, and wait for it no longer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kling_core.commands import slots
from kling_core.commands.arguments import Parser, UsageProblem
from kling_core.flows.give_up import give_up
from kling_jupyter import named_tasks
from kling_jupyter.commands.base import Line
from kling_jupyter.display import say
from kling_jupyter.errors import in_notebook
from kling_jupyter.parsing import grammar

if TYPE_CHECKING:
    from kling_jupyter.workspace import Workspace

__all__ = ["options", "run"]


def options(made: Parser) -> None:
    """Add the options of this command."""
    made.description = (
        "Let go of the slot of a task that hangs, and wait for it no longer. Kling has no cancel: "
        "a task\nthat is there goes on and may be billed; it still counts in costs and budget. A "
        "task is an id, a\nbeginning or end of one, or a {variable}."
    )
    made.words, made.usage = "words", "%%kling give-up TASK…"


def run(workspace: Workspace, line: Line) -> None:
    """Give them up, and say what that means."""
    typed = grammar.flags(options, "give-up", line.rest)
    given = named_tasks.words(typed)
    if not given:
        raise UsageProblem("name a task", fix="%kling tasks lists them.")
    ledger = workspace.client.session.ledger()
    for row in [named_tasks.row(workspace, word, line.names) for word in given]:
        say(in_notebook(slots.given_up(give_up(ledger, row))))

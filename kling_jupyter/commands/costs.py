"""`%kling costs …`: what was spent, as it was estimated and as Kling said, with a plot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kling_core.cli import results
from kling_core.commands import costs as spending
from kling_core.commands import readable
from kling_core.commands.arguments import Parser
from kling_jupyter.commands.base import Line
from kling_jupyter.display import show
from kling_jupyter.html import chart, tables
from kling_jupyter.parsing import grammar

if TYPE_CHECKING:
    from kling_jupyter.workspace import Workspace

__all__ = ["options", "run"]


def options(made: Parser) -> None:
    """Add the options of this command."""
    add = made.add_argument
    how = f"one line each: {', '.join(spending.BY)} [default day]"
    add("--by", choices=spending.BY, default="day", metavar="WHAT", help=how)
    how = f"look back [default {spending.DAYS}]"
    add("--days", type=results.count, default=spending.DAYS, metavar="N", help=how)
    made.description = (
        "What the tasks of the ledger were expected to cost and did, in US dollars. Asks nobody."
    )


def run(workspace: Workspace, line: Line) -> None:
    """Show the plot and the table."""
    typed = grammar.flags(options, "costs", line.rest)
    costs = spending.within(workspace.client, typed.by, typed.days)
    if not costs:
        show(workspace.shell, tables.of_lines([f"no tasks in the last {typed.days} days"]))
        return
    notes = [spending.EXPLAINED]
    budget = workspace.client.session.settings.budget
    if budget is not None:
        notes.append(f"budget: {readable.money(budget)} a day")
    if workspace.client.sandbox is not None:
        notes.append("in the sandbox nothing is charged: these are list prices")
    told = tables.of_table(spending.table(typed.by, costs), notes)
    told["text/html"] = chart.of_costs(typed.by, costs) + told["text/html"]
    show(workspace.shell, told)

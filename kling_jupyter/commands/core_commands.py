"""Verbs of the core as magics: what a verb finds is shown as a table, facts or lines.

What these commands do is decided in `kling_core.commands`; here are their options and their looks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from kling_core.commands import costs, doctor, find, models, slots, tasks
from kling_core.commands import show as facts
from kling_core.commands.arguments import Parser, UsageProblem
from kling_core.commands.option_types import count
from kling_core.commands.table import Table
from kling_core.declare import registry
from kling_core.errors import ConfigError
from kling_core.flows.give_up import give_up
from kling_jupyter import front_end, named_tasks
from kling_jupyter.commands import selecting
from kling_jupyter.commands.base import Line, endpoint_of
from kling_jupyter.display import Bundle, say, show
from kling_jupyter.errors import in_notebook
from kling_jupyter.html import chart, tables, task_figure
from kling_jupyter.parsing import grammar

if TYPE_CHECKING:
    import argparse

    from kling_jupyter.workspace import Workspace

__all__ = ["VERBS", "Verb"]


class Verb(NamedTuple):
    """One verb: what it shows of what was typed, and its options."""

    name: str
    shown: Callable[[Workspace, argparse.Namespace, Line], Bundle | None]
    options: Callable[[Parser], None]

    def run(self, workspace: Workspace, line: Line) -> None:
        """Read the line and show what the verb finds."""
        typed = grammar.flags(self.options, self.name, line.rest)
        told = self.shown(workspace, typed, line)
        if told is not None:
            show(workspace.shell, told)


# --- costs ---------------------------------------------------------------------------------


def _costs_options(made: Parser) -> None:
    add = made.add_argument
    how = f"one line each: {', '.join(costs.BY)} [default day]"
    add("--by", choices=costs.BY, default="day", metavar="WHAT", help=how)
    how = f"look back [default {costs.DAYS}]"
    add("--days", type=count, default=costs.DAYS, metavar="N", help=how)
    made.description = (
        "What the tasks of the ledger were expected to cost and did, in US dollars. Asks nobody."
    )


def _costs(workspace: Workspace, typed: argparse.Namespace, _: Line) -> Bundle:
    spent = costs.within(workspace.client, typed.by, typed.days)
    if not spent.lines:
        return tables.of_lines(spent.notes)
    told = tables.of_table(spent.table, spent.notes)
    told["text/html"] = chart.of_costs(typed.by, spent.lines) + told["text/html"]
    return told


# --- doctor --------------------------------------------------------------------------------


def _doctor_options(made: Parser) -> None:
    made.description = (
        "Test settings, output folder, ledger, clock, key and packs, and what this notebook can "
        "show.\nCosts nothing; secrets are never shown."
    )


def _doctor(workspace: Workspace, _: argparse.Namespace, __: Line) -> Bundle:
    found = list(_symptoms(workspace))
    rows = [(one.mark, one.name, in_notebook(one.text)) for one in found]
    return tables.of_table(Table(("", "what", "finding"), rows), [doctor.verdict(found)])


def _symptoms(workspace: Workspace) -> Iterator[doctor.Symptom]:
    yield from doctor.examine(lambda: workspace.client)
    try:
        output_dir = workspace.output_dir
    except ConfigError:  # told above
        output_dir = workspace.folder
    yield from front_end.examine(workspace.shell, workspace.folder, output_dir)


# --- give-up, models, show, tasks ----------------------------------------------------------


def _give_up_options(made: Parser) -> None:
    made.description = (
        "Let go of the slot of a task that hangs, and wait for it no longer. Kling has no cancel: "
        "a task\nthat is there goes on and may be billed; it still counts in costs and budget. A "
        "task is an id, a\nbeginning or end of one, or a {variable}."
    )
    made.words, made.usage = "words", "%%kling give-up TASK…"


def _give_up(workspace: Workspace, typed: argparse.Namespace, line: Line) -> None:
    given = named_tasks.words(typed)
    if not given:
        raise UsageProblem("name a task", fix="%kling tasks lists them.")
    ledger = workspace.client.session.ledger()
    for row in [named_tasks.row(workspace, word, line.names) for word in given]:
        say(in_notebook(slots.given_up(give_up(ledger, row))))


def _models_options(made: Parser) -> None:
    made.add_argument("--all", action="store_true", help="also what Kling has retired")
    made.description = (
        "Models and what they can do; the scenes of video-effects; the voices of lip-sync."
    )
    made.words, made.usage = "words", "%%kling models [ENDPOINT] [--all]"


def _models(_: Workspace, typed: argparse.Namespace, __: Line) -> Bundle:
    given = str(getattr(typed, "words", None) or "").split()
    if len(given) > 1:
        raise UsageProblem(f"%kling models takes one endpoint; you gave {len(given)}")
    if given:
        told = models.one(endpoint_of(given[0]), retired=typed.all)
    else:
        told = models.overview(registry.endpoints(), retired=typed.all)
    return tables.of_table(told.table, told.notes, told.warnings)


def _show_options(made: Parser) -> None:
    made.description = (
        "Everything the ledger knows of a task: request, states, cost against quote, outputs, "
        "family.\nA task is an id, a beginning or end of one, or a {variable}."
    )
    made.words, made.usage = "words", "%%kling show TASK"


def _show(workspace: Workspace, typed: argparse.Namespace, line: Line) -> Bundle:
    row = named_tasks.one(workspace, typed, line.names, "show")
    kept = workspace.client.session.ledger().kept(row.id)
    told = tables.of_facts(facts.about(workspace.client, row, kept))
    task = find.restored(workspace.client, row)
    if any(output.path is not None for output in task.outputs):
        pictures = {**task_figure.of_task(task, workspace.folder), "text/plain": ""}
        told = tables.joined(pictures, told)
    return told


def _tasks_options(made: Parser) -> None:
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


def _tasks(workspace: Workspace, typed: argparse.Namespace, _: Line) -> Bundle:
    found = selecting.chosen(workspace, typed)
    if not found.rows:
        return tables.of_lines([found.note])
    table = tasks.tasks(workspace.client, found.rows, narrow=not typed.wide)
    held = slots.lines(workspace.client.session.ledger())
    return tables.of_table(table, [*filter(None, [found.note]), *held])


VERBS = {
    verb.name: verb
    for verb in (
        Verb("costs", _costs, _costs_options),
        Verb("doctor", _doctor, _doctor_options),
        Verb("give-up", _give_up, _give_up_options),
        Verb("models", _models, _models_options),
        Verb("show", _show, _show_options),
        Verb("tasks", _tasks, _tasks_options),
    )
}
"""Every verb that only shows what the core finds, by its word."""

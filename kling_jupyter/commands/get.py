"""`%kling get …`: wait for an earlier task and show it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kling_core.cli.arguments import Parser, UsageProblem
from kling_core.downloading import must_be_writable
from kling_jupyter import commands, figure, grammar, recorded
from kling_jupyter.commands.base import Line
from kling_jupyter.commands.generate import how_to_get
from kling_jupyter.running import Cell, collect, place, warnings_as_notes

if TYPE_CHECKING:
    from kling_core.task import Task
    from kling_jupyter.studio import Studio

__all__ = ["options", "run"]


def options(made: Parser) -> None:
    """Add the options of this command."""
    made.add_argument("--name", metavar="VAR", help="variable for the task")
    made.add_argument("--out", metavar="PLACE", help="folder or file of the outputs")
    made.add_argument("--no-wait", dest="wait", action="store_false", help="look once")
    made.add_argument("--timeout", metavar="SECONDS", help="wait no longer than this")
    made.words, made.usage = "words", "%%kling get [ENDPOINT] TASK [options]"


def run(studio: Studio, line: Line) -> Task:
    """Find the task, wait unless told not to, show it; returns it."""
    typed = grammar.flags(options, "get", line.rest)
    words = str(getattr(typed, "words", "")).split()
    if len(words) not in (1, 2):
        raise UsageProblem("name an endpoint and a task", fix="%kling get text-to-video 8319…")
    settings = grammar.Settings(
        name=typed.name, out=typed.out, wait=typed.wait, timeout=grammar.seconds(typed.timeout)
    )
    endpoint = commands.endpoint(words[0]) if len(words) == 2 else None
    cell = Cell(studio.shell, studio.folder)
    with warnings_as_notes(cell.notes), cell:
        task = recorded.task(studio.client, endpoint, words[-1])
        studio.keep(task, settings.name)
        if not (settings.wait or task.done):
            task.refresh()
        if settings.wait or task.done:
            must_be_writable(place(settings.out, cell.folder, studio.output_dir))
            collect(task, settings, studio.output_dir, cell)
        else:
            cell.end(task.status, *figure.summary(task), how_to_get(task))
    studio.just_shown = task
    return task

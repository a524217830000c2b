"""`%kling get …`: wait for an earlier task and show it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kling_core import notices
from kling_core.cli.arguments import Parser, UsageProblem
from kling_core.downloading import must_be_writable
from kling_jupyter import cell, commands, grammar, naming, recorded, variables
from kling_jupyter.commands.base import Line
from kling_jupyter.running import place

if TYPE_CHECKING:
    from kling_jupyter.job import Job
    from kling_jupyter.studio import Studio

__all__ = ["options", "run"]


def options(made: Parser) -> None:
    """Add the options of this command."""
    made.add_argument("--name", type=variables.usable, metavar="VAR", help="variable for the job")
    made.add_argument("--out", metavar="PLACE", help="folder or file of the outputs")
    made.add_argument("--wait", action="store_true", default=None, help="wait for the files")
    made.add_argument("--no-wait", dest="wait", action="store_false", help="look once")
    made.add_argument("--timeout", metavar="SECONDS", help="wait, but no longer than this")
    made.words, made.usage = "words", "%%kling get [ENDPOINT] TASK [options]"


def run(studio: Studio, line: Line) -> Job:
    """Find the task and follow it; returns its job."""
    typed = grammar.flags(options, "get", line.rest)
    words = naming.words(typed)
    if len(words) not in (1, 2):
        raise UsageProblem("name an endpoint and a task", fix="%kling get text-to-video 8319…")
    settings = grammar.Settings(
        name=typed.name, out=typed.out, wait=typed.wait, timeout=grammar.seconds(typed.timeout)
    )
    endpoint = commands.endpoint(words[0]) if len(words) == 2 else None
    notes: list[str] = []
    with notices.heard_by(notes.append):
        ident = naming.ident(studio, words[-1], line.names)
        task = recorded.task(studio.client, endpoint, ident)
        if settings.wait is False and not task.done:
            task.refresh()
    if settings.wait is not False or task.done:
        must_be_writable(place(settings.out, studio.folder, studio.output_dir))
    return cell.follow(studio, task, settings, notes)

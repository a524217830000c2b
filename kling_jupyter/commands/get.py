"""`%kling get …`: wait for an earlier task and show it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kling_core import caller_warnings
from kling_core.commands.arguments import Parser, UsageProblem
from kling_core.flows.download import must_be_writable
from kling_jupyter import named_tasks
from kling_jupyter.commands import cell
from kling_jupyter.commands.base import Line, endpoint_of
from kling_jupyter.jobs.files import place
from kling_jupyter.parsing import grammar, variables
from kling_jupyter.settings import Settings

if TYPE_CHECKING:
    from kling_jupyter.jobs.job import Job
    from kling_jupyter.workspace import Workspace

__all__ = ["options", "run"]


def options(made: Parser) -> None:
    """Add the options of this command."""
    made.add_argument("--name", type=variables.usable, metavar="VAR", help="variable for the job")
    made.add_argument("--out", metavar="PLACE", help="folder or file of the outputs")
    made.add_argument("--wait", action="store_true", default=None, help="wait for the files")
    made.add_argument("--no-wait", dest="wait", action="store_false", help="look once")
    made.add_argument("--timeout", metavar="SECONDS", help="wait, but no longer than this")
    made.words, made.usage = "words", "%%kling get [ENDPOINT] TASK [options]"


def run(workspace: Workspace, line: Line) -> Job:
    """Find the task and follow it; returns its job."""
    typed = grammar.flags(options, "get", line.rest)
    words = named_tasks.words(typed)
    if len(words) not in (1, 2):
        raise UsageProblem("name an endpoint and a task", fix="%kling get text-to-video 8319…")
    settings = Settings(
        name=typed.name, out=typed.out, wait=typed.wait, timeout=grammar.seconds(typed.timeout)
    )
    endpoint = endpoint_of(words[0]) if len(words) == 2 else None
    notes: list[str] = []
    with caller_warnings.heard_by(notes.append):
        ident = named_tasks.ident(workspace, words[-1], line.names)
        task = named_tasks.fetched(workspace.client, endpoint, ident)
        if settings.wait is False and not task.done:
            task.refresh()
    if settings.wait is not False or task.done:
        must_be_writable(place(settings.out, workspace.folder, workspace.output_dir))
    return cell.follow(workspace, task, settings, notes)

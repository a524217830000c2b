"""`%kling resume`: take up everything that a restart, a crash or an interrupt left behind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kling_core.advice import Text
from kling_core.commands import resume as leftovers
from kling_core.commands.arguments import Parser
from kling_core.commands.find import short
from kling_core.flows import resume
from kling_core.flows.download import must_be_writable
from kling_jupyter.commands import follow_tasks
from kling_jupyter.commands.base import Line
from kling_jupyter.display import say
from kling_jupyter.errors import in_notebook
from kling_jupyter.jobs.files import place
from kling_jupyter.parsing import grammar
from kling_jupyter.settings import Settings

if TYPE_CHECKING:
    from kling_core.flows.resume import Settled
    from kling_jupyter.jobs.job import Job
    from kling_jupyter.workspace import Workspace

__all__ = ["options", "run"]


def options(made: Parser) -> None:
    """Add the options of this command."""
    add = made.add_argument
    add("--send", action="store_true", help="send what certainly reached nobody; it is paid then")
    add("--wait", action="store_true", default=None, help="wait for the files")
    add("--no-wait", dest="wait", action="store_false", help="settle, and do not follow")
    add("--out", metavar="PLACE", help="folder of the outputs")
    add("--timeout", metavar="SECONDS", help="wait no longer than this for each")
    made.description = (
        "Take up what was left behind: look up requests whose answer was lost, wait for what "
        "runs,\ndownload and show what is finished. Nothing is sent twice; what was never sent is "
        "named, and\nsent with --send."
    )


def run(workspace: Workspace, line: Line) -> list[Job] | None:
    """Settle what is open, then follow what runs and fetch what is finished; returns the jobs."""
    typed = grammar.flags(options, "resume", line.rest)
    settings = Settings(out=typed.out, wait=typed.wait, timeout=grammar.seconds(typed.timeout))
    must_be_writable(place(settings.out, workspace.folder, workspace.output_dir))
    client = workspace.client
    flow = resume.settle(
        client.session, send=typed.send, patient=typed.wait is not False, listener=_told
    )
    settled = client.run_flow(flow)
    for words in _words(settled):
        say(in_notebook(words))
    if typed.wait is False:
        if settled.running:
            say(f"{len(settled.running)} running; collect them with: %kling resume")
        return None
    rows = [*reversed(settled.running), *reversed(settled.unsaved)]
    return follow_tasks.follow_all(workspace, rows, settings) if rows else None


def _words(settled: Settled) -> list[str]:
    if leftovers.nothing(settled):
        return [leftovers.NOTHING]
    doubtful = [
        Text(f"{short(row)}: {leftovers.named(row)}: ", error.told)
        for row, error in settled.doubtful
    ]
    return [*doubtful, *leftovers.unsent(settled)]


def _told(news: object) -> None:
    for words in leftovers.waiting_for_lease(news):
        say(in_notebook(words))

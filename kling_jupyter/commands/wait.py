"""`%kling wait …`: wait for tasks of the ledger, download and show what they made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kling_core.commands.arguments import Parser, UsageProblem
from kling_core.flows import resume
from kling_core.ledger.records import RUNNING
from kling_jupyter import named_tasks
from kling_jupyter.commands import follow_tasks
from kling_jupyter.commands.base import Line
from kling_jupyter.display import say
from kling_jupyter.parsing import grammar, variables
from kling_jupyter.settings import Settings

if TYPE_CHECKING:
    from kling_core.ledger.records import Row
    from kling_jupyter.jobs.job import Job
    from kling_jupyter.workspace import Workspace

__all__ = ["options", "run"]


def options(made: Parser) -> None:
    """Add the options of this command."""
    made.add_argument("--name", type=variables.usable, metavar="VAR", help="variable for the job")
    made.add_argument("--out", metavar="PLACE", help="folder or file of the outputs")
    made.add_argument("--timeout", metavar="SECONDS", help="wait no longer than this for each")
    made.description = (
        "Wait for tasks of the ledger, download and show what they made. A task is an id, a "
        "beginning\nor end of one, or a {variable}; all are those that run or were never saved."
    )
    made.words, made.usage = "words", "%%kling wait [options] TASK…   or   %%kling wait all"


def run(workspace: Workspace, line: Line) -> Job | list[Job] | None:
    """Wait for the files; returns the job, or the jobs when there are several."""
    typed = grammar.flags(options, "wait", line.rest)
    given = named_tasks.words(typed)
    if not given:
        raise UsageProblem(
            "name a task, or all", fix="%kling tasks lists them; %kling wait all waits for all."
        )
    settings = Settings(
        name=typed.name, out=typed.out, wait=True, timeout=grammar.seconds(typed.timeout)
    )
    everything = given == ["all"]
    rows = (
        _all(workspace)
        if everything
        else [named_tasks.row(workspace, w, line.names) for w in given]
    )
    if not rows:
        say("nothing runs, and everything that is finished was saved")
        return None
    jobs = follow_tasks.follow_all(workspace, rows, settings)
    return jobs if len(jobs) > 1 else jobs[0]


def _all(workspace: Workspace) -> list[Row]:
    ledger = workspace.client.session.ledger()
    running = [row for row in ledger.rows(states=RUNNING) if row.given_up_at is None]
    return [*reversed(running), *reversed(resume.unsaved(ledger, look=False))]

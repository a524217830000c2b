"""`%kling rescue`: fetch every finished output that is not on disk, whoever made it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from kling_core import caller_warnings
from kling_core.commands.arguments import Parser
from kling_core.commands.rescue import Found, Rescue, opening, rescue, summary
from kling_core.flows.download import must_be_writable
from kling_jupyter.commands.base import Line
from kling_jupyter.display import Live
from kling_jupyter.html import gallery, tables, task_figure
from kling_jupyter.jobs.files import place
from kling_jupyter.parsing import grammar

if TYPE_CHECKING:
    from kling_jupyter.workspace import Workspace

__all__ = ["options", "run"]


def options(made: Parser) -> None:
    """Add the options of this command."""
    made.add_argument("--out", metavar="PLACE", help="folder of the outputs")
    made.description = (
        "Join Kling's lists of the last 30 days with the ledger, and fetch every finished output "
        "that is\nnot on disk; also of tasks made elsewhere, and after the ledger was lost. Free "
        "of charge."
    )


def run(workspace: Workspace, line: Line) -> None:
    """Fetch, telling how it goes, and show what came."""
    typed = grammar.flags(options, "rescue", line.rest)
    out = place(typed.out, workspace.folder, workspace.output_dir)
    must_be_writable(out)
    live, notes, said, came = Live(workspace.shell), list[str](), list[str](), list[Path]()

    def tell(news: Rescue | Found) -> None:
        if isinstance(news, Rescue):
            said.append(opening(news))
        elif news.error is not None and not news.purged:
            notes.append(news.error.said("magic"))
        came.extend([news.path] if isinstance(news, Found) and news.path else [])
        words = ["fetching", f"{len(came)} so far", *said]
        live.update(task_figure.of_state(words, notes))

    live.update(task_figure.of_state(["reading Kling's lists of the last 30 days"]))
    try:
        with caller_warnings.heard_by(notes.append):
            done = rescue(workspace.client, out, tell)
    except BaseException:
        live.finish(task_figure.of_state(["stopped; what was fetched is on disk"], notes))
        raise
    ledger = workspace.client.session.ledger()
    rows = [ledger.row(row_id) for row_id in dict.fromkeys(i for i, _ in done.fetched)]
    told = tables.of_lines([f"{summary(done)}; {opening(done)}", *notes])
    shown = gallery.of_rows(workspace.client, rows, workspace.folder) if rows else None
    live.finish(tables.joined(told, shown) if shown else told)

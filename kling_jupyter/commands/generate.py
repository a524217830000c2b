"""`%kling text-to-video …`, and the same of every endpoint: check, submit, show."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from kling_core.declare.endpoint import Endpoint, Request
from kling_core.flows.download import must_be_writable
from kling_core.flows.sources import sourced
from kling_jupyter.commands.base import Line
from kling_jupyter.display import say, show
from kling_jupyter.html import task_figure
from kling_jupyter.input_values import request_of
from kling_jupyter.parsing import grammar

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kling_core.flows.preview import Preview
    from kling_jupyter.jobs.job import Job
    from kling_jupyter.settings import Settings
    from kling_jupyter.workspace import Workspace

__all__ = ["carry_out", "price", "run"]


def run(workspace: Workspace, endpoint: Endpoint, line: Line) -> Job | None:
    """Check, quote and submit; returns the job, None for a dry run."""
    typed = grammar.generation(endpoint, line.rest, line.cell, line.names)
    return carry_out(workspace, request_of(endpoint, typed.fields), typed.settings, typed.notes)


def carry_out(
    workspace: Workspace, request: Request, settings: Settings, notes: Sequence[str] = ()
) -> Job | None:
    """Make what a request describes, or only show it; see `run`.

    A dry run fails as the run would, once it has been shown, when the limits do not allow it.
    """
    from kling_jupyter.commands import cell
    from kling_jupyter.jobs.files import place

    request = sourced(workspace.client.session, request)
    notes = list(dict.fromkeys([*notes, *request.require().warnings]))
    if settings.dry_run:
        client = workspace.client
        shown = client.preview(request, max_cost=settings.max_cost, project=settings.project)
        _show_dry_run(workspace, shown, notes)
        if shown.refusal is not None:
            raise shown.refusal
        return None
    must_be_writable(place(settings.out, workspace.folder, workspace.output_dir))
    return cell.start(workspace, request, settings, notes)


def _show_dry_run(workspace: Workspace, shown: Preview, notes: Sequence[str]) -> None:
    request = shown.request
    say(f"POST {workspace.client.base_url}{shown.path}")
    say(json.dumps(shown.body, indent=2, ensure_ascii=False, default=str))
    words = ["dry run, nothing was sent", *task_figure.described(request), *price(request)]
    show(workspace.shell, task_figure.of_state(words, notes))


def price(request: Request) -> list[str]:
    """The quote and how it is made up, or that there is none."""
    quote = request.quote()
    return [f"{quote}", quote.basis] if quote is not None else ["no price is known for this"]

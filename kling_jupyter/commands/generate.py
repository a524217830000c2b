"""`%kling text-to-video …`, and the same of every endpoint: submit, wait, show."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from kling_core.downloading import must_be_writable
from kling_core.endpoints.base import Endpoint, Request
from kling_jupyter import figure, grammar
from kling_jupyter.commands.base import Line
from kling_jupyter.display import say
from kling_jupyter.errors import StoppedWaiting, command_to_get
from kling_jupyter.outputs import adopted
from kling_jupyter.running import Cell, collect, place, stopped, submit, warnings_as_notes

if TYPE_CHECKING:
    from kling_core.task import Task
    from kling_jupyter.grammar import Settings
    from kling_jupyter.studio import Studio

__all__ = ["carry_out", "how_to_get", "price", "run"]


def run(studio: Studio, endpoint: Endpoint, line: Line) -> Task | None:
    """Check, quote, submit, wait and show; returns the task, None for a dry run."""
    typed = grammar.generation(endpoint, line.rest, line.cell, line.names)
    return carry_out(studio, lambda: adopted(endpoint, typed.fields), typed.settings, typed.notes)


def carry_out(
    studio: Studio, describe: Callable[[], Request], settings: Settings, notes: Sequence[str] = ()
) -> Task | None:
    """Make what a request describes, or only show it; see `run`."""
    cell = Cell(studio.shell, studio.folder, notes)
    kept: list[Task] = []

    def keep(task: Task) -> None:
        kept.append(task)
        studio.keep(task, settings.name)

    with warnings_as_notes(cell.notes), cell:
        request = describe()
        cell.note(request.require().warnings)
        if settings.dry_run:
            return _show_dry_run(studio, request, cell)
        if settings.wait:
            must_be_writable(place(settings.out, cell.folder, studio.output_dir))
        try:
            task = submit(studio.client, request, settings, cell, keep)
            if settings.wait:
                collect(task, settings, studio.output_dir, cell)
            else:
                cell.end(task.status, *figure.summary(task), how_to_get(task))
        except KeyboardInterrupt:
            raise (stopped(kept[0]) if kept else _unsure(request.endpoint)) from None
    studio.just_shown = task
    return task


def _show_dry_run(studio: Studio, request: Request, cell: Cell) -> None:
    from kling_core.wire import v1
    from kling_core.wire.body import JSONBody

    check = request.require()
    body = JSONBody(v1.encode(request.endpoint, check, external_task_id=None)).preview()
    path = studio.client.session.path(request.endpoint)
    say(f"POST {studio.client.base_url}{path}")
    say(json.dumps(body, indent=2, ensure_ascii=False, default=str))
    cell.end("dry run, nothing was sent", *figure.described(request), *price(request))


def price(request: Request) -> list[str]:
    """The quote and how it is made up, or that there is none."""
    quote = request.quote()
    return [f"{quote}", quote.basis] if quote is not None else ["no price is known for this"]


def how_to_get(task: Task) -> str:
    """The command that shows the task."""
    return f"get it with {command_to_get(task.endpoint.name, task.task_id)}"


def _unsure(endpoint: Endpoint) -> StoppedWaiting:
    """What a second interrupt in the middle of a submit raises."""
    return StoppedWaiting(
        "the request may have gone out. When its answer comes, the task is in _kling; do not "
        f"submit again before Kling().{endpoint.name}.list() shows that nothing was made",
        title="Stopped while submitting",
    )

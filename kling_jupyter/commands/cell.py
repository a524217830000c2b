"""Jobs in cells: a request or an earlier task is shown where it was asked for, and followed.

The cell returns as soon as Kling has the request, or a place in line for it is known, unless it
is to wait.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from kling_jupyter.display import Shell
from kling_jupyter.jobs import endings
from kling_jupyter.jobs.job import Job
from kling_jupyter.jobs.views import News, Printed, View
from kling_jupyter.settings import Settings
from kling_jupyter.workspace import current_workspace

if TYPE_CHECKING:
    from kling_core.declare.endpoint import Request
    from kling_core.task import Task
    from kling_jupyter.widgets.card import Card
    from kling_jupyter.workspace import Workspace

__all__ = ["follow", "start", "watch"]


def start(
    workspace: Workspace, request: Request, settings: Settings, notes: Sequence[str] = ()
) -> Job:
    """Submit a request, show it in this cell, and wait for it if this cell is to wait.

    Raises `KlingError` when it is refused, and `StoppedWaiting` on an interrupt.
    """
    if workspace.interrupted:
        raise endings.held_back()
    job = Job(workspace, request.endpoint, settings, live=_card, request=request, notes=notes)
    workspace.begun.append(job)
    return _in_cell(workspace, job, settings)


def follow(
    workspace: Workspace, task: Task, settings: Settings | None = None, notes: Sequence[str] = ()
) -> Job:
    """Show an earlier task in this cell, and follow it as if it had been started here.

    It gets a live card, its files are fetched, and the cell waits when it would wait for a new
    task; `settings` say otherwise (`wait`, `timeout`, `out`, `name`). A task that another cell
    follows already keeps its job. Raises as `start`.
    """
    settings = settings or Settings()
    job = workspace.jobs.get(task.task_id)
    if not isinstance(job, Job) or settings.out:
        job = Job(workspace, task.endpoint, settings, live=_card, task=task, notes=notes)
    return _in_cell(workspace, job, settings)


def watch(task: Task) -> Card:
    """The live card of a task, as a widget for places without magics: marimo, a dashboard.

    Its files are fetched to where downloads of its client go, and played in the card.
    """
    from kling_jupyter.widgets.card import Card, PlacedCard

    job = Job(current_workspace(), task.endpoint, Settings(), live=_card, task=task)
    card = Card(job.news(), job.stop)
    job.view(PlacedCard(card))
    job.begin()
    return card


def _card(shell: Shell, news: News, stop: Callable[[], None]) -> View:
    from kling_jupyter.widgets.card import CellCard

    return CellCard(shell, news, stop)


def _in_cell(workspace: Workspace, job: Job, settings: Settings) -> Job:
    waits = workspace.waits(settings) or (job.status == "succeeded" and settings.wait is None)
    elsewhere = not job.done
    view = job.show()
    workspace.just_shown = job
    if job.task is not None:
        workspace.keep(job, settings.name)
    try:
        with job.cell_open():
            job.begin()
            job.settle(waits=waits)
            if waits:
                job.wait(settings.timeout)
                if elsewhere and isinstance(view, Printed) and view.live.pages:
                    job.retell(view)
    finally:
        if isinstance(view, Printed):
            job.leave(view)
    return job

"""Waiting for a task in the open: state and elapsed time, never an invented percentage."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from kling_core import streams
from kling_core.cli.console import say
from kling_core.cli.exit_codes import collect
from kling_core.commands.readable import clock
from kling_core.text import one_line

if TYPE_CHECKING:
    from kling_core.task import Task

EVERY = 30.0
"""Seconds between two lines about the same state, where no terminal shows a running clock."""


def follow(task: Task, timeout: float | None = None, *, embedded: bool = False) -> None:
    """Wait until the task has ended, telling how it goes on stderr.

    Ctrl-C stops waiting only, and says how to collect the task. Raises what `Task.wait` raises.
    """
    try:
        with _shown(task) as update:
            task.wait(timeout, update)
    except KeyboardInterrupt as stop:
        stop.__notes__ = [_stopped(task, embedded=embedded)]
        raise


def _stopped(task: Task, *, embedded: bool) -> str:
    if embedded:
        return "Stopped. The embedded sandbox ends, and its task with it; nothing was paid."
    return (
        f"Stopped waiting. Task {task.task_id} goes on and is paid for; collect it with: "
        f"{collect(task.task_id)} (kling resume collects everything)"
    )


@contextmanager
def _shown(task: Task) -> Generator[Callable[[Task], None]]:
    if not sys.stderr.isatty():
        yield _Lines(task)
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    spinner = "dots" if streams.unicode_names(sys.stderr) else "line"
    said = TextColumn("{task.description}", markup=False)
    columns = (SpinnerColumn(spinner), said, TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        row = progress.add_task(_state(task))
        yield lambda news: progress.update(row, description=_state(news))


class _Lines:
    """One line when the state changes, and one from time to time."""

    def __init__(self, task: Task) -> None:
        self.start = time.monotonic()
        self.said = self.start
        self.status = task.status
        say(_state(task))

    def __call__(self, task: Task) -> None:
        now = time.monotonic()
        if task.status == self.status and now - self.said < EVERY:
            return
        self.said, self.status = now, task.status
        say(f"{_state(task)}, {clock(now - self.start)}")


def _state(task: Task) -> str:
    return one_line(f"task {task.task_id}: {task.status}")

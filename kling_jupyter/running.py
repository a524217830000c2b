"""Submit, wait, download and show: the way of one generation through a cell.

An interrupt never cuts a submit in two, and never loses a task: it only stops the waiting.
"""

from __future__ import annotations

import contextvars
import os
import threading
import time
import warnings
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from kling_core.errors import KlingError, KlingWarning
from kling_jupyter import figure
from kling_jupyter.display import Live, Shell, ticking
from kling_jupyter.errors import StoppedWaiting, command_to_get

if TYPE_CHECKING:
    from kling_core.client import Kling
    from kling_core.endpoints.base import Request
    from kling_core.task import Task
    from kling_jupyter.grammar import Settings

T = TypeVar("T")

__all__ = ["Cell", "collect", "place", "stopped", "submit", "warnings_as_notes"]


class Cell:
    """One cell at work: its output, its notes, and the folder of its notebook."""

    def __init__(self, shell: Shell, folder: Path, notes: Sequence[str] = ()) -> None:
        self.live = Live(shell)
        self.folder = folder
        self.notes = list(notes)
        self._started = time.monotonic()
        self._state = ""

    def tell(self, state: str, *more: str) -> None:
        """Show the state, the seconds gone by, and what else is known."""
        gone = f"{time.monotonic() - self._started:.0f} s"
        new, self._state = state != self._state, state
        self.live.update(figure.of_state([state, gone, *more], self.notes, announce=new))

    def end(self, state: str, *more: str) -> None:
        """Leave a last word instead of a result."""
        self.live.finish(figure.of_state([state, *more], self.notes))

    def result(self, task: Task) -> None:
        """Leave the result."""
        files = [figure.relative(p, self.folder) or str(p) for o in task.outputs if (p := o.path)]
        facts = {"task_id": task.task_id, "endpoint": task.endpoint.name, "files": files}
        bundle = figure.of_task(task, self.folder, self.notes)
        self.live.finish(bundle, {"kling": facts})


@contextmanager
def warnings_as_notes(notes: list[str]) -> Generator[None]:
    """Collect our own warnings, each once; all others go where they went."""
    with warnings.catch_warnings():
        passed_on: Callable[..., Any] = warnings.showwarning

        def note(message: Warning | str, category: type[Warning], *rest: Any, **more: Any) -> None:
            if not issubclass(category, KlingWarning):
                passed_on(message, category, *rest, **more)
            elif str(message) not in notes:
                notes.append(str(message))

        warnings.simplefilter("always", KlingWarning)
        warnings.showwarning = note
        yield


def submit(
    client: Kling,
    request: Request,
    settings: Settings,
    cell: Cell,
    keep: Callable[[Task], None],
) -> Task:
    """Send the request; `keep` gets the task before anything else can happen to it.

    An interrupt waits until the submit is through, then raises `StoppedWaiting`; a second one is
    obeyed at once, and `keep` still gets the task when it comes.
    """
    facts = figure.described(request)
    expected = request.quote()
    if expected is not None and expected.usd is not None:
        facts.append(str(expected).partition(",")[0])

    def send() -> Task:
        task = client.submit(request, max_cost=settings.max_cost)
        keep(task)
        return task

    cell.tell("submitting", *facts)
    with ticking(lambda _: cell.tell("submitting", *facts)):
        task, interrupted = _shielded(send)
    if interrupted:
        cell.end("stopped waiting", *figure.summary(task))
        raise stopped(task)
    return task


def collect(task: Task, settings: Settings, default: Path, cell: Cell) -> Task:
    """Wait for the task, download its outputs and show them.

    Raises `TaskFailed`, `WaitTimeout`, `DownloadError`, and `StoppedWaiting` on an interrupt.
    """
    facts = figure.summary(task)
    try:
        cell.tell(task.status, *facts)
        with ticking(lambda _: cell.tell(task.status, *facts)):
            task.wait(settings.timeout)
        cell.tell("downloading", *facts)
        for output in (*task.videos, *task.images, *task.audios):
            output.download(place(settings.out, cell.folder, default))
    except KeyboardInterrupt:
        cell.end("stopped waiting", *facts)
        raise stopped(task) from None
    except KlingError:
        cell.end(task.status if task.done else f"still {task.status}", *facts)
        raise
    cell.result(task)
    return task


def place(out: str | None, folder: Path, default: Path) -> str:
    """Where outputs go, from the notebook's folder on; a name without suffix is a folder."""
    chosen = Path(out).expanduser() if out else default
    path = folder / chosen
    is_folder = not out or not chosen.suffix or out.endswith(("/", os.sep))
    return f"{path}{os.sep}" if is_folder else str(path)


def stopped(task: Task) -> StoppedWaiting:
    """What an interrupt raises: the task goes on, and how to get it."""
    done = "is done" if task.done else "goes on"
    return StoppedWaiting(
        f"task {task.task_id} {done} and is paid for. Get it with: "
        f"{command_to_get(task.endpoint.name, task.task_id)}",
        title="Stopped waiting",
    )


def _shielded(work: Callable[[], T]) -> tuple[T, bool]:
    """Run `work` in a thread to its end, and whether an interrupt came meanwhile.

    A second interrupt is raised at once.
    """
    outcome: list[T] = []
    failure: list[BaseException] = []
    ended = threading.Event()

    def run() -> None:
        try:
            outcome.append(work())
        except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
            failure.append(error)
        finally:
            ended.set()

    context = contextvars.copy_context()
    thread = threading.Thread(target=context.run, args=(run,), name="kling-submit", daemon=True)
    interrupted = False
    thread.start()
    # Not Thread.join: when that is interrupted, the thread counts as ended while it still runs.
    while not ended.is_set():
        try:
            ended.wait(0.5)
        except KeyboardInterrupt:
            if interrupted:
                raise
            interrupted = True
    if failure:
        raise failure[0]
    return outcome[0], interrupted

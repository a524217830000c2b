"""Submit, wait, download and show: the way of one generation through a cell.

An interrupt never cuts a submit in two, and never loses a task: it only stops the waiting, for a
slot or for the task.
"""

from __future__ import annotations

import contextvars
import os
import threading
import time
import warnings
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from copy import copy
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast

from kling_core.errors import (
    APIError,
    BudgetExceeded,
    ConfigError,
    DownloadError,
    InvalidRequest,
    KlingError,
    KlingWarning,
    SubmitOutcomeUnknown,
)
from kling_jupyter import figure
from kling_jupyter.display import Live, Shell, ticking
from kling_jupyter.errors import StoppedWaiting, command_to_get

if TYPE_CHECKING:
    from kling_core.client import Kling
    from kling_core.endpoints.base import Request
    from kling_core.flow import Port
    from kling_core.submit import Waiting
    from kling_core.task import Task
    from kling_jupyter.grammar import Settings

T = TypeVar("T")

__all__ = ["Cell", "collect", "place", "stopped", "submit", "warnings_as_notes"]


class Cell:
    """One cell at work: its output, its notes, and the folder of its notebook.

    As a context it leaves a last word when an error ends it, never a progress line.
    """

    def __init__(self, shell: Shell, folder: Path, notes: Sequence[str] = ()) -> None:
        self.live = Live(shell)
        self.folder = folder
        self.notes = list(notes)
        self._started = time.monotonic()
        self._state = ""
        self._facts: tuple[str, ...] = ()
        self._open = False
        self._said = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if error is not None and (self._open or self._unsaid()):
            self.end(_last_word(error), *self._facts)

    def note(self, notes: Iterable[str]) -> None:
        """Add notes, each once."""
        self.notes += [note for note in notes if note not in self.notes]

    def tell(self, state: str, *more: str) -> None:
        """Show the state, the seconds gone by, and what else is known."""
        gone = f"{time.monotonic() - self._started:.0f} s"
        new, self._state = state != self._state, state
        self._open, self._facts = True, more
        if not self.live.pages:
            self.live.print(figure.noted(self._unsaid()))
            self._said = len(self.notes)
        self.live.update(figure.of_state([state, gone, *more], self._unsaid(), announce=new))

    def end(self, state: str, *more: str) -> None:
        """Leave a last word instead of a result."""
        self._finish(figure.of_state([state, *more], self._unsaid()))

    def result(self, task: Task) -> None:
        """Leave the result."""
        files = [figure.relative(p, self.folder) or str(p) for o in task.outputs if (p := o.path)]
        facts = {"task_id": task.task_id, "endpoint": task.endpoint.name, "files": files}
        self._finish(figure.of_task(task, self.folder, self._unsaid()), {"kling": facts})

    def _finish(self, bundle: figure.Bundle, metadata: Mapping[str, Any] | None = None) -> None:
        self._open, self._said = False, len(self.notes)
        self.live.finish(bundle, metadata)

    def _unsaid(self) -> list[str]:
        """The notes to show: in a terminal those that are not printed yet."""
        return self.notes[self._said :]


def _last_word(error: BaseException) -> str:
    if isinstance(error, (KeyboardInterrupt, StoppedWaiting)):
        return "stopped"
    if isinstance(error, SubmitOutcomeUnknown):
        return "not certain that it arrived"
    refusals = (APIError, BudgetExceeded, ConfigError, InvalidRequest)
    return "refused" if isinstance(error, refusals) else "stopped by an error"


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

    While it only waits for a slot, an interrupt ends it and nothing is sent. Once it goes out, an
    interrupt waits until the submit is through, then raises `StoppedWaiting`; a second one is
    obeyed at once, and `keep` still gets the task when it comes.
    """
    facts = figure.described(request)
    expected = request.quote()
    if expected is not None and expected.usd is not None:
        facts.append(str(expected).partition(",")[0])
    line = _InLine()

    def send() -> Task:
        task = line.through(client).submit(
            request, max_cost=settings.max_cost, project=settings.project, on_update=line
        )
        task.client = client
        keep(task)
        return task

    cell.tell("submitting", *facts)
    try:
        with ticking(lambda _: cell.tell(line.state, *facts)):
            task, interrupted = _shielded(send, line.leave)
    except _Left:
        cell.end("stopped before it was sent", *facts)
        raise StoppedWaiting(
            "nothing was sent and nothing is paid. The ledger keeps the request as prepared: "
            "`kling resume --send` sends it",
            title="Stopped waiting for a slot",
        ) from None
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
        kept = set[int]() if settings.out else _on_disk(task)
        for output in (*task.videos, *task.images, *task.audios):
            there = output.index in kept
            output.download(None if there else place(settings.out, cell.folder, default))
    except KeyboardInterrupt:
        cell.end("stopped waiting", *facts)
        raise stopped(task) from None
    except KlingError as error:
        cell.end(task.status if task.done else f"still {task.status}", *facts)
        if isinstance(error, DownloadError):
            again = command_to_get(task.endpoint.name, task.task_id)
            error.fix = f"The task is done and paid for; get it with: {again} --out FOLDER"
        raise
    cell.result(task)
    return task


def _on_disk(task: Task) -> set[int]:
    """The numbers of the outputs that were saved earlier and are still there."""
    if task.row_id is None:
        return set()
    kept = task.client.tasks.ledger.kept(task.row_id)
    return {k.number for k in kept if k.path and Path(k.path).is_file()}


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


class _Left(Exception):
    """The request left the line before it was sent."""


class _InLine:
    """The place in line of one create, and the way out of it.

    The core tells its place and then rests, only while nothing has been sent; to raise there takes
    the request out of the line. It does so in the thread that would send it, so no interrupt falls
    between the decision and the sending.
    """

    def __init__(self) -> None:
        self._left = threading.Event()
        self._resting = False
        self._news = ""
        self._until = 0.0

    def __call__(self, news: Waiting) -> None:
        self._news, self._resting = str(news), True
        self._until = time.monotonic() + news.seconds + _FRESH

    @property
    def state(self) -> str:
        """The last news, or that it is on its way when there has been none for a while."""
        return self._news if time.monotonic() < self._until else "submitting"

    def leave(self) -> None:
        """Leave the line; what is on its way goes on."""
        self._left.set()

    def through(self, client: Kling) -> Kling:
        """The client, resting here while it stands in line."""
        made = copy(client)
        made.port = cast("Any", _Port(client.port, self.rest))
        return made

    def rest(self, seconds: float) -> bool:
        """Rest in line; False when it is no resting in line. Raises `_Left`."""
        resting, self._resting = self._resting, False
        if resting and self._left.wait(seconds):
            raise _Left
        return resting


_FRESH = 3.0
"""Seconds for which news of the line count; the core tells them every second."""


class _Port:
    """The world of a client, but for how it rests."""

    def __init__(self, port: Port, rest: Callable[[float], bool]) -> None:
        self.send, self.save = port.send, port.save
        self._sleep, self._rest = port.sleep, rest

    def sleep(self, seconds: float) -> None:
        """Wait this many seconds."""
        if not self._rest(seconds):
            self._sleep(seconds)


def _shielded(work: Callable[[], T], interrupt: Callable[[], None]) -> tuple[T, bool]:
    """Run `work` in a thread to its end, and whether an interrupt came meanwhile.

    `interrupt` is called at the first one; a second one is raised at once. The core's own guard
    against interrupts would hold the second one too, and would not tell which task was made.
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
            interrupt()
    if failure:
        raise failure[0]
    return outcome[0], interrupted

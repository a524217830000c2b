"""A job: one generation, followed in its own thread from the request to the files.

What happens after its cell has returned is told in the card, and raised by `wait`. Nothing here
prints from the thread: views are replaced, which reaches the right cell in every kernel.
"""

from __future__ import annotations

import contextvars
import threading
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, cast

from kling_core import caller_warnings
from kling_core.advice import Advice, Text
from kling_core.errors import KlingError, WaitTimeout
from kling_core.output_paths import anchored
from kling_core.text import one_line
from kling_jupyter.display import Bundle, has_pages
from kling_jupyter.errors import StoppedWaiting, command_to_get, translated
from kling_jupyter.html import task_figure
from kling_jupyter.jobs import endings
from kling_jupyter.jobs.files import InLine, Left, download, missing
from kling_jupyter.jobs.views import Ending, LiveView, News, Phase, Printed, View
from kling_jupyter.settings import Settings

if TYPE_CHECKING:
    from kling_core.client import Kling
    from kling_core.declare.endpoint import Endpoint, Request
    from kling_core.flows.task_state import Cost, Output
    from kling_core.task import Audio, Image, Task, Video
    from kling_jupyter.workspace import Workspace

__all__ = ["Job"]

_TICK = 0.2
"""Seconds between two looks while something waits for a job: an interrupt is felt that soon."""

_LEAVING = 1.0
"""Seconds in which a request that stands in line has left it."""

_NEWS = 1.0
"""Seconds between two news of the same state."""


class Job:
    """A generation under way; the value of `%kling text-to-video …`.

    It has what its task has (`task_id`, `status`, `request`, …), and waits for what only a
    finished task has: `videos`, `images`, `audios`, `path`, `paths`. `await job` and `job.wait()`
    wait for all of it; an interrupt only stops the waiting.

    Attributes:
        task: the task, None while the request is not accepted yet.
        endpoint: the declaration of the endpoint that makes it.
        request: the request, None for a task that was found by its id.
        notes: what is odd about the request or the files.
    """

    def __init__(
        self,
        workspace: Workspace,
        endpoint: Endpoint,
        settings: Settings,
        *,
        live: LiveView,
        request: Request | None = None,
        task: Task | None = None,
        notes: Sequence[str] = (),
    ) -> None:
        self.endpoint = endpoint
        self.task = task
        self.request = request if request is not None or task is None else task.request
        self.notes = list(notes)
        self._workspace = workspace
        self._settings = settings
        self._live = live
        # Tasks of a notebook come from its clients, which are more than runners.
        self._client = workspace.client if task is None else cast("Kling", task.client)
        self._folder = workspace.folder
        self._default = anchored(workspace.folder, self._client.session.settings.output_dir)
        self._line = InLine(self._in_line)
        self._lock = threading.RLock()
        self._moved, self._ended, self._stop = (threading.Event() for _ in range(3))
        self._ended.set()  # until it is begun there is nothing to wait for
        self._began = time.monotonic()
        self._phase: Phase = "submitting" if task is None else "running"
        self._usual: tuple[float, float] | None = None
        self._error: BaseException | None = None
        self._views: list[View] = []
        self._last: tuple[News, Ending] | None = None
        self._told = ("", 0.0)
        self._open = 0

    # --- what it is ------------------------------------------------------------------------

    @property
    def task_id(self) -> str:
        """Kling's id; empty before the request is accepted."""
        return self.task.task_id if self.task is not None else ""

    @property
    def status(self) -> str:
        """The task's status; before there is a task submitting, waiting, refused or stopped."""
        if self.task is not None:
            return self.task.status
        if self._line.state and not self.done:
            return "waiting"
        return "refused" if self._phase == "failed" else self._phase

    @property
    def done(self) -> bool:
        """True when it has ended and its files are here, or when it has failed or was left."""
        return self._ended.is_set()

    @property
    def error(self) -> BaseException | None:
        """What ended it, None when all went well or it still runs."""
        return self._error

    @property
    def cost(self) -> Cost | None:
        """What it really cost, None until Kling has said so."""
        return self.task.cost if self.task is not None else None

    @property
    def videos(self) -> list[Video]:
        """Its videos; waits for them."""
        return self._finished().videos

    @property
    def images(self) -> list[Image]:
        """Its images; waits for them."""
        return self._finished().images

    @property
    def audios(self) -> list[Audio]:
        """Its sounds; waits for them."""
        return self._finished().audios

    @property
    def files(self) -> list[Video | Image | Audio]:
        """Every file that it made, in the server's order; waits for it."""
        return self._finished().files

    @property
    def outputs(self) -> list[Output]:
        """Everything it made, also what is no file; waits for it."""
        return self._finished().outputs

    @property
    def paths(self) -> list[Path]:
        """The files on disk, in the server's order; waits for them."""
        return [output.path for output in self.files if output.path is not None]

    @property
    def path(self) -> Path:
        """The first file on disk; waits for it. Raises `IndexError` when there is none."""
        return self.paths[0]

    def kling_task(self) -> Task:
        """The finished task, for which the job may be given as an input; waits for it."""
        return self._finished()

    def _finished(self) -> Task:
        self.wait()
        assert self.task is not None
        return self.task

    def __getattr__(self, name: str) -> Any:
        """Everything else is the task's."""
        if name.startswith("_"):  # IPython and `copy` ask for many of these; none is the task's
            raise AttributeError(name)
        if self.task is None:
            raise AttributeError(f"there is no {name!r}: the request is {self.status}")
        return getattr(self.task, name)

    def __repr__(self) -> str:
        files = self._last[1].files if self._last is not None else ()
        facts = [self.task_id, self.endpoint.command, self.status, *(str(p) for _, p in files)]
        return one_line(f"<Job {' '.join(fact for fact in facts if fact)}>")

    # --- waiting ---------------------------------------------------------------------------

    def wait(self, timeout: float | None = None) -> Self:
        """Wait until the files are here; returns itself.

        `timeout` in seconds, None for ever. Raises what went wrong as `KlingError`, `WaitTimeout`'s
        words when the time is over, and `StoppedWaiting` on an interrupt, which changes nothing:
        the job goes on.
        """
        if self._phase == "stopped" and self.task is not None:
            self.begin()
        end = None if timeout is None else time.monotonic() + timeout
        try:
            while not self._ended.wait(_TICK):
                self._tell()
                if end is not None and time.monotonic() >= end:
                    raise translated(self._late(timeout or 0.0))
        except KeyboardInterrupt:
            self._workspace.interrupt()
            if self.left_line and self._ended.wait(_LEAVING):
                self._raise()
            raise endings.stopped(self.task) from None
        self._raise()
        return self

    def __await__(self) -> Generator[Any, Any, Self]:
        return self._awaited().__await__()

    async def _awaited(self) -> Self:
        import asyncio

        if self._phase == "stopped" and self.task is not None:
            self.begin()
        try:
            while not self._ended.is_set():  # noqa: ASYNC110
                # An event would not do: the kernel's interrupt is felt when the loop wakes.
                await asyncio.sleep(_TICK)
        except asyncio.CancelledError as cancelled:
            words: Any = endings.stopped(self.task)
            cancelled._render_traceback_ = words._render_traceback_  # pyright: ignore[reportAttributeAccessIssue]
            raise
        self._raise()
        return self

    def stop(self) -> None:
        """Stop following it here. A task goes on and is paid for; a request in line is not sent."""
        self._stop.set()
        self._line.leave()

    def leave_line(self) -> None:
        """Leave the line, if the request still stands in it; what goes out already goes on."""
        if self.task is None and not self.done:
            self._line.leave()

    @property
    def left_line(self) -> bool:
        """Whether the request was taken out of the line before it was sent."""
        return self.task is None and self._line.is_left

    def _raise(self) -> None:
        error = self._error
        if isinstance(error, KlingError):
            raise translated(error) from error
        if error is not None:
            raise error

    def _late(self, waited: float) -> KlingError:
        if self.task is None:
            return WaitTimeout(f"it still stands in line after {waited:.0f} s", task=None)
        return WaitTimeout(
            f"task {self.task_id} is still {self.status} after {waited:.0f} s; it goes on and is "
            "paid",
            task=self.task,
            fix=Text(Advice("again", self.task_id or "", self.task.endpoint.name)),
        )

    # --- showing ---------------------------------------------------------------------------

    def show(self) -> View:
        """Show it in the cell that runs now: live, or what it has left when it has ended."""
        workspace = self._workspace
        ready = self.task is not None and self.task.done and not missing(self.task)
        if self._last is not None or ready or not workspace.live:
            return self.view(Printed(workspace.shell))
        return self.view(self._live(workspace.shell, self.news(), self.stop))

    def view(self, view: View) -> View:
        """Let a view show it from now on."""
        with self._lock:
            if self._last is not None:
                view.end(*self._last)
            else:
                self._views.append(view)
                view.tell(self.news())
        return view

    def retell(self, view: View) -> None:
        """Show what it has left once more, in the name of the cell that runs now.

        Its thread speaks for the cell that started it, and programs that run notebooks hear only
        the one that they run.
        """
        with self._lock:
            if self._last is not None:
                view.end(*self._last)

    def leave(self, view: View) -> None:
        """Tell a view nothing more; it keeps the last word."""
        with self._lock:
            if view in self._views:
                self._views.remove(view)
                news = self.news()
                view.end(news, endings.left(news))

    def news(self) -> News:
        """How it stands."""
        in_line = self._line.state if self.task is None and not self.done else ""
        running = self.task is not None and self._phase == "running"
        return News(
            phase="waiting" if in_line else self._phase,
            words=in_line or (self.status if running else self._phase),
            seconds=time.monotonic() - self._began,
            usual=self._usual,
            facts=tuple(endings.facts(self.request, self.task)),
            notes=tuple(self.notes),
            command=self.endpoint.command,
            prompt=task_figure.prompt_of(self.request, self.task),
            back=command_to_get(self.endpoint.name, self.task_id) if self.task_id else "",
        )

    def _ipython_display_(self) -> None:
        workspace = self._workspace
        if not has_pages(workspace.shell):
            raise NotImplementedError  # to IPython: show the repr
        shown_already, workspace.just_shown = workspace.just_shown is self, None
        if not shown_already:
            view = self.show()
            if isinstance(view, Printed):
                self.leave(view)

    def _repr_mimebundle_(self, **_: Any) -> Bundle:
        if not has_pages(self._workspace.shell):
            return {}
        if self._last is not None:
            return dict(self._last[1].bundle)
        news = self.news()
        return endings.left(news).bundle

    def _tell(self, *, now: bool = False) -> None:
        with self._lock:
            state, at = self._told
            if not self._views or self._last is not None:
                return
            news = self.news()
            if not now and news.words == state and time.monotonic() - at < _NEWS:
                return
            self._told = (news.words, time.monotonic())
            for view in self._views:
                view.tell(news)

    def note(self, text: str) -> None:
        """Add a note, once."""
        if text not in self.notes:
            self.notes.append(text)

    # --- at work ---------------------------------------------------------------------------

    def begin(self) -> None:
        """Start the thread that does all the work; nothing when it runs or has succeeded."""
        if not self._ended.is_set() or self._phase in ("succeeded", "failed"):
            return
        self._ended.clear()
        self._stop.clear()
        self._last, self._error = None, None
        context = contextvars.copy_context()  # the kernel finds the cell of an output by it
        target: Callable[..., Any] = context.run
        name = f"kling-job-{self.endpoint.name}"
        # A daemon: a kernel must be able to end, and the task goes on at Kling.
        threading.Thread(target=target, args=(self._run,), name=name, daemon=True).start()

    @contextmanager
    def cell_open(self) -> Generator[None]:
        """While this block runs, the cell itself tells of an error, and the view only briefly."""
        self._open += 1
        try:
            yield
        finally:
            self._open -= 1

    def settle(self, *, waits: bool) -> None:
        """Wait until Kling has it, or, unless the cell `waits` anyway, until it stands in line.

        The first interrupt leaves the line; what goes out already is waited for, then
        `StoppedWaiting` is raised. A second one is obeyed at once.
        """
        interrupted = False
        while self.task is None and not self._ended.is_set():
            if self._line.state and not waits and not interrupted:
                self._workspace.keep(self, self._settings.name)
                return
            try:
                self._moved.wait(_TICK)
                self._moved.clear()
                self._tell()
            except KeyboardInterrupt:
                if interrupted:
                    raise endings.unsure() from None
                interrupted = True
                self._line.leave()
                self._workspace.interrupt()
        if self._ended.is_set():
            self._raise()
        if interrupted:
            raise endings.stopped(self.task)

    def _in_line(self) -> None:
        self._moved.set()
        self._tell()

    def _run(self) -> None:
        error: BaseException | None = None
        try:
            with caller_warnings.heard_by(self.note):
                if self.task is None:
                    self._submit()
                self._follow()
        except Left:
            error = endings.unsent() if self.task is None else endings.stopped(self.task)
        except BaseException as problem:  # noqa: BLE001 - whatever it is, the view and `wait` tell it
            error = problem
        try:
            self._end(error)
        finally:
            # Whatever happened, nobody may wait for it for ever.
            self._workspace.jobs.pop(self.task_id, None)
            self._ended.set()
            self._moved.set()

    def _submit(self) -> None:
        assert self.request is not None
        if self._line.is_left:
            raise Left
        client = self._line.through(self._client)
        wishes = self._settings
        task = client.submit(
            self.request, max_cost=wishes.max_cost, project=wishes.project, on_update=self._line
        )
        task.client = self._client  # not the copy of it that rests in line
        self.task = task
        self._workspace.keep(self, self._settings.name)
        self._moved.set()

    def _follow(self) -> None:
        task = self.task
        assert task is not None
        self._workspace.jobs[task.task_id] = self
        self._phase = "running"
        if not task.done:
            with suppress(KlingError):  # without it the card tells no usual time
                self._usual = self._client.tasks.usual(task)
        self._tell()
        task.wait(on_update=self._look)
        self._phase = "downloading"
        self._tell()
        download(task, self._settings.out, self._folder, self._default)

    def _look(self, _: object) -> None:
        if self._stop.is_set():
            raise Left
        self._tell()

    def _end(self, error: BaseException | None) -> None:
        with self._lock:
            self._error = error
            left = isinstance(error, StoppedWaiting)
            self._phase = "succeeded" if error is None else "stopped" if left else "failed"
            news = self.news()
            ending = endings.of(self.task, error, news, self._folder, brief=self._open > 0)
            self._last = (news, ending)
            views, self._views = self._views, []
            for view in views:
                with suppress(Exception):  # one view's trouble is not that of the others
                    view.end(news, ending)

"""A task's life: submitted, processing, then succeed or failed, on a clock that runs faster.

A task is done when its nominal time divided by the speed has passed *and* its outputs are made.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

from kling_core.sandbox.jobs import Bench, Output
from kling_core.sandbox.refusals import Refusal, TaskFailed
from kling_core.sandbox.tasks import Account, SandboxTask

_WORKERS = 2
_QUEUED_SHARE = 0.1
_PATIENCE_SECONDS = 0.5
_BROKEN_INPUT = "File content is invalid"

Timer = Callable[[float, Callable[[], None]], object]
"""Calls a function after that many real seconds; the server's event loop lends it."""


@dataclass
class _Run:
    task: SandboxTask
    due: float
    future: Future[list[Output]] | None


class Lifecycle:
    """Runs the accepted tasks of one sandbox."""

    def __init__(
        self,
        *,
        account: Account,
        bench: Bench,
        speed: float,
        stopping: threading.Event,
        on_change: Callable[[SandboxTask], None],
    ) -> None:
        self._account = account
        self._bench = bench
        self._speed = speed
        self._stopping = stopping
        self._on_change = on_change
        self._futures: set[Future[list[Output]]] = set()
        self._pool = ThreadPoolExecutor(_WORKERS, thread_name_prefix="kling-sandbox-render")

    def begin(self, task: SandboxTask, timer: Timer, *, extra_seconds: float = 0.0) -> None:
        """Starts the life of an accepted task; `extra_seconds` are real ones."""
        with self._account.lock:
            self._on_change(task)
        length = task.job.nominal_seconds / self._speed
        future = None if task.doom else self._pool.submit(task.job.make, self._bench)
        if future:
            self._futures.add(future)
            future.add_done_callback(self._futures.discard)
        run = _Run(task, time.monotonic() + length + extra_seconds, future)
        timer(length * _QUEUED_SHARE, lambda: self._process(task))
        timer(length + extra_seconds, lambda: self._settle(run))
        if future:
            future.add_done_callback(lambda _: self._settle(run))

    async def answer(self, task: SandboxTask) -> None:
        """Makes what is answered at once, and bills it. Raises 1201 for what cannot be made."""
        future = None if task.doom else self._pool.submit(task.job.make, self._bench)
        if future:
            await asyncio.wait([asyncio.wrap_future(future)])
        outputs, error = _outcome(_Run(task, 0.0, future))
        with self._account.lock:
            self._account.finish(task, outputs, error)
        if error:
            raise Refusal(1301 if task.doom else 1201, error)

    def stop(self) -> None:
        """Ends the workers. Renders notice within a frame; only the first one in a process, which
        still loads its libraries, is not waited for longer than half a second.
        """
        self._pool.shutdown(wait=False, cancel_futures=True)
        busy = wait(set(self._futures), _PATIENCE_SECONDS).not_done
        if not busy:
            self._pool.shutdown(wait=True)

    def _process(self, task: SandboxTask) -> None:
        # Under one lock with its report, so that reports come in order and tell the right status.
        with self._account.lock:
            if self._account.set_processing(task):
                self._on_change(task)

    def _settle(self, run: _Run) -> None:
        """Ends the task when both its time and its render are over; either may come last."""
        if self._stopping.is_set() or time.monotonic() < run.due - 0.001:
            return
        if run.future and not run.future.done():
            return
        outputs, error = _outcome(run)
        with self._account.lock:
            self._process(run.task)
            if self._account.finish(run.task, outputs, error):
                self._on_change(run.task)


def _outcome(run: _Run) -> tuple[list[Output], str]:
    from kling_core.sandbox.render import BadMedia

    if run.future is None:
        return [], run.task.doom
    try:
        return run.future.result(), ""
    except TaskFailed as failure:
        return [], str(failure)
    except BadMedia as problem:
        return [], f"{_BROKEN_INPUT}: {problem}"
    except CancelledError:
        return [], "The sandbox stopped"
    except Exception as problem:  # noqa: BLE001 - a defect must end the task, not hang it
        return [], f"Internal error: {type(problem).__name__}: {problem}"

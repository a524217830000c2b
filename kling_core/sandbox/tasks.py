"""The account: tasks by id, external id and output; slots, balances, 30 days of retention."""

from __future__ import annotations

import itertools
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Final, Literal

from kling_core.sandbox.jobs import Clip, Job, Output, new_id
from kling_core.sandbox.refusals import BALANCE, CONCURRENCY, Refusal, wrong_value
from kling_core.sandbox.stats import Stats

Status = Literal["submitted", "processing", "succeed", "failed"]

RETENTION_SECONDS: Final = 30 * 24 * 3600
"""Results and ids are purged 30 days after the task was made."""


@dataclass
class Made:
    """One output of a task as the service keeps it."""

    output: Output
    index: int
    kind: str
    video_id: str = field(default_factory=new_id)
    token: str = field(default_factory=lambda: secrets.token_urlsafe(18))
    generation: int = 0
    """Goes up when a URL is declared dead; earlier URLs answer 403."""

    deleted: bool = False


UrlOf = Callable[[Made, bool], str]
"""The current URL of an output; `True` asks for the watermarked one."""


@dataclass
class SandboxTask:
    """One accepted task. Times in Unix milliseconds."""

    endpoint: str
    job: Job
    created_at: int
    request: dict[str, object]
    shape: str = "v1"
    pool: str | None = "video"
    """The pool of slots it takes from; `None` takes none."""

    pack: str = "video"
    """The resource pack that pays."""

    makes: str = "video"
    listed: bool = True
    """Whether it can be asked for; what answered at once cannot be."""

    external_task_id: str = ""
    callback_url: str = ""
    watermark: bool = False
    task_id: str = field(default_factory=new_id)
    status: Status = "submitted"
    status_msg: str = ""
    updated_at: int = 0
    doom: str = ""
    """Why the task is going to fail, known at acceptance: moderation, or a fault."""

    outputs: list[Made] = field(default_factory=list[Made])
    deducted: Decimal | None = None
    number: int = 0
    """Its place in the order of acceptance."""

    accepted: float = 0.0
    """When it was accepted, on a clock that no test turns."""

    @property
    def ended(self) -> bool:
        """Whether the status is final."""
        return self.status in ("succeed", "failed")


class Account:
    """All tasks of one sandbox. Every method may be called from any thread."""

    def __init__(
        self,
        *,
        clock: Callable[[], float],
        limits: Mapping[str, int],
        balances: dict[str, Decimal],
        stats: Stats,
        url_of: Callable[[Made], str],
        lag: float = 0.0,
    ) -> None:
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)
        self.limits = limits
        self.balances = balances
        self.totals = dict(balances)
        self.lag = lag
        self._clock = clock
        self._stats = stats
        self._url_of = url_of
        self._tasks: dict[str, SandboxTask] = {}
        self._media: dict[str, Made] = {}
        self._numbers = itertools.count(1)

    def now_ms(self) -> int:
        """The clock in Unix milliseconds."""
        return int(self._clock() * 1000)

    def tasks(self) -> list[SandboxTask]:
        """All tasks that are kept, oldest first."""
        with self.lock:
            self._purge()
            return list(self._tasks.values())

    def check_external_id(self, external_task_id: str) -> None:
        """Raises 1201 when a kept task of any endpoint has that external id."""
        if any(external_task_id == task.external_task_id for task in self.tasks()):
            raise wrong_value(f"External_task_id {external_task_id} already exists")

    def accept(self, task: SandboxTask) -> None:
        """Takes the task in. Raises 1102 when the pack is too low, 1303 when no slot is free."""
        with self.lock:
            self._purge()
            running = [other for other in self._tasks.values() if not other.ended]
            promised = sum(
                (other.job.units for other in running if other.pack == task.pack),
                Decimal(0),
            )
            if self.balances[task.pack] < promised + task.job.units:
                raise Refusal(1102, BALANCE)
            if task.pool is not None:
                self._take_slots(task.pool, [*running, task])
            self._stats.tasks_created[task.endpoint] += 1
            task.updated_at = task.created_at
            task.number, task.accepted = next(self._numbers), time.monotonic()
            self._tasks[task.task_id] = task

    def _take_slots(self, pool: str, tasks: Sequence[SandboxTask]) -> None:
        slots = sum(task.job.slots for task in tasks if task.pool == pool)
        if slots > self.limits[pool]:
            raise Refusal(1303, CONCURRENCY)
        self._stats.peak_running[pool] = max(slots, self._stats.peak_running[pool])

    def find(self, endpoint: str, shape: str, any_id: str) -> SandboxTask:
        """The endpoint's task of that edition with that task id or external id.

        Raises 1201 when there is none.
        """
        for task in self._of(endpoint, shape):
            if any_id in (task.task_id, task.external_task_id):
                return task
        raise wrong_value(f"Task not found by id/external id: {any_id}")

    def page(self, endpoint: str, shape: str, page: int, size: int) -> list[SandboxTask]:
        """One page of the endpoint's tasks of that edition, newest first."""
        newest_first = list(self._of(endpoint, shape))[::-1]
        if self.lag:
            newest_first = [task for task in newest_first if self.shown(task)]
        return newest_first[(page - 1) * size : page * size]

    def find_clip(self, video_id: str) -> Clip | None:
        """The kept video with that video id."""
        return self._clip(lambda made: made.video_id == video_id)

    def find_clip_at(self, path: Path) -> Clip | None:
        """The kept video in that file."""
        return self._clip(lambda made: made.output.path == path)

    def shown(self, task: SandboxTask) -> bool:
        """Whether lists have the task already: they may lag behind."""
        return not self.lag or time.monotonic() - task.accepted >= self.lag

    def delete(self, endpoint: str, shape: str, thing_id: str) -> SandboxTask:
        """Deletes a thing that a task of the endpoint made. Raises 1201 when there is none."""
        with self.lock:
            for task in self._of(endpoint, shape):
                for made in task.outputs:
                    if made.video_id == thing_id and not made.deleted:
                        made.deleted = True
                        return task
        raise wrong_value(f"{endpoint} not found by id: {thing_id}")

    def find_media(self, token: str) -> Made | None:
        """The output that is served under that token."""
        with self.lock:
            self._purge()
            return self._media.get(token)

    def set_processing(self, task: SandboxTask) -> bool:
        """Moves a submitted task on; whether it did."""
        with self.changed:
            if task.status != "submitted":
                return False
            self._move(task, "processing")
            return True

    def finish(self, task: SandboxTask, outputs: list[Output], error: str) -> bool:
        """Ends a task: billed when it succeeded, free when it failed; whether it did."""
        with self.changed:
            if task.ended:
                return False
            task.status_msg = error
            if error:
                task.deducted = Decimal(0)
            else:
                task.outputs = [
                    Made(output, index, output.kind or task.makes)
                    for index, output in enumerate(outputs)
                ]
                self._media.update((made.token, made) for made in task.outputs if made.output.path)
                self._bill(task)
            self._move(task, "failed" if error else "succeed")
            return True

    def wait_idle(self, timeout: float) -> bool:
        """Waits until no task is running; whether that was so within `timeout` real seconds."""
        with self.changed:
            return self.changed.wait_for(
                lambda: all(task.ended for task in self._tasks.values()), timeout
            )

    def _of(self, endpoint: str, shape: str) -> Iterator[SandboxTask]:
        # An endpoint that both editions have keeps two lists of its tasks.
        made_at = (endpoint, shape)
        return (t for t in self.tasks() if t.listed and (t.endpoint, t.shape) == made_at)

    def _clip(self, wanted: Callable[[Made], bool]) -> Clip | None:
        for task in self.tasks():
            for made in task.outputs:
                path, seconds = made.output.path, made.output.seconds
                if made.kind == "video" and path and seconds is not None and wanted(made):
                    return Clip(
                        video_id=made.video_id,
                        path=path,
                        seconds=seconds,
                        endpoint=task.endpoint,
                        model_name=task.job.model_name,
                        mode=task.job.mode,
                        url=self._url_of(made),
                    )
        return None

    def _bill(self, task: SandboxTask) -> None:
        task.deducted = task.job.units
        self.balances[task.pack] -= task.job.units
        self._stats.billed_tasks += 1
        billed = self._stats.billed_units
        billed[task.pack] = billed.get(task.pack, Decimal(0)) + task.job.units

    def _move(self, task: SandboxTask, status: Status) -> None:
        task.status = status
        task.updated_at = self.now_ms()
        self.changed.notify_all()

    def _purge(self) -> None:
        oldest = self.now_ms() - RETENTION_SECONDS * 1000
        with self.lock:
            gone = [t for t in self._tasks.values() if t.ended and t.created_at < oldest]
            for task in gone:
                del self._tasks[task.task_id]
                for made in task.outputs:
                    self._media.pop(made.token, None)
                    if made.output.path:
                        made.output.path.unlink(missing_ok=True)

"""`kling.tasks`: everything the ledger knows, and getting it back after a crash."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from kling_core.declare.plain_values import plain
from kling_core.errors import TaskNotFound
from kling_core.flows import adopt
from kling_core.flows import rescue as rescuing
from kling_core.flows import resume as recovery
from kling_core.flows.give_up import give_up
from kling_core.ledger import costs
from kling_core.ledger.ledger import Ledger
from kling_core.ledger.records import Row
from kling_core.resources import id_of, whole

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from kling_core.flows.resume import Settled
    from kling_core.flows.runner import AsyncRunner, Runner
    from kling_core.flows.task_state import TaskState
    from kling_core.ledger.costs import By
    from kling_core.ledger.records import Costs
    from kling_core.task import AsyncTask, Task


class Tasks:
    """The tasks of this machine's ledger, newest first."""

    def __init__(self, client: Runner[Task]) -> None:
        self._client = client

    @property
    def ledger(self) -> Ledger:
        """The ledger itself."""
        return self._client.session.ledger()

    def recent(self, limit: int = 20) -> list[Task]:
        """The newest tasks."""
        limit = whole("limit", limit)
        return [self._task(row) for row in self.ledger.rows(limit=limit)]

    def find(self, words: str, limit: int = 100) -> list[Task]:
        """Tasks whose prompt, text or effect contains these words, in any case."""
        limit = whole("limit", limit)
        return [self._task(row) for row in self.ledger.rows(words=words, limit=limit)]

    def get(self, task_id: str | int) -> Task:
        """The task with this id (ours or Kling's), or with an unambiguous beginning of it.

        Raises `TaskNotFound` when the ledger does not know it.
        """
        return self._task(_known(self.ledger, task_id))

    def give_up(self, task_id: str) -> Task:
        """Let go of a task that hangs: it holds no slot, and nobody waits for it any more.

        Kling has no cancel: a task that is there goes on, and still counts in costs and budget as
        what may be billed. Found later it is taken in all the same, and `wait` follows it again.

        Raises `TaskNotFound`, and `KlingError` for what holds no slot or is just being sent.
        """
        return self._task(give_up(self.ledger, _known(self.ledger, task_id)))

    def resume(
        self,
        *,
        wait: bool = True,
        download: bool = True,
        send: bool = False,
        timeout: float | None = None,
        on_update: Callable[[Any], Any] | None = None,
    ) -> Settled:
        """Take up everything that another process left behind.

        Requests whose answer was lost are looked up, never sent blindly; running tasks are waited
        for, finished ones downloaded. Requests that certainly reached nobody stay as they are,
        unless `send`, which keeps the limits of today. What a process was sending when it was
        killed is looked up at once where its end can be seen, else when its lease ends, after some
        minutes at most: with `wait` that is waited for, else it is in `held`.

        What cannot be decided, or may not be sent, is in `doubtful` of the answer, with its error.
        A lost answer that Kling does not show stays there for eleven minutes, and counts as made:
        its error says until when, and each call looks again.
        """
        flow = recovery.resume(
            self._client, wait=wait, save=download, send=send, timeout=timeout, listener=on_update
        )
        return self._client.run_flow(flow)

    def rescue(self, out: str | Path | None = None) -> list[Path]:
        """Fetch every finished output of the last 30 days that is not on disk; returns the paths.

        Joins Kling's lists with the ledger, so it also finds what was made elsewhere, and works
        with an empty ledger. Warns of each list and each output that cannot be had; of what Kling
        has purged it asks nothing.
        """
        return self._client.run_flow(rescuing.rescue_warning(self._client, out))

    def usual(self, task: Task) -> tuple[float, float] | None:
        """The shortest and the longest time, in seconds, that tasks like this one took before.

        Alike are tasks of the same endpoint, model and price. None when there was none.
        """
        return _usual(self.ledger, task)

    def costs(self, *, by: By = "day", since: float | datetime = 0.0) -> list[Costs]:
        """What the tasks since a moment were expected to cost and did, by day, project or model.

        Refused requests are left out. Raises `ValueError` for anything else in `by`.
        """
        return costs.costs(self.ledger, by, _seconds(since))

    def _task(self, row: Row) -> Task:
        return adopt.task_of(self._client, row)


class AsyncTasks:
    """The tasks of this machine's ledger, with `await`; see `Tasks`."""

    def __init__(self, client: AsyncRunner[AsyncTask]) -> None:
        self._client = client

    async def ledger(self) -> Ledger:
        """The ledger itself."""
        return await self._local(self._client.session.ledger)

    async def recent(self, limit: int = 20) -> list[AsyncTask]:
        """The newest tasks."""
        limit = whole("limit", limit)
        ledger = await self.ledger()
        return [self._task(row) for row in await self._local(lambda: ledger.rows(limit=limit))]

    async def find(self, words: str, limit: int = 100) -> list[AsyncTask]:
        """Tasks whose prompt, text or effect contains these words."""
        limit = whole("limit", limit)
        ledger = await self.ledger()
        rows = await self._local(lambda: ledger.rows(words=words, limit=limit))
        return [self._task(row) for row in rows]

    async def get(self, task_id: str | int) -> AsyncTask:
        """The task with this id, see `Tasks.get`."""
        ledger = await self.ledger()
        return self._task(await self._local(lambda: _known(ledger, task_id)))

    async def give_up(self, task_id: str) -> AsyncTask:
        """Let go of a task that hangs, see `Tasks.give_up`."""
        ledger = await self.ledger()
        return self._task(await self._local(lambda: give_up(ledger, _known(ledger, task_id))))

    async def resume(
        self,
        *,
        wait: bool = True,
        download: bool = True,
        send: bool = False,
        timeout: float | None = None,
        on_update: Callable[[Any], Any] | None = None,
    ) -> Settled:
        """Take up everything that another process left behind, see `Tasks.resume`."""
        flow = recovery.resume(
            self._client, wait=wait, save=download, send=send, timeout=timeout, listener=on_update
        )
        return await self._client.run_flow(flow)

    async def rescue(self, out: str | Path | None = None) -> list[Path]:
        """Fetch every finished output that is not on disk, see `Tasks.rescue`."""
        return await self._client.run_flow(rescuing.rescue_warning(self._client, out))

    async def usual(self, task: AsyncTask) -> tuple[float, float] | None:
        """The shortest and the longest time that tasks like this one took, see `Tasks.usual`."""
        ledger = await self.ledger()
        return await self._local(lambda: _usual(ledger, task))

    async def costs(self, *, by: By = "day", since: float | datetime = 0.0) -> list[Costs]:
        """What the tasks were expected to cost and did, see `Tasks.costs`."""
        ledger = await self.ledger()
        return await self._local(lambda: costs.costs(ledger, by, _seconds(since)))

    async def _local(self, work: Callable[[], Any]) -> Any:
        import asyncio

        return await asyncio.to_thread(work)

    def _task(self, row: Row) -> AsyncTask:
        return adopt.task_of(self._client, row)


def _usual(ledger: Ledger, task: TaskState) -> tuple[float, float] | None:
    row = ledger.row(adopt.row_of(ledger, task))
    price = None if row.quote_units is None else str(row.quote_units)
    return ledger.spans(row.endpoint).get((row.model_name, price))


def _known(ledger: Ledger, task_id: str | int) -> Row:
    word = id_of(task_id)
    row = ledger.get(word)
    if row is None:
        raise TaskNotFound(f"the ledger knows no task {word!r}, or more than one that begins so")
    return row


def _seconds(moment: float | datetime) -> float:
    moment = plain(moment)
    return moment if isinstance(moment, (int, float)) else moment.timestamp()

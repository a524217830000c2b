"""The creates under way, and everything else that this server has begun for an account.

A create runs here, not in the call that asked for it: when the caller gives up, it goes on, and
the same call again finds it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kling_core.declare import registry
from kling_core.errors import KlingError, TaskNotFound
from kling_core.flows.known_rows import knows
from kling_mcp.safety.asking import Answers
from kling_mcp.safety.redact import clean, without_paths
from kling_mcp.safety.totals import Total
from kling_mcp.settings import Settings

if TYPE_CHECKING:
    from decimal import Decimal

    from kling_core import AsyncKling, AsyncTask, Request
    from kling_core.ledger.ledger import Ledger

__all__ = ["Account", "Job"]


@dataclass(slots=True, eq=False)
class Job:
    """A create under way: its id in the ledger, its outcome, and its latest news."""

    id: str
    outcome: asyncio.Task[AsyncTask]
    news: str = ""


@dataclass(slots=True)
class Account:
    """One Kling account: the client, and what this server has begun for it."""

    client: AsyncKling
    settings: Settings
    changed: Callable[[str], Any]
    jobs: dict[str, Job] = field(default_factory=dict[str, Job])
    chores: dict[str, asyncio.Task[Any]] = field(default_factory=dict[str, asyncio.Task[Any]])
    followed: dict[str, asyncio.Task[None]] = field(default_factory=dict[str, asyncio.Task[None]])
    calls: int = 0
    answers: Answers = field(init=False)
    total: Total = field(default_factory=Total)

    def __post_init__(self) -> None:
        self.answers = Answers(max(self.settings.window, 600.0))

    async def ledger(self) -> Ledger:
        """The account's ledger; its methods block, so call them by `asyncio.to_thread`."""
        return await self.client.tasks.ledger()

    def folders(self) -> list[Path]:
        """Where the account's ledger and files are."""
        own = self.client.session.settings
        return [own.home, own.output_dir]

    def hide(self, told: str) -> str:
        """A text of the ledger, without paths where callers are elsewhere."""
        if self.settings.local_files:
            return told
        return without_paths(told, [*self.folders(), Path.home(), *self.settings.allowed_dirs])

    def job(self, row_id: str) -> Job | None:
        """The create under way that has this id in the ledger."""
        return next((job for job in self.jobs.values() if job.id == row_id), None)

    async def find(self, task_id: str) -> AsyncTask:
        """A task by our id or Kling's, whole, from the ledger or else from Kling.

        Raises `TaskNotFound`.
        """
        ledger = await self.ledger()
        row = await asyncio.to_thread(ledger.get, task_id)
        if row is not None and task_id in (row.id, row.task_id):  # `get` takes beginnings too
            return await self.client.tasks.get(row.id)
        for endpoint in (one for one in registry.endpoints() if one.has_tasks):
            with suppress(TaskNotFound):
                return await getattr(self.client, endpoint.name).get(task_id)
        raise TaskNotFound(
            f"neither the ledger nor Kling knows a task {clean(task_id, 60)!r}",
            fix="kling_list_tasks lists the tasks; Kling deletes them after 30 days.",
        )

    async def look(self, task_id: str) -> AsyncTask:
        """The same, asked for anew while it runs."""
        task = await self.find(task_id)
        if task.task_id and not task.complete and knows(task.endpoint):
            await task.refresh()
            self.follow(task)
        return task

    async def earlier(self, request: Request, take: int) -> Job | None:
        """The create of the same call, open or ended a short while ago; None when it failed since.

        It is the task itself: nothing is asked for again, and nothing can be sent by it. The
        ledger knows it also when this server was started after it.
        """
        from kling_core.flows.recorded_request import digest, digests

        key = digest(request, take)
        if (job := self.jobs.get(key)) is not None:
            return job
        ledger = await self.ledger()
        known = digests(request, take)
        row = await asyncio.to_thread(ledger.twin, known, self.settings.window)
        if row is None or row.task_id is None:
            return None
        return Job(row.id, asyncio.ensure_future(self.client.tasks.get(row.id)))

    def submit(self, request: Request, *, take: int, max_cost: Decimal | None) -> tuple[Job, bool]:
        """Begin a create, or join the one of the same call that is under way: then True."""
        from kling_core.flows.prepared import new_id
        from kling_core.flows.recorded_request import digest

        key = digest(request, take)
        job = self.jobs.get(key)
        joined = job is not None
        if job is None:
            row_id = new_id()
            coroutine = self.client.submit(
                request,
                max_cost=max_cost,
                dedupe=self.settings.window,
                take=take,
                row_id=row_id,
                on_update=lambda news: self._hear(key, str(news)),
            )
            job = Job(row_id, asyncio.ensure_future(coroutine))
            self.jobs[key] = job
            job.outcome.add_done_callback(lambda outcome: self._submitted(key, outcome))
        return job, joined

    def _hear(self, key: str, news: str) -> None:
        if key in self.jobs:
            self.jobs[key].news = news

    def _submitted(self, key: str, outcome: asyncio.Task[AsyncTask]) -> None:
        self.jobs.pop(key, None)
        if not outcome.cancelled() and outcome.exception() is None:
            self.follow(outcome.result())

    def follow(self, task: AsyncTask) -> None:
        """Watch a task to its end, so that its resource is reported when it changes."""
        if task.complete or not task.task_id or task.task_id in self.followed:
            return
        running = asyncio.ensure_future(self._follow(task))
        self.followed[task.task_id] = running
        running.add_done_callback(lambda _: self.followed.pop(task.task_id, None))

    async def _follow(self, task: AsyncTask) -> None:
        seen = task.status

        async def look(now: AsyncTask) -> None:
            nonlocal seen
            if now.status != seen:
                seen = now.status
                await self.changed(f"kling://tasks/{now.task_id}")

        try:
            await task.wait(on_update=look)
        except KlingError:  # whoever asks for the task is told
            return

    def chore(self, name: str, work: Callable[[], Coroutine[Any, Any, Any]]) -> asyncio.Task[Any]:
        """Begin free work that outlives the call, or join the same that is under way."""
        if name not in self.chores:
            self.chores[name] = asyncio.ensure_future(work())
            self.chores[name].add_done_callback(lambda chore: self._done(name, chore))
        return self.chores[name]

    def _done(self, name: str, chore: asyncio.Task[Any]) -> None:
        del self.chores[name]
        if not chore.cancelled():
            chore.exception()  # whoever asked may have gone; the next call meets it again

    async def close(self) -> None:
        """Stop waiting; what is out is written down first, and everything goes on at Kling."""
        jobs = [job.outcome for job in self.jobs.values()]
        running: list[asyncio.Task[Any]] = [*jobs, *self.chores.values(), *self.followed.values()]
        for one in running:
            one.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        await self.client.close()

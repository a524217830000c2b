"""What lives as long as the server: one client an account, and the creates under way.

A create runs here, not in the call that asked for it: when the caller gives up, it goes on, and
the same call again finds it.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kling_core.media.safe_urls import MEDIA_HOSTS, MediaHosts
from kling_core.output_paths import is_address
from kling_mcp.advice import in_tools
from kling_mcp.safety import paths
from kling_mcp.safety.asking import Answers
from kling_mcp.safety.redact import clean
from kling_mcp.safety.totals import Total
from kling_mcp.settings import Settings

if TYPE_CHECKING:
    from decimal import Decimal

    from mcp.server.context import ServerRequestContext
    from mcp.server.mcpserver import Context

    AnyContext = Context[Any, Any] | ServerRequestContext[Any, Any]

    from kling_core import AsyncKling, AsyncTask, Request
    from kling_core.errors import KlingError
    from kling_core.ledger.ledger import Ledger

__all__ = ["Account", "Accounts", "Job", "opened", "output_folder"]


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
        return paths.without(told, [*self.folders(), Path.home(), *self.settings.allowed_dirs])

    def job(self, row_id: str) -> Job | None:
        """The create under way that has this id in the ledger."""
        return next((job for job in self.jobs.values() if job.id == row_id), None)

    async def earlier(self, request: Request, take: int) -> Job | None:
        """The create of the same call, open or ended a short while ago; None when it failed since.

        It is the task itself: nothing is asked for again, and nothing can be sent by it. The
        ledger knows it also when this server was started after it.
        """
        from kling_core.flows.recorded_request import digest

        key = digest(request, take)
        if (job := self.jobs.get(key)) is not None:
            return job
        ledger = await self.ledger()
        row = await asyncio.to_thread(ledger.twin, key, self.settings.window)
        if row is None or row.task_id is None:
            return None
        return Job(row.id, asyncio.ensure_future(self.client.tasks.get(row.id)))

    def submit(self, request: Request, *, take: int, max_cost: Decimal | None) -> tuple[Job, bool]:
        """Begin a create, or join the one of the same call that is under way: then True."""
        from kling_core.flows.attempt import new_id
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
        from kling_core.errors import KlingError

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


@dataclass(slots=True)
class Accounts:
    """The accounts that this server works for: one over stdio, one a caller over HTTP.

    Of many callers the latest are kept open; an account that is closed for another one loses
    nothing, for everything it began is in its ledger.
    """

    settings: Settings
    changed: Callable[[str], Any]
    _known: dict[str, Account] = field(default_factory=dict[str, Account])
    _opening: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def of(self, context: AnyContext) -> Account:
        """The account that a call is for. Raises `ConfigError` without a usable credential.

        A caller's key that Kling does not know is refused (`AuthError`), and leaves nothing here.
        """
        choose = self.settings.client_of
        chosen = None if choose is None else choose(context)
        options = dict(self.settings.client)
        if chosen is not None:  # a caller's key never meets the server's own
            options = {k: v for k, v in options.items() if k not in _CREDENTIAL} | dict(chosen)
        key = _name(options)
        if key not in self._known:
            await self._open(key, options, judged=chosen is not None)
        account = self._known.pop(key)
        self._known[key] = account
        return account

    async def _open(self, key: str, options: Mapping[str, Any], *, judged: bool) -> None:
        async with self._opening:
            if key in self._known:
                return
            client = await asyncio.to_thread(_client, options, self.settings)
            if not judged:
                self._known[key] = Account(client, self.settings, self.changed)
                return
        await _judge(client)
        async with self._opening:
            if key in self._known:
                await client.close()
                return
            self._known[key] = Account(client, self.settings, self.changed)
            await self._close_idle()

    @asynccontextmanager
    async def lend(self, context: AnyContext) -> AsyncGenerator[Account]:
        """The account for the time of a call, in which it is not closed."""
        account = await self.of(context)
        account.calls += 1
        try:
            yield account
        finally:
            account.calls -= 1

    async def _close_idle(self) -> None:
        """Close the accounts above the bound that were idle longest."""
        above = len(self._known) - self.settings.accounts
        idle = [
            key for key, one in list(self._known.items())[:-1] if not one.calls and not one.jobs
        ]
        for key in idle[: max(0, above)]:
            await self._known.pop(key).close()

    def hide(self, told: Any) -> Any:
        """What may go out of a text, a list or facts: no paths where callers are elsewhere."""
        if self.settings.local_files:
            return told
        from kling_core.config import home_folder

        own = [folder for account in self._known.values() for folder in account.folders()]
        usual = [Path.home(), home_folder(self.settings.client.get("home"))]
        return paths.without(told, [*own, *usual, *self.settings.allowed_dirs])

    def said(self, error: KlingError) -> str:
        """An error in one line, for callers that are told no facts."""
        return self.hide(in_tools(clean(str(error), 1000)))

    async def close(self) -> None:
        """Close every account."""
        await asyncio.gather(*(account.close() for account in self._known.values()))


async def _judge(client: AsyncKling) -> None:
    """Ask Kling whether it knows a key, for free; without an answer, later calls will tell."""
    from kling_core.errors import AuthError, KlingError

    now = datetime.now(UTC)
    try:
        await client.account.costs(now - timedelta(days=1), now)
    except AuthError:
        await client.close()
        raise
    except KlingError:
        return


_CREDENTIAL = ("api_key", "access_key", "secret_key", "sandbox")


def _name(options: Mapping[str, Any]) -> str:
    """A name for the keywords of a client that gives no secret away."""
    known = repr(sorted(options.items(), key=lambda item: item[0]))
    return hashlib.sha256(known.encode()).hexdigest()


@asynccontextmanager
async def opened(settings: Settings, changed: Callable[[str], Any]) -> AsyncGenerator[Accounts]:
    """The accounts for the life of a server."""
    accounts = Accounts(settings, changed)
    try:
        yield accounts
    finally:
        await accounts.close()


def output_folder(named: Path, *, sandbox: bool) -> Path:
    """Where downloads go: the folder that the owner names, or one below that for videos."""
    if named.is_absolute() or is_address(named):  # which is told before anything is made
        return named
    import platformdirs

    videos = Path(platformdirs.user_videos_dir()) / "Kling"
    return videos / "sandbox" if sandbox else videos


def _client(options: Mapping[str, Any], settings: Settings) -> AsyncKling:
    """A client that downloads to a fixed place, for the folder a server starts in is anybody's,
    and from Kling's media hosts only.
    """
    from kling_core import AsyncKling

    client = AsyncKling(**options)
    session = client.session
    folder = output_folder(session.settings.output_dir, sandbox=client.sandbox is not None)
    session.settings = replace(session.settings, output_dir=folder)
    hosts = MediaHosts(
        domains=(*MEDIA_HOSTS, *settings.media_hosts),
        origins=(client.base_url,),
        resolve=settings.resolve,
    )
    session.may_fetch = hosts.judge
    return client

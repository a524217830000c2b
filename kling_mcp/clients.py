"""The Kling accounts that this server works for, each with a client of its own."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kling_core.media.safe_urls import MEDIA_HOSTS, MediaHosts
from kling_core.output_paths import is_address
from kling_mcp.creates import Account
from kling_mcp.safety.redact import clean, without_paths
from kling_mcp.settings import Settings

if TYPE_CHECKING:
    from mcp.server.context import ServerRequestContext
    from mcp.server.mcpserver import Context

    AnyContext = Context[Any, Any] | ServerRequestContext[Any, Any]

    from kling_core import AsyncKling
    from kling_core.errors import KlingError

__all__ = ["Accounts", "opened", "output_folder"]


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
        account = self._known.pop(key)  # put back at the end: the first is idle longest
        self._known[key] = account
        return account

    async def _open(self, key: str, options: Mapping[str, Any], *, judged: bool) -> None:
        async with self._opening:
            if key in self._known:
                return
            # In a thread: it reads files, and may start the sandbox.
            client = await asyncio.to_thread(_client, options, self.settings)
            if not judged:
                self._known[key] = Account(client, self.settings, self.changed)
                return
        # Without the lock: nobody else waits for what Kling says to this key.
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
        # Not the last, which is opened for the call that waits here.
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
        return without_paths(told, [*own, *usual, *self.settings.allowed_dirs])

    def said(self, error: KlingError) -> str:
        """An error in one line, for callers that are told no facts."""
        return self.hide(clean(error.said("tools"), 1000))

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
    # Of plain texts: the repr of a `Secret` would be the same for all callers.
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

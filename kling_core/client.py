"""The two clients: `Kling` blocks, `AsyncKling` awaits; one set of flows serves both."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn, Self, TypedDict, TypeVar, Unpack

from kling_core import config
from kling_core.caller_warnings import notify
from kling_core.declare.plain_values import plain
from kling_core.errors import ConfigError, InvalidRequest
from kling_core.flows.session import SANDBOX_HEADER, Pace, Session
from kling_core.flows.sources import sourced, unsourced
from kling_core.resources import AsyncMethods, SyncMethods, limit
from kling_core.text import did_you_mean
from kling_core.wire.effects import Clock, Flow, adrive_guarded, drive
from kling_core.wire.transport import AsyncTransport, SyncTransport, Timeouts

if TYPE_CHECKING:
    from decimal import Decimal

    import httpx

    from kling_core.account import Account, AsyncAccount
    from kling_core.config import Money
    from kling_core.declare.endpoint import Check, Endpoint, Request
    from kling_core.editions.task_facts import Said
    from kling_core.flows.preview import Preview
    from kling_core.flows.runner import Wishes
    from kling_core.ledger.records import Row
    from kling_core.sandbox import Sandbox
    from kling_core.task import AsyncTask, Task
    from kling_core.tasks import AsyncTasks, Tasks


T = TypeVar("T")

SANDBOX_PACE = Pace(
    poll_floor=0.1,
    poll_ceiling=1.0,
    retry_first=0.1,
    retry_most=2.0,
    recheck=0.2,
    line_tick=0.05,
    settling=10.0,
)
"""The sandbox's time runs faster, so its client asks and retries faster."""


class Options(TypedDict, total=False):
    """The keywords of both clients, see `Kling`."""

    access_key: str | None
    secret_key: str | None
    api_key: str | None
    base_url: str | None
    region: str | None
    home: str | os.PathLike[str] | None
    output_dir: str | os.PathLike[str] | None
    sandbox: bool | Sandbox | None
    timeout: float | None
    max_cost: Money | None
    budget: Money | None
    project_budget: Money | None
    max_tasks: int | None
    project: str | None
    slots: int | None
    ledger: str | os.PathLike[str] | None
    callback_url: str | None
    paths: Mapping[str, str] | None
    clock: Clock | None
    pace: Pace | None


_PLACE = ("access_key", "secret_key", "api_key", "base_url", "region")
_NOT_SETTINGS = (*_PLACE, "sandbox", "clock", "pace")


def _only_sandbox(sandbox: object, place: Mapping[str, Any]) -> None:
    """Refuse a sandbox that is none, and a real place beside it."""
    if sandbox is not True and not hasattr(sandbox, "url"):
        raise ConfigError(f"sandbox={sandbox!r} is neither True, False nor a Sandbox")
    for name, value in place.items():
        if value is not None:
            raise ConfigError(
                f"sandbox and {name} contradict each other", fix="Leave one of them out."
            )


class _Base:
    """Settings and session, alike in both clients."""

    session: Session
    _own_network = True

    def __init__(self, **options: Unpack[Options]) -> None:
        for name in options.keys() - Options.__annotations__.keys():
            hint = did_you_mean(name, Options.__annotations__)
            raise TypeError(f"{type(self).__name__}() takes no {name!r}{hint}")
        place: dict[str, Any] = {name: options.get(name) for name in _PLACE}
        sandbox, pace = options.get("sandbox"), options.get("pace")
        running: str | None = None
        if sandbox is None:
            # Who names a place means it, whatever KLING_SANDBOX says.
            named = any(value is not None for value in place.values())
            sandbox = config.wants_sandbox() and not named
            running = None if named else config.sandbox_address()
        elif sandbox is not False:
            _only_sandbox(sandbox, place)
        self.sandbox: Sandbox | None = None
        if running:
            place = {"api_key": config.GUEST, "base_url": running}
        if sandbox is not False:
            self.sandbox = _shared_sandbox() if sandbox is True else sandbox
            if not self.sandbox.url:
                raise ConfigError(
                    "the sandbox is not started", fix="Use `with Sandbox() as sandbox:`."
                )
            place = {
                "access_key": self.sandbox.access_key,
                "secret_key": self.sandbox.secret_key,
                "base_url": self.sandbox.url,
            }
            if config.blank(options.get("home")):
                options["home"] = self.sandbox.home
        given: dict[str, Any] = {k: v for k, v in options.items() if k not in _NOT_SETTINGS}
        settings = config.resolve(**given, **place)
        plays = self.sandbox is not None or running is not None
        if plays and config.blank(options.get("ledger")):
            settings = replace(settings, ledger="")  # the one that is set is for what is paid
        self.session = Session(settings, options.get("clock") or Clock(), pace or Pace())
        if plays:
            self.session.play(pace or SANDBOX_PACE)
        self._hear = None if plays else partial(_heard, self.session, pace or SANDBOX_PACE)

    @property
    def base_url(self) -> str:
        """The API host in use."""
        return self.session.settings.base_url

    @property
    def timeouts(self) -> Timeouts:
        """Seconds for connecting, reading (and a whole question), and a whole create."""
        read = self.session.settings.timeout
        return Timeouts(min(10.0, read), read, 2 * read)

    def preview(
        self,
        request: Request,
        *,
        max_cost: Decimal | float | str | None = None,
        project: str | None = None,
    ) -> Preview:
        """What `submit` would send, cost and say, under all settings; sends and writes nothing.

        A limit that it would pass is `Preview.refusal`. Blocks while it reads media and the ledger.
        Raises whatever else `submit` would raise before it sends.
        """
        from kling_core.flows.preview import preview

        request = sourced(self.session, request)
        self._must_be_sendable(request)
        wish = config.project_name(plain(project))
        return preview(self.session, request, max_cost=limit(max_cost), project=wish)

    def _must_be_sendable(self, request: Request) -> Check:
        """The verdict on a request; raises for one that could not be sent from here."""
        from kling_core.flows.reach import unreachable

        if self._own_network:
            from kling_core.wire.http_clients import examine

            examine(self.base_url)  # before a row is written: nothing can have left
        verdict = request.require()
        if wrong := unreachable(self.session, request):
            raise InvalidRequest(wrong, endpoint=request.endpoint.name)
        return verdict

    def _submission(self, request: Request, wishes: Wishes) -> Flow[Row]:
        """The flow that submits a request that breaks no rule; what may surprise is said."""
        from kling_core.flows.submit import submit

        for text in self._must_be_sendable(request).warnings:
            notify(text, sent=False)
        exact: dict[str, Any] = {
            **wishes,
            "max_cost": limit(wishes.get("max_cost")),
            "project": config.project_name(plain(wishes.get("project"))) or None,
            "dedupe": config.seconds("dedupe", wishes.get("dedupe")),
        }
        return submit(self.session, request, **exact)

    def __copy__(self) -> Self:
        # `copy` would go by `__reduce__`, which refuses.
        twin = object.__new__(type(self))
        twin.__dict__.update(self.__dict__)
        return twin

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            f"a {type(self).__name__} holds connections and a secret, and is not pickled; make one "
            "in each process: they share the ledger, and find each other's tasks by their ids"
        )

    def __repr__(self) -> str:
        where = "sandbox" if self.sandbox else self.base_url
        return f"<{type(self).__name__} {where}, {self.session.signer.kind}>"


class Kling(_Base, SyncMethods):
    """The blocking client; also inside a running event loop, and from many threads.

    One attribute an endpoint: `kling.text_to_video.create(prompt="…")`. Keywords, all optional:

    - `api_key`, or `access_key` and `secret_key`: the credential; else the environment
      (`KLING_API_KEY`, `KLING_ACCESS_KEY`, `KLING_SECRET_KEY`), else the config file.
    - `sandbox`: True for the embedded stand-in that needs no key and costs nothing.
    - `region`: "global" or "cn"; `base_url` names a host outright.
    - `output_dir`: where downloads go, `kling_outputs` by default.
    - `max_cost`: US dollars that one call may cost at most; `budget`: a day; `project_budget`: all
      tasks of one project; `max_tasks`: how many are made in a day. Each only tightens what the
      environment (`KLING_BUDGET`, …) or the config file sets.
    - `project`: what tasks belong to, for folders and costs.
    - `slots`: how many tasks of a product may run at once; learned from Kling when not given.
    - `ledger`: a file or a `postgresql://` address in the place of the one in `home`.
    - `callback_url`: where Kling posts changes of tasks that name no address of their own; see
      `kling_core.callbacks`.
    - `timeout`: seconds for each read or write, and for a whole question; twice that for a whole
      create.
    - `http_client`: an `httpx.Client` to use instead of our own.
    - `paths`: paths by endpoint name that replace the declared ones.
    - `home`: folder of config and ledger; `clock`, `pace`: for tests.

    Raises `ConfigError` when no usable credential is found.
    """

    def __init__(
        self, *, http_client: httpx.Client | None = None, **options: Unpack[Options]
    ) -> None:
        super().__init__(**options)
        self._own_network = http_client is None
        self.port = SyncTransport(self.timeouts, http_client, hear=self._hear)

    @property
    def account(self) -> Account:
        """The account: its packs and what is left of them."""
        from kling_core.account import Account

        return Account(self)

    def submit(self, request: Request, **wishes: Unpack[Wishes]) -> Task:
        """Submit a typed request, see `Resource.create`; the keywords are those of `Wishes`."""
        request = sourced(self.session, request)
        row = self.run_flow(self._submission(request, wishes))
        return self.task(request.endpoint, row.facts, **_known(request, row))

    @property
    def tasks(self) -> Tasks:
        """Everything the ledger knows: recent, find, resume, rescue."""
        from kling_core.tasks import Tasks

        return Tasks(self)

    def task(self, endpoint: Endpoint, data: Said, **known: Any) -> Task:
        """A task object for data that the server gave."""
        from kling_core.task import Task

        return Task(self, endpoint, data, **known)

    def run_flow(self, flow: Flow[T]) -> T:
        """Run one flow to its end."""
        return drive(flow, self.port)

    def close(self) -> None:
        """Close the connections; a later use opens new ones. Tasks go on at Kling."""
        self.port.close()
        self.session.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class AsyncKling(_Base, AsyncMethods):
    """The awaiting client: the same names and keywords as `Kling`, with `await`.

    It may be used from one event loop after another; each gets its own connections.
    """

    def __init__(
        self, *, http_client: httpx.AsyncClient | None = None, **options: Unpack[Options]
    ) -> None:
        super().__init__(**options)
        self._own_network = http_client is None
        self.port = AsyncTransport(self.timeouts, http_client, hear=self._hear)

    @property
    def account(self) -> AsyncAccount:
        """The account: its packs and what is left of them."""
        from kling_core.account import AsyncAccount

        return AsyncAccount(self)

    async def submit(self, request: Request, **wishes: Unpack[Wishes]) -> AsyncTask:
        """Submit a typed request, see `Resource.create`; the keywords are those of `Wishes`."""
        if unsourced(request):
            import asyncio

            request = await asyncio.to_thread(sourced, self.session, request)
        row = await self.run_flow(self._submission(request, wishes))
        return self.task(request.endpoint, row.facts, **_known(request, row))

    @property
    def tasks(self) -> AsyncTasks:
        """Everything the ledger knows: recent, find, resume, rescue."""
        from kling_core.tasks import AsyncTasks

        return AsyncTasks(self)

    def task(self, endpoint: Endpoint, data: Said, **known: Any) -> AsyncTask:
        """A task object for data that the server gave."""
        from kling_core.task import AsyncTask

        return AsyncTask(self, endpoint, data, **known)

    async def run_flow(self, flow: Flow[T]) -> T:
        """Run one flow to its end."""
        return await adrive_guarded(flow, self.port)

    async def close(self) -> None:
        """Close the connections of this event loop, see `Kling.close`."""
        await self.port.close()
        self.session.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


def _heard(session: Session, pace: Pace, headers: Mapping[str, str]) -> None:
    """The host says that it is a sandbox, started elsewhere: its clips are small, its time fast."""
    if not session.sandbox and headers.get(SANDBOX_HEADER):
        session.play(pace)


def _known(request: Request, row: Row) -> dict[str, Any]:
    """What a task of an accepted request knows beside the server's data.

    What Kling said beside its acceptance is passed on, unless we have said something ourselves.
    """
    if (note := row.facts.note) and not request.check().warnings:
        notify(note)
    return {
        "request": request,
        "external_task_id": row.external_task_id,
        "row_id": row.id,
        "edition": row.edition,
        "route": row.route,
        "row": row,
    }


def _shared_sandbox() -> Sandbox:
    """The sandbox of this process, started once and stopped at exit."""
    from kling_core.sandbox.shared import shared

    return shared()

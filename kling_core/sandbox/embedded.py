"""`Sandbox`: a server that stands in for Kling's API, inside this process."""

from __future__ import annotations

import secrets
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from kling_core.sandbox.auth import Keys
from kling_core.sandbox.callbacks import Callbacks, Delivery
from kling_core.sandbox.catalog import Retired
from kling_core.sandbox.contract import PACKS, POOLS, Contract, Shop
from kling_core.sandbox.contracts import written
from kling_core.sandbox.faults import Faults
from kling_core.sandbox.jobs import Quality
from kling_core.sandbox.media import MediaUrls
from kling_core.sandbox.routes import Routes
from kling_core.sandbox.sessions import Sessions
from kling_core.sandbox.shapes import SHAPES
from kling_core.sandbox.stats import Stats
from kling_core.sandbox.tasks import Account, SandboxTask

if TYPE_CHECKING:
    from kling_core.sandbox.app import OwnId
    from kling_core.sandbox.background import BackgroundServer
    from kling_core.sandbox.lifecycle import Lifecycle


class Sandbox:
    """Serves any client that follows Kling's API, on this machine, for free.

    >>> with Sandbox() as sandbox:
    ...     print(sandbox.url, sandbox.access_key, sandbox.secret_key)

    port           0 takes a free one
    speed          how many times faster than the service tasks run; 60 makes a minute a second
    limit          slots for videos, and as many for try-ons; a task over it gets 429/1303
    image_limit    slots for images; a task takes `n` of them
    units          balance of the video pack; a task beyond it gets 429/1102
    image_units    balance of the image pack, which pays try-ons too
    access_key, secret_key, api_key   what to accept; generated when not given
    retired        "warn" serves retired models with a warning in the answer's message,
                   "refuse" answers 404/1203 as for a model that does not exist
    quality        size of outputs: "std", or "test" for small and quick ones
    storage        folder for outputs, kept after the end; a temporary one when not given
    clock          time in Unix seconds: token checks, timestamps, the 30 days of retention
    webhook_secret signs callbacks as Standard Webhooks (`whsec_...`)
    shuffle_lists  mixes each list page, since the service documents no order
    own_id         "refuse" refuses requests that carry an id of yours, as some models are said to
    lag            seconds until a new task is in the lists; look-ups by id have it at once
    strict         refuses keys that no contract knows; the service ignores them
    contracts      what to serve besides, see `serving`
    """

    def __init__(
        self,
        *,
        port: int = 0,
        speed: float = 60.0,
        limit: int = 5,
        image_limit: int = 9,
        units: Decimal | int | str = Decimal(1000),
        image_units: Decimal | int | str = Decimal(10000),
        access_key: str | None = None,
        secret_key: str | None = None,
        api_key: str | None = None,
        retired: Retired = "warn",
        quality: Quality = "std",
        storage: Path | None = None,
        clock: Callable[[], float] = time.time,
        webhook_secret: str | None = None,
        shuffle_lists: bool = False,
        own_id: OwnId = "take",
        lag: float = 0.0,
        strict: bool = False,
        contracts: Iterable[Contract] = (),
        host: str = "127.0.0.1",
    ) -> None:
        if speed <= 0:
            raise ValueError("speed must be above 0")
        self.access_key = access_key or secrets.token_hex(16)
        self.secret_key = secret_key or secrets.token_hex(16)
        self.api_key = api_key or f"sandbox-{secrets.token_hex(16)}"
        self.stats = Stats()
        self.faults = Faults()
        self.url = ""
        self._host, self._port = host, port
        self._speed = speed
        self._quality: Quality = quality
        self._retired: Retired = retired
        self._storage, self._clock, self._shuffle = storage, clock, shuffle_lists
        self._own_id: OwnId = own_id
        self._strict = strict
        self._routes = Routes([*written(), *contracts])
        self._folder: Path | None = None
        self._server: BackgroundServer | None = None
        self._lifecycle: Lifecycle | None = None
        self._stopping = threading.Event()
        self._callbacks = Callbacks(webhook_secret)
        self._urls = MediaUrls(lambda: self.url, clock)
        counts = {"limit": limit, "image_limit": image_limit}
        amounts = {"units": units, "image_units": image_units}
        self._account = Account(
            clock=clock,
            limits={pool: counts[option] for pool, option in POOLS.items()},
            balances={pack: Decimal(amounts[option]) for pack, option in PACKS.items()},
            stats=self.stats,
            url_of=self._urls.url,
            lag=lag,
        )

    def __repr__(self) -> str:
        return f"Sandbox({self.url or 'not started'})"

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def home(self) -> Path:
        """A folder that lives as long as the sandbox, for its clients' ledger."""
        assert self._folder is not None, "the sandbox is not started"
        return self._folder / "home"

    @property
    def tasks(self) -> list[SandboxTask]:
        """All tasks that are kept, oldest first."""
        return self._account.tasks()

    @property
    def callbacks(self) -> list[Delivery]:
        """All callbacks so far, sent or not."""
        return list(self._callbacks.deliveries)

    @property
    def balances(self) -> dict[str, Decimal]:
        """What is left in the `video` and the `image` pack."""
        return dict(self._account.balances)

    def start(self) -> Self:
        """Starts serving. Raises `OSError` when the port is taken; a second start does nothing."""
        if self._server:
            return self
        from kling_core.sandbox.background import BackgroundServer

        if self._storage:
            self._storage.mkdir(parents=True, exist_ok=True)
        self._folder = self._storage or Path(tempfile.mkdtemp(prefix="kling-sandbox-"))
        server = BackgroundServer(self._host, self._port)
        self._server = server
        try:
            port = server.start(self._application(server, self._folder))
        except BaseException:
            self.stop()
            raise
        self.url = f"http://{self._host}:{port}"
        return self

    def stop(self) -> None:
        """Ends everything: connections, renders, callbacks; removes the temporary storage."""
        server, self._server = self._server, None
        if server is None:
            return
        self._stopping.set()
        server.stop()
        if self._lifecycle:
            self._lifecycle.stop()
        self._callbacks.stop()
        if self._folder and self._folder != self._storage:
            shutil.rmtree(self._folder, ignore_errors=True)

    @contextmanager
    def serving(self, *contracts: Contract) -> Generator[None]:
        """Serves these contracts too, until the end of the `with` block."""
        self._routes.add(*contracts)
        try:
            yield
        finally:
            self._routes.remove(*contracts)

    def wait_idle(self, timeout: float = 30.0) -> bool:
        """Waits until no task runs; whether that came within `timeout` real seconds."""
        return self._account.wait_idle(timeout)

    def _application(self, server: BackgroundServer, folder: Path) -> object:
        from kling_core.sandbox.app import App, Service
        from kling_core.sandbox.inputs import Workbench
        from kling_core.sandbox.lifecycle import Lifecycle

        bench = Workbench(
            folder=folder,
            quality=self._quality,
            stopping=self._stopping,
            account=self._account,
            urls=self._urls,
        )
        lifecycle = Lifecycle(
            account=self._account,
            bench=bench,
            speed=self._speed,
            stopping=self._stopping,
            on_change=self._notify,
        )

        self._lifecycle = lifecycle
        service = Service(
            keys=Keys(self.access_key, self.secret_key, self.api_key),
            account=self._account,
            lifecycle=lifecycle,
            urls=self._urls,
            faults=self.faults,
            stats=self.stats,
            shop=Shop(self._retired, self._account.find_clip, Sessions(self._clock)),
            routes=self._routes,
            clock=self._clock,
            shuffle_lists=self._shuffle,
            own_id=self._own_id,
            strict=self._strict,
        )
        return App(service, server.connections, lambda: server.loop.call_later)

    def _notify(self, task: SandboxTask) -> None:
        if task.callback_url:
            body = SHAPES[task.shape].described(task, self._urls.url)
            self._callbacks.post(task.callback_url, body, task.updated_at // 1000)

"""Runs an ASGI application in a daemon thread: any number of them, inside a running loop too."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

from uvicorn import Config, Server

from kling_core.sandbox.wire import reset

_START_SECONDS = 15.0
_GRACE_SECONDS = 0.4


class _Announcing(Server):
    """A server that says when it listens."""

    def __init__(self, config: Config, listening: Callable[[], None]) -> None:
        super().__init__(config)
        self._listening = listening

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        self._listening()


class BackgroundServer:
    """One uvicorn server in its own thread and loop."""

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port
        self._ready = threading.Event()
        self._failure: BaseException | None = None
        self._server: _Announcing | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self.stopping: asyncio.Event | None = None

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The server's event loop, while it runs."""
        assert self._loop is not None
        return self._loop

    def connections(self) -> list[Any]:
        """The open connections, as uvicorn's protocol objects."""
        return list(self._server.server_state.connections) if self._server else []

    def start(self, app: Any) -> int:
        """Starts serving `app(stopping)` and returns the port. Raises `OSError` when it cannot."""
        self._thread = threading.Thread(
            target=self._run, args=(app,), name="kling-sandbox-server", daemon=True
        )
        self._thread.start()
        if not self._ready.wait(_START_SECONDS) or self._failure or not self._server:
            detail = f": {self._failure}" if self._failure else ""
            raise OSError(f"the sandbox cannot listen on {self._host}:{self._port}{detail}")
        # The port comes from uvicorn: a socket bound by hand would lack TCP_NODELAY.
        return self._server.servers[0].sockets[0].getsockname()[1]

    def stop(self) -> None:
        """Ends the server; whoever is still connected after a short grace is cut off."""
        thread, server = self._thread, self._server
        if thread is None or server is None or self._loop is None:
            return
        server.should_exit = True
        self._call(self.stopping.set if self.stopping else None)
        thread.join(_GRACE_SECONDS)
        if thread.is_alive():
            self._call(self._cut_off)
            thread.join(5)

    def _call(self, function: Callable[[], object] | None) -> None:
        try:
            if function and self._loop:
                self._loop.call_soon_threadsafe(function)
        except RuntimeError:
            # The loop has closed in the meantime, which is what was wanted.
            return

    def _cut_off(self) -> None:
        assert self._server is not None
        self._server.force_exit = True
        for connection in self.connections():
            reset(connection)

    def _run(self, app: Any) -> None:
        try:
            asyncio.run(self._serve(app))
        except BaseException as failure:  # noqa: BLE001 - uvicorn leaves by SystemExit
            self._failure = failure
        finally:
            self._ready.set()

    async def _serve(self, app: Any) -> None:
        self._loop = asyncio.get_running_loop()
        self.stopping = asyncio.Event()
        app.stopping = self.stopping
        config = Config(
            app,
            host=self._host,
            port=self._port,
            http="h11",
            ws="none",
            loop="asyncio",
            lifespan="off",
            access_log=False,
            log_config=None,
            timeout_graceful_shutdown=2,
        )
        self._server = _Announcing(config, self._ready.set)
        await self._server.serve()

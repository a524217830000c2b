"""Runs an ASGI application in a daemon thread: any number of them, inside a running loop too."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import Any, cast

from uvicorn import Config, Server

from kling_core.callbacks.listen import must_be_free
from kling_core.sandbox.wire import reset

_START_SECONDS = 15.0
_GRACE_SECONDS = 0.3


class _PromptServer(Server):
    """A server that says when it listens and ends by an event, where uvicorn's own polls."""

    def __init__(self, config: Config, listening: threading.Event) -> None:
        super().__init__(config)
        self._listening = listening
        self.leaving = asyncio.Event()

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        self._listening.set()

    async def main_loop(self) -> None:
        while not self.leaving.is_set():
            # The tick of count 0 renews the date header.
            await self.on_tick(0)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.leaving.wait(), 1.0)

    async def shutdown(self, sockets: Any = None) -> None:
        del sockets
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        tasks = set(self.server_state.tasks)
        if tasks:
            await asyncio.wait(tasks, timeout=_GRACE_SECONDS)
        for connection in list(self.server_state.connections):
            reset(cast("Any", connection))
        for task in tasks:
            task.cancel()


class BackgroundServer:
    """One uvicorn server in its own thread and loop."""

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port
        self._ready = threading.Event()
        self._failure: BaseException | None = None
        self._server: _PromptServer | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The server's event loop, while it runs."""
        assert self._loop is not None
        return self._loop

    def connections(self) -> list[Any]:
        """The open connections, as uvicorn's protocol objects."""
        return list(self._server.server_state.connections) if self._server else []

    def start(self, app: Any) -> int:
        """Serves the application and returns the port. Raises `OSError` when it cannot listen.

        The application's `stopping` is set to an event that says when stalled requests must end.
        """
        if self._port:  # uvicorn prints its own line and leaves by SystemExit
            must_be_free(self._host, self._port)
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
        if self._thread is None or self._server is None or self._loop is None:
            return
        # A loop that has closed in the meantime is what was wanted.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._server.leaving.set)
        self._thread.join(5)

    def _run(self, app: Any) -> None:
        try:
            asyncio.run(self._serve(app))
        except BaseException as failure:  # noqa: BLE001 - uvicorn leaves by SystemExit
            self._failure = failure
        finally:
            self._ready.set()

    async def _serve(self, app: Any) -> None:
        self._loop = asyncio.get_running_loop()
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
        )
        self._server = _PromptServer(config, self._ready)
        app.stopping = self._server.leaving
        await self._server.serve()

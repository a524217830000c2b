"""ASGI applications on a free port of this machine, for the time of a test."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from uvicorn import Config, Server


class _Threaded(Server):
    def __init__(self, app: Any) -> None:
        super().__init__(
            Config(app, port=0, log_level="error", timeout_graceful_shutdown=1, ws="none")
        )
        self.listening = threading.Event()

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        self.listening.set()


@contextmanager
def served(app: Any) -> Iterator[str]:
    """The address at which an application is served, without its path."""
    server = _Threaded(app)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        assert server.listening.wait(20), "the application did not start"
        assert server.started
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(20)
        assert not thread.is_alive()

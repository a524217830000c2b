"""A connection that may not take for ever to say what it wants: for servers that anybody reaches.

Uvicorn times the silence between requests, not a request whose head drips; some hundred of those
would use up a process's connections.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

__all__ = ["HEAD", "Impatient"]

HEAD = 10.0
"""Seconds from a connection's first byte, or its end of a request, to the end of a request's head.

Kling sends a head of a few hundred bytes in one piece.
"""


class Impatient(H11Protocol):
    """Hangs up when the head of a request has not come in time."""

    _ending: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """A connection begins."""
        super().connection_made(transport)
        self._look()

    def data_received(self, data: bytes) -> None:
        """Something came: perhaps the end of a head."""
        super().data_received(data)
        self._look()

    def connection_lost(self, exc: Exception | None) -> None:
        """It has ended."""
        self._stop()
        super().connection_lost(exc)

    def on_response_complete(self) -> None:
        """The next request's head may come."""
        super().on_response_complete()
        self._look()

    def _look(self) -> None:
        cycle: Any = self.cycle
        if cycle is not None and not cycle.response_complete:
            self._stop()  # its head is here; the application times its body
        elif self._ending is None and not self.transport.is_closing():
            self._ending = self.loop.call_later(HEAD, self.transport.abort)

    def _stop(self) -> None:
        if self._ending is not None:
            self._ending.cancel()
            self._ending = None

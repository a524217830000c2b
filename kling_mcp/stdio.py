"""Running over stdio until the host goes away, or a signal says so.

The SDK reads stdin in a thread that nothing wakes, so that a server in a terminal would not hear
Ctrl-C. Here a signal ends the server in order: what is out is written down, then the process ends.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import signal
import sys
from typing import TYPE_CHECKING

from mcp.server.stdio import stdio_server

from kling_mcp.bad_lines import Messages

if TYPE_CHECKING:
    from kling_mcp.server import Server

__all__ = ["run"]

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def run(server: Server) -> None:
    """Serve until stdin ends; a signal ends the process with its usual exit code."""
    if sys.stdin.isatty():
        print("kling-mcp waits here for an MCP host. Ctrl-C ends it.", file=sys.stderr)
    asyncio.run(_serve(server))


async def _serve(server: Server) -> None:
    loop = asyncio.get_running_loop()
    stopped: asyncio.Future[int] = loop.create_future()
    if sys.platform != "win32":  # whose loop knows no signals
        for number in _SIGNALS:
            loop.add_signal_handler(number, _stop, stopped, number)
    serving = asyncio.ensure_future(_talk(server))
    await asyncio.wait({serving, stopped}, return_when=asyncio.FIRST_COMPLETED)
    if stopped.done():
        serving.cancel()
        if server.lives is not None:
            await server.lives.wait()
        _end(128 + stopped.result())
    await serving


async def _talk(server: Server) -> None:
    low = server._lowlevel_server  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
    async with stdio_server() as (read, write):
        await low.run(Messages(read, write), write, low.create_initialization_options())


def _stop(stopped: asyncio.Future[int], number: int) -> None:
    if stopped.done():  # asked twice: at once, the ledger knows how to go on
        _end(128 + number)
    stopped.set_result(number)


def _end(code: int) -> None:
    """End the process though a thread still reads stdin, after what would run at its exit."""
    atexit._run_exitfuncs()  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
    sys.stderr.flush()
    os._exit(code)

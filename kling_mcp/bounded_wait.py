"""Waiting within bounds, with a sign of life at least every five seconds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mcp.server.mcpserver import Context

__all__ = ["BEAT", "wait_for"]

BEAT = 4.0
"""Seconds between two signs of life."""


async def wait_for(
    job: asyncio.Future[Any],
    seconds: float,
    context: Context[Any, Any],
    news: Callable[[], str],
    *,
    since: float | None = None,
) -> bool:
    """Wait for a job without ever cancelling it; whether it has ended in time.

    The caller hears of it as progress, which counts elapsed seconds and so always grows.
    """
    loop = asyncio.get_running_loop()
    begin = loop.time() if since is None else since
    end = loop.time() + seconds
    await context.report_progress(loop.time() - begin, None, news())
    while not job.done() and (left := end - loop.time()) > 0:
        await asyncio.wait({job}, timeout=min(BEAT, left))
        await context.report_progress(loop.time() - begin, None, news())
    return job.done()

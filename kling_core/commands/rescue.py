"""Fetching every finished output that is not on disk, whoever made it, in words."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from kling_core.commands import readable
from kling_core.flows.rescue import Found, Rescue
from kling_core.flows.rescue import rescue as _flow

if TYPE_CHECKING:
    from kling_core.client import Kling

__all__ = ["Found", "Rescue", "opening", "rescue", "summary"]


def rescue(kling: Kling, out: str | None, tell: Callable[[Rescue | Found], object]) -> Rescue:
    """Fetch what is missing, into `out` if there is one; `tell` is told how it goes."""
    return kling.run_flow(_flow(kling, out, tell))


def opening(done: Rescue) -> str:
    """What was found at Kling, in words."""
    return f"{readable.plural(done.new, 'task')} at Kling that the ledger did not know"


def summary(done: Rescue) -> str:
    """What was fetched, in words."""
    purged = f", {done.purged} purged at Kling" if done.purged else ""
    return f"{len(done.fetched)} fetched{purged}"

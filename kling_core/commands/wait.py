"""A row in a state that is certain, before anybody waits for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kling_core.flows import wait

if TYPE_CHECKING:
    from kling_core.client import Kling
    from kling_core.ledger.records import Row

__all__ = ["certain"]


def certain(kling: Kling, row: Row) -> Row:
    """The row as it is now: a lost answer is looked up, nothing is sent.

    Raises `KlingError` for a request that has no task to wait for, and says why.
    """
    return kling.run_flow(wait.certain(kling.session, row))

"""A row in a state that is certain, before anybody waits for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kling_core.errors import KlingError
from kling_core.ledger.rows import ENDED, RUNNING
from kling_core.reports.listing import UNSENT

if TYPE_CHECKING:
    from kling_core.client import Kling
    from kling_core.ledger.rows import Row

__all__ = ["certain"]


def certain(kling: Kling, row: Row) -> Row:
    """The row as it is now: a lost answer is looked up, nothing is sent.

    Raises `KlingError` for a request that has no task to wait for, and says why.
    """
    if row.state not in RUNNING + ENDED:
        from kling_core.submit import resume

        row = kling.run_flow(resume(kling.session, row, send=False))
    if row.state in UNSENT:
        how = "accepted" if row.tries else "sent"
        raise KlingError(
            f"task {row.id} was never {how}",
            cause=row.error,
            fix="kling resume --send sends it.",
        )
    if row.state in ("rejected", "expired"):
        raise KlingError(
            f"task {row.task_id or row.id} is {row.state}: {row.error}", task_id=row.id
        )
    return row

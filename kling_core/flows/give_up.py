"""Giving up a request that may be at Kling: it holds no slot, and nobody waits for it any more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kling_core.advice import Advice, Text
from kling_core.errors import KlingError
from kling_core.ledger.records import ENDED, IN_LINE

if TYPE_CHECKING:
    from kling_core.ledger.ledger import Ledger
    from kling_core.ledger.records import Row

__all__ = ["give_up"]


def give_up(ledger: Ledger, row: Row) -> Row:
    """Give a row up; returns it as it is now. Twice is no error.

    Kling has no cancel: a task that is there goes on, so the row still counts as what may be
    billed, and its task is taken in when it is found later.

    Raises `KlingError` for a row that holds nothing: one that has ended or was never sent, and one
    that a living process is sending.
    """
    row = ledger.give_up(row.id)
    if row.given_up_at is not None:
        return row
    name = row.task_id or row.id
    if row.state in ENDED:
        raise KlingError(
            f"task {name} has ended ({row.state}): it holds no slot, there is nothing to give up",
            task_id=row.task_id,
        )
    if row.state in IN_LINE:
        raise KlingError(
            f"request {name} was never sent: it holds no slot, and nothing is paid",
            fix=Text("It is sent only by ", Advice("send"), "."),
            billed="no",
        )
    raise KlingError(
        f"request {name} is being sent at this moment",
        fix="Try again when its answer is there, after a minute or two.",
        retryable=True,
        billed="unknown",
    )

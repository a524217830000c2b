"""The ledger: one account's record of every request, task and output.

Rows are never deleted. Media is referred to by hash and path; no secret ever enters. Its parts, one
file each: `database`, `reading`, `money`, `slots`, `news` of running tasks, `intake` of new ones.
"""

from __future__ import annotations

from kling_core.ledger.submissions import Intake

__all__ = ["Ledger"]


class Ledger(Intake):
    """One account's record, shared by every process that opens the same place.

    `place` is a file or a `postgresql://` address; `account` a fingerprint of the credential and
    host, which must be the one the ledger was made for. Each method is one transaction, committed
    to disk before it returns.

    Raises `LedgerError` when the place cannot be used.
    """

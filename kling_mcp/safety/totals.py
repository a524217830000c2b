"""How much of the day's spending nobody was asked about.

What was spent is the ledger's: it outlives this server, and holds what other programs spent on the
account too. What was approved is known here only: after a restart one more question is asked.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from kling_core.ledger.ledger import Ledger

__all__ = ["Admitted", "Total", "midnight"]


class Create(Protocol):
    """A create under way, see `kling_mcp.creates.Job`."""

    id: str

    @property
    def outcome(self) -> asyncio.Future[Any]: ...


@dataclass(slots=True, eq=False)
class Admitted:
    """US dollars of a call that may go on, until the ledger counts them."""

    usd: Decimal
    job: Create | None = None


@dataclass(slots=True)
class Total:
    """What of the day's spending was approved, and what was admitted and is not written yet."""

    approved: Decimal = Decimal(0)
    day: float = 0.0
    admitted: list[Admitted] = field(default_factory=list[Admitted])

    async def spent(self, ledger: Ledger) -> Decimal:
        """US dollars committed today, with what is about to be."""
        self._begin()
        for one in list(self.admitted):
            if await _counts(ledger, one):
                self.withdraw(one)
        # What is written between the two looks counts twice for a moment: rather one question more.
        before = list(self.admitted)
        spent, _ = await asyncio.to_thread(ledger.spent, self.day)
        counted = {id(one): one.usd for one in (*before, *self.admitted)}
        return spent + sum(counted.values(), Decimal(0))

    def admit(self, usd: Decimal) -> Admitted:
        """Count a call from now on, so that calls at the same moment see each other."""
        self.admitted.append(one := Admitted(usd))
        return one

    def approve(self, usd: Decimal, *, after: Decimal | None = None) -> None:
        """A person approved a call; with `after` also the whole sum that was spent before it."""
        self._begin()
        self.approved = max(self.approved, after or Decimal(0)) + usd

    def withdraw(self, one: Admitted) -> None:
        """Count a call no longer here: the ledger does, or it was not sent after all."""
        if one in self.admitted:
            self.admitted.remove(one)

    def _begin(self) -> None:
        if (today := midnight()) != self.day:
            self.day, self.approved = today, Decimal(0)


async def _counts(ledger: Ledger, one: Admitted) -> bool:
    """Whether the ledger counts a call, or nothing came of it."""
    if one.job is None or one.job.outcome.done():
        return one.job is not None
    return await asyncio.to_thread(ledger.get, one.job.id) is not None


def midnight() -> float:
    """The beginning of the day, here."""
    now = datetime.now().astimezone()
    return now.replace(hour=0, minute=0, second=0, microsecond=0).timestamp()

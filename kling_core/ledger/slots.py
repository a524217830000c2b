"""The line for the account's slots, first come first served across processes."""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa

from kling_core.ledger import statements
from kling_core.ledger.money import Budget, Money
from kling_core.ledger.rows import IN_LINE, LIVE, SETTLING, Place, Queue, as_text
from kling_core.ledger.schema import tasks

LEARNED_FOR = 3600.0
"""Seconds for which a limit that 1303 taught is believed."""


class Slots(Money):
    """Slots and the line for them."""

    def admit(
        self,
        row_id: str,
        *,
        limit: int | None,
        lease: float,
        budget: Budget | None = None,
        settling: float = SETTLING,
    ) -> Place:
        """Ask for slots: on yes the row is `submitting` and ours, on no it waits in line.

        First come, first served among the rows of living processes: a row is admitted when it fits
        beside what is busy and all that is ahead of it. From then on it may have been sent, and
        stays in doubt for `settling` seconds after its lease, whatever becomes of us.

        Raises `BudgetExceeded` when a limit would be passed by sending it now.
        """
        self.alive()
        now = self.now()
        with self._transaction() as db:
            owner, state, product, tries = statements.HOLDER.one(db, {"row": row_id})
            if owner not in (None, self.owner) or state not in IN_LINE:
                return Place(admitted=False, lost=True)
            self._alone(db, f"slots {product}")
            place = self._queue(db, product, row_id).places(limit)[row_id]
            change: dict[str, Any] = {"state": "waiting"}
            if place.admitted:
                if budget is not None:
                    self._afford(db, budget, self._get(db, row_id).project, line=False)
                until = now + lease + settling
                change = {"state": "submitting", "sent_at": now, "doubt_until": until}
                change["tries"] = tries + 1
            holder = {"owner": self.owner, "lease_until": now + lease, "updated_at": now}
            statements.CHANGE.run(db, {"row": row_id, **holder, **change})
            return place

    def queue(self, product: str) -> Queue:
        """How the line of a product stands; this process says that it lives."""
        self.alive()
        with self._transaction(read=True) as db:
            return self._queue(db, product)

    def _queue(self, db: sa.Connection, product: str, row_id: str = "") -> Queue:
        """The line of a product; `row_id` is in it in any case."""
        about = {"product": product, "now": self.now(), "key": f"limit {product}"}
        busy, unanswered, learned = statements.SLOTS.one(db, about)
        line = statements.LINE.run(db, {**about, "row": row_id})
        return Queue(
            busy=int(busy),
            learned=self._still(learned),
            unanswered=int(unanswered),
            waiting=tuple((name, weight) for name, weight in line),
        )

    def _busy(self, db: sa.Connection, product: str) -> int:
        total = sa.func.coalesce(sa.func.sum(tasks.c.weight), 0)
        where = (tasks.c.product == product, tasks.c.state.in_(LIVE))
        return int(db.execute(sa.select(total).where(*where)).scalar_one())

    def _learned(self, db: sa.Connection, product: str) -> int | None:
        return self._still(self._meta(db, f"limit {product}"))

    def _still(self, text: str | None) -> int | None:
        """A limit as it was written down, unless that is too long ago."""
        if text is None:
            return None
        known = json.loads(text)
        return int(known["limit"]) if self.now() - known["at"] < LEARNED_FOR else None

    def learned(self, product: str) -> int | None:
        """The limit that a 1303 taught for a product, None when none did lately."""
        with self._transaction(read=True) as db:
            return self._learned(db, product)

    def back_in_line(self, row_id: str, *, lease: float, learn: bool) -> None:
        """1302 or 1303: the task was not accepted; the latter teaches the limit (`learn`).

        A row that somebody else has taken over meanwhile is left as it is.
        """
        now = self.now()
        with self._transaction() as db:
            product = self._get(db, row_id).product
            self._alone(db, f"slots {product}")
            ours = (tasks.c.owner == self.owner, tasks.c.state == "submitting")
            done = db.execute(
                sa.update(tasks)
                .where(tasks.c.id == row_id, *ours)
                .values(state="waiting", lease_until=now + lease, doubt_until=None, updated_at=now)
            )
            if done.rowcount and learn:
                others = self._busy(db, product)
                known = self._learned(db, product)
                limit = max(1, others if known is None else min(known, others))
                self._set_meta(db, f"limit {product}", as_text({"limit": limit, "at": now}))

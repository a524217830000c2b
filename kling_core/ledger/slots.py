"""The line for the account's slots, first come first served across processes."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from kling_core.ledger import statements
from kling_core.ledger.learned import Learned
from kling_core.ledger.money import Budget, Money
from kling_core.ledger.records import IN_LINE, LIVE, SETTLING, Place, Queue, Row
from kling_core.ledger.schema import tasks

_NO_DOUBT = {"unclear_at": None, "given_up_at": None}


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
        edition: str | None = None,
        route: str | None = None,
    ) -> Place:
        """Ask for slots: on yes the row is `submitting` and ours, on no it waits in line.

        First come, first served among the rows of living processes: a row is admitted when it fits
        beside what is busy and all that is ahead of it. From then on it may have been sent, and
        stays in doubt for `settling` seconds after its lease, whatever becomes of us. One that the
        account has not enough slots for is left as it is. `edition` and `route` are those by which
        it is sent now, when it was written down with others.

        Raises `BudgetExceeded` when a limit would be passed by sending it now.
        """
        # Before the transaction: it is one of its own.
        self.alive()
        now = self.now()
        with self._transaction() as db:
            owner, state, product, tries = statements.HOLDER.one(db, {"row": row_id})
            if owner not in (None, self.owner) or state not in IN_LINE:  # taken over meanwhile
                return Place(admitted=False, lost=True)
            self._alone(db, f"slots {product}")
            place = self._queue(db, product, row_id).places(limit)[row_id]
            if place.hopeless:
                return place
            change: dict[str, Any] = {"state": "waiting"}
            if place.admitted:
                if budget is not None:
                    # Without the line: this row is in it, and what is behind must not stop it.
                    self._afford(db, budget, self._get(db, row_id).project, line=False)
                until = now + lease + settling
                # Before the POST: whatever becomes of us, it counts as sent and in doubt from here.
                change = {"state": "submitting", "sent_at": now, "doubt_until": until}
                change |= {"tries": tries + 1, **_NO_DOUBT}
                sent_by = {"edition": edition, "route": route}
                change |= {name: value for name, value in sent_by.items() if value is not None}
            # One try at a time over all processes: the next that asks reads that it is out.
            if place.probe and (known := self._known_limit(db, product)) is not None:
                self._set_meta(db, f"limit {product}", known.probed(row_id, now).text())
            holder = {"owner": self.owner, "lease_until": now + lease, "updated_at": now}
            statements.CHANGE.run(db, {"row": row_id, **holder, **change})
            self._leased(row_id, now, lease)
            return place

    def queue(self, product: str) -> Queue:
        """How the line of a product stands; this process says that it lives."""
        self.alive()
        with self._transaction(read=True) as db:
            return self._queue(db, product)

    def _queue(self, db: sa.Connection, product: str, row_id: str = "") -> Queue:
        """The line of a product; `row_id` is in it in any case."""
        now = self.now()
        about = {"product": product, "now": now, "key": f"limit {product}"}
        busy, doubtful, unanswered, written = statements.SLOTS.one(db, about)
        line = statements.LINE.run(db, {**about, "row": row_id})
        known = Learned.read(written, now)
        return Queue(
            busy=int(busy),
            learned=known.limit if known else None,
            unanswered=int(unanswered),
            waiting=tuple((name, weight) for name, weight in line),
            doubtful=int(doubtful),
            firm=known is not None and known.firm,
            due=known is not None and known.may_probe(now),
        )

    def _known_limit(self, db: sa.Connection, product: str) -> Learned | None:
        return Learned.read(self._meta(db, f"limit {product}"), self.now())

    def learned(self, product: str, *, firm: bool = False) -> int | None:
        """The limit that a 1303 taught for a product, None when none did lately.

        With `firm` only one that is no guess.
        """
        with self._transaction(read=True) as db:
            known = self._known_limit(db, product)
        return None if known is None or (firm and not known.firm) else known.limit

    def back_in_line(self, row_id: str, *, lease: float, learn: bool) -> int:
        """1302 or 1303: the task was not accepted; the latter teaches the limit (`learn`).

        Returns how many slots other rows of this ledger hold. A row that somebody else has taken
        over meanwhile is left as it is.
        """
        now = self.now()
        with self._transaction() as db:
            row = self._get(db, row_id)
            self._alone(db, f"slots {row.product}")
            ours = (tasks.c.owner == self.owner, tasks.c.state == "submitting")
            done = db.execute(
                sa.update(tasks)
                .where(tasks.c.id == row_id, *ours)
                .values(state="waiting", lease_until=now + lease, doubt_until=None, updated_at=now)
            )
            about = {"product": row.product, "now": now}
            busy, running = map(int, statements.BUSY.one(db, about))
            if done.rowcount:
                self._leased(row_id, now, lease)
            if done.rowcount and learn:
                known = Learned.refused(
                    self._known_limit(db, row.product),
                    row_id,
                    own=row.weight,
                    busy=busy,
                    running=running,
                    now=now,
                )
                self._set_meta(db, f"limit {row.product}", known.text())
            return busy

    def _taken(self, db: sa.Connection, row_id: str, product: str, written: str | None) -> None:
        """Kling took a create; when that was one above the limit, there is more than was known."""
        if written is None or row_id not in written:  # as for nearly all, so it is not even read
            return
        now = self.now()
        known = Learned.read(written, now)
        if known is None or known.probing != row_id:
            return
        self._alone(db, f"slots {product}")
        busy, _ = statements.BUSY.one(db, {"product": product, "now": now})
        self._set_meta(db, f"limit {product}", known.accepted(row_id, int(busy), now).text())

    # --- what holds a slot -----------------------------------------------------------------

    def holders(self) -> tuple[list[Row], list[Row]]:
        """The rows that hold slots, oldest first; and those that would, but were let go of."""
        with self._transaction(read=True) as db:
            holding = {row_id for (row_id,) in statements.HOLDERS.run(db, {"now": self.now()})}
        rows = [row for row in self.rows(states=LIVE)[::-1] if row.weight]
        return (
            [row for row in rows if row.id in holding],
            [row for row in rows if row.id not in holding],
        )

    def give_up(self, row_id: str) -> Row:
        """Let go of a row that Kling may be at work on: it holds no slot, nobody waits for it.

        It still counts as what may be billed, and is taken in when Kling names its task later.
        One that is in line, has ended, or is being sent by a living process stays as it is.
        """
        now = self.now()
        with self._transaction() as db:
            row = self._get(db, row_id)
            if row.given_up_at is not None or row.state not in LIVE or self._in_hands(row):
                return row
            change: dict[str, Any] = {"given_up_at": now, "updated_at": now}
            if row.state == "submitting":
                why = "given up; the process that sent it has ended"
                change |= {"state": "unknown", "owner": None, "lease_until": None, "error": why}
            same = (tasks.c.id == row_id, tasks.c.state == row.state)
            db.execute(sa.update(tasks).where(*same).values(change))
            return self._get(db, row_id)

    def take_up(self, row_id: str) -> None:
        """Follow a row again that was given up."""
        values = {"given_up_at": None, "updated_at": self.now()}
        with self._transaction() as db:
            db.execute(sa.update(tasks).where(tasks.c.id == row_id).values(values))

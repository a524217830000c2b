"""The way of a request through the ledger: from prepared to accepted, refused or in doubt."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields as dataclass_fields
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from kling_core.advice import Advice, Text
from kling_core.editions.task_facts import TaskFacts, read
from kling_core.errors import LedgerError
from kling_core.ledger import statements
from kling_core.ledger.money import Budget
from kling_core.ledger.progress import News
from kling_core.ledger.records import (
    ENDED,
    HEIR,
    IN_LINE,
    LIVE,
    RUNNING,
    SETTLING,
    Entry,
    Row,
    as_amount,
    as_plain,
    as_text,
)
from kling_core.ledger.redact import without_secrets
from kling_core.ledger.schema import outputs, tasks
from kling_core.ledger.slots import Slots


class Intake(Slots, News):
    """Rows on their way to Kling."""

    def prepare(
        self,
        entry: Entry,
        *,
        lease: float,
        budget: Budget | None = None,
        dedupe: float | None = None,
        alike: tuple[str, ...] = (),
    ) -> tuple[Row, bool]:
        """Write a request down; returns its row, and False when the id was there already.

        One that Kling refused is written again over its row: its id is free. With `dedupe` an
        identical request that has not ended, however old, or ended less than so many seconds ago
        is returned instead, under its own id: of several processes that ask at once, one writes.
        It is identical when it has the digest of the entry, or one of those in `alike`.

        Raises `BudgetExceeded` when a limit would be passed; nothing is written then.
        """
        self.alive()
        values = self._prepared(entry, lease)
        with self._transaction() as db:
            if dedupe is not None:
                # Before the limits are judged: a twin costs nothing more.
                self._alone(db, "dedupe")
                if (twin := self._twin(db, (entry.digest, *alike), dedupe)) is not None:
                    return twin, False
            if budget is not None:
                known = db.execute(sa.select(tasks.c.state).where(tasks.c.id == entry.id)).scalar()
                if known in (None, "rejected"):  # else it was judged when it was written down
                    self._afford(db, budget, entry.project, line=True)
            new = bool(statements.WRITE_DOWN.run(db, values)) or self._renewed(db, values)
            if new:
                self._leased(entry.id, values["created_at"], lease)
            return self._get(db, entry.id), new

    def _renewed(self, db: sa.Connection, values: Mapping[str, Any]) -> bool:
        refused = (tasks.c.id == values["id"], tasks.c.state == "rejected")
        # What is written over shall tell nothing of the request that was refused.
        blank = {"known": None, "sent_at": None, "finished_at": None, "doubt_until": None}
        return bool(db.execute(sa.update(tasks).where(*refused).values(**values, **blank)).rowcount)

    def release(self, row_id: str) -> None:
        """Let go of a row in line that this process holds; the row may be sent later."""
        ours = (tasks.c.id == row_id, tasks.c.owner == self.owner, tasks.c.state.in_(IN_LINE))
        free = {"state": "prepared", "owner": None, "lease_until": None, "updated_at": self.now()}
        with self._transaction() as db:
            db.execute(sa.update(tasks).where(*ours).values(free))

    def _prepared(self, entry: Entry, lease: float) -> dict[str, Any]:
        now = self.now()
        values = {field.name: getattr(entry, field.name) for field in dataclass_fields(entry)}
        return values | {
            "state": "prepared",
            "request": as_text(entry.request),
            "media": as_text(entry.media),
            "text": as_plain(entry.text),
            "quote_units": as_amount(entry.quote_units),
            "quote_usd": as_amount(entry.quote_usd),
            "owner": self.owner,
            "lease_until": now + lease,
            "error": "",
            "raw": "{}",
            "tries": 0,
            "created_at": now,
            "updated_at": now,
        }

    def _twin(self, db: sa.Connection, digests: tuple[str, ...], seconds: float) -> Row | None:
        ended = sa.func.coalesce(tasks.c.finished_at, tasks.c.created_at)
        lately = sa.and_(tasks.c.state == "succeeded", ended >= self.now() - seconds)
        query = (
            sa.select(tasks)
            .where(tasks.c.digest.in_(digests))
            .where(sa.or_(tasks.c.state.in_((*IN_LINE, *LIVE)), lately))
            .order_by(tasks.c.created_at.desc(), tasks.c.id)
        )
        found = db.execute(query.limit(1)).mappings().first()
        return Row.of(found) if found is not None else None

    def twin(self, digests: tuple[str, ...], seconds: float) -> Row | None:
        """The newest request with one of these digests that is open, or succeeded less than
        `seconds` ago.
        """
        with self._transaction(read=True) as db:
            return self._twin(db, digests, seconds)

    def remember(self, row_id: str, task_ids: Sequence[str]) -> None:
        """The account's tasks before a POST that carries no id of ours."""
        with self._transaction() as db:
            db.execute(sa.update(tasks).where(tasks.c.id == row_id).values(known=as_text(task_ids)))

    def remembered(self, row_id: str) -> frozenset[str] | None:
        """What `remember` wrote; None when the row never came that far."""
        with self._transaction(read=True) as db:
            query = sa.select(tasks.c.known).where(tasks.c.id == row_id)
            text = db.execute(query).scalar_one()
        return None if text is None else frozenset(json.loads(text))

    def take(self, row_id: str, *, lease: float) -> Row | None:
        """Take over an open row whose owner is gone; None while somebody else holds it.

        A row in line may be taken by its own process too. One that Kling has is nobody's to take:
        its owner may have written that down a moment ago.
        """
        now = self.now()
        with self._transaction() as db:
            row = self._get(db, row_id)
            if self._ours(row) and row.state not in IN_LINE:  # another thread of ours is at it
                return None
            gone = row.owner is not None and not self._in_hands(row)
            same = sa.and_(tasks.c.owner == row.owner, tasks.c.lease_until == row.lease_until)
            free = sa.or_(
                tasks.c.owner.is_(None),
                *([same] if gone else []),
                sa.and_(tasks.c.owner == self.owner, tasks.c.state.in_(IN_LINE)),
                tasks.c.lease_until < now,
            )
            free = sa.and_(free, tasks.c.state.not_in((*RUNNING, *ENDED)))
            done = db.execute(
                sa.update(tasks)
                .where(tasks.c.id == row_id, free)
                .values(owner=self.owner, lease_until=now + lease)
            )
            if not done.rowcount:
                return None
            self._leased(row_id, now, lease)
            return self._get(db, row_id)

    def beat(self, row_id: str, *, lease: float, settling: float = SETTLING) -> bool:
        """Say that the row's owner lives and sends it; False when somebody else has it now.

        A row in doubt is sent so without standing in line: it holds its slot, and counts.
        """
        now = self.now()
        sending = {"state": "submitting", "lease_until": now + lease, "updated_at": now}
        with self._transaction() as db:
            done = db.execute(
                sa.update(tasks)
                .where(
                    tasks.c.id == row_id,
                    tasks.c.owner == self.owner,
                    tasks.c.state.in_(("submitting", "unknown")),
                )
                .values(**sending, doubt_until=now + lease + settling)
            )
            if done.rowcount == 1:
                self._leased(row_id, now, lease)
            return done.rowcount == 1

    def took(self, row_id: str, said: Mapping[str, Any]) -> None:
        """Kling has accepted a request without naming its task: from now on it is certainly made.

        Only a look-up that shows the task can settle it; see `Row.accepted`.
        """
        ours = (tasks.c.id == row_id, tasks.c.owner == self.owner, tasks.c.task_id.is_(None))
        with self._transaction() as db:
            db.execute(sa.update(tasks).where(*ours).values(raw=as_text(said)))

    def accepted(self, row_id: str, facts: TaskFacts) -> Row:
        """Kling has the task: its id and first state.

        Whoever read Kling's lists meanwhile may have taken the task in already: then this row is
        its owner from now on, with what was saved. What somebody else has learned of the task
        since, while we were suspended, stays.

        Raises `LedgerError` when the row has another task by now.
        """
        with self._transaction() as db:
            endpoint, product, known, limit = statements.KIND.one(db, {"row": row_id})
            about = {"endpoint": endpoint, "task_id": facts.task_id}
            if known not in (None, about["task_id"]):
                raise LedgerError(
                    f"{row_id} has the task {known} already",
                    fix=Text("Both are at Kling: ", Advice("rescue"), " takes the other one in."),
                )
            for other, raw, *_ in statements.SEEN.run(db, about):
                if other != row_id:
                    self._hand_over(db, other, row_id)
                elif facts.overtaken(read(json.loads(raw))):
                    return self._get(db, row_id)
            self._observe(db, row_id, facts, endpoint=endpoint, first=True)
            self._taken(db, row_id, product, limit)
            return self._without_secrets(db, self._get(db, row_id))

    def _without_secrets(self, db: sa.Connection, row: Row) -> Row:
        """What will not be sent again needs no passwords in its addresses."""
        request = without_secrets(row.request)
        if request is row.request:
            return row
        values = {"request": as_text(request)}
        db.execute(sa.update(tasks).where(tasks.c.id == row.id).values(values))
        return replace(row, request=request)

    def _hand_over(self, db: sa.Connection, adopted: str, row_id: str) -> None:
        """Give the task and the outputs of an adopted row to the row whose request made it."""
        made = sa.select(tasks.c.digest).where(tasks.c.id == adopted)
        # Only what was taken in from Kling's lists has no digest; that one nobody here asked for.
        if db.execute(made).scalar_one() != "":
            raise LedgerError(
                f"Kling gave {row_id} the task that it gave {adopted} before",
                fix=Text("Nothing was lost: ", Advice("show"), " tells both. Please report this."),
            )
        # Its id first: it is unique, and the heir gets it next.
        given = {"task_id": None, "state": "rejected", "error": f"{HEIR}{row_id}"}
        db.execute(sa.update(tasks).where(tasks.c.id == adopted).values(given))
        db.execute(sa.update(outputs).where(outputs.c.task == adopted).values(task=row_id))

    def adopt(self, entry: Entry, facts: TaskFacts, *, created_at: float | None = None) -> bool:
        """Write down a task that was made elsewhere; False when it is known already."""
        with self._transaction() as db:
            known = sa.select(tasks.c.id).where(
                tasks.c.endpoint == entry.endpoint, tasks.c.task_id == facts.task_id
            )
            if db.execute(known).first():
                return False
            values = self._prepared(entry, 0.0) | {"state": "submitted"}
            if created_at is not None:
                made = min(created_at, self.now())  # no clock of Kling puts it ahead
                values |= {"created_at": made, "sent_at": made}
            row_id = self._taken_in(db, values, facts)
            self._observe(db, row_id, facts, endpoint=entry.endpoint, first=True)
            return True

    def _taken_in(self, db: sa.Connection, values: dict[str, Any], facts: TaskFacts) -> str:
        """The row for a task made elsewhere: that of our own request for it, else a new one."""
        written = self._insert(tasks).values(values).on_conflict_do_nothing()
        if db.execute(written.returning(tasks.c.id)).first() is not None:
            return values["id"]
        row = self._get(db, values["id"])
        if row.endpoint == values["endpoint"] and row.task_id in (None, facts.task_id):
            return row.id
        # Its id is that of another request of ours, whose row says what that one became.
        values["id"] = f"{values['endpoint']}-{facts.task_id}"
        db.execute(self._insert(tasks).values(values))
        return values["id"]

    def refused(self, row_id: str, error: str) -> None:
        """Kling refused the request; nothing is billed."""
        self._settle(row_id, "rejected", error, doubt_until=None, finished_at=self.now())

    def doubtful(self, row_id: str, error: str, *, until: float | None = None) -> None:
        """The request went out and its answer is lost; None leaves the moment `until` as it is."""
        more: dict[str, Any] = {} if until is None else {"doubt_until": until}
        self._settle(row_id, "unknown", error, **more)

    def unsent(self, row_id: str, error: str) -> None:
        """Nothing is out, which is certain; the row may be sent later."""
        # One that stands in line again may be in doubt still by an earlier POST.
        kept = sa.case((tasks.c.state.in_(IN_LINE), tasks.c.doubt_until), else_=None)
        self._settle(row_id, "prepared", error, among=(*IN_LINE, "submitting"), doubt_until=kept)

    def never_accepted(self, row_id: str, error: str) -> None:
        """It was sent, and so long ago that Kling would show its task; it may be sent later."""
        self._settle(row_id, "prepared", error)

    def expired(self, row_id: str) -> None:
        """Kling has purged the task."""
        among, gone = (*IN_LINE, *LIVE), self.now()
        self._settle(row_id, "expired", "purged at Kling", among=among, finished_at=gone)

    def _settle(
        self,
        row_id: str,
        state: str,
        error: str,
        *,
        among: Sequence[str] = (*IN_LINE, "submitting", "unknown"),
        **more: Any,
    ) -> None:
        """Let go of a row of these states, unless somebody else holds it."""
        with self._transaction() as db:
            done = db.execute(
                sa.update(tasks)
                .where(
                    tasks.c.id == row_id,
                    sa.or_(tasks.c.owner.is_(None), tasks.c.owner == self.owner),
                    tasks.c.state.in_(among),
                )
                .values(
                    state=state,
                    error=as_plain(error),
                    owner=None,
                    lease_until=None,
                    updated_at=self.now(),
                    **more,
                )
            )
            if state in ENDED and done.rowcount:
                self._without_secrets(db, self._get(db, row_id))

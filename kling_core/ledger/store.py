"""The ledger: each method is one transaction, committed to disk before it returns.

Rows are never deleted. Media is referred to by hash and path; no secret ever enters.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
import uuid
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from dataclasses import fields as dataclass_fields
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import exc
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from kling_core.answers import Answer, text
from kling_core.errors import BudgetExceeded, LedgerError
from kling_core.ledger import engine as engines
from kling_core.ledger import statements
from kling_core.ledger.rows import (
    ENDED,
    IN_LINE,
    LIVE,
    RUNNING,
    Amount,
    Entry,
    Kept,
    Look,
    Place,
    Queue,
    Row,
    Seen,
)
from kling_core.ledger.schema import MIGRATIONS, VERSION, leases, meta, outputs, tasks


@dataclass(frozen=True, slots=True)
class Budget:
    """What the next task would cost, and the limits of the day and of its project; US dollars."""

    usd: Decimal
    day: Decimal | None = None
    project: Decimal | None = None


ALIVE = 3.0
"""Seconds without a sign of life after which a process is not waited for in the line."""

LEARNED_FOR = 3600.0
"""Seconds for which a limit that 1303 taught is believed."""


class Ledger:
    """One account's record, shared by every process that opens the same place.

    `place` is a file or a `postgresql://` address; `account` a fingerprint of the credential and
    host, which must be the one the ledger was made for.

    Raises `LedgerError` when the place cannot be used.
    """

    def __init__(
        self,
        place: str | Path,
        account: str,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._postgres = str(place).startswith("postgresql")
        self._clock = clock
        self._ahead = 0.0
        self._said = 0.0
        self._name = _new_name()
        self._pid = os.getpid()
        self._engine = (
            engines.postgresql(str(place)) if self._postgres else engines.sqlite(Path(place))
        )
        self.place = self._engine.url.render_as_string() if self._postgres else str(place)
        self._lock = threading.Lock()
        self._writer: sa.Connection | None = None
        self._inherited: list[sa.Connection | None] = []
        try:
            self._migrate(account)
        except BaseException:
            self.close()
            raise

    # --- opening ---------------------------------------------------------------------------

    def _migrate(self, account: str) -> None:
        with self._transaction() as db:
            if self._postgres:
                db.execute(sa.text("SELECT pg_advisory_xact_lock(7710214)"))
                theirs = float(db.execute(sa.text("SELECT extract(epoch from now())")).scalar_one())
                self._ahead = theirs - self._clock()
            meta.create(db, checkfirst=True)
            known = self._meta(db, "version")
            version = int(known or 0)
            if version > VERSION:
                raise LedgerError(
                    f"the ledger {self.place} was written by a newer kling-suite "
                    f"(schema {version}; this one knows {VERSION})",
                    fix="Update: pip install -U kling-suite. Nothing was changed or sent.",
                )
            for step in MIGRATIONS[version:]:
                step(db)
            if version < VERSION:
                self._set_meta(db, "version", str(VERSION))
            owner = self._meta(db, "account")
            if owner is None:
                self._set_meta(db, "account", account)
            elif owner != account:
                raise LedgerError(
                    f"the ledger {self.place} belongs to another account or host",
                    cause=f"It was made for {owner}; this credential is {account}.",
                    fix="Set KLING_HOME or KLING_LEDGER to another place for this account.",
                )

    def close(self) -> None:
        """Close the connections; a later use opens them again."""
        self._after_fork()
        with self._lock:
            if self._writer is not None:
                self._writer.close()
            self._writer = None
        self._engine.dispose()

    @property
    def owner(self) -> str:
        """The name of this process in the ledger."""
        self._after_fork()
        return self._name

    def _after_fork(self) -> None:
        """In a child, the parent's connections and name are not ours."""
        if os.getpid() != self._pid:
            self._engine.dispose(close=False)
            self._inherited.append(self._writer)  # the parent's: not even closed here
            self._writer = None
            self._lock = threading.Lock()
            self._pid = os.getpid()
            self._name = _new_name()
            self._said = 0.0

    def now(self) -> float:
        """The ledger's time: this machine's, or with PostgreSQL the database's."""
        return self._clock() + self._ahead

    @contextmanager
    def _transaction(self, *, read: bool = False) -> Generator[sa.Connection]:
        """One transaction; a `read` one waits for nobody and holds nobody up."""
        self._after_fork()
        own = read or self._postgres
        try:
            # In line within the process: SQLite's own waiting is unfair and slow.
            with nullcontext() if own else self._lock:
                db = self._connect(read) if own else self._writing()
                with db if own else nullcontext(), db.begin():
                    yield db
        except exc.DBAPIError as error:
            raise engines.explain(error.orig or error, self.place) from error
        except self._engine.dialect.loaded_dbapi.Error as error:
            raise engines.explain(error, self.place) from error

    def _connect(self, read: bool) -> sa.Connection:
        return self._engine.connect().execution_options(kling_read=read)

    def _writing(self) -> sa.Connection:
        """The one connection that writes to SQLite; whoever uses it holds the lock."""
        if self._writer is None:
            self._writer = self._connect(read=False)
        return self._writer

    def _meta(self, db: sa.Connection, key: str) -> str | None:
        return db.execute(sa.select(meta.c.value).where(meta.c.key == key)).scalar_one_or_none()

    def _set_meta(self, db: sa.Connection, key: str, value: str) -> None:
        insert = self._insert(meta).values(key=key, value=value)
        db.execute(insert.on_conflict_do_update(index_elements=["key"], set_={"value": value}))

    @property
    def _insert(self) -> Any:
        """The dialect's own INSERT, which knows conflicts."""
        return pg_insert if self._postgres else sqlite_insert

    def _alone(self, db: sa.Connection, name: str) -> None:
        """Hold a lock until the transaction ends; SQLite's transactions are alone anyway."""
        if self._postgres:
            db.execute(sa.text("SELECT pg_advisory_xact_lock(hashtext(:name))"), {"name": name})

    # --- submitting ------------------------------------------------------------------------

    def prepare(
        self,
        entry: Entry,
        *,
        lease: float,
        budget: Budget | None = None,
        dedupe: float | None = None,
    ) -> tuple[Row, bool]:
        """Write a request down; returns its row, and False when the id was there already.

        With `dedupe` in seconds an identical request of that time is returned instead, under its
        own id: of several processes that ask at once, one writes.

        Raises `BudgetExceeded` when the day's limit would be passed; nothing is written then.
        """
        self.alive()
        values = self._prepared(entry, lease)
        with self._transaction() as db:
            if dedupe is not None:
                self._alone(db, "dedupe")
                if (twin := self._twin(db, entry.digest, dedupe)) is not None:
                    return twin, False
            if budget is not None:
                known = db.execute(sa.select(tasks.c.state).where(tasks.c.id == entry.id)).scalar()
                if known in (None, "rejected"):
                    self._alone(db, "budget")
                    self._afford(db, budget, entry.project)
            new = bool(statements.WRITE_DOWN.run(db, values))
            return self._get(db, entry.id), new

    def renew(self, entry: Entry, *, lease: float) -> Row:
        """Write a request again over one that Kling refused."""
        values = self._prepared(entry, lease)
        with self._transaction() as db:
            where = (tasks.c.id == entry.id, tasks.c.state == "rejected")
            db.execute(sa.update(tasks).where(*where).values(values))
            return self._get(db, entry.id)

    def _prepared(self, entry: Entry, lease: float) -> dict[str, Any]:
        now = self.now()
        values = {field.name: getattr(entry, field.name) for field in dataclass_fields(entry)}
        return values | {
            "state": "prepared",
            "request": _json(entry.request),
            "media": _json(entry.media),
            "quote_units": _money(entry.quote_units),
            "quote_usd": _money(entry.quote_usd),
            "owner": self.owner,
            "lease_until": now + lease,
            "error": "",
            "raw": "{}",
            "tries": 0,
            "created_at": now,
            "updated_at": now,
        }

    def _afford(self, db: sa.Connection, budget: Budget, project: str) -> None:
        if budget.day is not None:
            spent, _ = self._spent(db, _midnight(self.now()), None)
            if spent + budget.usd > budget.day:
                raise BudgetExceeded(
                    f"this would cost {_usd(budget.usd)}, and {_usd(spent)} of today's "
                    f"{_usd(budget.day)} are spent",
                    fix="Raise budget (KLING_BUDGET), or wait until tomorrow.",
                )
        if budget.project is not None:
            spent, _ = self._spent(db, 0.0, project)
            if spent + budget.usd > budget.project:
                name = f"project {project!r}" if project else "tasks without a project"
                raise BudgetExceeded(
                    f"this would cost {_usd(budget.usd)}, and {_usd(spent)} of the "
                    f"{_usd(budget.project)} for {name} are spent",
                    fix="Raise project_budget (KLING_PROJECT_BUDGET), or name another project.",
                )

    def _twin(self, db: sa.Connection, digest: str, seconds: float) -> Row | None:
        """The newest identical request of the last `seconds` that was not refused or failed."""
        states = ("prepared", "waiting", *LIVE, "succeeded")
        query = (
            sa.select(tasks)
            .where(tasks.c.digest == digest, tasks.c.state.in_(states))
            .where(tasks.c.created_at >= self.now() - seconds)
            .order_by(tasks.c.created_at.desc(), tasks.c.id)
        )
        found = db.execute(query.limit(1)).mappings().first()
        return Row.of(found) if found is not None else None

    def remember(self, row_id: str, task_ids: Sequence[str]) -> None:
        """The account's tasks before a POST that carries no id of ours."""
        with self._transaction() as db:
            db.execute(sa.update(tasks).where(tasks.c.id == row_id).values(known=_json(task_ids)))

    def remembered(self, row_id: str) -> frozenset[str] | None:
        """What `remember` wrote; None when the row never came that far."""
        with self._transaction(read=True) as db:
            query = sa.select(tasks.c.known).where(tasks.c.id == row_id)
            text = db.execute(query).scalar_one()
        return None if text is None else frozenset(json.loads(text))

    def task_ids(self, endpoint: str) -> frozenset[str]:
        """Kling's ids of all tasks of an endpoint that the ledger knows."""
        query = sa.select(tasks.c.task_id).where(
            tasks.c.endpoint == endpoint, tasks.c.task_id.is_not(None)
        )
        with self._transaction(read=True) as db:
            return frozenset(db.execute(query).scalars())

    def take(self, row_id: str, *, lease: float) -> Row | None:
        """Take over an open row whose owner is gone; None while somebody else holds it.

        A row in line may be taken by its own process too. One that Kling has is nobody's to take:
        its owner may have written that down a moment ago.
        """
        now = self.now()
        with self._transaction() as db:
            row = self._get(db, row_id)
            free = sa.or_(
                tasks.c.owner.is_(None),
                *([tasks.c.owner == row.owner] if self._dead(row) else []),
                sa.and_(tasks.c.owner == self.owner, tasks.c.state.in_(IN_LINE)),
                tasks.c.lease_until < now,
            )
            free = sa.and_(free, tasks.c.state.not_in((*RUNNING, *ENDED)))
            done = db.execute(
                sa.update(tasks)
                .where(tasks.c.id == row_id, free)
                .values(owner=self.owner, lease_until=now + lease)
            )
            return self._get(db, row_id) if done.rowcount else None

    def _dead(self, row: Row) -> bool:
        """Whether the owner of a row has certainly ended, however long its lease.

        Told by this machine's processes, so only for a ledger in a file; and only for rows with an
        external id, which can be looked up at any time.
        """
        if self._postgres or sys.platform == "win32" or not (row.owner and row.external_task_id):
            return False
        try:
            os.kill(int(row.owner.partition("-")[0]), 0)
        except ProcessLookupError:
            return True
        except (PermissionError, ValueError):
            return False
        return False

    def _orphaned(self, row: Row) -> bool:
        return row.lease_until is None or row.lease_until < self.now() or self._dead(row)

    def admit(self, row_id: str, *, limit: int | None, lease: float) -> Place:
        """Ask for slots: on yes the row is `submitting` and ours, on no it waits in line.

        First come, first served among the rows of living processes: a row is admitted when it fits
        beside what is busy and all that is ahead of it.
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
                change = {"state": "submitting", "sent_at": now, "tries": tries + 1}
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

    def alive(self) -> None:
        """Say that this process lives; the rows of others are not waited for in the line."""
        now, owner = self.now(), self.owner
        if now < self._said + ALIVE / 3:
            return
        self.lead(f"process {owner}", owner, seconds=ALIVE)
        self._said = now

    def _living(self) -> sa.ColumnElement[bool]:
        """Whether the process that owns a row has said lately that it lives."""
        name = sa.literal("process ") + tasks.c.owner
        return sa.exists().where(leases.c.name == name, leases.c.until >= self.now())

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
        """1302 or 1303: the task was not accepted; the latter teaches the limit (`learn`)."""
        now = self.now()
        with self._transaction() as db:
            row = self._get(db, row_id)
            self._alone(db, f"slots {row.product}")
            if learn:
                others = self._busy(db, row.product) - row.weight
                known = self._learned(db, row.product)
                limit = max(1, others if known is None else min(known, others))
                self._set_meta(db, f"limit {row.product}", _json({"limit": limit, "at": now}))
            db.execute(
                sa.update(tasks)
                .where(tasks.c.id == row_id)
                .values(state="waiting", lease_until=now + lease, updated_at=now)
            )

    def beat(self, row_id: str, *, lease: float) -> bool:
        """Say that the row's owner is alive; False when the row has been taken over meanwhile."""
        now = self.now()
        with self._transaction() as db:
            done = db.execute(
                sa.update(tasks)
                .where(
                    tasks.c.id == row_id,
                    tasks.c.owner == self.owner,
                    tasks.c.state == "submitting",
                )
                .values(lease_until=now + lease)
            )
            return done.rowcount == 1

    def accepted(self, row_id: str, data: Mapping[str, Any]) -> Row:
        """Kling has the task: its id and first state."""
        with self._transaction() as db:
            _, _, product, _ = statements.HOLDER.one(db, {"row": row_id})
            self._observe(db, row_id, data, product=product, first=True)
            return self._get(db, row_id)

    def refused(self, row_id: str, error: str) -> None:
        """Kling refused the request; nothing is billed."""
        self._settle(row_id, "rejected", error, finished=True)

    def doubtful(self, row_id: str, error: str) -> None:
        """The answer was lost and the look-up could not decide."""
        self._settle(row_id, "unknown", error, finished=False)

    def unsent(self, row_id: str, error: str) -> None:
        """Nothing left this machine; the row may be sent later."""
        self._settle(row_id, "prepared", error, finished=False)

    def expired(self, row_id: str) -> None:
        """Kling has purged the task."""
        self._settle(row_id, "expired", "purged at Kling", finished=True)

    def _settle(self, row_id: str, state: str, error: str, *, finished: bool) -> None:
        now = self.now()
        with self._transaction() as db:
            db.execute(
                sa.update(tasks)
                .where(
                    tasks.c.id == row_id,
                    sa.or_(tasks.c.owner.is_(None), tasks.c.owner == self.owner),
                    tasks.c.state.not_in(ENDED if state == "expired" else (*RUNNING, *ENDED)),
                )
                .values(
                    state=state,
                    error=error,
                    owner=None,
                    lease_until=None,
                    updated_at=now,
                    **({"finished_at": now} if finished else {}),
                )
            )

    # --- watching --------------------------------------------------------------------------

    def observe(self, endpoint: str, answers: Sequence[Mapping[str, Any]]) -> list[str]:
        """Take in what Kling says of tasks; returns the ids of rows that changed.

        Tasks that the ledger does not know are left out.
        """
        with self._transaction() as db:
            by_id = {str(data.get("task_id") or data.get("id")): data for data in answers}
            changed: list[str] = []
            for task_id, data in by_id.items():
                about = {"endpoint": endpoint, "task_id": task_id}
                for row_id, raw, product in statements.SEEN.run(db, about):
                    if json.loads(raw) != data:
                        self._observe(db, row_id, data, product=product)
                        changed.append(row_id)
            return changed

    def _observe(
        self,
        db: sa.Connection,
        row_id: str,
        data: Mapping[str, Any],
        *,
        product: str,
        first: bool = False,
    ) -> None:
        now = self.now()
        seen = Answer(data)
        state = seen.status if seen.ended or seen.status == "submitted" else "processing"
        values: dict[str, Any] = {
            "state": state,
            "raw": _json(data),
            "error": seen.message if state == "failed" else "",
            "updated_at": now,
        }
        if first:
            values |= {"task_id": seen.task_id, "owner": None, "lease_until": None, "now": now}
        if seen.ended:
            values["finished_at"] = now
            values["cost_units"] = _money(seen.units)
            values["cost_usd"] = _dollars(seen.units, product)
        (statements.ACCEPT if first else statements.CHANGE).run(db, {"row": row_id, **values})
        for number, (kind, output) in enumerate(seen.outputs):
            made = {
                "task": row_id,
                "number": number,
                "kind": kind,
                "output_id": text(output, "id", "audio_id"),
                "url": text(output, "url", "url_mp3", "mp3_url"),
            }
            statements.NOTE_OUTPUT.run(db, made)

    def lead(self, name: str, owner: str, *, seconds: float) -> bool:
        """Become or stay the one who does a thing, for some seconds."""
        now = self.now()
        until = now + seconds
        insert = self._insert(leases).values(name=name, owner=owner, until=until)
        free = sa.or_(leases.c.owner == owner, leases.c.until < now)
        statement = insert.on_conflict_do_update(
            index_elements=["name"], set_={"owner": owner, "until": until}, where=free
        )
        with self._transaction() as db:
            # An INSERT's rowcount is unknown to some drivers; what it returns is not.
            return db.execute(statement.returning(leases.c.name)).first() is not None

    def resign(self, name: str, owner: str) -> None:
        """Give the lead back at once."""
        with self._transaction() as db:
            db.execute(
                sa.update(leases)
                .where(leases.c.name == name, leases.c.owner == owner)
                .values(until=0.0)
            )

    def nudge(self, endpoint: str) -> None:
        """Something happened to a task of `endpoint`: whoever watches it should ask at once."""
        with self._transaction() as db:
            self._set_meta(db, f"nudge {endpoint}", uuid.uuid4().hex)

    def nudged(self, endpoint: str) -> str:
        """The mark of the last nudge, "" before the first; another mark means: ask now."""
        with self._transaction(read=True) as db:
            return self._meta(db, f"nudge {endpoint}") or ""

    def look(self, endpoint: str, lease: str) -> Look:
        """What a watcher of `endpoint` needs to know, in one transaction."""
        now = self.now()
        with self._transaction(read=True) as db:
            held = db.execute(sa.select(leases).where(leases.c.name == lease)).first()
            leader, until = (held.owner, held.until) if held else ("", 0.0)
            mark = self._meta(db, f"nudge {endpoint}") or ""
            if until >= now and leader != self.owner:
                return Look(leader, until, mark)
            query = (
                sa.select(tasks)
                .with_only_columns(
                    tasks.c.id,
                    tasks.c.task_id,
                    tasks.c.sent_at,
                    tasks.c.model_name,
                    tasks.c.quote_units,
                    tasks.c.product,
                )
                .where(tasks.c.endpoint == endpoint, tasks.c.state.in_(RUNNING))
                .order_by(tasks.c.created_at)
            )
            rows = db.execute(query).all()
            running = tuple(
                Seen(r.id, r.task_id, now - r.sent_at, (r.model_name, r.quote_units)) for r in rows
            )
            where = (tasks.c.state == "waiting", self._living())
            line = (
                bool(rows)
                and db.execute(
                    sa.select(sa.exists().where(tasks.c.product == rows[0].product, *where))
                ).scalar_one()
            )
            return Look(leader, until, mark, running, bool(line))

    def versions(self, row_ids: Sequence[str]) -> dict[str, tuple[str, float]]:
        """State and time of the last change of rows, by id."""
        found: dict[str, tuple[str, float]] = {}
        with self._transaction(read=True) as db:
            for start in range(0, len(row_ids), 500):
                query = sa.select(tasks.c.id, tasks.c.state, tasks.c.updated_at).where(
                    tasks.c.id.in_(row_ids[start : start + 500])
                )
                found |= {row.id: (row.state, row.updated_at) for row in db.execute(query)}
        return found

    def spans(self, endpoint: str) -> dict[tuple[str, str | None], tuple[float, float]]:
        """The shortest and the longest time that the last 200 tasks took, by their kind."""
        last = (
            sa.select(
                tasks.c.model_name,
                tasks.c.quote_units,
                (tasks.c.finished_at - tasks.c.sent_at).label("seconds"),
            )
            .where(tasks.c.endpoint == endpoint, tasks.c.state == "succeeded", tasks.c.tries > 0)
            .order_by(tasks.c.created_at.desc())
            .limit(200)
            .subquery()
        )
        kind = (last.c.model_name, last.c.quote_units)
        ends = (sa.func.min(last.c.seconds), sa.func.max(last.c.seconds))
        with self._transaction(read=True) as db:
            rows = db.execute(sa.select(*kind, *ends).group_by(*kind)).all()
        return {(row[0], row[1]): (row[2], row[3]) for row in rows}

    def orphans(self, product: str, *, idle: float) -> list[Row]:
        """Rows of a product that were sent by processes that are gone, and not settled since."""
        now = self.now()
        query = (
            sa.select(tasks)
            .where(
                tasks.c.product == product,
                tasks.c.state.in_(("submitting", "unknown")),
                tasks.c.updated_at < now - idle,
            )
            .order_by(tasks.c.created_at)
        )
        with self._transaction(read=True) as db:
            found = [Row.of(row) for row in db.execute(query).mappings()]
        return [row for row in found if self._orphaned(row)]

    def busy_endpoints(self, product: str) -> list[str]:
        """The endpoints of a product that have running tasks."""
        query = (
            sa.select(tasks.c.endpoint)
            .where(tasks.c.product == product, tasks.c.state.in_(RUNNING))
            .distinct()
        )
        with self._transaction(read=True) as db:
            return list(db.execute(query).scalars())

    # --- reading ---------------------------------------------------------------------------

    def get(self, row_id: str) -> Row | None:
        """The row with our id, Kling's id, or an unambiguous beginning or end of either."""
        if not row_id:
            return None
        ours, theirs = tasks.c.id, tasks.c.task_id
        begins = [c.startswith(row_id, autoescape=True) for c in (ours, theirs)]
        ends = [c.endswith(row_id, autoescape=True) for c in (ours, theirs)]
        with self._transaction(read=True) as db:
            for where in (sa.or_(ours == row_id, theirs == row_id), sa.or_(*begins, *ends)):
                found = db.execute(sa.select(tasks).where(where).limit(2)).mappings().all()
                if len(found) == 1:
                    return Row.of(dict(found[0]))
        return None

    def row(self, row_id: str) -> Row:
        """The row with exactly our id."""
        with self._transaction(read=True) as db:
            return self._get(db, row_id)

    def by_task_id(self, endpoint: str, task_id: str) -> Row | None:
        """The row of one of Kling's tasks, None when the ledger does not know it."""
        where = (tasks.c.endpoint == endpoint, tasks.c.task_id == task_id)
        with self._transaction(read=True) as db:
            found = db.execute(sa.select(tasks).where(*where)).mappings().first()
        return None if found is None else Row.of(found)

    def _get(self, db: sa.Connection, row_id: str) -> Row:
        return Row.read(statements.ROW.one(db, {"row": row_id}))

    def rows(
        self,
        *,
        states: Sequence[str] | None = None,
        endpoint: str | None = None,
        words: str | None = None,
        project: str | None = None,
        digest: str | None = None,
        since: float | None = None,
        limit: int | None = None,
        orphans: bool = False,
    ) -> list[Row]:
        """Rows, newest first; `orphans` only those that no living process holds."""
        query = sa.select(tasks).order_by(tasks.c.created_at.desc(), tasks.c.id)
        if states is not None:
            query = query.where(tasks.c.state.in_(states))
        if endpoint is not None:
            query = query.where(tasks.c.endpoint == endpoint)
        if words:
            query = query.where(tasks.c.text.icontains(words, autoescape=True))
        if project is not None:
            query = query.where(tasks.c.project == project)
        if digest is not None:
            query = query.where(tasks.c.digest == digest)
        if since is not None:
            query = query.where(tasks.c.created_at >= since)
        with self._transaction(read=True) as db:
            found = db.execute(query.limit(limit) if limit else query).mappings().all()
        rows = [Row.of(row) for row in found]
        return [row for row in rows if self._orphaned(row)] if orphans else rows

    # --- outputs ---------------------------------------------------------------------------

    def kept(self, row_id: str | None = None, *, missing: bool = False) -> list[Kept]:
        """The outputs of a task, or of all; `missing` only those that are not on disk."""
        query = sa.select(outputs).order_by(outputs.c.task, outputs.c.number)
        if row_id is not None:
            query = query.where(outputs.c.task == row_id)
        if missing:
            query = query.where(outputs.c.path.is_(None))
        with self._transaction(read=True) as db:
            return [Kept(**row) for row in db.execute(query).mappings()]

    def keep(
        self, row_id: str, number: int, *, path: Path, sha256: str, size: int, audit: str
    ) -> None:
        """An output is on disk, whole."""
        with self._transaction() as db:
            about = {"row": row_id, "place": number, "path": str(path), "saved_at": self.now()}
            statements.KEEP.run(db, {**about, "sha256": sha256, "size": size, "audit": audit})

    def adopt(
        self, entry: Entry, data: Mapping[str, Any], *, created_at: float | None = None
    ) -> bool:
        """Write down a task that was made elsewhere; False when it is known already."""
        task_id = str(data.get("task_id") or data.get("id"))
        with self._transaction() as db:
            known = sa.select(tasks.c.id).where(
                tasks.c.endpoint == entry.endpoint, tasks.c.task_id == task_id
            )
            if db.execute(known).first():
                return False
            values = self._prepared(entry, 0.0) | {"state": "submitted"}
            if created_at is not None:
                made = min(created_at, self.now())
                values |= {"created_at": made, "sent_at": made}
            db.execute(self._insert(tasks).values(values).on_conflict_do_nothing())
            self._observe(db, entry.id, data, product=entry.product, first=True)
            return True

    # --- families --------------------------------------------------------------------------

    def parent(self, row: Row) -> Row | None:
        """The row whose output this one continues, None when there is none or it is unknown."""
        made = sa.select(outputs.c.task).where(outputs.c.output_id == row.parent_output_id)
        ways = [
            *([tasks.c.task_id == row.parent_task_id] if row.parent_task_id else []),
            *([tasks.c.id.in_(made)] if row.parent_output_id else []),
        ]
        return next(iter(self._rows(sa.or_(*ways))), None) if ways else None

    def maker(self, output_id: str) -> Row | None:
        """The row whose task made this output, None when the ledger knows of none."""
        made = sa.select(outputs.c.task).where(outputs.c.output_id == output_id)
        return next(iter(self._rows(tasks.c.id.in_(made))), None) if output_id else None

    def children(self, row: Row) -> list[Row]:
        """The rows that continue an output of this one, oldest first."""
        made = sa.select(outputs.c.output_id).where(
            outputs.c.task == row.id, outputs.c.output_id != ""
        )
        ways: list[sa.ColumnElement[bool]] = [tasks.c.parent_output_id.in_(made)]
        if row.task_id:
            ways.append(tasks.c.parent_task_id == row.task_id)
        return self._rows(sa.or_(*ways))

    def _rows(self, where: sa.ColumnElement[bool]) -> list[Row]:
        query = sa.select(tasks).where(where).order_by(tasks.c.created_at, tasks.c.id)
        with self._transaction(read=True) as db:
            return [Row.of(row) for row in db.execute(query).mappings()]

    # --- money -----------------------------------------------------------------------------

    def spent(self, since: float, *, project: str | None = None) -> tuple[Decimal, int]:
        """US dollars committed since a moment, and how many of those tasks have no known price.

        A task counts with its quote from the moment it is written down until it is refused or
        fails.
        """
        with self._transaction(read=True) as db:
            return self._spent(db, since, project)

    def amounts(self, since: float) -> list[Amount]:
        """What each task since a moment was expected to cost and did, oldest first."""
        columns = (
            tasks.c.created_at,
            tasks.c.project,
            tasks.c.model_name,
            tasks.c.state,
            tasks.c.quote_usd,
            tasks.c.cost_usd,
        )
        query = sa.select(*columns).where(tasks.c.created_at >= since, tasks.c.state != "rejected")
        with self._transaction(read=True) as db:
            return [Amount(*row) for row in db.execute(query.order_by(tasks.c.created_at))]

    def _spent(self, db: sa.Connection, since: float, project: str | None) -> tuple[Decimal, int]:
        query = sa.select(tasks.c.quote_usd, tasks.c.cost_usd).where(
            tasks.c.created_at >= since, tasks.c.state.not_in(("rejected", "failed"))
        )
        if project is not None:
            query = query.where(tasks.c.project == project)
        amounts = [row.cost_usd or row.quote_usd for row in db.execute(query)]
        known = [Decimal(amount) for amount in amounts if amount is not None]
        return sum(known, Decimal(0)), len(amounts) - len(known)


def _usd(amount: Decimal) -> str:
    cents = amount.quantize(Decimal("0.01"))
    return f"${cents if cents == amount else amount.normalize():f}"


def _new_name() -> str:
    return f"{os.getpid()}-{uuid.uuid4().hex[:12]}"


def _midnight(now: float) -> float:
    return (
        datetime.fromtimestamp(now)
        .astimezone()
        .replace(hour=0, minute=0, second=0, microsecond=0)
        .timestamp()
    )


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)


def _money(value: Decimal | None) -> str | None:
    return None if value is None else str(value)


def _dollars(units: Decimal | None, product: str) -> str | None:
    """What units are worth by the dated price of a unit; None when either is unknown."""
    from kling_core.catalog.pricing import unit_usd

    return None if units is None else _money(units * unit_usd(product))

"""Following what runs: what Kling says of tasks, and who asks."""

from __future__ import annotations

import json
import uuid
from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import sqlalchemy as sa

from kling_core.caller_warnings import notify
from kling_core.declare import registry
from kling_core.editions import KNOWN
from kling_core.editions.task_facts import FILES, TaskFacts, amount, read
from kling_core.ledger import statements
from kling_core.ledger.queries import NEWEST, Reading
from kling_core.ledger.records import (
    RUNNING,
    Look,
    Row,
    Seen,
    as_amount,
    as_plain,
    as_text,
)
from kling_core.ledger.schema import UNSAID, aside, leases, tasks

Version = tuple[str, float, float | None]


class Unsaid(NamedTuple):
    """A task that has succeeded, and of which Kling has not said what it deducted."""

    endpoint: str
    task_id: str
    edition: str
    route: str


class News(Reading):
    """The state of running tasks."""

    def observe(self, endpoint: str, answers: Sequence[TaskFacts]) -> list[str]:
        """Take in what Kling says of tasks; returns the ids of rows that changed.

        Tasks that the ledger does not know are left out, and answers older than what it knows; so
        is one that cannot be read, which is no trouble of the others.
        """
        # Of a task that is named twice the last word counts.
        by_id = {facts.task_id: facts for facts in answers if facts.task_id}
        changed: list[str] = []
        odd: list[str] = []
        with self._transaction() as db:
            for task_id, facts in by_id.items():
                about = {"endpoint": endpoint, "task_id": task_id}
                for row_id, raw, unclear in statements.SEEN.run(db, about):
                    try:
                        said = json.loads(raw)
                        cleared = unclear is not None and facts.known
                        if not (cleared or _says_else(facts, said, raw)):
                            continue
                        known = read(said)
                        if facts.overtaken(known):
                            continue
                        self._observe(db, row_id, facts, endpoint=endpoint, again=known.ended)
                    except _UNREADABLE as error:
                        odd.append(f"what Kling says of task {task_id} cannot be read ({error!r})")
                        continue
                    changed.append(row_id)
                    odd += _odd(facts)
        for trouble in odd:  # when the others are written down
            notify(trouble)
        return changed

    def _observe(
        self,
        db: sa.Connection,
        row_id: str,
        seen: TaskFacts,
        *,
        endpoint: str,
        first: bool = False,
        again: bool = False,
    ) -> None:
        """Write an answer down: the `first` that names the task, or one of a task that had ended
        before (`again`), whose time of ending stays.
        """
        now = self.now()
        # A word that is not ours counts as running: nothing ends by it.
        state = seen.status if seen.ended or seen.status == "submitted" else "processing"
        values: dict[str, Any] = {
            "state": state,
            "raw": as_text(seen.raw),
            # What Kling says of a task that runs, or is made, is no error.
            "error": as_plain(seen.message) if state == "failed" else "",
            "updated_at": now,
            "unclear_at": None,
        }
        if not seen.known:  # no word of ours: perhaps it has ended
            values["unclear_at"] = self._unclear_since(db, row_id, now)
        if first:
            values |= {
                "task_id": as_plain(seen.task_id),
                "owner": None,
                "lease_until": None,
                "given_up_at": None,
                "now": now,
            }
        if seen.ended and not again:
            values["finished_at"] = now
        if seen.ended and seen.units is not None:  # one that does not say it takes nothing back
            values["cost_units"] = as_amount(seen.units)
            values["cost_usd"] = _dollars(seen.units, endpoint)
        made = [
            {
                "task": row_id,
                "number": number,
                "kind": output.kind,
                "output_id": as_plain(output.id),
                "url": as_plain(output.url),
                "data": None if output.kind in FILES else as_text(output.raw),
            }
            for number, output in enumerate(seen.outputs)
        ]
        (statements.ACCEPT if first else statements.CHANGE).run(db, {"row": row_id, **values})
        for output in made:
            statements.NOTE_OUTPUT.run(db, output)

    def _unclear_since(self, db: sa.Connection, row_id: str, now: float) -> float:
        since = db.execute(sa.select(tasks.c.unclear_at).where(tasks.c.id == row_id)).scalar()
        return now if since is None else float(since)

    def unclear(self, row_id: str) -> None:
        """Kling does not find the task; since when is remembered until it does."""
        where = (tasks.c.id == row_id, tasks.c.state.in_(RUNNING), tasks.c.unclear_at.is_(None))
        with self._transaction() as db:
            db.execute(sa.update(tasks).where(*where).values(unclear_at=self.now()))

    def keep(
        self, row_id: str, number: int, *, path: Path, sha256: str, size: int, audit: str
    ) -> None:
        """An output is on disk, whole."""
        with self._transaction() as db:
            about = {"row": row_id, "place": number, "path": str(path), "saved_at": self.now()}
            statements.KEEP.run(db, {**about, "sha256": sha256, "size": size, "audit": audit})

    def nudge(self, endpoint: str) -> None:
        """Something happened to a task of `endpoint`: whoever watches it should ask at once."""
        with self._transaction() as db:
            # No time: two nudges of one moment would be one mark.
            self._set_meta(db, f"nudge {endpoint}", uuid.uuid4().hex)

    def nudged(self, endpoint: str) -> str:
        """The mark of the last nudge, "" before the first; another mark means: ask now."""
        with self._transaction(read=True) as db:
            return self._meta(db, f"nudge {endpoint}") or ""

    def look(self, endpoint: str, lease: str, *, longest: float) -> Look:
        """What a watcher of `endpoint` needs to know, in one transaction.

        `longest` is for how many seconds a lead is given at most.
        """
        now = self.now()
        with self._transaction(read=True) as db:
            held = db.execute(sa.select(leases).where(leases.c.name == lease)).first()
            leader, until = (held.owner, held.until) if held else ("", 0.0)
            mark = self._meta(db, f"nudge {endpoint}") or ""
            if leader != self.owner and self.counts(until, longest=longest):
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
                    tasks.c.unclear_at,
                    tasks.c.edition,
                    tasks.c.route,
                )
                .where(aside(tasks.c.endpoint) == endpoint, tasks.c.state.in_(RUNNING))
                .where(aside(tasks.c.edition).in_(KNOWN), tasks.c.given_up_at.is_(None))
                .order_by(tasks.c.created_at)
            )
            rows = db.execute(query).all()
            running = tuple(
                Seen(
                    r.id,
                    r.task_id,
                    abs(now - r.sent_at),  # a time ahead is that of a wrong clock: it is no child
                    (r.model_name, r.quote_units),
                    0.0 if r.unclear_at is None else abs(now - r.unclear_at),
                    r.edition,
                    r.route,
                )
                for r in rows
            )
            where = (tasks.c.state == "waiting", self._living())
            line = (
                bool(rows)
                and db.execute(
                    sa.select(sa.exists().where(tasks.c.product == rows[0].product, *where))
                ).scalar_one()
            )
            return Look(leader, until, mark, running, bool(line))

    def versions(self, row_ids: Sequence[str]) -> dict[str, Version]:
        """State, time of the last change, and since when rows are given up, by id."""
        found: dict[str, Version] = {}
        with self._transaction(read=True) as db:
            for start in range(0, len(row_ids), 500):
                query = sa.select(
                    tasks.c.id, tasks.c.state, tasks.c.updated_at, tasks.c.given_up_at
                ).where(tasks.c.id.in_(row_ids[start : start + 500]))
                found |= {row_id: (*version,) for row_id, *version in db.execute(query)}
        return found

    def spans(self, endpoint: str) -> dict[tuple[str, str | None], tuple[float, float]]:
        """The shortest and the longest time that the last 200 tasks took, by their kind."""
        newest = (
            sa.select(
                tasks.c.model_name,
                tasks.c.quote_units,
                tasks.c.state,
                tasks.c.tries,
                (tasks.c.finished_at - tasks.c.sent_at).label("seconds"),
            )
            .where(tasks.c.endpoint == endpoint)
            .order_by(tasks.c.created_at.desc())
            # Bounded first: where all fail, 200 that succeeded may be far away.
            .limit(NEWEST)
            .subquery()
        )
        last = (
            sa.select(newest)
            # Without tries it was taken in: its "end" is only when it was seen.
            .where(newest.c.state == "succeeded", newest.c.tries > 0)
            .limit(200)
            .subquery()
        )
        kind = (last.c.model_name, last.c.quote_units)
        ends = (sa.func.min(last.c.seconds), sa.func.max(last.c.seconds))
        with self._transaction(read=True) as db:
            rows = db.execute(sa.select(*kind, *ends).group_by(*kind)).all()
        return {(row[0], row[1]): (row[2], row[3]) for row in rows}

    def unsaid(
        self, since: float, limit: int, endpoints: Collection[str] | None = None
    ) -> list[Unsaid]:
        """The newest tasks that have succeeded since a moment, and of which Kling has not said what
        it deducted; only those of these `endpoints`.
        """
        wanted = (tasks.c[name] for name in Unsaid._fields)
        query = sa.select(*wanted).where(
            UNSAID, tasks.c.created_at >= since, tasks.c.task_id.is_not(None)
        )
        query = query.where(aside(tasks.c.edition).in_(KNOWN))
        if endpoints is not None:
            query = query.where(aside(tasks.c.endpoint).in_(endpoints))
        with self._transaction(read=True) as db:
            rows = db.execute(query.order_by(tasks.c.created_at.desc()).limit(limit))
            return [Unsaid(*row) for row in rows]

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
        return [row for row in found if self.orphaned(row)]

    def busy_endpoints(self, product: str) -> list[str]:
        """The endpoints of a product that have running tasks."""
        query = (
            sa.select(tasks.c.endpoint)
            .where(tasks.c.product == product, tasks.c.state.in_(RUNNING))
            .distinct()
        )
        with self._transaction(read=True) as db:
            return list(db.execute(query).scalars())


_UNREADABLE = (ArithmeticError, ValueError, TypeError, RecursionError)
"""What an answer may do to its reader, whatever it holds."""


def _says_else(facts: TaskFacts, known: Mapping[str, Any], text: str) -> bool:
    """Whether an answer says something else than the known one.

    Told by the `text` of the known one in the end: NaN is not equal to itself.
    """
    return known != facts.raw and text != as_text(facts.raw)


def _odd(facts: TaskFacts) -> list[str]:
    """What to say of a deduction that is no amount."""
    told = (
        f"Kling says that task {facts.task_id} cost {facts.odd_units} units, which is no amount: "
        "what it was quoted at counts until Kling says otherwise"
    )
    return [told] if facts.odd_units else []


def _dollars(units: Decimal, endpoint: str) -> str | None:
    """What units are worth by the dated price of a unit; None where that is not known."""
    from kling_core.rules.price import unit_usd

    declared = registry.known(endpoint)
    pack = declared.pack if declared is not None else ""
    return as_amount(amount(units * unit_usd(pack))) if pack else None

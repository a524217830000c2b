"""What the ledger knows: rows, outputs, families."""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Sequence

import sqlalchemy as sa

from kling_core.ledger import statements
from kling_core.ledger.database import Database
from kling_core.ledger.rows import Kept, Row
from kling_core.ledger.schema import leases, outputs, tasks


class Reading(Database):
    """The questions that change nothing."""

    def get(self, row_id: str) -> Row | None:
        """The row with our id, Kling's id, or an unambiguous beginning or end of either."""
        found = self.like(row_id, limit=2)
        return found[0] if len(found) == 1 else None

    def like(self, row_id: str, *, limit: int) -> list[Row]:
        """The rows whose id, ours or Kling's, begins or ends so; the one that is it, alone."""
        if not row_id:
            return []
        ours, theirs = tasks.c.id, tasks.c.task_id
        begins = [c.startswith(row_id, autoescape=True) for c in (ours, theirs)]
        ends = [c.endswith(row_id, autoescape=True) for c in (ours, theirs)]
        with self._transaction(read=True) as db:
            for where in (sa.or_(ours == row_id, theirs == row_id), sa.or_(*begins, *ends)):
                found = db.execute(sa.select(tasks).where(where).limit(limit)).mappings().all()
                if len(found) == 1:
                    return [Row.of(dict(found[0]))]
        return [Row.of(dict(row)) for row in found]

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

    def kept(self, row_id: str | None = None, *, missing: bool = False) -> list[Kept]:
        """The outputs of a task, or of all; `missing` only those that are not on disk."""
        query = sa.select(outputs).order_by(outputs.c.task, outputs.c.number)
        if row_id is not None:
            query = query.where(outputs.c.task == row_id)
        if missing:
            query = query.where(outputs.c.path.is_(None))
        with self._transaction(read=True) as db:
            return [Kept(**row) for row in db.execute(query).mappings()]

    def unkept(self, since: float = 0.0) -> list[Kept]:
        """The outputs of succeeded tasks made since a moment that are not on disk, or not whole."""
        query = (
            sa.select(outputs)
            .join(tasks, tasks.c.id == outputs.c.task)
            .where(tasks.c.state == "succeeded", tasks.c.created_at >= since)
            .order_by(outputs.c.task, outputs.c.number)
        )
        with self._transaction(read=True) as db:
            found = (Kept(**row) for row in db.execute(query).mappings())
            return [kept for kept in found if not kept.on_disk]

    def unnamed(self, since: float = 0.0) -> list[Row]:
        """The succeeded tasks made since a moment of which Kling has named no result yet."""
        made = sa.exists().where(outputs.c.task == tasks.c.id)
        return self._rows(
            sa.and_(tasks.c.state == "succeeded", tasks.c.created_at >= since, sa.not_(made))
        )

    def these(self, row_ids: Collection[str]) -> list[Row]:
        """The rows with exactly these ids, oldest first."""
        ids, rows = sorted(row_ids), list[Row]()
        for start in range(0, len(ids), 500):
            rows += self._rows(tasks.c.id.in_(ids[start : start + 500]))
        return sorted(rows, key=lambda row: (row.created_at, row.id))

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

    def task_ids(self, endpoint: str) -> frozenset[str]:
        """Kling's ids of the tasks of an endpoint that requests of this ledger made.

        Those that were only seen in Kling's lists are left out: one of them may belong to a request
        whose answer is still missing.
        """
        query = sa.select(tasks.c.task_id).where(
            tasks.c.endpoint == endpoint, tasks.c.task_id.is_not(None), tasks.c.digest != ""
        )
        with self._transaction(read=True) as db:
            return frozenset(db.execute(query).scalars())

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

    def _living(self) -> sa.ColumnElement[bool]:
        """Whether the process that owns a row has said lately that it lives."""
        name = sa.literal("process ") + tasks.c.owner
        return sa.exists().where(leases.c.name == name, leases.c.until >= self.now())

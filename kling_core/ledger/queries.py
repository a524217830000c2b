"""What the ledger knows: rows, outputs, families."""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Iterable, Iterator, Sequence

import sqlalchemy as sa

from kling_core.ledger import statements
from kling_core.ledger.database import Database
from kling_core.ledger.records import Claims, Kept, Row
from kling_core.ledger.schema import (
    IN_A_PROJECT,
    TAIL,
    UNSAVED,
    aside,
    ending,
    leases,
    outputs,
    tasks,
)

BATCH = 500
"""Rows that are read or asked for at once."""

NEWEST = 1000
"""Rows that are looked through for what no index knows."""

AHEAD = 300.0
"""Seconds by which the clocks of processes may differ before one of them is taken for wrong."""

LISTED = 31 * 86400.0
"""Seconds after which no list of Kling shows a task any more, and a day."""


class Reading(Database):
    """The questions that change nothing."""

    def get(self, row_id: str) -> Row | None:
        """The row with our id, Kling's id, or an unambiguous beginning or end of either."""
        found = self.like(row_id, limit=2)
        return found[0] if len(found) == 1 else None

    def like(self, row_id: str, *, limit: int) -> list[Row]:
        """The rows whose id, ours or Kling's, begins or ends so; the one that is it, alone.

        Of an end that is shorter than four letters only the newest rows are looked through.
        """
        if not row_id:
            return []
        with self._transaction(read=True) as db:
            exact = [column == row_id for column in (tasks.c.id, tasks.c.task_id)]
            found = self._first_ids(db, exact, limit)
            if len(found) != 1:
                found = self._first_ids(db, self._alike(row_id), limit)
            return [self._get(db, name) for name in found]

    def _first_ids(
        self, db: sa.Connection, ways: Iterable[sa.ColumnElement[bool]], limit: int
    ) -> list[str]:
        """Some of the rows for which one of these is true; each is a question for one index."""
        found: dict[str, None] = {}
        for where in ways:
            query = sa.select(tasks.c.id).where(where).limit(limit)
            found |= dict.fromkeys(db.execute(query).scalars())
        return list(found)[:limit]

    def _alike(self, part: str) -> Iterator[sa.ColumnElement[bool]]:
        """The ways in which an id, ours or Kling's, may begin or end with this."""
        at_least, below = ("~>=~", "~<~") if self._postgres else (">=", "<")  # by its bytes
        newest = sa.select(tasks.c.id).order_by(tasks.c.created_at.desc()).limit(NEWEST)
        for column in (tasks.c.id, tasks.c.task_id):
            beyond = f"{part}{chr(0x10FFFF)}"  # with the last character there is
            yield sa.and_(column.bool_op(at_least)(part), column.bool_op(below)(beyond))
            ends = column.endswith(part, autoescape=True)
            if len(part) >= TAIL:
                yield sa.and_(column.is_not(None), ending(column) == part[-TAIL:], ends)
            else:
                yield sa.and_(tasks.c.id.in_(newest.scalar_subquery()), ends)

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
        if endpoint is not None:
            query = query.where(tasks.c.endpoint == endpoint)
        if words:
            query = query.where(tasks.c.text.icontains(words, autoescape=True))
        if project is not None:
            query = query.where(tasks.c.project == project)
            query = query.where(IN_A_PROJECT) if project else query
        if digest is not None:
            query = query.where(tasks.c.digest == digest)
        if since is not None:
            query = query.where(tasks.c.created_at >= since)
        rows: list[Row] = []
        with self._transaction(read=True) as db:
            # Of each state by itself: an index has them in the order in which they are wanted.
            for state in (None,) if states is None else dict.fromkeys(states):
                part = query if state is None else query.where(tasks.c.state == state)
                found = db.execute(part.limit(limit) if limit else part).mappings()
                rows += [Row.of(row) for row in found]
        if states is not None and len(states) > 1:
            rows.sort(key=lambda row: (-row.created_at, row.id))
            rows = rows[: limit or None]
        return [row for row in rows if self.orphaned(row)] if orphans else rows

    def kept(
        self, row_id: str | None = None, *, of: Collection[str] | None = None, missing: bool = False
    ) -> list[Kept]:
        """The outputs of a task, of several, or of all; `missing` only files never saved."""
        query = sa.select(outputs).order_by(outputs.c.task, outputs.c.number)
        if missing:
            query = query.where(UNSAVED)
        if row_id is not None:
            of = (row_id,)
        found: list[Kept] = []
        with self._transaction(read=True) as db:
            for some in (None,) if of is None else _parts(list(dict.fromkeys(of))):
                part = query if some is None else query.where(outputs.c.task.in_(some))
                found += [Kept.of(row) for row in db.execute(part).mappings()]
        return found

    def finished(self, since: float, *, saved: bool = True) -> Iterator[Kept]:
        """The files of the tasks that succeeded and were made since a moment.

        First those that were never saved, then the `saved` ones, of both the oldest first. Some at
        a time are read, so that there may be any number.
        """
        with self._transaction(read=True) as db:
            names = db.execute(_unsaved(aside(tasks.c.created_at) >= since)).scalars().all()
        # These first: what was never saved is what Kling purges.
        for some in _parts(list(dict.fromkeys(names))):
            left = self.kept(of=some, missing=True)
            yield from sorted(left, key=lambda kept: (some.index(kept.task), kept.number))
        if saved:
            yield from self._saved(since)

    def _saved(self, since: float) -> Iterator[Kept]:
        place = (tasks.c.created_at, outputs.c.task, outputs.c.number)
        query = (
            sa.select(tasks.c.created_at, outputs)
            .join(tasks, tasks.c.id == outputs.c.task)
            .where(tasks.c.state == "succeeded", outputs.c.path.is_not(None))
            .order_by(*place)
            .limit(BATCH)
        )
        # A transaction for each batch: who reads on slowly holds nobody up.
        after: tuple[float, str, int] = (since, "", -1)
        while True:
            made, task, number = after
            # For those of one moment; `created_at >=` beside it is what the index is asked.
            later = sa.or_(
                tasks.c.created_at > made,
                outputs.c.task > task,
                sa.and_(outputs.c.task == task, outputs.c.number > number),
            )
            with self._transaction(read=True) as db:
                found = db.execute(query.where(tasks.c.created_at >= made, later))
                rows = found.mappings().all()
            yield from map(Kept.of, rows)
            if len(rows) < BATCH:
                return
            after = (rows[-1]["created_at"], rows[-1]["task"], rows[-1]["number"])

    def count_unsaved(self, before: float) -> int:
        """How many files of tasks that were made before a moment were never saved."""
        old = _unsaved(aside(tasks.c.created_at) < before).subquery()
        with self._transaction(read=True) as db:
            return int(db.execute(sa.select(sa.func.count()).select_from(old)).scalar_one())

    def unnamed(self, since: float = 0.0) -> list[Row]:
        """The succeeded tasks made since a moment of which Kling has named no result yet."""
        made = sa.exists().where(outputs.c.task == tasks.c.id)
        return self._rows(
            sa.and_(tasks.c.state == "succeeded", tasks.c.created_at >= since, sa.not_(made))
        )

    def these(self, row_ids: Collection[str]) -> list[Row]:
        """The rows with exactly these ids, oldest first."""
        rows = list[Row]()
        for some in _parts(sorted(row_ids)):
            rows += self._rows(tasks.c.id.in_(some))
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

    def claims(self, row_id: str, *, account: bool = False) -> Claims:
        """What other requests of a row's endpoint, or of the account, have made or may be making.

        Tasks that were only seen in Kling's lists are left out: one of them may belong to a request
        whose answer is still missing.
        """
        with self._transaction(read=True) as db:
            row = self._get(db, row_id)
            others = [tasks.c.id != row_id, tasks.c.digest != ""]
            others += [] if account else [tasks.c.endpoint == row.endpoint]
            made = sa.select(tasks.c.task_id, tasks.c.parent_output_id).where(
                *others, tasks.c.task_id.is_not(None), tasks.c.created_at >= self.now() - LISTED
            )
            # What was certain before this one was sent made nothing that came after it.
            late = sa.func.coalesce(tasks.c.doubt_until, self.now()) >= (row.sent_at or 0.0)
            rivals = sa.select(tasks.c.parent_output_id).where(
                *others, tasks.c.state.in_(("submitting", "unknown")), late
            )
            return Claims(
                {row.task_id: row.parent_output_id for row in db.execute(made)},
                tuple(db.execute(rivals).scalars()),
            )

    def _dead(self, row: Row) -> bool:
        """Whether the owner of a row has certainly ended, however long its lease.

        Told by this machine's processes, so only for a ledger in a file; and only for rows with an
        external id, which can be looked up at any time.
        """
        # On Windows `os.kill` would end the process whatever the signal.
        if self._postgres or sys.platform == "win32" or not (row.owner and row.external_task_id):
            return False
        try:
            os.kill(int(row.owner.partition("-")[0]), 0)
        except ProcessLookupError:
            return True
        except (PermissionError, ValueError):  # it lives, as another user; or is no number
            return False
        return False

    def orphaned(self, row: Row) -> bool:
        """Whether no living process holds a row."""
        return not self._in_hands(row)

    def _in_hands(self, row: Row) -> bool:
        """Whether a living process holds the row, as far as that is known."""
        return self._ours(row) or (self.leased(row) and not self._dead(row))

    def leased(self, row: Row) -> bool:
        """Whether the lease of a row holds, also that of a process that has just ended.

        What a clock that is far ahead has written is void, with the end of its lease.
        """
        ahead = row.updated_at > self.now() + AHEAD
        return self._ours(row) or (self.counts(row.lease_until) and not ahead)

    def held(self, row: Row) -> bool:
        """Whether a living process has the row in hand, to send it or to find out about it."""
        return row.owner is not None and self._in_hands(row)

    def _living(self) -> sa.ColumnElement[bool]:
        """Whether the process that owns a row has said lately that it lives."""
        name = sa.literal("process ") + tasks.c.owner
        return sa.exists().where(
            leases.c.name == name, statements.living(leases.c.until, self.now())
        )


def _unsaved(when: sa.ColumnElement[bool]) -> sa.Select[str]:
    """The task of each file that was never saved; the oldest first."""
    done = (UNSAVED, aside(tasks.c.state) == "succeeded", when)
    query = sa.select(tasks.c.id).select_from(outputs).join(tasks, tasks.c.id == outputs.c.task)
    return query.where(*done).order_by(tasks.c.created_at, tasks.c.id)


def _parts(names: Sequence[str]) -> Iterator[Sequence[str]]:
    """So many at a time as one statement may name."""
    return (names[start : start + BATCH] for start in range(0, len(names), BATCH))

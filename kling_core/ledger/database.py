"""The ledger's database: opening, migrating, transactions, and who leads what.

Each transaction is committed to disk before it returns.
"""

from __future__ import annotations

import os
import re
import threading
import time
import uuid
from collections.abc import Callable, Generator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import exc
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from kling_core.advice import Advice, Text
from kling_core.errors import LedgerError
from kling_core.ledger import engine as engines
from kling_core.ledger.migrations import STEPS, VERSION
from kling_core.ledger.records import Row
from kling_core.ledger.schema import META, leases, meta

ALIVE = 3.0
"""Seconds without a sign of life after which a process is not waited for in the line."""

LONGEST = 3600.0
"""Seconds for which a lease is given at most: one that reaches further is that of a wrong clock."""

MEASURED = 30.0
"""Seconds for which the difference between our clock and the database's is believed."""

JUMP = 1.0
"""Seconds by which wall clock and monotonic clock may differ before one of them was set."""


_SINCE_THE_FIRST = {"tasks", "outputs", "leases"}
"""The tables that a ledger of every schema has, beside `meta`."""

_WRITING = """SELECT pg_advisory_xact_lock(7710215),
    set_config('idle_in_transaction_session_timeout', '60s', true)"""
"""One writes at a time, as in SQLite: the running sums are rows that all writers share, and two who
change them in another order would wait for each other. A writer that is suspended loses its turn.
"""


class Database:
    """One ledger's connections.

    Its transactions are one at a time within a process; SQLite's own waiting is unfair and slow.
    """

    def __init__(
        self,
        place: str | Path,
        account: str,
        *,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._postgres = re.match(r"postgresql(\+\w+)?://", str(place)) is not None
        self._clock, self._monotonic = clock, monotonic
        self._ahead = 0.0
        self._measured: tuple[float, float] | None = None  # wall and monotonic time, then
        self._until: dict[str, tuple[float, float]] = {}  # our rows' leases, also in steady time
        self._said = 0.0
        self._name = _new_name()
        self._pid = os.getpid()
        self._engine = (
            engines.postgresql(str(place)) if self._postgres else engines.sqlite(Path(place))
        )
        url = self._engine.url
        self.place = url.render_as_string() if self._postgres else str(url.database)
        self._identity = None if self._postgres else engines.identity(self.place)
        self._lock = threading.Lock()
        self._writer: sa.Connection | None = None
        self._inherited: list[sa.Connection | None] = []
        try:
            self._migrate(account)
        # A Ctrl-C while it opens must leave no connection behind either.
        except BaseException:
            self.close()
            raise
        if not self._postgres:
            # Not before: the files of its log are there only now.
            engines.keep_private(Path(self.place))

    def _migrate(self, account: str) -> None:
        with self._transaction() as db:
            if self._postgres:
                db.execute(sa.text("SELECT pg_advisory_xact_lock(7710214)"))
                self._measure(db)
            version = self._version(db)
            if version > VERSION:
                raise LedgerError(
                    f"the ledger {self.place} was written by a newer kling-suite "
                    f"(schema {version}; this one knows {VERSION})",
                    fix="Update: pip install -U kling-suite. Nothing was changed.",
                )
            for step in STEPS[version:]:
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

    def _version(self, db: sa.Connection) -> int:
        """The schema that the database has, 0 for an empty one.

        One with tables that are not ours is somebody else's: nothing is written to it.
        """
        found = sa.inspect(db)
        names = set(found.get_table_names())
        if "meta" in names:  # many programs have one, with a version of their own in it
            columns = {column["name"] for column in found.get_columns("meta")}
            ours = columns == set(meta.c.keys()) and names >= _SINCE_THE_FIRST
            version = self._meta(db, "version") if ours else None
            version = version if version is not None and version.isdecimal() else None
        else:  # a database of PostgreSQL may be shared with what has other names
            version = None if names & set(META.tables) or (names and not self._postgres) else "0"
        if version is None:
            raise LedgerError(
                f"{self.place} is the database of another program, not a ledger",
                fix="Nothing was changed. Set KLING_LEDGER to a place of its own.",
            )
        return int(version)

    def _still_there(self) -> None:
        """Refuse to go on in a file that nobody will find: deleted, moved, or another by now."""
        now = None if self._postgres else engines.identity(self.place)
        if now == self._identity:
            return
        became = "is gone: it was deleted or moved" if now is None else "was replaced by another"
        raise LedgerError(
            f"the ledger {self.place} {became} while this program had it open",
            cause="What is written now would be lost, and with it what was paid for.",
            fix=Text(
                "Put the file back, and it goes on; or start anew with what is there now. ",
                Advice("rescue"),
                " finds the tasks of the last 30 days at Kling.",
            ),
        )

    def close(self) -> None:
        """Close the connections; a later use opens them again."""
        self._after_fork()  # a child does not close what is its parent's
        with self._lock:
            if self._writer is not None:
                self._writer.close()
            self._writer = None
        self._engine.dispose()

    def __del__(self) -> None:
        """A ledger that nobody closed leaves no connection open."""
        with suppress(Exception):  # it may be half made, or the interpreter half gone
            self.close()

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
            self._until = {}

    def now(self) -> float:
        """The ledger's time: this machine's, or with PostgreSQL the database's."""
        if self._postgres and self._out_of_date():
            with self._transaction(read=True) as db:
                self._measure(db)
        return self._clock() + self._ahead

    def _measure(self, db: sa.Connection) -> None:
        """How far the database's clock is ahead of ours."""
        self._ahead = self._database_time(db) - self._clock()
        self._measured = (self._clock(), self._monotonic())

    def _database_time(self, db: sa.Connection) -> float:
        # Not now(), which is the time at which the transaction began: that may have waited since.
        return float(
            db.execute(sa.text("SELECT extract(epoch from clock_timestamp())")).scalar_one()
        )

    def _out_of_date(self) -> bool:
        """Whether our clock may have been set, or have slept, since it was compared."""
        if self._measured is None:
            return True
        wall, steady = (
            now - then
            for now, then in zip((self._clock(), self._monotonic()), self._measured, strict=True)
        )
        return not 0 <= wall < MEASURED or steady >= MEASURED or abs(wall - steady) > JUMP

    # --- leases ----------------------------------------------------------------------------

    def counts(self, until: float | None, *, longest: float = LONGEST) -> bool:
        """Whether a lease holds: it is not over, nor further ahead than any is given."""
        now = self.now()
        return until is not None and now <= until <= now + longest

    def _leased(self, row_id: str, now: float, seconds: float) -> None:
        """Remember a lease that we gave ourselves at `now`, by a clock that nobody sets."""
        steady = self._monotonic()
        # A program that runs for months must not remember every row it ever sent.
        if len(self._until) > 1000:
            self._until = {name: ends for name, ends in self._until.items() if ends[1] > steady}
        self._until[row_id] = (now + seconds, steady + seconds)

    def _ours(self, row: Row) -> bool:
        """Whether this process holds a row, however the wall clock was set meanwhile."""
        until, steady = self._until.get(row.id, (None, 0.0))
        same = row.owner == self.owner and row.lease_until == until
        return same and steady >= self._monotonic()

    @contextmanager
    def _transaction(self, *, read: bool = False) -> Generator[sa.Connection]:
        """One transaction; a `read` one waits for nobody and holds nobody up."""
        self._after_fork()
        # Each time: an open file goes on without its name, and takes what is then lost.
        self._still_there()
        own = read or self._postgres
        trouble: BaseException
        try:
            # In line within the process: SQLite's own waiting is unfair and slow.
            with nullcontext() if own else self._lock:
                db = self._connect(read) if own else self._writing()
                with db if own else nullcontext(), db.begin():
                    if own and not read:
                        db.exec_driver_sql(_WRITING)
                    yield db
            return
        except exc.TimeoutError as error:  # all connections of this process wait for the lock
            trouble = error
        except exc.DBAPIError as error:
            # The driver's own words: SQLAlchemy's show the statement's values, prompts included.
            trouble = error.orig or error
        # What `statements` runs on the driver itself, SQLAlchemy has not wrapped.
        except self._engine.dialect.loaded_dbapi.Error as error:
            trouble = error
        if self._postgres:  # the frames of its driver hold the password
            trouble = trouble.with_traceback(None)
            trouble.__cause__ = trouble.__context__ = None
        raise engines.explain(trouble, self.place) from trouble

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

    def lead(self, name: str, owner: str, *, seconds: float, longest: float | None = None) -> bool:
        """Become or stay the one who does a thing, for some seconds.

        Nobody leads it for more than `longest` at a time, which is a minute or four times the
        `seconds` unless it is said: what was given for longer was given by a wrong clock.
        """
        now = self.now()
        until = now + seconds
        insert = self._insert(leases).values(name=name, owner=owner, until=until)
        void = now + (max(60.0, 4 * seconds) if longest is None else longest)
        free = sa.or_(leases.c.owner == owner, leases.c.until < now, leases.c.until > void)
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

    def alive(self) -> None:
        """Say that this process lives; the rows of others are not waited for in the line."""
        now, owner = self.now(), self.owner
        if 0 <= now - self._said < ALIVE / 3:  # below 0 the clock was set back
            return
        self.lead(f"process {owner}", owner, seconds=ALIVE)
        self._said = now


def _new_name() -> str:
    # The number first, by which `_dead` asks for the process; the rest, as numbers come again.
    return f"{os.getpid()}-{uuid.uuid4().hex[:12]}"

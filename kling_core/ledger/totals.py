"""Running sums of what tasks cost, kept by triggers of the database.

Whatever statement changes a task, of whatever version of this package, the sums change with it in
the same transaction; so they are right after every crash, and no limit has to read the tasks.

A sum is one of a `kind`:

    time      of all tasks that were sent in a quarter of an hour, which begins at `start`
    project   of a project, in a day of UTC
    model     of a model, in a day of UTC
    all       of a project, for all time

A quarter, because midnight is at the full quarter of UTC everywhere on earth.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import sqlalchemy as sa

from kling_core.ledger.records import IN_LINE

__all__ = ["DAY", "QUARTER", "SCALE", "SUMS", "fill", "install", "of_tasks"]

QUARTER = 900
DAY = 86400

SCALE = 10**9
"""Sums are whole billionths of a US dollar: exact, as amounts have at most nine places."""

SUMS = ("tasks", "open", "unknown", "unsaid", "estimate", "actual", "committed")
"""How many tasks, how many of them have not ended, have no known price, have ended without a word
of what they cost; what they were quoted at, did cost, and are to be counted with."""


def _is(row: str, *states: str) -> str:
    """Whether a task is in one of these states; SQLite sets up a table for each IN of a trigger."""
    return "(" + " OR ".join(f"{row}.state = '{state}'" for state in states) + ")"


def _ended(row: str) -> str:
    return _is(row, "succeeded", "failed", "expired")


def _unsent(row: str) -> str:
    return _is(row, *IN_LINE, "rejected")


def _counted(row: str) -> str:
    """Whether a task may cost something: it was sent, and was not refused."""
    return f"({row}.sent_at IS NOT NULL AND NOT {_unsent(row)})"


def _flag(condition: str) -> str:
    return f"CASE WHEN {condition} THEN 1 ELSE 0 END"


def _values(row: str, postgres: bool) -> dict[str, str]:
    """The share of one task in each sum, as SQL."""

    def billionths(column: str) -> str:
        if postgres:
            return f"COALESCE(round({row}.{column}::numeric * {SCALE})::bigint, 0)"
        return f"COALESCE(CAST(ROUND(CAST({row}.{column} AS REAL) * {SCALE}) AS INTEGER), 0)"

    quote, cost = billionths("quote_usd"), billionths("cost_usd")
    # Nothing deducted for a task that was made is not believed yet: it may have been said too soon.
    said = f"({row}.cost_usd IS NOT NULL AND ({cost} > 0 OR {row}.state = 'failed'))"
    free = f"({row}.state = 'failed' AND {cost} = 0)"
    ended = _ended(row)
    return {
        "tasks": "1",
        "open": _flag(f"NOT ({ended})"),
        "unknown": _flag(f"{row}.quote_usd IS NULL AND NOT ({cost} > 0) AND NOT {free}"),
        "unsaid": _flag(f"{ended} AND NOT {said} AND NOT {free}"),
        "estimate": quote,
        "actual": cost,
        "committed": f"CASE WHEN {free} THEN 0 WHEN {cost} > 0 THEN {cost} ELSE {quote} END",
    }


def _start(row: str, length: int, postgres: bool) -> str:
    if postgres:
        return f"(floor({row}.sent_at / {length}) * {length})::bigint"
    return f"(CAST({row}.sent_at AS INTEGER) / {length} * {length})"


def _places(row: str, postgres: bool) -> Iterator[tuple[str, str, str]]:
    """Kind, start and key of the sums that a task is part of."""
    yield "time", _start(row, QUARTER, postgres), "''"
    yield "project", _start(row, DAY, postgres), f"{row}.project"
    yield "model", _start(row, DAY, postgres), f"{row}.model_name"
    yield "all", "0", f"{row}.project"


def _added(row: str, shares: Mapping[str, str], postgres: bool) -> str:
    """Statements that add shares to the sums that a task is part of."""
    news = ", ".join(f"{name} = totals.{name} + excluded.{name}" for name in SUMS)
    # One after the other: PostgreSQL changes no row twice in one statement, and SQLite would set up
    # a table for the rows of several.
    return "\n".join(
        f"INSERT INTO totals (kind, start, key, {', '.join(SUMS)}) VALUES "  # noqa: S608
        f"('{kind}', {start}, {key}, {', '.join(shares[name] for name in SUMS)}) "
        f"ON CONFLICT (kind, start, key) DO UPDATE SET {news};"
        for kind, start, key in _places(row, postgres)
    )


def _stage(row: str) -> str:
    """The state of a task as far as its share depends on it."""
    return (
        f"CASE WHEN {_unsent(row)} THEN 0 WHEN {row}.state = 'failed' THEN 3 "
        f"WHEN {_ended(row)} THEN 2 ELSE 1 END"
    )


def _triggers(postgres: bool) -> dict[str, tuple[str, str, str]]:
    """By name: the event, when it counts, and what then changes."""
    old, new = _values("OLD", postgres), _values("NEW", postgres)
    less = {name: f"-({share})" for name, share in old.items()}
    difference = {name: f"({new[name]}) - ({old[name]})" for name in SUMS}
    was, now = _counted("OLD"), _counted("NEW")
    stays = _alike("sent_at", "project", "model_name", postgres=postgres)
    stage = f"{_stage('OLD')} = {_stage('NEW')}"
    same = f"{_alike('quote_usd', 'cost_usd', postgres=postgres)} AND {stage}"
    return {
        "totals_new": ("INSERT", now, _added("NEW", new, postgres)),
        "totals_changed": (
            "UPDATE",
            f"{was} AND {now} AND {stays} AND NOT ({same})",
            _added("NEW", difference, postgres),
        ),
        "totals_off": (
            "UPDATE",
            f"{was} AND NOT ({now} AND {stays})",
            _added("OLD", less, postgres),
        ),
        "totals_on": ("UPDATE", f"{now} AND NOT ({was} AND {stays})", _added("NEW", new, postgres)),
    }


def _alike(*names: str, postgres: bool) -> str:
    """Whether an update leaves these columns as they were."""
    equal = "IS NOT DISTINCT FROM" if postgres else "IS"
    return " AND ".join(f"OLD.{name} {equal} NEW.{name}" for name in names)


def install(db: sa.Connection) -> None:
    """Make the triggers."""
    postgres = db.dialect.name == "postgresql"
    for name, (event, when, body) in _triggers(postgres).items():
        trigger = f"TRIGGER {name} AFTER {event} ON tasks FOR EACH ROW WHEN"
        if postgres:
            db.exec_driver_sql(
                f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger "
                f"AS $kling$ BEGIN {body} RETURN NULL; END $kling$ LANGUAGE plpgsql"
            )
            db.exec_driver_sql(f"CREATE {trigger} ({when}) EXECUTE FUNCTION {name}()")
        else:
            db.exec_driver_sql(f"CREATE {trigger} {when} BEGIN {body} END")


def of_tasks(key: str, *, postgres: bool) -> str:
    """The query of the sums of the tasks sent between `:since` and `:until`, by a column.

    For the ends of a span, which lie within what is summed up.
    """
    sums = ", ".join(f"SUM({share})" for share in _values("t", postgres).values())
    return (  # of names that are all our own
        f"SELECT {key}, {sums} FROM tasks t WHERE {_counted('t')} "  # noqa: S608
        "AND t.sent_at >= :since AND t.sent_at < :until GROUP BY 1"
    )


def fill(db: sa.Connection) -> None:
    """Reckon all sums from the tasks, for a ledger that had none."""
    postgres = db.dialect.name == "postgresql"
    sums = ", ".join(f"SUM({share})" for share in _values("t", postgres).values())
    for kind, start, key in _places("t", postgres):
        db.exec_driver_sql(
            f"INSERT INTO totals (kind, start, key, {', '.join(SUMS)}) "  # noqa: S608
            f"SELECT '{kind}', {start}, {key}, {sums} FROM tasks t WHERE {_counted('t')} "
            "GROUP BY 2, 3"
        )

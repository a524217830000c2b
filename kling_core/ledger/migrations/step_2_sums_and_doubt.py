"""Schema 2: an index for every question, running sums, exact amounts, and what is in doubt.

Frozen, see `kling_core.ledger.migrations`. What the sums mean: `kling_core.ledger.totals`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation

import sqlalchemy as sa

__all__ = ["run"]

_COLUMNS = ("unclear_at", "given_up_at", "doubt_until")

_TOTALS = """CREATE TABLE totals (
    kind TEXT NOT NULL,
    start BIGINT NOT NULL,
    key TEXT NOT NULL,
    tasks BIGINT NOT NULL,
    open BIGINT NOT NULL,
    unknown BIGINT NOT NULL,
    unsaid BIGINT NOT NULL,
    estimate BIGINT NOT NULL,
    actual BIGINT NOT NULL,
    committed BIGINT NOT NULL,
    PRIMARY KEY (kind, start, key)
)"""

_INDEXES = (
    "CREATE INDEX tasks_sent ON tasks (sent_at) WHERE sent_at IS NOT NULL",
    "CREATE INDEX tasks_by_state ON tasks (state, created_at)",
    "CREATE INDEX tasks_by_endpoint ON tasks (endpoint, created_at)",
    "CREATE INDEX tasks_by_project ON tasks (project, created_at) WHERE project != ''",
    "CREATE INDEX tasks_by_digest ON tasks (digest, created_at)",
    "CREATE INDEX tasks_end ON tasks (substr(id, length(id) - 3))",
    (
        "CREATE INDEX tasks_kling_end ON tasks (substr(task_id, length(task_id) - 3)) "
        "WHERE task_id IS NOT NULL"
    ),
    "CREATE INDEX tasks_parent_task_id ON tasks (parent_task_id) WHERE parent_task_id IS NOT NULL",
    (
        "CREATE INDEX tasks_parent_output_id ON tasks (parent_output_id) "
        "WHERE parent_output_id IS NOT NULL"
    ),
    (
        "CREATE INDEX tasks_unsaid ON tasks (created_at) "
        "WHERE state = 'succeeded' AND cost_units IS NULL"
    ),
    "CREATE INDEX outputs_unsaved ON outputs (task, number) WHERE path IS NULL",
)

_OF_SQLITE = (
    f"{_TOTALS} WITHOUT ROWID",
    "CREATE UNIQUE INDEX tasks_kling ON tasks (task_id, endpoint) WHERE task_id IS NOT NULL",
)

_OF_POSTGRESQL = (  # whose indexes sort by its language, unless told otherwise
    _TOTALS,
    (
        "CREATE UNIQUE INDEX tasks_kling ON tasks (task_id text_pattern_ops, endpoint) "
        "WHERE task_id IS NOT NULL"
    ),
    "CREATE INDEX tasks_begin_ours ON tasks (id text_pattern_ops)",
)

_GONE = ("tasks_state", "tasks_digest", "tasks_task_id")
"""Indexes of schema 1 that others have taken the place of."""

_IN_DOUBT = """UPDATE tasks SET doubt_until = COALESCE(lease_until, updated_at) + 660.0
    WHERE tries > 0 AND state IN ('prepared', 'waiting', 'submitting', 'unknown')"""
"""What was sent by older code may become a task for eleven minutes more."""


def run(db: sa.Connection) -> None:
    """From schema 1 to schema 2."""
    postgres = db.dialect.name == "postgresql"
    for name in _COLUMNS:
        db.exec_driver_sql(f"ALTER TABLE tasks ADD COLUMN {name} FLOAT")
    for statement in (*(_OF_POSTGRESQL if postgres else _OF_SQLITE), *_INDEXES):
        db.exec_driver_sql(statement)
    for name in _GONE:
        db.exec_driver_sql(f"DROP INDEX IF EXISTS {name}")
    _mend_amounts(db)
    db.exec_driver_sql(_IN_DOUBT)
    _install(db, postgres)
    _fill(db, postgres)


def _mend_amounts(db: sa.Connection) -> None:
    """What schema 1 took for an amount and is none is not known."""
    for kind in ("quote", "cost"):
        units, usd = f"{kind}_units", f"{kind}_usd"
        for name in (units, usd):
            known = f"SELECT DISTINCT {name} FROM tasks WHERE {name} IS NOT NULL"  # noqa: S608
            nothing = sa.text(f"UPDATE tasks SET {units} = NULL, {usd} = NULL WHERE {name} = :text")  # noqa: S608
            for text in [t for t in db.exec_driver_sql(known).scalars() if not _is_amount(t)]:
                db.execute(nothing, {"text": text})


def _is_amount(text: str) -> bool:
    """Whether it is 0 or more, below a million, and can be reckoned with."""
    try:
        number = Decimal(text) if len(text) <= 64 else Decimal("NaN")
    except InvalidOperation:
        return False
    if not number.is_finite() or not 0 <= number < 1_000_000:
        return False
    return number.is_zero() or number.adjusted() >= -30


# --- running sums --------------------------------------------------------------------------

_SUMS = ("tasks", "open", "unknown", "unsaid", "estimate", "actual", "committed")
_SCALE = 10**9
_QUARTER, _DAY = 900, 86400


def _is(row: str, *states: str) -> str:
    return "(" + " OR ".join(f"{row}.state = '{state}'" for state in states) + ")"


def _ended(row: str) -> str:
    return _is(row, "succeeded", "failed", "expired")


def _unsent(row: str) -> str:
    return _is(row, "prepared", "waiting", "rejected")


def _counted(row: str) -> str:
    return f"({row}.sent_at IS NOT NULL AND NOT {_unsent(row)})"


def _flag(condition: str) -> str:
    return f"CASE WHEN {condition} THEN 1 ELSE 0 END"


def _shares(row: str, postgres: bool) -> dict[str, str]:
    """The share of one task in each sum."""

    def billionths(column: str) -> str:
        if postgres:
            return f"COALESCE(round({row}.{column}::numeric * {_SCALE})::bigint, 0)"
        return f"COALESCE(CAST(ROUND(CAST({row}.{column} AS REAL) * {_SCALE}) AS INTEGER), 0)"

    quote, cost = billionths("quote_usd"), billionths("cost_usd")
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
    yield "time", _start(row, _QUARTER, postgres), "''"
    yield "project", _start(row, _DAY, postgres), f"{row}.project"
    yield "model", _start(row, _DAY, postgres), f"{row}.model_name"
    yield "all", "0", f"{row}.project"


def _added(row: str, shares: Mapping[str, str], postgres: bool) -> str:
    """Statements that add shares to the sums that a task is part of."""
    news = ", ".join(f"{name} = totals.{name} + excluded.{name}" for name in _SUMS)
    # One after the other: PostgreSQL changes no row twice in one statement, and SQLite would set up
    # a table for the rows of several.
    return "\n".join(
        f"INSERT INTO totals (kind, start, key, {', '.join(_SUMS)}) VALUES "  # noqa: S608
        f"('{kind}', {start}, {key}, {', '.join(shares[name] for name in _SUMS)}) "
        f"ON CONFLICT (kind, start, key) DO UPDATE SET {news};"
        for kind, start, key in _places(row, postgres)
    )


def _stage(row: str) -> str:
    """The state of a task as far as its share depends on it."""
    return (
        f"CASE WHEN {_unsent(row)} THEN 0 WHEN {row}.state = 'failed' THEN 3 "
        f"WHEN {_ended(row)} THEN 2 ELSE 1 END"
    )


def _alike(*names: str, postgres: bool) -> str:
    """Whether an update leaves these columns as they were."""
    equal = "IS NOT DISTINCT FROM" if postgres else "IS"
    return " AND ".join(f"OLD.{name} {equal} NEW.{name}" for name in names)


def _triggers(postgres: bool) -> dict[str, tuple[str, str, str]]:
    """By name: the event, when it counts, and what then changes."""
    old, new = _shares("OLD", postgres), _shares("NEW", postgres)
    less = {name: f"-({share})" for name, share in old.items()}
    difference = {name: f"({new[name]}) - ({old[name]})" for name in _SUMS}
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


def _install(db: sa.Connection, postgres: bool) -> None:
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


def _fill(db: sa.Connection, postgres: bool) -> None:
    """Reckon all sums from the tasks that are there."""
    sums = ", ".join(f"SUM({share})" for share in _shares("t", postgres).values())
    for kind, start, key in _places("t", postgres):
        db.exec_driver_sql(
            f"INSERT INTO totals (kind, start, key, {', '.join(_SUMS)}) "  # noqa: S608
            f"SELECT '{kind}', {start}, {key}, {sums} FROM tasks t WHERE {_counted('t')} "
            "GROUP BY 2, 3"
        )

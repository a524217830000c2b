"""Schema 1: tasks, outputs, leases. Frozen, see `kling_core.ledger.migrations`."""

from __future__ import annotations

import sqlalchemy as sa

__all__ = ["run"]

_TASKS = """CREATE TABLE tasks (
    id TEXT NOT NULL,
    endpoint TEXT NOT NULL,
    product TEXT NOT NULL,
    weight INTEGER NOT NULL,
    state TEXT NOT NULL,
    project TEXT NOT NULL,
    external_task_id TEXT,
    task_id TEXT,
    request TEXT NOT NULL,
    media TEXT NOT NULL,
    digest TEXT NOT NULL,
    model_name TEXT NOT NULL,
    text TEXT NOT NULL,
    parent_task_id TEXT,
    parent_output_id TEXT,
    quote_units TEXT,
    quote_usd TEXT,
    cost_units TEXT,
    cost_usd TEXT,
    error TEXT NOT NULL,
    raw TEXT NOT NULL,
    known TEXT,
    tries INTEGER NOT NULL,
    owner TEXT,
    lease_until FLOAT,
    created_at FLOAT NOT NULL,
    sent_at FLOAT,
    updated_at FLOAT NOT NULL,
    finished_at FLOAT,
    PRIMARY KEY (id)
)"""

_OUTPUTS = """CREATE TABLE outputs (
    task TEXT NOT NULL,
    number INTEGER NOT NULL,
    kind TEXT NOT NULL,
    output_id TEXT NOT NULL,
    url TEXT NOT NULL,
    path TEXT,
    sha256 TEXT,
    size BIGINT,
    audit TEXT NOT NULL,
    saved_at FLOAT,
    PRIMARY KEY (task, number),
    FOREIGN KEY (task) REFERENCES tasks (id)
)"""

_STATEMENTS = (
    "CREATE TABLE meta (key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (key))",
    _TASKS,
    "CREATE INDEX tasks_state ON tasks (product, state)",
    "CREATE UNIQUE INDEX tasks_task_id ON tasks (endpoint, task_id)",
    "CREATE INDEX tasks_created ON tasks (created_at)",
    "CREATE INDEX tasks_digest ON tasks (digest)",
    _OUTPUTS,
    "CREATE INDEX outputs_output_id ON outputs (output_id)",
    """CREATE TABLE leases (
    name TEXT NOT NULL,
    owner TEXT NOT NULL,
    until FLOAT NOT NULL,
    PRIMARY KEY (name)
)""",
)


def run(db: sa.Connection) -> None:
    """From an empty database to schema 1."""
    for statement in _STATEMENTS:
        db.exec_driver_sql(statement)

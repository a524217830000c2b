"""Rows, answers and clocks for tests of the ledger."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from kling_core.declare import registry
from kling_core.editions.choose import edition_of
from kling_core.editions.task_facts import TaskFacts, read
from kling_core.flows.read import Way
from kling_core.ledger.ledger import Ledger
from kling_core.ledger.records import Entry
from kling_core.ledger.schema import totals

ACCOUNT = "account-of-the-test"
LEASE = 60.0

OpenLedger = Callable[..., Ledger]

INDEXES = (
    "tasks_sent",
    "tasks_by_state",
    "tasks_by_endpoint",
    "tasks_by_project",
    "tasks_by_digest",
    "tasks_kling",
    "tasks_end",
    "tasks_kling_end",
    "tasks_parent_task_id",
    "tasks_parent_output_id",
    "tasks_unsaid",
    "outputs_unsaved",
)
"""What keeps each question as fast as on the first day; version 1 had none of them."""

_numbers = itertools.count(1)


class Moved:
    """A clock that a test can set ahead or back, and stop."""

    def __init__(self) -> None:
        self.offset = 0.0
        self._stopped: float | None = None

    def __call__(self) -> float:
        return (time.time() if self._stopped is None else self._stopped) + self.offset

    def stop(self) -> None:
        """Only `offset` moves it from now on, however slow the machine is."""
        self._stopped = time.time()


def entry(name: str | None = None, **more: Any) -> Entry:
    """A request to be written down."""
    name = name or f"row-{next(_numbers)}"
    known: dict[str, Any] = {
        "endpoint": "text_to_video",
        "product": "video",
        "external_task_id": name,
        "request": {"fields": {"prompt": "a boat"}, "sent": {"prompt": "a boat"}},
        "media": {},
        "digest": f"digest of {name}",
        "model_name": "kling-v2-5-turbo",
        "text": "a boat",
        "quote_units": Decimal("1.5"),
        "quote_usd": Decimal("0.21"),
    }
    return Entry(id=name, **{**known, **more})


def answer(task_id: str, status: str = "submitted", videos: int = 0, **more: Any) -> TaskFacts:
    """What Kling says of a task, as it was read."""
    made = [{"id": f"{task_id}-v{n}", "url": f"http://x.test/{n}.mp4"} for n in range(videos)]
    result = {"task_result": {"videos": made}} if videos else {}
    return read({"task_id": task_id, "task_status": status, **result, **more})


def way_to(name: str) -> Way:
    """How the tasks of an endpoint are asked for."""
    declared = registry.load(name)
    return Way(declared, edition_of(declared), declared.path)


def as_version_1(ledger: Ledger) -> None:
    """Take away what later versions added."""
    with ledger._transaction() as db:
        for event in ("new", "changed", "off", "on"):
            on = " ON tasks" if ledger._postgres else ""
            db.exec_driver_sql(f"DROP TRIGGER totals_{event}{on}")
        for name in INDEXES:
            db.exec_driver_sql(f"DROP INDEX {name}")
        totals.drop(db)
        db.exec_driver_sql("CREATE UNIQUE INDEX tasks_task_id ON tasks (endpoint, task_id)")
        db.exec_driver_sql("CREATE INDEX tasks_state ON tasks (product, state)")
        db.exec_driver_sql("CREATE INDEX tasks_digest ON tasks (digest)")
        if ledger._postgres:
            db.exec_driver_sql("DROP INDEX tasks_begin_ours")
        for name in ("unclear_at", "given_up_at", "doubt_until", "edition", "route"):
            db.exec_driver_sql(f"ALTER TABLE tasks DROP COLUMN {name}")
        db.exec_driver_sql("ALTER TABLE outputs DROP COLUMN data")
        ledger._set_meta(db, "version", "1")

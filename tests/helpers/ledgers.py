"""Rows, answers and clocks for tests of the ledger."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from kling_core.ledger import statements
from kling_core.ledger.ledger import Ledger
from kling_core.ledger.records import Entry, Row, as_text
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


def answer(task_id: str, status: str = "submitted", videos: int = 0, **more: Any) -> dict[str, Any]:
    """What Kling says of a task."""
    made = [{"id": f"{task_id}-v{n}", "url": f"http://x.test/{n}.mp4"} for n in range(videos)]
    result = {"task_result": {"videos": made}} if videos else {}
    return {"task_id": task_id, "task_status": status, **result, **more}


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


FOREIGN = ("new-line", "new-lost", "new-running", "new-edition", "new-done")
"""What `from_elsewhere` writes."""


def from_elsewhere(ledger: Ledger) -> list[Row]:
    """Tasks as a newer version wrote them: of an endpoint, and an edition, that nobody knows here.

    One is in line, of one the answer is lost, two run, and one has made a clip that is not saved.
    """
    about: dict[str, Any] = {"endpoint": "sound_effects", "route": "/v9/sounds"}
    for name in FOREIGN:
        if name == "new-edition":
            about = {"edition": "v9", "route": "/text-to-video/kling-9"}
        ledger.prepare(entry(name, text=f"of {name}", project="foreign", **about), lease=-1)
        if name == "new-edition":
            about = {"endpoint": "sound_effects", "route": "/v9/sounds"}
        if name != "new-line":
            ledger.admit(name, limit=None, lease=-1)
        if name == "new-lost":
            ledger.doubtful(name, "no answer")
    ledger.release("new-line")
    for number, name in enumerate(FOREIGN[2:]):
        ledger.accepted(name, answer(f"550000{number}"))
    ledger.observe("text_to_video", [answer("5500001", "processing")])
    ledger.observe("sound_effects", [answer("5500002", "succeed", videos=1)])
    return foreign(ledger)


def foreign(ledger: Ledger) -> list[Row]:
    """Those rows as they are now."""
    return [ledger.row(name) for name in FOREIGN]


def with_text(ledger: Ledger, name: str = "said", **said: Any) -> Row:
    """A task that has made a text, which is all there is of it."""
    ledger.prepare(entry(name), lease=LEASE)
    ledger.admit(name, limit=None, lease=LEASE)
    ledger.accepted(name, answer(f"of-{name}"))
    ledger.observe("text_to_video", [answer(f"of-{name}", "succeed")])
    made = {"task": name, "number": 0, "kind": "text", "output_id": "t-1", "url": ""}
    with ledger._transaction() as db:
        statements.NOTE_OUTPUT.run(db, {**made, "data": as_text(said or {"text": "a paper boat"})})
    return ledger.row(name)

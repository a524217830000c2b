"""What the ledger costs a task: the CPU of its six transactions, on disk with fsync."""

from __future__ import annotations

import itertools
from decimal import Decimal
from pathlib import Path
from statistics import median

from tools import Plan, Row, cpu

from kling_core.editions.task_facts import read
from kling_core.ledger.ledger import Ledger
from kling_core.ledger.records import Entry

_numbers = itertools.count(1)


def a_task(plan: Plan, folder: Path, count: int = 100) -> list[Row]:
    """prepare, admit, accepted, two observes, keep; in a ledger that holds a thousand tasks."""
    ledger = Ledger(folder / "ledger.db", "benchmark")

    def work() -> None:
        for _ in range(count):
            _one(ledger)

    for _ in range(1000 // count):
        work()
    spent = [1000 * cpu(work) / count for _ in range(plan.times(9))]
    ledger.close()
    return [Row("ledger, CPU a task with fsync", median(spent), "ms", 2.0)]


def _one(ledger: Ledger) -> None:
    number = next(_numbers)
    name, task_id = f"kc-{number:032}", str(10**17 + number)
    entry = Entry(
        id=name,
        endpoint="text_to_video",
        product="video",
        external_task_id=name,
        request={"fields": {"prompt": "a boat"}, "sent": {"prompt": "a boat"}},
        media={},
        digest=name,
        model_name="kling-v2-5-turbo",
        text="a boat",
        quote_units=Decimal("1.5"),
        quote_usd=Decimal("0.21"),
    )
    ledger.prepare(entry, lease=150)
    assert ledger.admit(name, limit=100, lease=150).admitted
    answer = {"task_id": task_id, "task_status": "submitted"}
    ledger.accepted(name, read(answer))
    ledger.observe(entry.endpoint, [read({**answer, "task_status": "processing"})])
    videos = [{"id": task_id, "url": "https://media.example/a.mp4", "duration": "5"}]
    done = {"task_status": "succeed", "task_result": {"videos": videos}}
    ledger.observe(entry.endpoint, [read({**answer, **done, "final_unit_deduction": "1.5"})])
    ledger.keep(name, 0, path=Path("/clips/a.mp4"), sha256="0" * 64, size=10**6, audit="")

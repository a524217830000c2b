"""The law of the ledger's cost: the same questions at 1,000, 10,000 and 100,000 rows.

Each row of the table compares a size with 1,000 rows, the two by turns in the same run. A ledger
is filled with tasks of twenty days, five projects and three models; most are saved.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import time
import tracemalloc
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from tools import Plan, Row, against, by_turns

from kling_core.editions.task_facts import read
from kling_core.flows.rescue import missing
from kling_core.ledger import costs
from kling_core.ledger.ledger import Ledger
from kling_core.ledger.money import Budget
from kling_core.ledger.records import Entry
from kling_core.ledger.schema import outputs, tasks

SIZES = (1_000, 10_000, 100_000)
GOAL = 1.5
SIZE = Path(__file__).stat().st_size
"""Bytes of what stands for every clip: this file."""
DAYS = 20

_ENDPOINTS = ("text_to_video", "image_to_video", "lip_sync")
_MODELS = ("kling-v2-6", "kling-v2-5-turbo", "kling-v3")
_LIMITS = Budget(Decimal("0.21"), day=Decimal(10**6), project=Decimal(10**6), tasks=10**6)
_numbers = itertools.count(1)


def law(plan: Plan, folder: Path) -> Iterator[list[Row]]:
    """The rows of each larger size, and what a whole rescue takes."""
    small = filled(folder, SIZES[0])
    for size in SIZES[1:]:
        large = filled(folder, size)
        yield [
            against(
                f"{what}, {size:,} rows against {SIZES[0]:,}",
                GOAL,
                "ms",
                by_turns(_of(work, small), _of(work, large), plan.times(9), 1000 / each),
            )
            for what, (work, each) in QUESTIONS.items()
        ]
        yield rescue(large, size)
        large.close()
    small.close()


def _of(work: Callable[[Ledger], Any], ledger: Ledger) -> Callable[[], Any]:
    return lambda: work(ledger)


def filled(folder: Path, size: int) -> Ledger:
    """A ledger with so many finished tasks, written as fast as the database can."""
    ledger = Ledger(folder / f"scale-{size}.db", "benchmark")
    now = time.time()
    for start in range(0, size, 5_000):
        numbers = range(start, min(start + 5_000, size))
        with ledger._transaction() as db:
            db.execute(sa.insert(tasks), [_task(n, size, now) for n in numbers])
            # The last of all has a file that was never saved, the others are on disk: here.
            db.execute(sa.insert(outputs), [_output(n, size, now) for n in numbers])
    return ledger


def _name(number: int) -> str:
    return f"kc-{hashlib.sha256(str(number).encode()).hexdigest()[:32]}"


def _kling(number: int) -> str:
    return str(8 * 10**17 + number * 12_345_677)


def _task(number: int, size: int, now: float) -> dict[str, Any]:
    made = now - DAYS * 86_400 * (1 - number / size)
    request = {"fields": {"prompt": "a boat"}, "sent": {"prompt": "a boat in the rain " * 20}}
    video = {"id": f"v{number}", "url": "https://media.example/a.mp4", "duration": "5"}
    done = {"task_status": "succeed", "task_result": {"videos": [video]}}
    return {
        "id": _name(number),
        "endpoint": _ENDPOINTS[number % len(_ENDPOINTS)],
        "product": "video",
        "weight": 1,
        "state": "succeeded" if number % 20 else "failed",
        "project": f"film {number % 5}",
        "external_task_id": _name(number),
        "task_id": _kling(number),
        "request": json.dumps(request),
        "digest": f"digest {number}",
        "model_name": _MODELS[number % len(_MODELS)],
        "text": f"a boat in the rain, number {number}",
        "quote_units": "1.5",
        "quote_usd": "0.21",
        "cost_units": "1.5",
        "cost_usd": "0.21",
        "raw": json.dumps({"task_id": _kling(number), **done, "final_unit_deduction": "1.5"}),
        "tries": 1,
        "created_at": made,
        "sent_at": made,
        "updated_at": made,
        "finished_at": made + 90,
    }


def _output(number: int, size: int, now: float) -> dict[str, Any]:
    return {
        "task": _name(number),
        "number": 0,
        "kind": "video",
        "output_id": f"v{number}",
        "path": None if number == size - 1 else __file__,
        "size": SIZE,
        "saved_at": now,
    }


# --- the questions -------------------------------------------------------------------------


def _create(ledger: Ledger) -> None:
    """A request under limits of the day and its project, from the first row to the file."""
    for _ in range(10):
        name = f"new-{next(_numbers):032}"
        entry = Entry(
            id=name,
            endpoint="text_to_video",
            product="video",
            project="film 1",
            external_task_id=name,
            request={"fields": {"prompt": "a boat"}, "sent": {"prompt": "a boat"}},
            media={},
            digest=name,
            model_name="kling-v2-6",
            text="a boat",
            quote_units=Decimal("1.5"),
            quote_usd=Decimal("0.21"),
        )
        ledger.prepare(entry, lease=150, budget=_LIMITS, dedupe=600)
        assert ledger.admit(name, limit=10**6, lease=150, budget=_LIMITS).admitted
        answer = {"task_id": name, "task_status": "submitted"}
        ledger.accepted(name, read(answer))
        videos = [{"id": name, "url": "https://media.example/a.mp4"}]
        done = {"task_status": "succeed", "task_result": {"videos": videos}}
        ledger.observe("text_to_video", [read({**answer, **done, "final_unit_deduction": "1.5"})])
        ledger.keep(name, 0, path=Path(__file__), sha256="0" * 64, size=SIZE, audit="")


def _watch(ledger: Ledger) -> None:
    for _ in range(20):
        ledger.look("text_to_video", "watch text_to_video", longest=60.0)
        ledger.versions([_name(1), _name(2)])
        ledger.queue("video")


def _budget(ledger: Ledger) -> None:
    for _ in range(20):
        ledger.afford(_LIMITS, "film 1")


def _list(ledger: Ledger) -> None:
    for _ in range(5):
        kept = ledger.kept(of=[row.id for row in ledger.rows(limit=20)])
        assert kept
        ledger.rows(states=("failed", "succeeded"), limit=20)


def _exact(ledger: Ledger) -> None:
    for word in (_name(7), _kling(7), _kling(7)[-8:], _name(7)[:20]):
        row = ledger.get(word)
        assert row is not None


def _find(ledger: Ledger) -> None:
    assert len(ledger.rows(words="BOAT in the rain", limit=20)) == 20


def _costs(ledger: Ledger) -> None:
    since = time.time() - 30 * 86_400
    costs.costs(ledger, "day", since)
    costs.costs(ledger, "project", since)
    costs.costs(ledger, "model", since)


def _unsaved(ledger: Ledger) -> None:
    for _ in range(10):
        assert next(missing(ledger))


QUESTIONS: dict[str, tuple[Callable[[Ledger], Any], int]] = {
    "a create under limits": (_create, 10),
    "a watcher's step": (_watch, 20),
    "a budget judged": (_budget, 20),
    "a list of 20": (_list, 5),
    "a task by its id": (_exact, 4),
    "words that are found": (_find, 1),
    "costs of 30 days": (_costs, 1),
    "what was never saved, the first": (_unsaved, 10),
}
"""What is asked, and how often in one go."""


def rescue(ledger: Ledger, size: int) -> list[Row]:
    """Every file of the last days is looked for on disk: time for each, memory for all of them."""
    start = time.process_time()
    assert len(list(missing(ledger))) == 1
    spent = time.process_time() - start
    tracemalloc.start()
    assert len(list(missing(ledger))) == 1
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return [
        Row(f"a list for a rescue, {size:,} rows, each", 1e6 * spent / size, "µs", None),
        Row(f"a list for a rescue, {size:,} rows, memory", peak / 2**20, "MiB", 16.0),
    ]

"""What the ledger's tests share: ledgers on both stores, rows, sandboxes that render nothing."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import ExitStack
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from helpers.media import picture

from kling_core import Sandbox
from kling_core.ledger.rows import Entry
from kling_core.ledger.store import Ledger

ACCOUNT = "account-of-the-test"
LEASE = 60.0

OpenLedger = Callable[..., Ledger]


class Moved:
    """A clock that a test can set ahead or back."""

    def __init__(self) -> None:
        self.offset = 0.0

    def __call__(self) -> float:
        return time.time() + self.offset


@pytest.fixture
def moved() -> Moved:
    """The clock of the ledgers that `open_ledger` opens."""
    return Moved()


@pytest.fixture
def open_ledger(ledger_place: str, moved: Moved) -> Iterator[OpenLedger]:
    """Opens the test's ledger again and again, as other processes would."""
    with ExitStack() as stack:

        def opened(account: str = ACCOUNT, **options: Any) -> Ledger:
            ledger = Ledger(ledger_place, account, **{"clock": moved, **options})
            stack.callback(ledger.close)
            return ledger

        yield opened


@pytest.fixture
def ledger(open_ledger: OpenLedger) -> Ledger:
    """A fresh ledger, once on each store."""
    return open_ledger()


_numbers = itertools.count(1)


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


class Prepared:
    """Stands in the place of the sandbox's render workers: each output is there at once."""

    def __init__(self, folder: Path) -> None:
        from kling_core.sandbox.jobs import Output

        path = folder / "made.png"
        path.write_bytes(picture())
        self._made = Output(path, 5.0)

    def submit(self, _make: Any, _bench: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result([self._made])
        return future

    def shutdown(self, **_: Any) -> None:
        """Nothing runs."""


@pytest.fixture
def instant_sandbox(
    start_sandbox: Callable[..., Sandbox], tmp_path: Path
) -> Callable[..., Sandbox]:
    """Starts sandboxes whose tasks take their time but no rendering."""

    def start(**options: Any) -> Sandbox:
        sandbox = start_sandbox(units=10**9, image_units=10**9, **options)
        lifecycle: Any = sandbox._lifecycle
        lifecycle._pool.shutdown(wait=True)
        lifecycle._pool = Prepared(tmp_path)
        return sandbox

    return start

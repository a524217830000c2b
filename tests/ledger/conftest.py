"""What the ledger's tests share: ledgers on both stores, rows, sandboxes that render nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from helpers.ledgers import ACCOUNT, Moved, OpenLedger
from helpers.media import picture

from kling_core import Sandbox
from kling_core.ledger.ledger import Ledger


@pytest.fixture
def moved(monkeypatch: pytest.MonkeyPatch) -> Moved:
    """The clock of the ledgers that `open_ledger` opens, and of their database."""
    clock = Moved()
    monkeypatch.setattr(Ledger, "_database_time", lambda _ledger, _db: clock())
    return clock


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

"""One crash after another: kill a child somewhere, let time pass, take the work up, judge."""

from __future__ import annotations

import os
import queue
import shutil
import signal
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import sqlalchemy as sa
from helpers.proxy import Cut, Proxy
from job import Order
from mortal import Target
from nursery import Nursery
from verdict import Before, judge

from kling_core import Kling, Sandbox
from kling_core.ledger.schema import leases, tasks

DAY = 86400.0
KILLED = 9
SCRATCH = Path("/dev/shm")
"""Memory, where there is such a folder: a killed process loses nothing that it wrote there."""


@dataclass
class Stage:
    """Where all scenarios of one store are played; counts the kills by their point."""

    name: str
    sandbox: Sandbox
    proxy: Proxy
    nursery: Nursery
    source_video: str
    ledger: Callable[[Path], str]
    kills: Counter[str] = field(default_factory=Counter[str])
    jobs: int = 0

    @contextmanager
    def order(self) -> Iterator[Order]:
        """An order of its own folder and ledger."""
        self.jobs += 1
        place = SCRATCH if SCRATCH.is_dir() and os.access(SCRATCH, os.W_OK) else None
        folder = Path(tempfile.mkdtemp(prefix="kling-crash-", dir=place))
        try:
            yield Order(
                name=f"{self.name}-{self.jobs}",
                base_url=self.proxy.url,
                api_key=self.sandbox.api_key,
                folder=str(folder),
                ledger=self.ledger(folder),
                source_video=self.source_video,
            )
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def whole(self) -> list[str]:
        """The moments of a job that nobody kills."""
        with self.order() as order:
            before = Before(self.sandbox)
            assert self.nursery.child(order) == 0
            judge(order, self.sandbox, before)
            return order.moments()

    def killed_at(self, *targets: Target, how: str) -> None:
        """Kill the job at the first target, its taking up at the next one, and so on; judge."""
        with self.order() as first:
            order, before = first, Before(self.sandbox)
            for target in targets:
                if self.nursery.child(replace(order, target=target)) == KILLED:
                    self.kills[target[0]] += 1
                order = self._later(order, how)
            self._finish(order, before)

    def killed_by_cut(self, cut: Cut, name: str, *, how: str) -> None:
        """Kill the job when its exchange has come to a certain byte; judge."""
        with self.order() as order:
            before = Before(self.sandbox)
            born: queue.SimpleQueue[int] = queue.SimpleQueue()
            cut.then = lambda: os.kill(born.get(timeout=30), signal.SIGKILL)
            self.proxy.cut(cut)
            assert self.nursery.child(order, born.put) == KILLED
            assert cut.done.wait(30)
            self.kills[name] += 1
            self._finish(self._later(order, how), before)

    def _later(self, order: Order, how: str) -> Order:
        """The same work a day later, when every lease of the dead is over."""
        if any(moment == "before prepare" for moment in order.moments()) or order.round:
            with Kling(**order.settings()) as kling:
                ledger = kling.tasks.ledger
                with ledger._transaction() as db:
                    passed = {n: tasks.c[n] - DAY for n in ("lease_until", "doubt_until")}
                    db.execute(sa.update(tasks).values(passed))
                    db.execute(sa.update(leases).values(until=leases.c.until - DAY))
                ledger.close()
        return replace(order, how=how, round=order.round + 1, target=None)

    def _finish(self, order: Order, before: Before) -> None:
        """Do the rest, look whether all is there once, and that the job again makes nothing new."""
        assert self.nursery.child(order) == 0
        judge(order, self.sandbox, before)


def targets(moments: list[str], most: int) -> list[Target]:
    """Each moment by its name and number, the first `most` of each name; the rare ones first."""
    counts = Counter(moments)
    return [
        (name, number) for number in range(1, most + 1) for name in counts if counts[name] >= number
    ]

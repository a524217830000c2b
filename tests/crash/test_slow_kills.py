"""A client is killed while a slow service has its request; it is resumed at once, and later.

Twenty seconds of the service are eight tenths of one here, and its ten minutes are two seconds.
Nothing is doubled, nothing lost, and nobody hears "never sent" of what is billed.
"""

from __future__ import annotations

import contextlib
import os
import queue
import random
import shutil
import signal
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from conftest import PLENTY
from conftest import render_once as copies
from helpers.slow_service import SlowService, Trouble
from job import Order
from nursery import Nursery
from scenario import KILLED, SCRATCH

from kling_core import Kling, Sandbox
from kling_core.declare import registry
from kling_core.ledger.records import ENDED, RUNNING, Row

LATEST = 0.8
"""How late a create is carried out at most."""

SETTLING = 2.0
LANES = 4
SHARES = ("text_to_video", "text_to_video", "image_generation", "lip_sync")
ANSWERED = (*RUNNING, *ENDED)


class Lane:
    """A service, a sandbox and a warm parent of its own; one killing after another."""

    def __init__(self, stack: ExitStack, ledger: Callable[[Path], str], seed: int) -> None:
        self.sandbox = stack.enter_context(Sandbox(quality="test", speed=20000, **PLENTY))
        copies(self.sandbox)
        self.service = stack.enter_context(SlowService(self.sandbox.url))
        self.nursery = stack.enter_context(Nursery())
        self.ledger, self.chance, self.seed = ledger, random.Random(seed), seed
        self.seen = Counter[str]()
        self.source = ""

    def film(self) -> None:
        """A clip that can be lip-synced."""
        with Kling(sandbox=self.sandbox) as kling:
            self.source = kling.text_to_video.create(prompt="a face").wait().videos[0].id

    def play(self, rounds: int) -> list[str]:
        """Kill as often; returns what went wrong."""
        self.film()
        wrong: list[str] = []
        for number in range(rounds):
            place = SCRATCH if SCRATCH.is_dir() and os.access(SCRATCH, os.W_OK) else None
            folder = Path(tempfile.mkdtemp(prefix="kling-slow-", dir=place))
            try:
                wrong += self._round(folder, f"lane-{self.seed}-{number}")
            finally:
                shutil.rmtree(folder, ignore_errors=True)
        return wrong

    def _round(self, folder: Path, name: str) -> list[str]:
        order = Order(
            name=name,
            base_url=self.service.url,
            api_key=self.sandbox.api_key,
            folder=str(folder),
            ledger=self.ledger(folder),
            source_video=self.source,
            how="one",
            endpoint=self.chance.choice(SHARES),
            timeout=0.5,
            margin=0.3,
            settling=SETTLING,
        )
        late = self.chance.uniform(0, LATEST)
        self.service.troubles = {registry.load(order.endpoint).path: Trouble(late=late)}
        before = {task.task_id for task in self.sandbox.tasks}
        self._kill(order, late)
        with Kling(**order.settings()) as kling:
            try:
                wrong, row = self._taken_up(kling)
            finally:
                kling.tasks.ledger.close()
        made = [task.task_id for task in self.sandbox.tasks if task.task_id not in before]
        self.seen["billed" if made else "never made"] += 1
        if len(made) > 1:
            wrong.append(f"doubled: {made}")
        if made and (row is None or row.task_id != made[0]):
            wrong.append(f"lost: {made}, the row is {row and (row.state, row.error)}")
        if not made and row is not None and row.state != "prepared":
            wrong.append(f"never made, but {row.state}")
        return [f"{name} {order.endpoint} late {late:.2f}: {one}" for one in wrong]

    def _kill(self, order: Order, late: float) -> None:
        """Let a child create, and kill it while its request is out, or a little before or after."""
        born: queue.SimpleQueue[int] = queue.SimpleQueue()
        count, early = len(self.service.posts), self.chance.random() < 0.2
        delay = self.chance.uniform(0, 0.25 if early else late)

        def strike() -> None:
            pid = born.get(timeout=30)
            if not early:
                self.service.wait_posted(count + 1, 10)
            threading.Event().wait(delay)
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

        striking = threading.Thread(target=strike)
        striking.start()
        ended = self.nursery.child(order, born.put)
        striking.join()
        self.seen["killed" if ended == KILLED else "ended before"] += 1

    def _taken_up(self, kling: Kling) -> tuple[list[str], Row | None]:
        """Resume at once and again and again, until it is certain; what must not be, and the row.

        Then once more, long after everything: what was called never sent is not billed.
        """
        wrong: list[str] = []
        free, ledger, end = False, kling.tasks.ledger, time.monotonic() + 30
        pause = threading.Event()
        while rows := ledger.rows():
            settled = kling.tasks.resume(wait=False, download=False)
            (row,) = ledger.rows()
            free = row.state == "prepared" and row.owner is None
            if settled.unsent and not free:
                wrong.append(f"called unsent while it is {row.state}")
            if row.state in ANSWERED or free:
                break
            self.seen[f"seen {row.state}"] += 1
            if ledger.spent(0)[0] != (row.quote_usd or 0):
                wrong.append(f"{row.state}, and not counted in the budget")
            if time.monotonic() > end:
                return [*wrong, f"never certain: {row.state}, {row.error}"], row
            pause.wait(0.1)
        assert self.service.wait_carried_out()
        if not rows:
            return wrong, None
        kling.tasks.resume(wait=False, download=False)
        (row,) = ledger.rows()
        if free and row.state != "prepared":
            wrong.append(f"called never accepted, and then {row.state}")
        return wrong, row


@pytest.fixture(params=["sqlite", "postgresql"])
def lanes(request: pytest.FixtureRequest) -> Iterator[list[Lane]]:
    """The lanes, once with each store."""

    def file(folder: Path) -> str:
        return str(folder / "ledger.db")

    server: Any = None if request.param == "sqlite" else request.getfixturevalue("postgres_server")
    ledger = file if server is None else lambda _: server.database()
    with ExitStack() as stack:
        yield [Lane(stack, ledger, seed) for seed in range(LANES)]


def kill(lanes: list[Lane], kills: int) -> None:
    """So many killings in all lanes together."""
    with ThreadPoolExecutor(LANES) as pool:
        wrong = list(pool.map(lambda lane: lane.play(kills // LANES), lanes))
    assert [one for each in wrong for one in each] == []
    seen = sum((lane.seen for lane in lanes), Counter[str]())
    print(f"\n{dict(sorted(seen.items()))}")  # noqa: T201
    assert seen["killed"] > kills / 2


@pytest.mark.timeout(300)
def test_a_client_is_killed_at_a_slow_service(lanes: list[Lane]) -> None:
    """Some kills, at moments by chance; the same ones each time."""
    kill(lanes, 12)


@pytest.mark.heavy
@pytest.mark.timeout(1800)
def test_two_hundred_kills_at_a_slow_service(lanes: list[Lane]) -> None:
    """Latencies of "0 to 20 s": doubled 0, lost 0, none "never sent" that was billed."""
    kill(lanes, 240)

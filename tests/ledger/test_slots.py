"""Slots of the account, shared by processes: never too many, hardly ever idle, in order."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from kling_core import Kling, Sandbox
from kling_core.flows.resume import OPEN
from kling_core.flows.session import Pace
from kling_core.ledger.ledger import Ledger
from kling_core.ledger.records import UNANSWERED
from kling_core.ledger.schema import tasks

LIMIT = 5
SECONDS = 4.0
"""How long a task takes; a clip of 5 s by a turbo model takes 30 s at Kling."""

PACE = Pace(
    poll_floor=0.1,
    poll_ceiling=1.0,
    retry_first=0.1,
    retry_most=2.0,
    recheck=0.1,
    line_tick=0.05,
    settling=2.0,
)


class Load:
    """Counts slot-seconds at the server, by when tasks were accepted and ended."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.steps: list[tuple[float, int]] = []
        lifecycle: Any = sandbox._lifecycle
        before = lifecycle._on_change

        def changed(task: Any) -> None:
            if task.status != "processing":
                self.steps.append((time.monotonic(), -1 if task.ended else 1))
            before(task)

        lifecycle._on_change = changed

    def busy(self) -> float:
        """The share of the slots that was taken from the first create to the last one."""
        steps = sorted(self.steps)
        last = max(at for at, step in steps if step > 0)
        total, running, since = 0.0, 0, steps[0][0]
        for at, step in steps:
            total += running * (min(at, last) - min(since, last))
            running, since = running + step, at
        return total / (LIMIT * (last - steps[0][0]))


def _workers(
    stack: ExitStack, sandbox: Sandbox, place: str, tmp_path: Path, names: list[str], slots: Any
) -> list[subprocess.Popen[str]]:
    client = {
        "base_url": sandbox.url,
        "access_key": sandbox.access_key,
        "secret_key": sandbox.secret_key,
        "ledger": place,
        "home": str(tmp_path / "home"),
        "slots": slots,
        "timeout": 10,
    }
    workers: list[subprocess.Popen[str]] = []
    for number in range(4):
        order = {
            "client": client,
            "pace": asdict(PACE),
            "names": names[number::4],
            "kind": ("async", "sync")[number % 2],
        }
        command = [sys.executable, str(Path(__file__).with_name("worker.py")), json.dumps(order)]
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={"PYTHONPATH": str(Path(__file__).parents[2])},
        )  # fmt: skip
        stack.callback(_end, process)
        workers.append(process)
    for process in workers:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in workers:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    return workers


def _end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


def _names(count: int) -> list[str]:
    return [f"wanted-{number:03}" for number in range(count)]


def _made_once(sandbox: Sandbox, names: list[str]) -> None:
    made = Counter(task.external_task_id for task in sandbox.tasks)
    assert made == Counter(names)


SHARE = [
    pytest.param(15, None, id="share"),  # how busy the slots are is measured on the whole run
    pytest.param(200, 0.95, id="whole", marks=pytest.mark.heavy),
]


@pytest.mark.timeout(400)
@pytest.mark.parametrize("count, busy", SHARE)
def test_four_processes_fill_the_slots(
    instant_sandbox: Any, ledger_place: str, tmp_path: Path, count: int, busy: float | None
) -> None:
    """Never more than the limit at the server, no 1303, hardly an idle slot, each task once."""
    sandbox = instant_sandbox(limit=LIMIT, speed=30 / SECONDS)
    load, names = Load(sandbox), _names(count)
    with ExitStack() as stack:
        for process in _workers(stack, sandbox, ledger_place, tmp_path, names, LIMIT):
            assert process.wait(300) == 0
    _made_once(sandbox, names)
    assert sandbox.stats.peak_running["video"] == LIMIT
    assert sandbox.stats.codes[1303] == 0
    assert sandbox.stats.billed_tasks == count
    if busy is not None:
        assert load.busy() >= busy


KILLED_SHARE = [
    pytest.param(15, None, id="share"),
    pytest.param(200, 0.95, id="whole", marks=pytest.mark.heavy),
]


@pytest.mark.timeout(400)
@pytest.mark.parametrize("count, busy", KILLED_SHARE)
def test_one_of_four_is_killed(
    instant_sandbox: Any, ledger_place: str, tmp_path: Path, count: int, busy: float | None
) -> None:
    """The others go on at once, the slots stay full; what the dead one wanted is made once."""
    sandbox = instant_sandbox(limit=LIMIT, speed=30 / SECONDS)
    load, names = Load(sandbox), _names(count)
    account = sandbox._account
    with ExitStack() as stack:
        first, *others = _workers(stack, sandbox, ledger_place, tmp_path, names, LIMIT)
        with account.changed:
            assert account.changed.wait_for(lambda: len(account.tasks()) >= count // 2, 200)
        first.kill()
        first.wait()
        for process in others:
            assert process.wait(300) == 0
    if busy is not None:
        assert load.busy() >= busy
    kling = _client(sandbox, ledger_place, tmp_path)
    with kling:
        ledger = kling.tasks.ledger
        left = [row for row in ledger.rows() if row.state in OPEN]
        assert {row.id for row in left} <= set(names[::4])
        for row in left:
            fields = row.request["fields"] | {"external_task_id": row.id}
            _expire(ledger, row.id)
            kling.text_to_video.create(**fields).wait()
    _made_once(sandbox, names)
    assert sandbox.stats.peak_running["video"] == LIMIT
    assert sandbox.stats.codes[1303] == 0


def _client(sandbox: Sandbox, place: str, tmp_path: Path, **more: Any) -> Kling:
    return Kling(
        base_url=sandbox.url,
        access_key=sandbox.access_key,
        secret_key=sandbox.secret_key,
        ledger=place,
        home=tmp_path / "home",
        pace=PACE,
        **{"slots": LIMIT, **more},
    )


def _expire(ledger: Ledger, row_id: str) -> None:
    """Let the lease of a dead process end now, which would take minutes."""
    with ledger._transaction() as db:
        db.execute(sa.update(tasks).where(tasks.c.id == row_id).values(lease_until=0.0))


def test_the_limit_is_learned(instant_sandbox: Any, ledger_place: str, tmp_path: Path) -> None:
    """Nobody names the limit: a few 1303 teach it, then there is none any more."""
    sandbox = instant_sandbox(limit=LIMIT, speed=30)
    names = _names(24)
    with _client(sandbox, ledger_place, tmp_path, slots=None) as kling:

        def one(name: str) -> None:
            kling.text_to_video.create(prompt="a boat", external_task_id=name).wait()

        with ThreadPoolExecutor(12) as pool:
            list(pool.map(one, names[:12]))
            taught = sandbox.stats.codes[1303]
            assert 1 <= taught <= UNANSWERED
            assert kling.tasks.ledger.learned("video") == LIMIT
            list(pool.map(one, names[12:]))
    _made_once(sandbox, names)
    assert sandbox.stats.codes[1303] == taught
    assert sandbox.stats.peak_running["video"] == LIMIT


def test_images_weigh_what_they_make(
    instant_sandbox: Any, ledger_place: str, tmp_path: Path
) -> None:
    """An image task holds `n` slots; two of four do not fit in six, and nobody is refused."""
    sandbox = instant_sandbox(image_limit=6, speed=30)
    news: list[Any] = []
    with _client(sandbox, ledger_place, tmp_path, slots=6) as kling:

        def one(count: int) -> None:
            request = kling.image_generation.request(prompt="a pear", n=count)
            kling.submit(request, on_update=news.append).wait()

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(one, [4, 4, 2, 2]))
    assert sandbox.stats.codes[1303] == 0
    assert sandbox.stats.peak_running["image"] <= 6
    assert str(news[0]).startswith("waiting for a slot (")

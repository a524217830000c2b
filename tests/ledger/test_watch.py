"""Watching: few requests for many tasks, at the right time, by one process of all."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers import scripted
from helpers.ledgers import answer, entry
from helpers.scripted import Port, Script, envelope

from kling_core import AsyncKling, Kling, Sandbox
from kling_core.declare import registry
from kling_core.editions.task_facts import read
from kling_core.errors import TaskNotFound, WaitTimeout
from kling_core.flows import watch as watching
from kling_core.flows.session import Pace, Session
from kling_core.flows.watch import Running, Watch, rest
from kling_core.wire.effects import Clock, Reply, Send, drive

PATH = "/v1/videos/text2video"
PACE = Pace()


class Kling1000:
    """Kling's side of a script: answers about tasks from a list in the order that it is given."""

    def __init__(self, tasks: list[dict[str, Any]]) -> None:
        self.tasks = tasks
        self.asked: list[str] = []

    def __call__(self, effect: Send) -> Reply:
        path, _, query = effect.url.removeprefix("http://kling.test").partition("?")
        self.asked.append(path)
        if path != PATH:
            known = [task for task in self.tasks if task["task_id"] == path.rpartition("/")[2]]
            message = f"Task not found by id/external id: {path}"
            return envelope(known[0]) if known else envelope(code=1201, status=400, message=message)
        fields = dict(part.split("=") for part in query.split("&"))
        page, size = int(fields["pageNum"]), int(fields["pageSize"])
        return envelope(self.tasks[(page - 1) * size : page * size])


def session(script: Script) -> Session:
    """A session on the script's own ledger."""
    return scripted.session(script, pace=PACE)


def followed(session: Session, count: int) -> list[dict[str, Any]]:
    """So many running rows in the ledger; what Kling says of them now, newest first."""
    ledger = session.ledger()
    for number in range(count):
        made = entry(f"row-{number:04}")
        ledger.adopt(made, answer(str(10_000 + number)))
    return [answer(str(10_000 + n), "processing").raw for n in reversed(range(count))]


def step(watch: Watch, script: Script, seconds: float = 20.0) -> bool:
    script.clock.now += seconds
    return drive(watch.step(), Port(script))


def repeat(answerer: Any) -> Iterator[Any]:
    while True:
        yield answerer


def test_below_three_each_is_asked_for() -> None:
    """One or two tasks cost one GET each and no list."""
    script = Script()
    one = session(script)
    kling = Kling1000(followed(one, 2))
    script._answers = repeat(kling)
    assert step(watching.of(one, "text_to_video"), script)
    assert kling.asked == [f"{PATH}/10000", f"{PATH}/10001"]
    assert {row.state for row in one.ledger().rows()} == {"processing"}


def test_a_thousand_take_two_requests() -> None:
    """Two list pages of 500 a round, round after round, and every row is brought up to date."""
    script = Script()
    one = session(script)
    kling = Kling1000(followed(one, 1000))
    script._answers = repeat(kling)
    watch = watching.of(one, "text_to_video")
    for _ in range(3):
        kling.asked.clear()
        assert step(watch, script)
        assert kling.asked == [PATH, PATH]
    assert {row.state for row in one.ledger().rows()} == {"processing"}


def test_tasks_behind_others_are_found() -> None:
    """The account's other tasks push ours to later pages; the next rounds look there."""
    script = Script()
    one = session(script)
    ours = followed(one, 10)
    others = [answer(str(n), "succeed").raw for n in range(95)]
    kling = Kling1000(others + ours)
    script._answers = repeat(kling)
    watch = watching.of(one, "text_to_video")
    rounds = 0
    while {row.state for row in one.ledger().rows()} != {"processing"}:
        rounds += 1
        assert step(watch, script)
        assert rounds <= 4
    assert len(kling.asked) <= 2 * rounds


MONTH = 30 * 24 * 3600.0


def test_purged_tasks_expire() -> None:
    """What no list shows is asked for by its id; old and twice unknown to Kling, it expires."""
    script = Script()
    one = session(script)
    kling = Kling1000(followed(one, 5)[2:])
    script._answers = repeat(kling)
    watch = watching.of(one, "text_to_video")
    script.clock.now += MONTH
    states: list[str] = []
    for _ in range(8):
        kling.asked.clear()
        step(watch, script)
        assert len(kling.asked) <= 2
        states = sorted(row.state for row in one.ledger().rows())
    assert states == ["expired", "expired", "processing", "processing", "processing"]


def test_a_young_task_does_not_expire() -> None:
    """Kling keeps tasks for 30 days: one that it does not find is followed, and found again."""
    script = Script()
    one = session(script)
    kling = Kling1000([])
    (running,) = followed(one, 1)
    script._answers = repeat(kling)
    watch = watching.of(one, "text_to_video")
    watch.join("row-0000")
    for _ in range(3):
        assert step(watch, script)
        assert watch.missing("row-0000") is None
    assert step(watch, script)
    assert watch.missing("row-0000") == 60
    assert [row.state for row in one.ledger().rows()] == ["submitted"]
    kling.tasks = [running]
    assert step(watch, script)
    assert watch.missing("row-0000") is None
    assert [row.state for row in one.ledger().rows()] == ["processing"]


def test_many_threads_come_and_go() -> None:
    """Whoever waits is counted, also when many begin and end at once."""
    script = Script()
    one = session(script)
    followed(one, 1)
    watch = watching.of(one, "text_to_video")
    held, inside = threading.Event(), threading.Event()

    class Slow(dict[str, int]):
        """Counts that another thread may come between reading and writing of."""

        def get(self, *about: Any) -> Any:
            number = super().get(*about)
            if not inside.is_set():
                inside.set()
                held.wait(0.2)
            return number

    watch._waiting = Slow()
    first = threading.Thread(target=watch.join, args=("row-0000",))
    first.start()
    assert inside.wait(10)
    watch.join("row-0000")
    held.set()
    first.join(10)
    assert watch._waiting == {"row-0000": 2}
    watch.leave("row-0000")
    watch.leave("row-0000")
    assert watch._waiting == {}


def test_one_process_of_all_asks() -> None:
    """Two processes wait; one asks. When it stops or falls silent, the other one does."""
    script = Script()
    first, second = session(script), session(script)
    kling = Kling1000(followed(first, 1))
    script._answers = repeat(kling)
    one, two = (watching.of(one, "text_to_video") for one in (first, second))
    one.join("row-0000")
    two.join("row-0000")
    script.clock.now += 20
    assert drive(one.step(), Port(script))
    assert not drive(two.step(), Port(script))
    assert (one.leads, two.leads, len(kling.asked)) == (True, False, 1)
    assert two.version("row-0000") == one.version("row-0000")
    one.leave("row-0000")
    assert step(two, script, 2)
    assert two.leads
    one.join("row-0000")
    assert not step(one, script, 2)
    assert step(one, script, 60)  # the other one is silent: its lead is over
    assert one.leads


def test_cadence() -> None:
    """By age without history; with it, patient before the shortest time and after the longest.

    Never longer than the ceiling: a history of tasks that were looked at late must not teach
    the watcher to look late at the next ones too.
    """

    def after(age: float, span: Any = None, *, line: bool = False) -> float:
        """The pause after a look at a task of that age."""
        return rest([Running("r", "1", age, span)], PACE, since=0, line=line)

    assert [after(age) for age in (0, 10, 50, 100, 9999)] == [2, 2, 5, 10, 15]
    span = (100.0, 150.0)
    assert [after(age, span) for age in (10, 50)] == [15, 10]
    assert [after(age, span) for age in (59, 60, 100, 180)] == [2, 2, 2, 2]
    assert after(200, span) == 5
    assert after(9999, span) == 15
    assert after(100, span, line=True) == after(100, line=True) == 1
    assert after(10, span, line=True) == 15
    both = [Running("r", "1", 10, span), Running("s", "2", 99, span)]
    assert rest(both, PACE, since=0, line=False) == 2
    assert rest([], PACE, since=0, line=False) == 15
    late = [Running("r", "1", 60, span)]  # the last look was when it was 50 s old
    assert rest(late, PACE, since=10, line=False) == 0
    assert rest(late, PACE, since=5, line=False) == 0
    early = [Running("r", "1", 22, span)]  # the last look was when it was 10 s old
    assert rest(early, PACE, since=12, line=False) == 3
    assert rest(early, PACE, since=12, line=False, jitter=0.9) == 1.5
    assert rest([Running("r", "1", 3)], PACE, since=999, line=False) == -1  # begun since


def test_history_is_learned() -> None:
    """What finished before is the measure of its like: same model and same price."""
    script = Script()
    one = session(script)
    ledger = one.ledger()
    for number, seconds in enumerate((40.0, 90.0)):
        row, _ = ledger.prepare(entry(f"old-{number}"), lease=60)
        ledger.admit(row.id, limit=None, lease=60)
        ledger.accepted(row.id, answer(f"5{number}"))
        script.clock.now += seconds
        ledger.observe("text_to_video", [answer(f"5{number}", "succeed")])
    assert ledger.spans("text_to_video") == {("kling-v2-5-turbo", "1.5"): (40.0, 90.0)}
    kling = Kling1000(followed(one, 1))
    script._answers = repeat(kling)
    watch = watching.of(one, "text_to_video")
    watch.join("row-0000")
    asked = [step(watch, script, 5) for _ in range(8)]
    # At 15 s by the ceiling, and at 25 s: 24 s are 60 % of the shortest time.
    assert asked[:5] == [False, False, True, False, True]


def test_a_thousand_at_the_sandbox(instant_sandbox: Any, tmp_path: Path) -> None:
    """1,000 slow tasks, waited for by 1,000 coroutines: at most two requests a round."""
    sandbox: Sandbox = instant_sandbox(limit=2000, speed=0.001, shuffle_lists=True)
    pace = Pace(poll_floor=0.5, poll_ceiling=0.5, line_tick=0.1)

    async def main() -> tuple[int, int]:
        async with AsyncKling(sandbox=sandbox, home=tmp_path, pace=pace) as kling:
            endpoint = registry.load("text_to_video")
            data = [_accepted(sandbox, number) for number in range(1000)]
            tasks = [kling.task(endpoint, one) for one in data]
            ledger = await kling.tasks.ledger()
            for number, one in enumerate(data):
                ledger.adopt(entry(f"n-{number}"), read(one))
            watch = watching.of(kling.session, "text_to_video")
            rounds, enough = 0, asyncio.Event()
            ask = watch._ask

            def counted(running: Any) -> Any:
                nonlocal rounds
                rounds += 1
                assert len(running) == 1000
                if rounds == 4:
                    enough.set()
                return (yield from ask(running))

            watch._ask = counted
            waits = [asyncio.ensure_future(task.wait(100)) for task in tasks]
            await asyncio.wait_for(enough.wait(), 100)
            assert not any(one.done() for one in waits)
            for one in waits:
                one.cancel()
            await asyncio.gather(*waits, return_exceptions=True)
            return rounds, len([row for row in ledger.rows() if row.state == "processing"])

    rounds, _ = asyncio.run(main())
    requests = sandbox.stats.requests
    assert rounds >= 4
    assert 0 < requests["GET", PATH] + requests["GET", PATH + "/{id}"] <= 2 * rounds


def _accepted(sandbox: Sandbox, number: int) -> dict[str, Any]:
    """A running task at the server, made without the client."""
    from kling_core.sandbox.jobs import Job
    from kling_core.sandbox.tasks import SandboxTask

    account = sandbox._account
    task = SandboxTask(
        endpoint="text_to_video",
        job=Job("kling-v2-5-turbo", 30.0, 1, lambda _: []),
        created_at=account.now_ms() + number,
        request={},
    )
    account.accept(task)
    return {"task_id": task.task_id, "task_status": "submitted"}


def test_a_purged_task_is_named(instant_sandbox: Any, tmp_path: Path) -> None:
    """Waiting for a task that Kling has purged ends with its own error, and the row is expired."""
    sandbox = instant_sandbox(speed=0.001)
    now = [0.0]
    clock = Clock(lambda: time.time() + now[0], time.monotonic)
    with Kling(sandbox=sandbox, home=tmp_path, clock=clock) as kling:
        task = kling.text_to_video.create(prompt="a boat")
        del sandbox._account._tasks[task.task_id]
        now[0] = MONTH
        kling.session.signer.renew(-MONTH)
        with pytest.raises(TaskNotFound, match="no longer at Kling"):
            task.wait(10)
        (row,) = kling.tasks.ledger.rows()
        assert row.state == "expired"


def test_a_task_that_kling_does_not_show_is_named(instant_sandbox: Any, tmp_path: Path) -> None:
    """The key of another account: whoever waits is told after a while, and the row goes on."""
    sandbox = instant_sandbox(speed=0.001)
    pace = Pace(poll_floor=0.02, poll_ceiling=0.05, recheck=0.02, line_tick=0.02)
    with Kling(sandbox=sandbox, home=tmp_path, pace=pace) as kling:
        task = kling.text_to_video.create(prompt="a boat")
        theirs = sandbox._account._tasks.pop(task.task_id)
        for _ in range(2):
            with pytest.raises(TaskNotFound, match="not old") as caught:
                task.wait(10)
            assert (caught.value.billed, caught.value.retryable) == ("unknown", True)
            assert "another account" in caught.value.cause
        (row,) = kling.tasks.ledger.rows()
        assert row.state == "submitted"
        sandbox._account._tasks[task.task_id] = theirs
        with pytest.raises(WaitTimeout):
            task.wait(1)

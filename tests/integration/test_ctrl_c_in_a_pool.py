"""Ctrl-C while a pool of threads creates: what is sent is written down, nothing more is sent."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from helpers.sandboxes import FAST
from helpers.slow_service import SlowService, Trouble

from kling_core import Interrupted, Kling, Sandbox
from kling_core.wire.interrupts import refuse

PROGRAM = """
import json, os, signal, sys
from concurrent.futures import ThreadPoolExecutor
from kling_core import Kling
from kling_core.flows.session import Pace

signal.signal(signal.SIGINT, signal.default_int_handler)
kling = Kling(
    base_url=sys.argv[1], api_key=sys.argv[2], home=sys.argv[3], pace=Pace(line_tick=0.02)
)

def create(number):
    return kling.text_to_video.create(prompt=f"number {number}").task_id

def tell(futures):
    told = [[type(f.exception()).__name__, str(f.exception())] for f in futures if f.exception()]
    print(json.dumps([[f.result() for f in futures if not f.exception()], told]), flush=True)
"""

WAYS = {
    "the pool is left by it": """
try:
    with ThreadPoolExecutor(5) as pool:
        futures = [pool.submit(create, number) for number in range(20)]
        for future in futures:
            future.result()
except KeyboardInterrupt:
    tell(futures)
""",
    "it is handled while the pool ends": """
pool = ThreadPoolExecutor(5)
futures = [pool.submit(create, number) for number in range(20)]
try:
    for future in futures:
        future.result()
except KeyboardInterrupt:
    try:
        raise ValueError("on the way out")
    except ValueError:
        pool.shutdown()
    tell(futures)
""",
    "the program dies of it": """
import threading
pool = ThreadPoolExecutor(5)
futures = [pool.submit(create, number) for number in range(20)]
futures[-1].add_done_callback(lambda _: tell(futures[:-1]))
threading.Thread(target=lambda: futures[-1].exception()).start()
for future in futures:
    future.result()
""",
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_what_has_not_been_sent_is_not_sent(way: str, sandbox: Sandbox, tmp_path: Path) -> None:
    """Twenty creates, five at once, one Ctrl-C while the first five are out: five are made."""
    with SlowService(sandbox.url, troubles={"/": Trouble(late=1.5)}) as service:
        child = subprocess.Popen(
            [sys.executable, "-c", PROGRAM + way, service.url, sandbox.api_key, str(tmp_path)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert service.wait_posted(5, 60)
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=60)
    assert out, err
    made, told = json.loads(out.splitlines()[-1])
    assert len(service.posts) == len(sandbox.tasks) == 5
    assert sorted(made) == sorted(task.task_id for task in sandbox.tasks)
    assert {name for name, _ in told} == {"Interrupted"}
    assert all("Nothing was sent" in text for _, text in told)
    with Kling(base_url=service.url, api_key=sandbox.api_key, home=tmp_path) as kling:
        rows = kling.tasks.ledger.rows()
        kling.tasks.ledger.close()
    assert sorted(row.task_id for row in rows if row.task_id) == sorted(made)
    assert {(row.state, row.owner) for row in rows if not row.task_id} <= {("prepared", None)}


def test_who_waits_in_line_leaves_it(sandbox: Sandbox, tmp_path: Path, monkeypatch: Any) -> None:
    """One slot, which is never free: the others in line hear of Ctrl-C, and are free to go."""
    monkeypatch.setattr(sandbox._lifecycle, "_settle", lambda _run: None)  # it runs for ever
    with Kling(sandbox=sandbox, home=tmp_path, pace=FAST, slots=1) as kling:
        kling.text_to_video.create(prompt="first")
        waiting = threading.Barrier(4)

        def create(number: int) -> None:
            heard = [False]

            def in_line(_: object) -> None:
                if not heard[0]:
                    heard[0] = True
                    waiting.wait(20)

            request = kling.text_to_video.request(prompt=f"number {number}")
            kling.submit(request, on_update=in_line)

        def leave() -> None:
            with ThreadPoolExecutor(3) as pool:
                futures.extend(pool.submit(create, number) for number in range(9))
                waiting.wait(20)
                raise KeyboardInterrupt

        futures: list[Any] = []
        with pytest.raises(KeyboardInterrupt):
            leave()
        assert [type(future.exception()) for future in futures] == [Interrupted] * 9
        assert {future.exception().billed for future in futures} == {"no"}
        rows = kling.tasks.ledger.rows()
        left = [(row.state, row.owner) for row in rows if row.task_id is None]
        assert left == [("prepared", None)] * 3  # the other six were not even written down
        assert len(sandbox.tasks) == 1


def _press() -> None:
    os.kill(os.getpid(), signal.SIGINT)
    threading.Event().wait(20)


def test_who_has_dealt_with_ctrl_c_goes_on(sandbox: Sandbox, tmp_path: Path) -> None:
    """Afterwards the threads of the same program create as before."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            _press()
    finally:
        signal.signal(signal.SIGINT, before)
    with (
        Kling(sandbox=sandbox, home=tmp_path, pace=FAST) as kling,
        ThreadPoolExecutor(2) as pool,
    ):
        made = list(pool.map(lambda p: kling.text_to_video.create(prompt=p).task_id, "ab"))
    assert sorted(made) == sorted(task.task_id for task in sandbox.tasks)


def _leave() -> None:
    raise KeyboardInterrupt


def test_the_main_thread_is_not_refused() -> None:
    """It gets its own interruption; what it does while it handles one is its own doing."""
    try:
        _leave()
    except KeyboardInterrupt:
        refuse()
        with ThreadPoolExecutor(1) as pool, pytest.raises(Interrupted):
            pool.submit(refuse).result()


def test_in_the_main_thread_nothing_is_sent_after_it(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: Any
) -> None:
    """Ctrl-C between two tries to connect: the guarded stretch ends there, and nothing went out."""
    from kling_core.wire.effects import NoReply

    tries: list[str] = []

    def unconnected(effect: Any) -> Any:
        tries.append(effect.method)
        os.kill(os.getpid(), signal.SIGINT)
        return NoReply(sent=False, reason="ConnectError")

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with Kling(sandbox=sandbox, home=tmp_path, pace=FAST) as kling:
            monkeypatch.setattr(kling.port, "send", unconnected)
            with pytest.raises(KeyboardInterrupt):
                kling.text_to_video.create(prompt="a boat")
            (row,) = kling.tasks.ledger.rows()
    finally:
        signal.signal(signal.SIGINT, before)
    assert tries == ["POST"]
    assert (row.state, row.owner, row.doubt_until) == ("prepared", None, None)

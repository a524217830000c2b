"""Ports that answer from a script and write down everything a flow asks of them."""

from __future__ import annotations

import asyncio
import json
import random
import re
import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kling_core import AsyncKling, Kling, KlingError, config
from kling_core.flows.session import Pace, Session
from kling_core.wire.effects import Clock, NoReply, Reply, Save, Saved, Send

Answer = Reply | NoReply | Callable[[Send], Reply | NoReply]


def envelope(data: Any = None, code: int = 0, message: str = "SUCCEED", **more: Any) -> Reply:
    """An answer of the API with the HTTP status that fits, 200 unless `status` says otherwise."""
    status = more.pop("status", 200)
    headers = more.pop("headers", {})
    body = {"code": code, "message": message, "request_id": "r-1", **more}
    if data is not None:
        body["data"] = data
    return Reply(status, headers, json.dumps(body).encode())


def task(task_id: str = "1", status: str = "submitted", **more: Any) -> dict[str, Any]:
    """A task as the server describes it; one that has succeeded names a video that it made."""
    if status in ("succeed", "succeeded"):
        more = {"task_result": {"videos": [{"id": "7", "url": "http://media.test/7.mp4"}]}, **more}
    return {"task_id": task_id, "task_status": status, **more}


def html(status: int = 502) -> Reply:
    """What a gateway says."""
    return Reply(status, {"content-type": "text/html"}, b"<!doctype html><h1>Bad gateway</h1>")


LOST = NoReply(sent=True, reason="ReadError")
REFUSED = NoReply(sent=False, reason="ConnectError: refused")


@dataclass
class FakeClock:
    """Time that moves only when a flow sleeps."""

    now: float = 1_800_000_000.0

    def clock(self) -> Clock:
        return Clock(lambda: self.now, lambda: self.now)


@dataclass
class Script:
    """The outside world of a flow: answers in order, and the trace of what was asked.

    Each script has a ledger of its own, a real one, in a folder that goes when the script goes.
    """

    answers: Iterable[Answer] = ()
    saves: Iterable[Saved | tuple[Saved, bytes]] = ()
    clock: FakeClock = field(default_factory=FakeClock)
    trace: list[tuple[Any, ...]] = field(default_factory=list[tuple[Any, ...]])
    sent: list[Send] = field(default_factory=list[Send])
    times: list[float] = field(default_factory=list[float])
    home: Path = field(init=False)
    sessions: list[Session] = field(init=False, default_factory=list[Session])

    def __post_init__(self) -> None:
        self._answers, self._saves = iter(self.answers), iter(self.saves)
        self.home = Path(tempfile.mkdtemp(prefix="script-"))
        weakref.finalize(self, _end, self.home, self.sessions)

    @property
    def sleeps(self) -> list[float]:
        return [entry[1] for entry in self.trace if entry[0] == "sleep"]

    @property
    def methods(self) -> list[str]:
        return [entry[1] for entry in self.trace if entry[0] == "send"]

    def answer(self, effect: Send) -> Reply | NoReply:
        self.sent.append(effect)
        self.times.append(self.clock.now)
        self.trace.append(("send", effect.method, effect.url))
        answer = next(self._answers, None)
        assert answer is not None, f"the script has no answer to {effect.method} {effect.url}"
        return answer(effect) if callable(answer) else answer

    def store(self, effect: Save) -> Saved:
        self.trace.append(("save", effect.url, effect.offset))
        answer = next(self._saves)
        saved, data = (answer, b"") if isinstance(answer, Saved) else answer
        if data:
            with effect.path.open("ab" if saved.status == 206 else "wb") as file:
                file.write(data)
        return saved

    def rest(self, seconds: float) -> None:
        self.trace.append(("sleep", round(seconds, 6)))
        self.clock.now += seconds


def _end(home: Path, sessions: list[Session]) -> None:
    for one in sessions:
        one.close()
    shutil.rmtree(home, ignore_errors=True)


class Port:
    """A script as the blocking driver's port."""

    def __init__(self, script: Script) -> None:
        self._script = script

    def send(self, effect: Send) -> Reply | NoReply:
        return self._script.answer(effect)

    def save(self, effect: Save) -> Saved:
        return self._script.store(effect)

    def sleep(self, seconds: float) -> None:
        self._script.rest(seconds)

    def close(self) -> None:
        """Nothing is open."""


class AsyncPort:
    """A script as the awaiting driver's port."""

    def __init__(self, script: Script) -> None:
        self._script = script

    async def send(self, effect: Send) -> Reply | NoReply:
        return self._script.answer(effect)

    async def save(self, effect: Save) -> Saved:
        return self._script.store(effect)

    async def sleep(self, seconds: float) -> None:
        self._script.rest(seconds)

    async def close(self) -> None:
        """Nothing is open."""


class NoJitter(random.Random):
    """Chance that always says 0, so that pauses are exact."""

    def random(self) -> float:
        return 0.0


def session(script: Script, *, pace: Pace | None = None, **settings: Any) -> Session:
    """A session whose clock and ledger are the script's and whose pauses have no jitter."""
    credential = {} if "access_key" in settings else {"api_key": "key-of-the-test"}
    resolved = config.resolve(
        base_url="http://kling.test",
        output_dir=Path("out"),
        home=script.home,
        **credential,
        **settings,
    )
    made = Session(resolved, script.clock.clock(), pace or Pace(), NoJitter())
    script.sessions.append(made)
    return made


def body_of(effect: Send) -> dict[str, Any]:
    """The JSON body of a request."""
    assert effect.body is not None
    return json.loads(b"".join(effect.body))


def client_of(kind: str, script: Script, *, pace: Pace | None = None) -> Any:
    """A client whose port is the script."""
    client: Any = Kling(api_key="k") if kind == "sync" else AsyncKling(api_key="k")
    client.session = session(script, pace=pace)
    client.port = Port(script) if kind == "sync" else AsyncPort(script)
    return client


def outcome(run: Callable[[Any], Any], client: Any) -> Any:
    """What `run(client)` gives, awaited where needed, or the error it raises."""
    try:
        result = run(client)
        return asyncio.run(result) if asyncio.iscoroutine(result) else result
    except KlingError as error:
        return error


def both(
    run: Callable[[Any], Any], make: Callable[[], Script], *, pace: Pace | None = None
) -> tuple[Script, Any]:
    """Run something with each client against the same script; both must do and give the same."""
    scripts = [make(), make()]
    clients = [client_of("sync", scripts[0], pace=pace), client_of("async", scripts[1], pace=pace)]
    results = [outcome(run, client) for client in clients]
    assert scripts[0].trace == scripts[1].trace
    plain = [re.sub(r"Async|0x\w+", "", repr(result)) for result in results]
    assert plain[0] == plain[1]
    return scripts[0], results[0]

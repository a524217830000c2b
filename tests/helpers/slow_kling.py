"""A Kling that is slow, in simulated time: it carries a create out late, and its look-ups lag.

It is the port of a client: time passes only while a flow sleeps or a request times out. Nothing of
the client is used here; what it answers are Kling's own forms.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

from helpers.scripted import FakeClock, Script, envelope, session, task
from kling_core import AsyncKling, Kling
from kling_core.declare import registry
from kling_core.flows.session import Pace
from kling_core.wire.effects import NoReply, Reply, Send


@dataclass
class Made:
    """One task: of which path, under which id of the client's, made and billed when."""

    task_id: str
    path: str
    external_task_id: str | None
    at: float
    info: dict[str, Any]

    def described(self) -> dict[str, Any]:
        return task(self.task_id, "processing", task_info=self.info)


@dataclass
class SlowKling:
    """What becomes of a create, and when that can be seen; times in seconds.

    late      a create is carried out so long after it came; None: never
    timeout   so long the client listens before it gives up
    lag       so long after it was made a task is neither found nor listed
    silent    tasks do not say what they were made of
    answers   whether a client that still listens is answered, too
    """

    clock: FakeClock
    late: float | None = 0.0
    timeout: float = 120.0
    lag: float = 0.0
    silent: bool = False
    answers: bool = False
    made: list[Made] = field(default_factory=list[Made])
    posts: int = 0
    _coming: list[tuple[float, str, dict[str, Any]]] = field(
        default_factory=list[tuple[float, str, dict[str, Any]]]
    )

    def answer(self, effect: Send) -> Reply | NoReply:
        """Take a request as Kling would."""
        path = urlsplit(effect.url).path
        if effect.method == "POST":
            return self._create(path, json.loads(b"".join(effect.body or ())))
        self._carry_out()
        shown = [one for one in self.made if one.at + self.lag <= self.clock.now]
        if path in {endpoint.path for endpoint in registry.endpoints()}:
            return envelope([one.described() for one in shown if one.path == path])
        base, _, name = path.rpartition("/")
        for one in shown:
            if one.path == base and unquote(name) in (one.task_id, one.external_task_id):
                return envelope(one.described())
        text = f"Task not found by id/external id: {unquote(name)}"
        return envelope(code=1201, message=text, status=400)

    def come(self, seconds: float) -> None:
        """Let time pass."""
        self.clock.now += seconds
        self._carry_out()

    def _create(self, path: str, body: dict[str, Any]) -> Reply | NoReply:
        self.posts += 1
        if self.late is not None:
            self._coming.append((self.clock.now + self.late, path, body))
        heard = self.answers and self.late is not None and self.late <= self.timeout
        self.come(self.late if heard and self.late is not None else self.timeout)
        if not heard:
            return NoReply(sent=True, reason="ReadTimeout")
        name = body.get("external_task_id")
        mine = [one for one in self.made if one.external_task_id == name and name]
        if mine and mine[-1].at < self.clock.now:
            return envelope(
                code=1201, message=f"External_task_id {name} already exists", status=400
            )
        return envelope(self.made[-1].described())

    def _carry_out(self) -> None:
        due = sorted((entry for entry in self._coming if entry[0] <= self.clock.now), key=_when)
        self._coming = [entry for entry in self._coming if entry[0] > self.clock.now]
        for at, path, body in due:
            name = body.get("external_task_id")
            if name and any(one.external_task_id == name for one in self.made):
                continue  # "already exists": there is no second task of one id
            source = (body.get("input") or {}).get("video_id") or body.get("video_id")
            info: dict[str, Any] = {"external_task_id": name or ""}
            if source and not self.silent:
                info["parent_video"] = {"id": source}
            self.made.append(Made(str(1000 + len(self.made)), path, name, at, info))


def _when(entry: tuple[float, str, dict[str, Any]]) -> float:
    return entry[0]


class Port:
    """The slow Kling as the blocking driver's port."""

    def __init__(self, kling: SlowKling) -> None:
        self._kling = kling

    def send(self, effect: Send) -> Reply | NoReply:
        return self._kling.answer(effect)

    def sleep(self, seconds: float) -> None:
        self._kling.come(seconds)

    def close(self) -> None:
        """Nothing is open."""


class AsyncPort:
    """The same for the awaiting driver."""

    def __init__(self, kling: SlowKling) -> None:
        self._kling = kling

    async def send(self, effect: Send) -> Reply | NoReply:
        return self._kling.answer(effect)

    async def sleep(self, seconds: float) -> None:
        self._kling.come(seconds)

    async def close(self) -> None:
        """Nothing is open."""


def client(kind: str, script: Script, slow: SlowKling, **settings: Any) -> Any:
    """A client whose port is the slow Kling, and whose clock and ledger are the script's."""
    made: Any = Kling(api_key="k") if kind == "sync" else AsyncKling(api_key="k")
    made.session = session(script, pace=Pace(), **settings)
    made.port = Port(slow) if kind == "sync" else AsyncPort(slow)
    return made

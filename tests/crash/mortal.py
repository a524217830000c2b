"""A client that dies by SIGKILL at a chosen moment of its work.

Every point at which something leaves the process or reaches the disk is a moment: before each
effect of a flow, before each commit, before each change of a file, and in the middle of a write.
A moment has a name and a number: the how-many-eth of that name.
"""

from __future__ import annotations

import os
import signal
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from kling_core import Kling
from kling_core.wire.effects import Call, Flow, Guard, Save, Send, Sleep, drive

Target = tuple[str, int]

_FILE_EVENTS = ("os.rename", "os.remove", "os.mkdir", "tempfile.mkstemp")


class Death:
    """Counts the moments of this process, writes each down, and kills it at the target."""

    def __init__(self, target: Target | None, report: Path, outputs: Path) -> None:
        self._target = target
        self._outputs = str(outputs)
        self._seen: Counter[str] = Counter()
        self._report = os.open(report, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self.during = "start"

    def moment(self, name: str) -> None:
        """One moment has come; at the target nothing comes after it."""
        self._seen[name] += 1
        os.write(self._report, f"{name}\n".encode())
        if self._target == (name, self._seen[name]):
            os.kill(os.getpid(), signal.SIGKILL)

    def watch(self) -> None:
        """Make commits, file changes and pieces of downloads moments too."""
        import sqlalchemy as sa

        from kling_core.wire.ranges import Sink

        def commit(connection: Any) -> None:
            if not connection.get_execution_options().get("kling_read"):  # nothing is written
                self.moment(f"{self.during}: commit")

        sa.event.listen(sa.Engine, "commit", commit)
        sys.addaudithook(self._audit)
        opened = Sink.__init__

        def halved(sink: Sink, *given: Any) -> None:
            opened(sink, *given)
            sink._file = _Halved(sink._file, self)

        Sink.__init__ = halved

    def _audit(self, event: str, args: tuple[Any, ...]) -> None:
        if event in _FILE_EVENTS and str(args[0]).startswith(self._outputs):
            self.moment(f"{self.during}: {event} {_kind(str(args[0]))}")


class _Halved:
    """A file that is written in halves, with a moment between them."""

    def __init__(self, file: IO[bytes], death: Death) -> None:
        self._file, self._death = file, death

    def write(self, data: bytes) -> None:
        half = len(data) // 2
        self._file.write(data[:half])
        self._file.flush()
        self._death.moment("half a piece of a download")
        self._file.write(data[half:])

    def close(self) -> None:
        self._file.close()


class MortalKling(Kling):
    """The blocking client, whose flows tell `Death` of each step."""

    def __init__(self, death: Death, **settings: Any) -> None:
        super().__init__(**settings)
        self._death = death

    def run_flow(self, flow: Flow[Any]) -> Any:
        return drive(_counted(flow, self._death), self.port)


def _counted(flow: Flow[Any], death: Death) -> Flow[Any]:
    try:
        effect = flow.send(None)
        while True:
            death.during = describe(effect)
            death.moment(f"before {death.during}")
            try:
                answer = yield effect
            except BaseException as error:  # noqa: BLE001, as the driver does
                effect = flow.throw(error)
            else:
                effect = flow.send(answer)
    except StopIteration as end:
        return end.value
    finally:
        flow.close()


def describe(effect: Any) -> str:
    """What an effect does, in words that stay the same from run to run."""
    match effect:
        case Call(work):
            return _function(work)
        case Send(method, url):
            return f"{method} {_route(url)}"
        case Sleep():
            return "a pause"
        case Save(_, _, offset):
            return "the rest of a download" if offset else "a download"
        case Guard(on):
            return "the guarded stretch" if on else "the end of the guarded stretch"
        case _:
            return "news"


def _function(work: Callable[..., Any]) -> str:
    work = getattr(work, "func", work)
    return getattr(work, "__name__", "?").strip("_")


def _route(url: str) -> str:
    path = url.partition("?")[0].split("/")
    name = path[5] if len(path) > 5 else path[-1]
    return name if len(path) <= 6 else f"{name} by id"


def _kind(path: str) -> str:
    name = Path(path).name
    if name.endswith(".part"):
        return ".part"
    if name.startswith("."):
        return "of a sidecar"
    return "of a folder" if "." not in name else "of a file"

"""Standing in line, fetching files: what a job does in its thread, and how it can be left.

A create is never cut in two: to leave the line is possible only while nothing has been sent.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from copy import copy
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from kling_core.output_paths import anchored, located, names_a_file

if TYPE_CHECKING:
    from kling_core.client import Kling
    from kling_core.flows.line import Waiting
    from kling_core.task import Task
    from kling_core.wire.effects import Port

__all__ = ["InLine", "Left", "download", "missing", "place"]


def download(task: Task, out: str | None, folder: Path, default: Path) -> None:
    """Fetch every output that is not on disk yet, or all of them anew when `out` names a place.

    Raises `DownloadError`.
    """
    kept = set[int]() if out else _on_disk(task)
    for output in task.files:
        output.download(None if output.index in kept else place(out, folder, default))


def missing(task: Task) -> bool:
    """Whether an output is not on disk, or not even named by Kling yet."""
    return not task.complete or len(_on_disk(task)) < len(task.files)


def _on_disk(task: Task) -> set[int]:
    """The numbers of the outputs that were saved earlier and are still there, whole."""
    if task.row_id is None:
        return set()
    kept = task.session.ledger().kept(task.row_id)
    return {k.number for k in kept if k.on_disk}


def place(out: str | None, folder: Path, default: Path) -> str:
    """Where outputs go, from the notebook's folder on; a folder ends with a slash.

    Raises `DownloadError` for what is no place.
    """
    if not out:
        return f"{anchored(folder, default)}{os.sep}"
    path = str(folder / located(out)) + (os.sep if out.endswith(("/", os.sep)) else "")
    return path if names_a_file(path) else path.rstrip(os.sep) + os.sep


class Left(Exception):
    """The request left the line before it was sent."""


class InLine:
    """The place in line of one create, and the way out of it.

    The core tells its place and then rests, only while nothing has been sent; to raise there takes
    the request out of the line. It does so in the thread that would send it, so no interrupt falls
    between the decision and the sending. `told` is called with each news.
    """

    def __init__(self, told: Callable[[], Any]) -> None:
        self._told = told
        self._left = threading.Event()
        self._resting = False
        self._news = ""
        self._until = 0.0

    def __call__(self, news: Waiting) -> None:
        self._news, self._resting = str(news), True
        self._until = time.monotonic() + news.seconds + _FRESH
        self._told()

    @property
    def state(self) -> str:
        """The last news; empty when there has been none for a while: it is on its way."""
        return self._news if time.monotonic() < self._until else ""

    def leave(self) -> None:
        """Leave the line; what is on its way goes on."""
        self._left.set()

    @property
    def is_left(self) -> bool:
        """Whether it is left, or will be at the next rest in it."""
        return self._left.is_set()

    def through(self, client: Kling) -> Kling:
        """The client, resting here while it stands in line."""
        made = copy(client)
        made.port = cast("Any", _Port(client.port, self.rest))
        return made

    def rest(self, seconds: float) -> bool:
        """Rest in line; False when it is no resting in line. Raises `Left`."""
        resting, self._resting = self._resting, False
        if resting and self._left.wait(seconds):
            raise Left
        return resting


_FRESH = 3.0
"""Seconds for which news of the line count; the core tells them every second."""


class _Port:
    """The world of a client, but for how it rests."""

    keeps_back = True
    """An interrupt is one cell's: the workspace keeps back what that cell has not sent yet."""

    def __init__(self, port: Port, rest: Callable[[float], bool]) -> None:
        self.send, self.save = port.send, port.save
        self._sleep, self._rest = port.sleep, rest

    def sleep(self, seconds: float) -> None:
        """Wait this many seconds."""
        if not self._rest(seconds):
            self._sleep(seconds)

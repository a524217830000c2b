"""Holding Ctrl-C back for the moment in which a paid request is out and not yet written down."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any


class HeldInterrupts:
    """Holds SIGINT from now on; `release` raises the interruption that came meanwhile.

    Only the main thread gets signals, so in other threads this does nothing, nor where a program
    around Python handles SIGINT: its handler could not be put back. A second SIGINT is held as
    well: the stretch is bounded by the time-outs of one request.
    """

    def __init__(self) -> None:
        self._came: list[tuple[int, FrameType | None]] = []
        self._before: Any = None
        main = threading.current_thread() is threading.main_thread()
        self._main = main and signal.getsignal(signal.SIGINT) is not None
        if self._main:
            self._before = signal.signal(signal.SIGINT, self._hold)

    def _hold(self, number: int, frame: FrameType | None) -> None:
        self._came.append((number, frame))

    def release(self) -> None:
        """Give SIGINT back to its handler, and let it handle what came."""
        if not self._main:
            return
        self._main = False
        signal.signal(signal.SIGINT, self._before)
        if self._came and callable(self._before):
            self._before(*self._came[0])

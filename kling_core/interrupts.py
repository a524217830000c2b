"""Holding Ctrl-C back for the moment in which a paid request is out and not yet written down."""

from __future__ import annotations

import signal
import sys
import threading
from types import FrameType
from typing import Any

from kling_core.errors import Interrupted


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

    @property
    def came(self) -> bool:
        """Whether an interruption is held back."""
        return bool(self._came)


def refuse() -> None:
    """Raise `Interrupted` in a thread whose main thread Ctrl-C is ending.

    Threads get no signal: a pool goes on with what is in its queue while the main thread waits for
    it on its way out. So we look whether the main thread is handling a `KeyboardInterrupt`, or
    whether the interpreter ends after one. No handler of the program is touched for that, and a
    program that has dealt with its Ctrl-C (and goes on) is not stopped by it.
    """
    if threading.current_thread() is not threading.main_thread() and _ending():
        raise Interrupted("Ctrl-C was pressed before this request was sent")


def _ending() -> bool:
    if getattr(threading, "_SHUTTING_DOWN", False):
        return getattr(sys, "last_type", None) is KeyboardInterrupt
    current: Any = getattr(sys, "_current_exceptions", None)
    handled: Any = current and current().get(threading.main_thread().ident)
    error: Any = handled if isinstance(handled, BaseException) else handled and handled[1]
    seen = 0
    while isinstance(error, BaseException) and seen < _CHAIN:
        if isinstance(error, KeyboardInterrupt):
            return True
        error, seen = error.__context__, seen + 1
    return False


_CHAIN = 50
"""How far a chain of exceptions is followed: one raised while another was handled, and so on."""

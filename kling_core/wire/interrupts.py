"""Holding Ctrl-C back for the moment in which a paid request is out and not yet written down."""

from __future__ import annotations

import _thread
import signal
import sys
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType
from typing import Any, TypeVar

from kling_core.errors import Interrupted

__all__ = ["APART", "PATIENCE", "HeldInterrupts", "check", "refuse", "unlost"]

T = TypeVar("T")

PATIENCE = 5.0
"""Seconds for which an interruption waits for what is out to be written down."""

APART = 1.0
"""Seconds after which Ctrl-C counts as pressed again, rather than once by an impatient hand."""

_held: HeldInterrupts | None = None


def check() -> None:
    """Raise the interruption that has been held for long enough; call it in between two waits."""
    if _held is not None and threading.current_thread() is threading.main_thread():
        _held.check()


class HeldInterrupts:
    """Holds SIGINT from now on; `release` raises the interruption that came meanwhile.

    Pressed again, or `PATIENCE` seconds after the first, it is raised where the flow waits for the
    network: whoever catches it there writes down that the outcome is not known. Never elsewhere, so
    that nothing is left half written.

    Only the main thread gets signals, so in other threads this does nothing, nor where a program
    around Python handles SIGINT: its handler could not be put back.
    """

    def __init__(self) -> None:
        global _held
        self._came: list[tuple[int, FrameType | None]] = []
        self._first = self._last = 0.0
        self._waiting = False
        self._raised = False
        self._before: Any = None
        self._outer: HeldInterrupts | None = None
        main = threading.current_thread() is threading.main_thread()
        self._main = main and signal.getsignal(signal.SIGINT) is not None
        if self._main:
            self._outer, _held = _held, self
            self._before = signal.signal(signal.SIGINT, self._hold)

    def wait(self, work: Callable[[], T]) -> T:
        """Do what waits for the network, or for time to pass; there an interruption may come up."""
        if not self._main:
            return work()
        self.check()
        self._waiting = True
        try:
            return work()
        finally:
            self._waiting = False

    def check(self) -> None:
        """Raise the interruption if it is time."""
        again = self._last - self._first >= APART
        if self._came and (again or time.monotonic() - self._first >= PATIENCE):
            self._let_go()

    def release(self) -> None:
        """Give SIGINT back to its handler, and let it handle what came."""
        global _held  # noqa: PLW0603
        if not self._main:
            return
        self._main = False
        _held = self._outer
        signal.signal(signal.SIGINT, self._before)
        if self._came and not self._raised:
            self._let_go()

    @property
    def came(self) -> bool:
        """Whether an interruption is held back."""
        return bool(self._came)

    def _hold(self, number: int, frame: FrameType | None) -> None:
        self._last = time.monotonic()
        self._first = self._first if self._came else self._last
        self._came.append((number, frame))
        if self._waiting:
            self.check()

    def _let_go(self) -> None:
        first = self._came[0]
        self._came.clear()  # before the handler, which raises: handed over once
        if callable(self._before):
            try:
                self._before(*first)
            except BaseException:
                self._raised = True
                raise


AGAIN = 0.02
"""Seconds after which a lost interruption comes again."""


@contextmanager
def unlost() -> Generator[None]:
    """Within it a Ctrl-C that nobody could hear comes again; for programs, not for libraries.

    Python drops what is raised in a callback of its garbage collection, with a few words on stderr:
    a signal may arrive in just that moment.
    """
    before = sys.unraisablehook

    def hook(lost: sys.UnraisableHookArgs) -> None:
        if issubclass(lost.exc_type, KeyboardInterrupt):
            again = threading.Timer(AGAIN, _press)  # by then the callback is over
            again.daemon = True
            again.start()
        else:
            before(lost)

    sys.unraisablehook = hook
    try:
        yield
    finally:
        sys.unraisablehook = before


def _press() -> None:
    """Ctrl-C for the main thread, which wakes from whatever it waits for where a system can."""
    send = getattr(signal, "pthread_kill", None)
    if send is None:
        _thread.interrupt_main()
    else:
        send(threading.main_thread().ident, signal.SIGINT)


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
    # By then the main thread handles nothing more; what ended it was kept by the interpreter.
    if getattr(threading, "_SHUTTING_DOWN", False):
        return getattr(sys, "last_type", None) is KeyboardInterrupt
    current: Any = getattr(sys, "_current_exceptions", None)
    handled: Any = current and current().get(threading.main_thread().ident)
    # Before Python 3.12 it is a triple of type, error and traceback.
    error: Any = handled if isinstance(handled, BaseException) else handled and handled[1]
    seen = 0
    while isinstance(error, BaseException) and seen < _CHAIN:
        if isinstance(error, KeyboardInterrupt):
            return True
        error, seen = error.__context__, seen + 1
    return False


_CHAIN = 50
"""How far a chain of exceptions is followed: one raised while another was handled, and so on."""

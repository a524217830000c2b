"""Warnings that point at the caller's own line, however deep in this package they arise."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from kling_core.errors import KlingWarning

_HERE = str(Path(__file__).parent) + os.sep

_listener: ContextVar[Callable[[str], object] | None] = ContextVar("listener", default=None)


@contextmanager
def heard_by(listener: Callable[[str], object]) -> Generator[None]:
    """Hand the warnings of this block, and of tasks and threads begun in it, to a listener.

    For servers, which answer many callers at once and have nobody who reads their warnings.
    """
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


def notify(text: str) -> None:
    """Tell the listener of `heard_by`, or issue a `KlingWarning` at the first frame outside."""
    listener = _listener.get()
    if listener is not None:
        listener(text)
        return
    level, frame = 1, sys._getframe()  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
    while frame is not None and frame.f_code.co_filename.startswith(_HERE):
        level, frame = level + 1, frame.f_back
    warnings.warn(text, KlingWarning, stacklevel=level)

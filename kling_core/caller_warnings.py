"""Warnings that point at the caller's own line, however deep in this package they arise."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from types import FrameType

from kling_core.errors import KlingWarning
from kling_core.text import safe

_HERE = str(Path(__file__).parent) + os.sep  # a neighbour's name may begin like ours

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


def notify(text: str, *, sent: bool = True) -> None:
    """Tell the listener of `heard_by`, or issue a `KlingWarning` at the first frame outside.

    Where warnings are errors this raises only with `sent=False`, while nothing is paid yet: what is
    said later must not come between a task and its caller, and is shown instead.
    """
    text = safe(text)
    listener = _listener.get()
    if listener is not None:
        listener(text)
        return
    level, frame = 1, sys._getframe()  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
    while frame is not None and frame.f_code.co_filename.startswith(_HERE):
        level, frame = level + 1, frame.f_back
    try:
        warnings.warn(text, KlingWarning, stacklevel=level)
    except KlingWarning as warning:
        if not sent:
            raise
        show(warning, frame)


def show(warning: KlingWarning, frame: FrameType | None) -> None:
    """Show a warning that a filter has made an error, as it would have been shown."""
    place = ("kling", 0) if frame is None else (frame.f_code.co_filename, frame.f_lineno)
    warnings.showwarning(warning, KlingWarning, *place)

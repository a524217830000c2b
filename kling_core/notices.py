"""Warnings that point at the caller's own line, however deep in this package they arise."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from kling_core.errors import KlingWarning

_HERE = str(Path(__file__).parent) + os.sep

_listener: ContextVar[Callable[[str], Any] | None] = ContextVar("listener", default=None)


def notify(text: str) -> None:
    """Issue a `KlingWarning` at the first frame outside this package, or tell who listens."""
    listener = _listener.get()
    if listener is not None:
        listener(text)
        return
    level, frame = 1, sys._getframe()  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
    while frame is not None and frame.f_code.co_filename.startswith(_HERE):
        level, frame = level + 1, frame.f_back
    warnings.warn(text, KlingWarning, stacklevel=level)


@contextmanager
def heard(listener: Callable[[str], Any]) -> Generator[None]:
    """Tell `listener` what this thread or task would warn of inside the block.

    Unlike `warnings.catch_warnings` it changes nothing for other threads.
    """
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)

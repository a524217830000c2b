"""Warnings that point at the caller's own line, however deep in this package they arise."""

from __future__ import annotations

import os
import sys
import warnings
from pathlib import Path

from kling_core.errors import KlingWarning

_HERE = str(Path(__file__).parent) + os.sep


def notify(text: str) -> None:
    """Issue a `KlingWarning` at the first frame outside this package."""
    level, frame = 1, sys._getframe()  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
    while frame is not None and frame.f_code.co_filename.startswith(_HERE):
        level, frame = level + 1, frame.f_back
    warnings.warn(text, KlingWarning, stacklevel=level)

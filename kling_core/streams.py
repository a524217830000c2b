"""The standard streams of a process: there, and never the reason why something fails."""

from __future__ import annotations

import codecs
import os
import sys
from typing import TextIO, cast

__all__ = ["settle", "unicode_names"]


def settle() -> None:
    """Make sure that stdin, stdout and stderr exist, and take every character.

    Services and `pythonw` have none. A descriptor that is left closed is worse: the next file that
    is opened takes its number, and what is meant for stderr is written into it.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, nowhere(mode))
        elif mode == "w" and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def nowhere(mode: str = "w") -> TextIO:
    """A stream that drops what is written, and has nothing to read."""
    number = os.open(os.devnull, os.O_RDWR)  # the lowest free one: the one that was closed
    # Never closed: the number must stay taken.
    return cast("TextIO", open(number, mode, encoding="utf-8", closefd=False))


def unicode_names(stream: TextIO) -> bool:
    """Whether the stream has a place for every character."""
    try:
        return codecs.lookup(stream.encoding or "ascii").name.startswith("utf")
    except LookupError:
        return False

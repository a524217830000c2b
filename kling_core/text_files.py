"""Text that people keep in files, as editors and shells of all systems write it."""

from __future__ import annotations

import codecs
import os
from pathlib import Path

__all__ = ["decode", "read"]

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
"""The marks with which Notepad, PowerShell and Excel begin a text, and what they stand for."""


def decode(data: bytes) -> str:
    """The text of these bytes without its byte order mark, lines ending as Python has them.

    Without a mark it is UTF-8. Raises `ValueError` for other encodings: to guess one is to send
    other words than were meant.
    """
    mark, encoding = next(((m, e) for m, e in _MARKS if data.startswith(m)), (b"", "utf-8"))
    try:
        text = data[len(mark) :].decode(encoding)
    except UnicodeDecodeError:
        raise ValueError("it is no text in UTF-8; save it as UTF-8") from None
    if "\0" in text:
        raise ValueError("it is no text, or in UTF-16 without a mark; save it as UTF-8")
    return text.replace("\r\n", "\n")


def read(path: str | os.PathLike[str]) -> str:
    """The text of a file, see `decode`. Raises `OSError`, `ValueError`."""
    return decode(Path(path).read_bytes())

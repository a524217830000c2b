"""Text from prompts and from the service is data: shown as such, and never as instructions.

Paths of this machine are not told to callers from elsewhere.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path
from typing import Any

__all__ = ["HALVES", "clean", "quoted", "whole", "without_paths"]

HALVES = re.compile("[\ud800-\udfff\ufffd]")
"""Halves of characters, which no encoding carries, and the sign that stands for a damaged one."""

_HIDDEN = ("Cc", "Cf", "Co", "Cs", "Zl", "Zp")
"""Kinds of characters that can hide or disguise text: controls, format marks, line separators."""


def clean(text: str, most: int = 500) -> str:
    """The text in one line, without characters that nobody sees, cut when it is long."""
    seen = "".join(" " if c.isspace() else c for c in text)
    seen = "".join(c for c in seen if unicodedata.category(c) not in _HIDDEN)
    seen = " ".join(seen.split())
    return seen if len(seen) <= most else f"{seen[: most - 1]}…"


def quoted(text: str, most: int = 200) -> str:
    """The same between quotation marks, with those inside it escaped."""
    return json.dumps(clean(text, most), ensure_ascii=False)


def whole(value: Any) -> Any:
    """The same JSON data with U+FFFD for every half of a character: it can be sent and written."""
    if isinstance(value, str):
        return value if value.isascii() else HALVES.sub("\ufffd", value)
    if isinstance(value, dict):
        return {whole(k): whole(v) for k, v in value.items()}  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, list):
        return [whole(entry) for entry in value]  # pyright: ignore[reportUnknownVariableType]
    return value


_PATH = re.compile(r"(?<![\w:/.])(?:/[\w.@+-]+){2,}/?")
_BELOW = r"(?:[/\\](?:[^'\":;,\n]*?\.\w{2,5}\b|[^\s'\":;,]*))?"
"""What may follow a known folder: up to the suffix of a file, or else to the next blank."""


def without_paths(value: Any, roots: Iterable[Path]) -> Any:
    """Texts, also those inside lists and facts, with "…" for each path.

    `roots` are folders that are known to hold files: they are found also with blanks in their
    names, and so are the folders that they lie in.
    """
    places = {str(place) for root in roots for place in (root, *root.parents) if _deep(place)}
    known = [re.escape(place) + _BELOW for place in sorted(places, key=len, reverse=True)]
    return _cut(value, re.compile("|".join(known)) if known else None)


def _deep(place: Path) -> bool:
    """Whether a folder tells something: /home does not."""
    return len(place.parts) > 2


def _cut(value: Any, known: re.Pattern[str] | None) -> Any:
    if isinstance(value, str):
        return _PATH.sub("…", known.sub("…", value) if known else value)
    if isinstance(value, dict):
        return {k: _cut(v, known) for k, v in value.items()}  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, list):
        return [_cut(entry, known) for entry in value]  # pyright: ignore[reportUnknownVariableType]
    return value

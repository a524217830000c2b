"""Paths of this machine, which callers from elsewhere are not told."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

__all__ = ["without"]

_PATH = re.compile(r"(?<![\w:/.])(?:/[\w.@+-]+){2,}/?")
_BELOW = r"(?:[/\\](?:[^'\":;,\n]*?\.\w{2,5}\b|[^\s'\":;,]*))?"
"""What may follow a known folder: up to the suffix of a file, or else to the next blank."""


def without(value: Any, roots: Iterable[Path]) -> Any:
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

"""Text from prompts and from the service is data: shown as such, and never as instructions."""

from __future__ import annotations

import json
import unicodedata

__all__ = ["clean", "quoted"]

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

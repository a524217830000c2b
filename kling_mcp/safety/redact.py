"""Text from prompts and from the service is data: shown as such, and never as instructions."""

from __future__ import annotations

import json
import re
import unicodedata
from typing import Any

__all__ = ["HALVES", "clean", "quoted", "whole"]

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

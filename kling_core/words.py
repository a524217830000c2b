"""Wording that many messages share."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterable
from datetime import UTC, datetime

_UNSEEN = frozenset({"Cc", "Cf", "Zl", "Zp", "Zs"})
_FILLERS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0").union(
    map(chr, (*range(0x180B, 0x1810), *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)))
)
"""Letters, marks and a braille pattern that leave no trace: fillers and variation selectors."""


def blank(text: str) -> bool:
    """Whether nothing of the text can be seen: it is empty, or blanks and invisible characters."""
    return all(unicodedata.category(c) in _UNSEEN or c in _FILLERS for c in text)


def nearest(word: str, known: Iterable[str], count: int = 1) -> list[str]:
    """The known words most like `word`, best first, at most `count`."""
    import difflib

    return difflib.get_close_matches(word, list(known), n=count)


def did_you_mean(word: str, known: Iterable[str], count: int = 1) -> str:
    """`"; did you mean x or y?"`, empty when nothing is near."""
    near = nearest(word, known, count)
    return f"; did you mean {' or '.join(near)}?" if near else ""


def at(moment: float, now: float) -> str:
    """A time of day here, in minutes and not before `moment`; with its date when that is another.

    Both are seconds since 1970.
    """
    full = datetime.fromtimestamp(math.ceil(moment / 60) * 60, UTC).astimezone()
    today = datetime.fromtimestamp(now, UTC).astimezone()
    return full.strftime("%H:%M" if full.date() == today.date() else "%Y-%m-%d %H:%M")


def ranges(numbers: Iterable[int]) -> str:
    """Whole numbers in few words: 3-15, or 5, 10."""
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ", ".join(f"{r[0]}-{r[-1]}" if len(r) > 1 else str(r[0]) for r in runs)

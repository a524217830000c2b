"""Wording that many messages share."""

from __future__ import annotations

import math
import re
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


_MOVES = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""What moves the cursor, colours, rings, turns the direction of writing, or is no character."""


def safe(text: str) -> str:
    """The text for a terminal: line breaks and tabs stay, other controls are spelled out.

    Prompts, Kling's messages, callbacks and names of files may hold escapes that would clear the
    screen, forge a line or set the clipboard of whoever reads them.
    """
    if text.isascii() and text.isprintable():
        return text
    # A line break of Windows is meant; a bare return writes over the line.
    return _MOVES.sub(lambda found: _spelled(found[0]), text.replace("\r\n", "\n"))


def safe_json(text: str) -> str:
    """The same for JSON that is written already: it reads as it did."""
    return _MOVES.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def one_line(text: str) -> str:
    """The text for a terminal, in one line."""
    return safe(" ".join(text.split()))


def _spelled(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


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

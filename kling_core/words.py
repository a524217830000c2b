"""Wording that many messages share."""

from __future__ import annotations

from collections.abc import Iterable


def nearest(word: str, known: Iterable[str], count: int = 1) -> list[str]:
    """The known words most like `word`, best first, at most `count`."""
    import difflib

    return difflib.get_close_matches(word, list(known), n=count)


def did_you_mean(word: str, known: Iterable[str], count: int = 1) -> str:
    """`"; did you mean x or y?"`, empty when nothing is near."""
    near = nearest(word, known, count)
    return f"; did you mean {' or '.join(near)}?" if near else ""


def ranges(numbers: Iterable[int]) -> str:
    """Whole numbers in few words: 3-15, or 5, 10."""
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ", ".join(f"{r[0]}-{r[-1]}" if len(r) > 1 else str(r[0]) for r in runs)

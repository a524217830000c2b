"""A table of words, before anything draws it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kling_core.text import one_line

__all__ = ["Table"]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of text under a head, all of the same length; the title may be empty."""

    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    title: str = ""

    def lines(self, *, head: bool = True) -> list[str]:
        """The table in aligned columns, without its title; nothing in it moves a terminal."""
        rows = [[one_line(cell) for cell in row] for row in self.rows]
        shown = [self.head, *rows] if head else rows
        widths = [max((len(row[i]) for row in shown), default=0) for i in range(len(self.head))]
        return [
            "  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip()
            for row in shown
        ]

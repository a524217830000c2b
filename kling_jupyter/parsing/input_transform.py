"""Lines with `%kling` and cells with `%%kling` reach the magic as they were typed.

IPython reads a line that ends in `?` as a call for help, cuts blanks off its end, and takes `...`
and `>>>` at the beginning of a cell's lines for prompts of Python. A prompt for Kling may hold all
of that, so ours are turned into the call before those rules see them.
"""

# IPython's own types are partial here.
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false

from __future__ import annotations

import re
import tokenize
from typing import Any

from IPython.core.inputtransformer2 import (
    TokenTransformBase,
    assemble_continued_line,
    find_end_of_continued_line,
)

from kling_jupyter.display import Shell

__all__ = ["KlingLine", "install", "kling_cell", "uninstall"]

_INDENTATION = {tokenize.INDENT, tokenize.DEDENT}
_CELL = re.compile(r"%%kling(?:[ \t]([^\r\n]*))?[\r\n]*")
_HELP = re.compile(r"%kling\?{1,2}\s*$")


class KlingLine(TokenTransformBase):
    """`%kling …` and `name = %kling …`, found among the tokens so that strings stay strings."""

    priority = 4  # before HelpEnd, which is 5

    def __init__(self, start: tuple[int, int], column: int) -> None:
        super().__init__(start)
        self.column = column

    @classmethod
    def find(cls, tokens_by_line: list[list[Any]]) -> KlingLine | None:
        """The first of our lines in the cell."""
        for line in tokens_by_line:
            at = _magic(line)
            if at is not None and not _HELP.match(at.line[at.start[1] :]):
                # IPython takes the leftmost rule first, and HelpEnd begins with the line.
                return cls((at.start[0], 0), at.start[1])
        return None

    def transform(self, lines: list[str]) -> list[str]:
        """The cell with that line turned into a call."""
        row, column = self.start_line, self.column
        end = find_end_of_continued_line(lines, row)
        if end == row:
            text = lines[row][column:].rstrip("\r\n")
        else:
            text = assemble_continued_line(lines, (row, column), end)
        arguments = text.removeprefix("%kling")
        call = f"get_ipython().run_line_magic('kling', {arguments.removeprefix(' ')!r})\n"
        return [*lines[:row], lines[row][:column] + call, *lines[end + 1 :]]


def kling_cell(lines: list[str]) -> list[str]:
    """A `%%kling` cell turned into the call; any other cell as it is."""
    first = next((i for i, line in enumerate(lines) if line.strip()), 0)
    head = _CELL.fullmatch(lines[first]) if lines else None
    if head is None:
        return lines
    line, body = head[1] or "", "".join(lines[first + 1 :])
    return [f"get_ipython().run_cell_magic('kling', {line!r}, {body!r})\n"]


def install(shell: Shell) -> None:
    """Let the shell read our lines; a second time changes nothing."""
    uninstall(shell)
    manager = shell.input_transformer_manager
    manager.token_transformers.append(KlingLine)
    manager.cleanup_transforms.insert(0, kling_cell)  # before those that take prompts off


def uninstall(shell: Shell) -> None:
    """Leave our lines to IPython again."""
    manager = shell.input_transformer_manager
    for known, ours in (
        (manager.token_transformers, KlingLine),
        (manager.cleanup_transforms, kling_cell),
    ):
        if ours in known:
            known.remove(ours)


def _magic(line: list[Any]) -> Any:
    """The token `%` of `%kling` at the start of the line or after its first `=`, else None."""
    first = next((i for i, token in enumerate(line) if token.type not in _INDENTATION), None)
    if first is None:
        return None
    places = [first]
    depth = 0
    for i, token in enumerate(line):
        depth += {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}.get(token.string, 0)
        if token.string == "=" and depth == 0:  # within brackets it names an argument
            places.append(i + 1)
            break
    for i in places:
        here = line[i : i + 2]
        # With a blank in between it is Python's modulo.
        if [token.string for token in here] == ["%", "kling"] and here[0].end == here[1].start:
            return here[0]
    return None

"""More fields below the prompt of a cell, after a line of exactly `---`.

    %%kling text-to-video
    A paper boat in the rain
    ---
    duration: 10
    negative-prompt: blurry, text
    --aspect-ratio 9:16

Fields go by Kling's names, with hyphens or underscores, or by any other spelling of their options.
A prompt may hold such a line of its own: when nothing below it names an option, it is text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kling_core.cli.arguments import UsageProblem, nearest

if TYPE_CHECKING:
    from kling_core.cli.arguments import Parser

__all__ = ["Entry", "entry", "flag", "split"]

MARK = "---"

_ENTRY = re.compile(r"\s*([^\W\d][\w-]*)\s*:(?!//)\s*(.*?)\s*", re.DOTALL)
_OPTION = re.compile(r"\s*(-[^\W\d]|--[^\W\d][\w-]*)(?=[\s=\d]|$)")


@dataclass(frozen=True, slots=True)
class Entry:
    """One line below the mark: a field's name and its value as they were typed."""

    name: str
    value: str


def split(cell: str, parser: Parser) -> tuple[str, list[str]]:
    """The prompt, and the lines below the mark.

    Raises `UsageProblem` when one of them names an option and another is nothing of the kind: to
    guess would be to pay for something else than was meant.
    """
    lines = cell.split("\n")
    marks = [i for i, line in enumerate(lines) if line.rstrip("\r") == MARK]
    below = [line.strip() for line in lines[marks[-1] + 1 :] if line.strip()] if marks else []
    if not any(_is_meant(line, parser) for line in below):
        return cell, []
    for line in below:
        if not _has_shape(line):
            raise UsageProblem(
                f"below {MARK}: {line!r} is neither name: value nor an option",
                fix="--raw takes the whole cell as the prompt.",
            )
    return "\n".join(lines[: marks[-1]]), below


def entry(line: str) -> Entry | None:
    """The line as a name with its value, None when it holds options."""
    found = _ENTRY.fullmatch(line)
    return Entry(found[1], found[2]) if found and not line.startswith("-") else None


def flag(parser: Parser, name: str) -> str:
    """The option that a name stands for. Raises `UsageProblem`."""
    known = f"--{name.replace('_', '-').lower()}"
    if known in parser.actions():
        return known
    near = nearest(known[2:], _bare(parser))
    meant = f"; did you mean {near}?" if near else ""
    raise UsageProblem(
        f"below {MARK}: there is no field {name!r}{meant}",
        fix="" if near else f"See {parser.prog} --help; --raw takes the whole cell as the prompt.",
    )


def _has_shape(line: str) -> bool:
    return entry(line) is not None or _OPTION.match(line) is not None


def _names(line: str, parser: Parser) -> bool:
    """Whether the line begins with an option, or with the name of one."""
    found = entry(line)
    if found is not None:
        return f"--{found.name.replace('_', '-').lower()}" in parser.actions()
    option = _OPTION.match(line)
    return option is not None and option[1] in parser.actions()


def _is_meant(line: str, parser: Parser) -> bool:
    """Whether the line names an option, or nearly."""
    if _names(line, parser):
        return True
    found, option = entry(line), _OPTION.match(line)
    name = found.name if found else option[1].lstrip("-") if option else ""
    return len(name) > 1 and nearest(name.replace("_", "-").lower(), _bare(parser)) is not None


def _bare(parser: Parser) -> Iterable[str]:
    return [spelling[2:] for spelling in parser.actions() if spelling.startswith("--")]

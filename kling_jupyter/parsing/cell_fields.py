"""More fields below the prompt of a cell, after a line `---`.

    %%kling text-to-video
    A paper boat in the rain
    ---
    duration: 10
    negative-prompt: blurry, text
    --aspect-ratio 9:16

Fields go by Kling's names, with hyphens or underscores, or by any other spelling of their options.
A prompt may hold such a line of its own: when nothing below it names an option, it is text. What
is nearly such a line, or nearly a field, is refused where it can only be meant as one, and noted
where it may well be text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

from kling_core.commands.arguments import UsageProblem, consumes, nearest

if TYPE_CHECKING:
    from kling_core.commands.arguments import Parser

__all__ = ["RULE", "Body", "Entry", "entry", "flag", "is_mark", "near", "split", "stands_for"]

MARK = "---"

RULE = r"[-\u2010-\u2015\u2212\u200b\ufeff]{2,}|[\u2013-\u2015]"
"""A line that may be meant as the mark: dashes of any kind, and what nobody sees."""

_RULE = re.compile(RULE)
# An address has a colon too, with two slashes behind it.
_ENTRY = re.compile(r"\s*([^\W\d][\w-]*)\s*:(?!//)\s*(.*?)\s*", re.DOTALL)
_OPTION = re.compile(r"\s*(-[^\W\d]|--[^\W\d][\w-]*)(?=[\s=\d]|$)")
_SLIP = re.compile(
    r"""  [-*\u2022\u2010-\u2015\u2212]+ \s* ([^\W\d][\w-]*) \s* [:=\uff1a] (?!//)  # - duration: 10
        | ([^\W\d][\w-]*) \s* [=\uff1a]                                          # duration = 10
        | [\u2010-\u2015\u2212]+ -* ([^\W\d][\w-]*) (?=\s|$)                     # a long dash
        | ([^\W\d][\w-]*) \s+ \S+ $                                              # duration 10
    """,
    re.VERBOSE,
)
"""A line as one writes a field elsewhere; the last group may as well be two words of a prompt."""

_RAW = "--raw takes the whole cell as the prompt."

_Likeness = Literal["exact", "near", "perhaps", ""]


@dataclass(frozen=True, slots=True)
class Entry:
    """One line below the mark: a field's name and its value as they were typed."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Body:
    """A cell taken apart: the prompt, the lines below the mark, and notes for the reader."""

    prompt: str
    below: Sequence[str]
    notes: Sequence[str]


def split(cell: str, parser: Parser) -> Body:
    """The cell as prompt and fields.

    Raises `UsageProblem` when one line below the mark names an option and another is nothing of
    the kind, and when fields stand where they would be paid for as a prompt: to guess would be to
    pay for something else than was meant.
    """
    lines = cell.split("\n")
    rules = [i for i, line in enumerate(lines) if _RULE.fullmatch(line.strip())]
    prompt, below = cell, list[str]()
    if rules and is_mark(lines[rules[-1]]):
        lowest = _filled(lines[rules[-1] + 1 :])
        if any(_is_meant(line, parser) for line in lowest):
            below, lines = lowest, lines[: rules.pop()]
            prompt = "\n".join(lines).removesuffix("\r")  # of a cell from Windows
    for line in below:
        if not _has_shape(line):
            raise UsageProblem(
                f"below {MARK}: {line!r} is neither name: value nor an option", fix=_RAW
            )
    _refuse_top(_filled(lines), parser)
    notes: list[str] = []
    for rule, end in pairwise([*rules, len(lines)]):
        notes += _notes_below(lines[rule].strip(), _filled(lines[rule + 1 : end]), parser)
    return Body(prompt, below, notes)


def is_mark(line: str) -> bool:
    """Whether fields may follow; blanks around the mark do not count."""
    return line.strip() == MARK


def entry(line: str) -> Entry | None:
    """The line as a name with its value, None when it holds options."""
    found = _ENTRY.fullmatch(line)
    return Entry(found[1], found[2]) if found and not line.startswith("-") else None


def flag(parser: Parser, name: str) -> str:
    """The option that a name stands for. Raises `UsageProblem`."""
    known = stands_for(name, parser)
    if known is not None:
        return known
    alike = _near(name, parser)
    meant = f"; did you mean {alike}?" if alike else ""
    raise UsageProblem(
        f"below {MARK}: there is no field {name!r}{meant}",
        fix="" if alike else f"See {parser.prog} --help; {_RAW}",
    )


def stands_for(name: str, parser: Parser) -> str | None:
    """The option of exactly this name, in any spelling of hyphens and capitals."""
    known = _flag(name)
    return known if known in parser.actions() else None


def near(name: str, parser: Parser) -> str | None:
    """The option that a name is meant for: the beginning of it, or written wrongly."""
    found = _near(name, parser)
    return f"--{found}" if found else None


def _filled(lines: Iterable[str]) -> list[str]:
    return [line.strip() for line in lines if line.strip()]


def _has_shape(line: str) -> bool:
    return entry(line) is not None or _OPTION.match(line) is not None


def _names(line: str, parser: Parser) -> bool:
    """Whether the line begins with an option, or with the name of one."""
    found = entry(line)
    if found is not None:
        return _flag(found.name) in parser.actions()
    option = _OPTION.match(line)
    return option is not None and option[1] in parser.actions()


def _is_meant(line: str, parser: Parser) -> bool:
    """Whether the line names an option, or nearly."""
    if _names(line, parser):
        return True
    found, option = entry(line), _OPTION.match(line)
    name = found.name if found else option[1] if option else ""
    return _near(name, parser) is not None


# --- what is nearly a field ----------------------------------------------------------------


def _refuse_top(lines: Sequence[str], parser: Parser) -> None:
    """Refuse a first line of nothing but options. Raises `UsageProblem`."""
    top = lines[0] if lines else ""
    option = _OPTION.match(top)
    if option is None or option[1].replace("_", "-") not in parser.actions():
        return
    if _is_options(top.split(), parser):
        raise UsageProblem(
            f"{top!r} begins the cell, and would be sent as part of the prompt",
            fix=f"Options stand in the first line, behind {parser.prog.replace('%', '%%')}, or "
            f"below a line {MARK}; {_RAW}",
        )


def _is_options(words: Sequence[str], parser: Parser) -> bool:
    place = 0
    while place < len(words):
        try:
            taken = consumes(parser, words[place], (*words, None)[place + 1])
        except UsageProblem:
            return False
        if not taken:
            return False
        place += taken
    return True


def _notes_below(rule: str, lines: Sequence[str], parser: Parser) -> list[str]:
    """Notes on what looks like fields below a line of dashes in the prompt.

    Raises `UsageProblem` when all of it does, by at least one name as it is spelled.
    """
    found = [(line, _likeness(line, parser)) for line in lines]
    likenesses = {likeness for _, likeness in found}
    if "exact" in likenesses and likenesses <= {"exact", "near"}:
        raise UsageProblem(
            f"{lines[0]!r} below {rule} reads as a field, and would be sent as part of the prompt",
            fix=f"Write fields as duration: 10, all below one line {MARK} at the end; {_RAW}",
        )
    return [
        f"{line!r} below {rule} is part of the prompt; a field is written duration: 10, below a "
        f"line {MARK} at the end"
        for line, likeness in found
        if likeness
    ]


def _likeness(line: str, parser: Parser) -> _Likeness:
    """How much a line reads as a field, in any spelling."""
    if _names(line, parser):
        return "exact"
    if _is_meant(line, parser):
        return "near"
    found, slip = entry(line), _SLIP.match(line)
    if found is None and slip is not None and slip[4]:
        return "perhaps" if _flag(slip[4]) in parser.actions() else ""
    name = found.name if found else next(filter(None, slip.groups()), "") if slip else ""
    if found is None and _flag(name) in parser.actions():
        return "exact"
    if found is None and _near(name, parser):
        return "near"
    return "perhaps" if name and nearest(_flag(name)[2:], _bare(parser)) else ""


def _near(name: str, parser: Parser) -> str | None:
    """The option that a name is meant for: the beginning of it, or written wrongly."""
    name = _flag(name.lstrip("-"))[2:]
    if len(name) < 3:
        return None
    known = list(_bare(parser))
    near = next((k for k in known if k.startswith(name)), None) or nearest(name, known)
    alike = near is not None and (
        near.startswith(name)
        or sorted(near) == sorted(name)
        or SequenceMatcher(None, name, near).ratio() >= _ALIKE
    )
    return near if alike else None


_ALIKE = 0.75
"""From here on two names are the same word written wrongly; http is no shot-type."""


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-').lower()}"


def _bare(parser: Parser) -> Iterable[str]:
    return [spelling[2:] for spelling in parser.actions() if spelling.startswith("--")]

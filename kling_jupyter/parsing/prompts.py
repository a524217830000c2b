"""What stands in a prompt and was hardly meant for it: options, comments, quotes, files.

A prompt is sent word for word and paid for, so what reads as something else is refused before that,
with the ways out; a refusal costs nothing. `--` before the prompt sends it as it stands, with its
expressions filled in; `--raw` leaves these alone too.
"""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from kling_core import text_files
from kling_core.commands.arguments import UsageProblem
from kling_jupyter.parsing import cell_fields, variables

if TYPE_CHECKING:
    from kling_core.commands.arguments import Parser

__all__ = ["Place", "Prompt", "check_beginning", "holds_comment", "is_plain", "read"]

Place = Literal["line", "cell", "option"]
"""Where a prompt was typed: behind the options, in a cell, or as the value of an option."""

_DASHES = "\u2010-\u2015\u2212"
_NAME = r"[^\W\d_][\w-]*"
_OPTION = re.compile(rf"--(?:no-)?{_NAME}(?:=.*)?", re.DOTALL)
_SHORT = re.compile(r"(-[A-Za-z])(\d[\d.]*|=.*)?", re.DOTALL)
_LONG_DASH = re.compile(rf"[{_DASHES}]+-*({_NAME})(?:=.*)?", re.DOTALL)
_ASSIGNED = re.compile(r"([A-Za-z_][\w-]+)=(?!=)", re.DOTALL)
# fmt: off
_FOREIGN = frozenset(
    {
        "ar", "aspect", "cfg", "chaos", "fps", "frames", "height", "neg", "niji", "seed", "size",
        "steps", "style", "stylize", "width",
    }
)
# fmt: on
"""Options of other tools, which word processors give a long dash too."""

_COMMENT = re.compile(
    r"""  (?:\s{2,}|\t) \#            # as formatters write it
        | (?:^|\s) \# \s+ (?=[^\W\d])  # "# a job"; "take # 3" is none
        | (?:^|\s) \# \s* $
    """,
    re.VERBOSE,
)
_QUOTES = {'"': '"', "'": "'", "“": "”", "‘": "’", "«": "»", "„": "“"}
_FILE = re.compile(
    r"""[^\s"']*[^\s"'.]\.(?:png|jpe?g|webp|gif|bmp|heic|mp4|mov|mkv|webm|m4v|mp3|wav|m4a|aac|ogg
    |txt|json|csv)|[^\s"']*[/\\]""",
    re.VERBOSE | re.IGNORECASE,
)


class Prompt(NamedTuple):
    """A prompt as it is to be sent but for its expressions, which a file's text has none of."""

    text: str
    notes: tuple[str, ...] = ()
    of_file: bool = False


def read(text: str, shaped: Parser, place: Place) -> Prompt:
    """The prompt that was typed. Raises `UsageProblem` for what was hardly meant as one."""
    bare = text.strip()
    if bare == "-":
        raise UsageProblem(
            "the prompt - is the standard input, which a notebook has not",
            fix="Write @file.txt for the text of a file, or {variable}.",
        )
    named = re.fullmatch(r"@(\S+)|@?(?P<quote>[\"'])(@?)([^\"']+)(?P=quote)", bare)
    if named and (named[1] or named[3] or bare.startswith("@")):
        return _of_file(named[1] or named[4], place)
    words = variables.masked(text)  # what looks like an option within braces is Python
    _refuse_options(words, text, shaped, place)
    if place == "line" and holds_comment(words):
        raise UsageProblem(
            "the line holds a comment, which would be sent as part of the prompt",
            fix="Leave it out, or write the prompt in a cell: "
            f"{shaped.prog.replace('%', '%%')}, and the prompt below.",
        )
    return _unquoted(text, place)


def holds_comment(text: str) -> bool:
    """Whether a line of text goes on, or begins, as a comment of Python."""
    return _COMMENT.search(text) is not None


def is_plain(text: str, shaped: Parser, place: Place) -> bool:
    """Whether the prompt is sent as it stands when it is typed there."""
    if "{" in text or "$" in text:
        return False
    try:
        return read(text, shaped, place) == Prompt(text)
    except UsageProblem:
        return False


def check_beginning(prompt: str, flag: str, value: str) -> None:
    """Refuse a prompt that begins with the rest of the path that the option before it got.

    That is a folder whose name has a blank, without quotes, or what a shell makes of `*.png`.
    """
    words = variables.masked(prompt).split()[:3]
    for count in range(1, len(words) + 1):
        longer = " ".join([value, *words[:count]])
        if _is_there(longer) and not _is_there(value):
            raise UsageProblem(
                f"{flag} got {value!r}, and there is {longer!r}",
                fix=f'Put it in quotes: {flag} "{longer}". {_MEANT["line"]}',
            )
    if words and _FILE.fullmatch(words[0]):
        raise UsageProblem(
            f"{words[0]!r} begins the prompt and reads as a file; {flag} takes one name, "
            f"and got {value!r}",
            fix=f"Put a name with a blank in quotes, and repeat {flag} for another file. "
            f"{_MEANT['line']}",
        )


# --- what is refused -----------------------------------------------------------------------

_MEANT = {
    "line": "-- before the prompt sends it as it stands.",
    "cell": "--raw in the first line sends the cell as it stands.",
    "option": "--raw sends it as it stands.",
}
_WHERE = {
    "line": "Options go before the prompt.",
    "cell": "Options go into the first line, or below a line --- at the end.",
    "option": "Options have a place of their own.",
}


def _refuse_options(masked: str, text: str, shaped: Parser, place: Place) -> None:
    """Refuse what reads as an option or as an argument of Python."""
    found = list(re.finditer(r"\S+", masked))
    for i, (word, following) in enumerate(pairwise([*found, None])):
        assert word is not None
        after = following[0] if following is not None else ""
        if not _is_option(word[0], after, shaped, first=i == 0):
            continue
        typed = text[word.start() : word.end()]
        if following is not None and after[:1].isdigit() and "=" not in typed:
            typed = f"{typed} {text[following.start() : following.end()]}"
        raise UsageProblem(
            f"{_brief(typed)} stands {'in' if i else 'at the beginning of'} the prompt and reads "
            "as an option; it would be sent and paid for as words",
            fix=f"{_WHERE[place]} {_written(word[0], shaped)}{_MEANT[place]}",
        )


def _is_option(word: str, after: str, shaped: Parser, *, first: bool) -> bool:
    known = shaped.actions()
    if _OPTION.fullmatch(word):
        return True
    short = _SHORT.fullmatch(word)
    if short is not None:
        return short[1] in known or (not short[2] and after[:1].isdigit())
    dashed = _LONG_DASH.fullmatch(word)
    if dashed is not None:
        return _is_name(dashed[1], after, shaped, near=first)
    assigned = _ASSIGNED.match(word)
    return assigned is not None and (
        first or cell_fields.stands_for(assigned[1], shaped) is not None
    )


def _is_name(name: str, after: str, shaped: Parser, *, near: bool) -> bool:
    """Whether a word behind a long dash, which may well be prose, is an option's name."""
    if len(name) == 1:
        return f"-{name}" in shaped.actions() and after[:1].isdigit()
    if cell_fields.stands_for(name, shaped) or (near and cell_fields.near(name, shaped)):
        return True
    return name.lower() in _FOREIGN and after[:1].isdigit()


def _written(word: str, shaped: Parser) -> str:
    """How the option is written, where it was typed in another way than the command line's."""
    if word.startswith("--"):
        return ""
    name = re.sub(rf"^[{_DASHES}-]+", "", word).partition("=")[0]
    flag = cell_fields.stands_for(name, shaped) or cell_fields.near(name, shaped)
    if len(name) == 1 and f"-{name}" in shaped.actions():
        flag = f"-{name}"
    return f"It is written {flag}. " if flag else ""


def _unquoted(text: str, place: Place) -> Prompt:
    """The prompt without a pair of quotes around all of it, as one types for a shell or in Python.

    Raises `UsageProblem` for a quote that opens the prompt and is never closed.
    """
    bare = text.strip()
    code = re.fullmatch(r"[fF]?(\"\"\"|\"|''')(.*)\1", bare, re.DOTALL)
    inner = code[2] if code is not None and code[1] not in code[2] else ""
    mark = bare[:1]
    if not inner and _QUOTES.get(mark) == bare[1:][-1:]:
        # An apostrophe within a word is no quote.
        inside = re.sub(r"(?<=\w)['’](?=\w)", "", bare[1:-1])
        inner = "" if mark in inside or _QUOTES[mark] in inside else bare[1:-1]
    if inner.strip():
        keeps = "--raw" if place == "cell" else "-- before it"
        return Prompt(inner, (f"the quotes around the prompt are not sent; {keeps} keeps them",))
    if place != "option" and mark in ('"', "“", "«") and _QUOTES[mark] not in bare[1:]:
        raise UsageProblem(
            f"the quote that opens the prompt is never closed: {_brief(bare)}",
            fix=f"Leave it out. {_MEANT[place]}",
        )
    return Prompt(text)


def _of_file(name: str, place: Place) -> Prompt:
    """The text of a file."""
    try:
        text = text_files.read(Path(name).expanduser()).strip()
    except (OSError, RuntimeError, ValueError) as error:
        said = str(error)
        why = said[3:] if said.startswith("it is no text") else f"cannot be read: {said}"
        raise UsageProblem(
            f"the prompt is to be the text of {name}, which {why}",
            fix=_MEANT[place],
        ) from error
    if not text:
        raise UsageProblem(f"the prompt is to be the text of {name}, which is empty")
    return Prompt(text, (f"the prompt is the text of {name}: {_brief(text)}",), of_file=True)


def _is_there(name: str) -> bool:
    try:
        return Path(name).expanduser().exists()
    except (OSError, RuntimeError, ValueError):
        return False


def _brief(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 40 else f"{text[:39]}…"

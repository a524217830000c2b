"""Texts that would be paid for though nobody meant them: judged once, for every front end.

What cannot be a prompt is a violation: a text without a letter, what a program prints for nothing,
a place that was never filled in, the name of a file or an address. What may be meant, such as a
place or an option amid other words, is a warning.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from kling_core.declare.fields import Param
from kling_core.declare.kinds import Text, leaves
from kling_core.errors import Violation
from kling_core.text import blank

__all__ = ["DASHES", "Option", "judge", "named_file", "options_in", "settings_in"]

DASHES = "\u2010-\u2015\u2212"
"""What word processors, chats and phones make of two hyphens, as a range of characters."""

_EMPTY = """nan none null nil undefined nat na n/a <na> <nan> <null> <none> (null) (none) nonetype
pd.na np.nan [object_object] #n/a #ref! #value! #name? #null! #div/0!"""
_NOTHING = frozenset(word.replace("_", " ") for word in _EMPTY.split())
"""What programs, tables and templates print for a value that is not there."""

_NAME = r"[^\W\d]\w*"
_PLACE = rf"""
      \$?\{{\{{?[^{{}}\n]{{1,120}}\}}\}}?  # in braces, of Python, Jinja, shells, JavaScript
    | (?<![\w$\\])\$\(?{_NAME}\)?       # a shell's
    | (?<![\w%])%{_NAME}%                 # cmd's
    | %\({_NAME}\)[sdr]                   # of Python's oldest formatting
    | <%=?[^<>\n]{{1,80}}%>               # of ERB
"""
_WHOLE = re.compile(
    rf"(?:{_PLACE}|<(?!<)[^<>\n]{{1,80}}>|\[[^\W\d][\w-]*\]|%[sd]|!{_NAME}!)", re.VERBOSE
)
"""A text that is nothing but a place to be filled in."""

_AMID = re.compile(rf"(?:{_PLACE}|(?<!<)<[A-Z][A-Z_]{{2,}}>)", re.VERBOSE)
"""Such a place amid other words."""

_QUOTES = (('"', '"'), ("'", "'"), ("`", "`"), ("\u201c", "\u201d"), ("\u2018", "\u2019"))

_SUFFIXES = """txt text md rst csv tsv json jsonl ndjson yaml yml toml xml html htm srt rtf doc docx
odt pdf xls xlsx ods ipynb py png jpg jpeg webp gif bmp tif tiff heic avif svg psd exr mp4 mov webm
avi mkv m4v mp3 wav m4a aac ogg flac zip"""
_FILE = re.compile(rf"[^\n]*[^\s./\\]\.(?:{'|'.join(_SUFFIXES.split())})", re.IGNORECASE)
_PATH = re.compile(r"(?:/|~|\.{1,2}[/\\]|[A-Za-z]:[/\\]|\\\\)", re.IGNORECASE)
_ADDRESS = re.compile(r"(?:https?|file|ftp|s3|gs|data|blob):\S+", re.IGNORECASE)

_OPTION = re.compile(rf"(?<!\S)(--|[{DASHES}]-?)([^\W\d_][\w-]*)(?==|\s|$)")
_SETTING = re.compile(r"(?<!\S)([^\W\d_][\w-]*)=(?=\S)")


class Option(NamedTuple):
    """What looks like an option amid words: as it is typed, and its name with hyphens."""

    typed: str
    name: str


def judge(
    params: Mapping[str, Param], fields: Mapping[str, Any]
) -> tuple[list[Violation], list[str]]:
    """What is wrong with the texts among valid fields, and what may surprise about them."""
    violations: list[Violation] = []
    warnings: list[str] = []
    for place, declared, kind, text in leaves(params, fields):
        written = isinstance(kind, Text) and kind.prose and isinstance(text, str)
        if not written or blank(text):
            continue
        wrong = _wrong(declared, text)
        if wrong is not None:
            violations.append(Violation(place, *wrong))
        else:
            warnings += [f"{place}: {odd}" for odd in _odd(text, params)]
    return violations, warnings


def options_in(text: str, names: Collection[str] = ()) -> list[Option]:
    """What looks like an option in a text: two hyphens and a name, or a long dash and a known one.

    `names` are those that are known, with hyphens and without dashes.
    """
    return [
        Option(found[0], found[2].replace("_", "-"))
        for found in _OPTION.finditer(text)
        if found[1] == "--" or found[2].replace("_", "-") in names
    ]


def settings_in(text: str, names: Collection[str]) -> list[Option]:
    """Each `name=value` in a text whose name is known; `names` are with hyphens."""
    return [
        Option(f"{found[1]}=", found[1].replace("_", "-"))
        for found in _SETTING.finditer(text)
        if found[1].replace("_", "-") in names
    ]


def named_file(text: str) -> bool:
    """Whether a text is the name of a file and nothing else, by its looks or as it is there."""
    bare = text.removeprefix("@")
    if "\n" in text or len(text) > 1000:
        return False
    if _FILE.fullmatch(bare) and (not re.search(r"\s", bare) or _PATH.match(bare)):
        return True
    if re.search(r"[/\\]", bare) or not re.search(r"\w\.\w{1,8}$", bare):
        return False
    return _is_file(bare)


def _wrong(declared: Param, text: str) -> tuple[str, str] | None:
    """What is wrong with a text, and what would be right; None when it can be meant."""
    said = _unquoted(text)
    shown = text.strip() if len(text) <= 60 else f"{text.strip()[:59]}…"
    if not any(c.isalpha() or (declared.spoken and c.isalnum()) for c in text):
        return f"{shown!r} has no letter, so nothing can be made of it", "words"
    if said.casefold() in _NOTHING:
        return (
            f"{shown!r} is what a program prints for a value that is not there",
            f"the words themselves, or no {declared.name}",
        )
    if _WHOLE.fullmatch(said) and not _structured(said):
        return f"{shown!r} is a place that was not filled in", "the words themselves"
    if _ADDRESS.fullmatch(said):
        return f"{shown!r} is an address, which would be taken for words", "the words themselves"
    if named_file(said) or re.fullmatch(r"@[^\s@]+\.\w+", said):
        return f"{shown!r} is the name of a file, whose text is not read here", "the text itself"
    return None


def _odd(text: str, params: Iterable[str]) -> Iterator[str]:
    """What of a text is probably not meant as words."""
    if not _structured(text.strip()):
        places = dict.fromkeys(found[0] for found in _AMID.finditer(text))
        if places:
            yield f"{_listed(places)} was not filled in, it seems, and is sent as it stands"
    known = {name.replace("_", "-") for name in params}
    typed = dict.fromkeys(o.typed for o in (*options_in(text, known), *settings_in(text, known)))
    if typed:
        yield f"{_listed(typed)} is read as words by Kling; settings are fields of their own"


def _listed(found: Iterable[str]) -> str:
    names = list(found)
    return ", ".join(names[:3]) + (", …" if len(names) > 3 else "")


def _unquoted(text: str) -> str:
    """The text without the blanks and quotes around it."""
    said = text.strip()
    for left, right in _QUOTES:
        if len(said) > 2 and said.startswith(left) and said.endswith(right):
            return said[1:-1].strip()
    return said


def _structured(text: str) -> bool:
    """Whether a text is an object of JSON, as some people write their prompts."""
    try:
        return isinstance(json.loads(text), (dict, list)) if text[:1] in "{[" else False
    except (ValueError, RecursionError):
        return False


def _is_file(name: str) -> bool:
    try:
        return Path(name).is_file()
    except (OSError, ValueError):
        return False

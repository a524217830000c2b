r"""The words of a line: where each ends, and what quotes and backslashes around it mean.

A value may stand in quotes. Within them a backslash is a backslash, unless it stands before a
quote, as on Windows; what begins as a path of Windows ends at the first quote, for `"D:\clips\"`
is a folder, and no quote can be part of its name. A quote that is never closed is a `problem`, and
so is a typographic one: what follows would else be taken for the prompt.
"""

from __future__ import annotations

import json
import re
from typing import NamedTuple

from kling_jupyter.parsing import variables

__all__ = ["Word", "begins", "quoted", "uncommented", "word_at"]

_BLANK = re.compile(r"\s*")
_PREFIX = re.compile(r"(?:--?)?[^\W\d][\w-]*=")
_WINDOWS = re.compile(r"[A-Za-z]:[\\/]|\\\\")
_TYPOGRAPHIC = "“”„‟«»‘’‚"


class Word(NamedTuple):
    """A word without its quotes, where it ends, and why it cannot be read, if so."""

    text: str
    end: int
    problem: str = ""


def begins(text: str, place: int) -> int:
    """Where the next word begins; the end of the text when there is none."""
    found = _BLANK.match(text, place)
    return found.end() if found else place


def word_at(text: str, place: int) -> Word:
    """The word at this place; `name="two words"` is one."""
    prefix = _PREFIX.match(text, place)
    start = prefix.end() if prefix else place
    value = _value(text, start)
    return Word(text[place:start] + value.text, value.end, value.problem)


def quoted(text: str) -> str | None:
    """The text in quotes, to be read as it is; None when neither kind of quotes can hold it."""
    if not _WINDOWS.match(text):
        inner = re.sub(r'(\\*)"', r'\1\1\\"', text)
        # At the end they would else escape the quote that closes.
        inner = re.sub(r"(\\+)\Z", r"\1\1", inner)
        return f'"{inner}"' if _reads_as(f'"{inner}"', text) else None
    return next((q for mark in "\"'" if _reads_as(q := f"{mark}{text}{mark}", text)), None)


def uncommented(text: str) -> str:
    """A line that holds no prompt without the comment at its end."""
    place = begins(text, 0)
    while place < len(text):
        if text[place] == "#":
            return text[:place]
        place = begins(text, word_at(text, place).end)
    return text


def _reads_as(typed: str, text: str) -> bool:
    word = _value(typed, 0)
    return word == Word(text, len(typed))


def _value(text: str, place: int) -> Word:
    if place == len(text):
        return Word("", place)
    if text[place] in "{[":
        end = _json(text, place)
        if end is not None:
            return Word(text[place:end], end)
    bare = _bare(text, place)
    if text[place] in _TYPOGRAPHIC:
        problem = f"{text[place]} is a typographic quote, which a word processor made"
        return Word(bare.text, bare.end, problem)
    if text[place] not in "\"'":
        return bare
    end = _closing(text, place)
    if end is None:
        return Word(bare.text, bare.end, f"the quote before {bare.text[1:]!r} is never closed")
    if end < len(text) and not text[end].isspace():
        return Word(bare.text, bare.end, f"{text[place:end]} goes on behind its closing quote")
    return Word(_unescaped(text[place + 1 : end - 1], text[place]), end)


def _json(text: str, place: int) -> int | None:
    """Where the JSON value ends that begins here, if it is a word of its own."""
    try:
        _, end = json.JSONDecoder().raw_decode(text, place)
    except (ValueError, RecursionError):
        return None
    return end if end == len(text) or text[end].isspace() else None


def _bare(text: str, place: int) -> Word:
    """A word without quotes: up to the next blank that is not within an expression."""
    end = place
    while end < len(text) and not text[end].isspace():
        held = next(variables.braces(text[end:]), None) if text[end] == "{" else None
        within = held is not None and held.start == 0 and held.code is not None
        end += held.end if held is not None and within else 1
    return Word(text[place:end], end)


def _closing(text: str, place: int) -> int | None:
    """Behind the quote that closes the one at this place."""
    mark, inner = text[place], text[place + 1 :]
    if _WINDOWS.match(inner):
        end = inner.find(mark)
        return None if end < 0 else place + end + 2
    for found in re.finditer(rf"(\\*){mark}", inner):
        if len(found[1]) % 2 == 0:  # an odd one escapes the quote
            return place + 1 + found.end()
    return None


def _unescaped(inner: str, mark: str) -> str:
    if _WINDOWS.match(inner):
        return inner
    made = re.sub(rf"(\\*)\\{mark}", lambda found: "\\" * (len(found[1]) // 2) + mark, inner)
    return re.sub(r"(\\+)\Z", lambda found: "\\" * (len(found[1]) // 2), made)

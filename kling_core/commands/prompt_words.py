"""The words of a command line that are no options: one text, or a slip that would be paid for.

A shell hides where quotes were. What can only be a slip is refused here, before the words become a
prompt; `--` before them means every word as it stands.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from kling_core.declare import prompt_check

__all__ = ["Slip", "judge", "long_dash", "torn"]

_MEANT = "To mean these words, put -- before the whole prompt."
_QUOTES = {'"': '"', "'": "'", "\u201c": "\u201d\u201c", "\u2018": "\u2019", "\u00ab": "\u00bb"}


class Slip(NamedTuple):
    """What is wrong with the words, and how to write them."""

    message: str
    fix: str


def judge(
    words: Sequence[Any],
    *,
    name: str,
    names: Collection[str],
    breaks: Sequence[int],
    meant: int,
) -> Slip | None:
    """The slip in the words of a prompt; None when there is none.

    `name` is the field that they fill, `names` are the known options without dashes, `breaks` the
    numbers of the words before which an option stands, and `meant` the number of the first word
    behind `--`.
    """
    typed = [word for word in words if isinstance(word, str)]
    for word in typed[:meant]:
        for setting in prompt_check.settings_in(word, names):
            return _setting(setting, name)
        for option in prompt_check.options_in(word, names):
            return Slip(
                f"{option.typed} would be sent as words of the {name}",
                f"Write it outside of the quotes. {_MEANT}",
            )
    if len(typed) == 1 and prompt_check.named_file(typed[0]) and _exists(typed[0]):
        return Slip(f"{typed[0]} is a file", f"@{typed[0]} reads the text in it. {_MEANT}")
    return _pieces(typed, name, breaks) if len(typed) > 1 else None


def long_dash(token: str) -> str:
    """The name behind a long dash in the place of hyphens; empty when a token has none."""
    found = re.match(rf"[{prompt_check.DASHES}]-?([^\W\d_][\w-]*)(?==|$)", token)
    return found[1].replace("_", "-") if found else ""


def torn(value: Any, rest: Sequence[Any]) -> str:
    """The path that a shell has cut at its blanks: an option's value and the words behind it."""
    if not isinstance(value, str) or _exists(value):
        return ""
    path = value
    for word in rest[:4]:
        if not isinstance(word, str) or word.startswith("-"):
            break
        path = f"{path} {word}"
        if _exists(path):
            return path
    return ""


def _setting(found: prompt_check.Option, name: str) -> Slip:
    message = f"{found.typed} would be sent as words of the {name}"
    if found.name == name.replace("_", "-"):
        return Slip(message, f"Leave it out: the words are the {name}.")
    return Slip(message, f"Write --{found.name} VALUE. {_MEANT}")


def _pieces(words: Sequence[str], name: str, breaks: Sequence[int]) -> Slip | None:
    there = [word for word in words if not re.search(r"\s", word) and _exists(word)]
    files = [word for word in there if prompt_check.named_file(word)]
    if files or len(there) > 1:
        shown = ", ".join((files or there)[:3])
        return Slip(
            f"the names of files would be sent as words of the {name}: {shown}",
            f"Give each file an option of its own, and put the {name} in quotes. {_MEANT}",
        )
    first, last = words[0][:1], words[-1][-1:]
    if last and last in _QUOTES.get(first, ""):
        return Slip(
            f"{first} is no quote for this shell",
            f"Put the {name} in plain double quotes. {_MEANT}",
        )
    if breaks or any(re.search(r"\s", word) for word in words):
        ends = pairwise([0, *(breaks or range(1, len(words))), len(words)])
        shown = " and ".join(repr(" ".join(words[start:end])) for start, end in ends)
        return Slip(
            f"the {name} is in pieces: {shown}",
            f"Put the whole {name} in one pair of quotes, and a name with blanks in quotes of its "
            f"own. {_MEANT}",
        )
    return None


def _exists(name: str) -> bool:
    try:
        return Path(name).expanduser().exists()
    except (OSError, ValueError, RuntimeError):
        return False

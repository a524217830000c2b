"""Notebook variables in prompts and options: `{name}`, `{name.attr}`, `{name[0]}`.

Only names that exist are looked up, by attribute and index and never by evaluation; every other
brace is text. Into a text go texts, numbers and paths only: what a picture's `repr` would say is
never worth its price.
"""

from __future__ import annotations

import builtins
import re
from collections.abc import Iterable, Mapping
from keyword import iskeyword
from numbers import Number
from pathlib import PurePath
from typing import Any

from kling_core.cli.arguments import UsageProblem, nearest
from kling_core.errors import KlingError

__all__ = ["Missing", "NoText", "interpolate", "lookup", "own", "usable", "whole"]

_NAME = r"[^\W\d]\w*"
_KEY = r"""-?\d+|'[^'{}\[\]]*'|"[^"{}\[\]]*"|[^\W\d]\w*"""
_STEPS = rf"(?:\.{_NAME}|\[(?:{_KEY})\])*"
_FIELD = re.compile(rf"(?<!\{{)\{{({_NAME})({_STEPS})\}}(?!\}})")
_STEP = re.compile(rf"\.({_NAME})|\[({_KEY})\]")


class Missing(LookupError):
    """The expression leads to nothing; the text says where it ends."""


class NoText(TypeError):
    """The variable holds something that has no place in a text."""

    def __init__(self, expression: str, value: Any) -> None:
        super().__init__(f"{{{expression}}} is {_kind(value)}")
        self.expression = expression
        self.value = value


def interpolate(text: str, names: Mapping[str, Any]) -> tuple[str, list[str]]:
    """The text with the variables filled in, and a note on each that could not be.

    What cannot be filled in stays as it is written. Doubled braces are text. Raises `NoText` for
    a variable that holds neither a text nor a number nor a path.
    """
    notes: list[str] = []

    def fill(found: re.Match[str]) -> str:
        if found[1] not in names:
            near = _near(found[1], names)
            if near is not None:
                notes.append(
                    f"{found[0]} is no variable and goes out as it is; did you mean {{{near}}}?"
                )
            return found[0]
        try:
            value = _walk(names[found[1]], found[1], found[2])
            return _as_text(value, found[0][1:-1])
        except (NoText, KlingError):  # of a job that failed: its path must not go out as text
            raise
        except Exception as error:  # noqa: BLE001 - whatever a property or __str__ of the user raises
            why = error if isinstance(error, Missing) else f"{type(error).__name__}: {error}"
            notes.append(f"{found[0]} is left as it is written: {why}")
            return found[0]

    return _FIELD.sub(fill, text), notes


def own(shell: Any) -> dict[str, Any]:
    """The variables that the user made, without those that IPython put there."""
    hidden: dict[str, Any] = shell.user_ns_hidden
    return {
        name: value for name, value in shell.user_ns.items() if hidden.get(name, shell) is not value
    }


def usable(name: str) -> str:
    """The name, when a variable can have it and takes it from nothing. Raises `UsageProblem`.

    The type of every option `--name`, so that it is judged before anything is sent.
    """
    if not name.isidentifier() or iskeyword(name):
        raise UsageProblem(f"--name {name}: that cannot be the name of a variable")
    if hasattr(builtins, name):
        raise UsageProblem(
            f"--name {name}: that is Python's own {name}, which you would lose",
            fix="Choose another name.",
        )
    return name


def whole(text: str) -> str | None:
    """The expression when the text is one `{expression}` and nothing else, else None."""
    found = _FIELD.fullmatch(text)
    return found[0][1:-1] if found else None


def lookup(expression: str, names: Mapping[str, Any]) -> Any:
    """The object that an expression such as `clip.videos[0]` names. Raises `Missing`."""
    root = re.match(_NAME, expression)
    assert root is not None
    if root[0] not in names:
        raise Missing(f"there is no variable {root[0]!r}")
    return _walk(names[root[0]], root[0], expression[root.end() :])


def _walk(value: Any, name: str, steps: str) -> Any:
    path = name
    for step in _STEP.finditer(steps):
        attribute, key = step.groups()
        try:
            value = getattr(value, attribute) if attribute else value[_key(key)]
        except (AttributeError, LookupError, TypeError):
            raise Missing(f"{path} has no {step[0]}") from None
        path += step[0]
    return value


def _key(text: str) -> int | str:
    if text[0] in "'\"":
        return text[1:-1]
    return text if text[0].isalpha() or text[0] == "_" else int(text)


def _as_text(value: Any, expression: str) -> str:
    if isinstance(value, str):
        return str.__str__(value)  # of a text that is an enumeration's member: its value
    if isinstance(value, (Number, PurePath)):
        return str(value)
    raise NoText(expression, value)


def _kind(value: Any) -> str:
    """A value's kind with its article: a list, an Image, None."""
    if value is None:
        return "None"
    name = type(value).__name__
    return f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}"


def _near(name: str, names: Iterable[str]) -> str | None:
    """The variable that was probably meant: misspelt, cut short, or another single letter."""
    known = [other for other in names if not other.startswith("_")]
    near = nearest(name, known)
    if near is not None:
        return near
    longer = (k for k in known if k.lower().startswith(name.lower()))
    letters = (k for k in known if len(k) == len(name) == 1)
    return next(longer, None) or next(letters, None)

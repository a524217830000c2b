"""Expressions in braces, in prompts and options: `{name}`, `{prompts[i]}`, `{x:.1f}`, `{f(x)}`.

They are evaluated as other magics evaluate them, with the notebook's variables; what stands behind
a `:` or a `!` formats the value, as in an f-string. Braces that cannot be filled in are refused:
sent as they stand they would be paid for, and hardly ever meant. A brace without a partner is text.

Into a text go texts, numbers and paths only: what a picture's `repr` would say is never worth its
price. `path` is for places that look while somebody types, and must not call anything.
"""

from __future__ import annotations

import ast
import builtins
import re
import warnings
from collections.abc import Iterable, Iterator, Mapping
from keyword import iskeyword
from numbers import Number
from pathlib import PurePath
from types import CodeType
from typing import Any, NamedTuple, cast

from kling_core.commands.arguments import UsageProblem, nearest
from kling_core.errors import KlingError

__all__ = [
    "Braces",
    "Missing",
    "NoText",
    "Unfilled",
    "braces",
    "evaluate",
    "interpolate",
    "masked",
    "own",
    "path",
    "usable",
    "whole",
]

_NAME = r"[^\W\d]\w*"
_PATH = re.compile(
    rf"""\{{({_NAME}(?:\.{_NAME}|\[(?:-?\d+|'[^'{{}}\[\]]*'|"[^"{{}}\[\]]*")\])*)\}}"""
)
_SHELL = re.compile(rf"\$({_NAME})")
_SPEC = re.compile(r"[^{};'\"\r\n]*")
_CONVERSION = re.compile(r"(.*)!([rsa])\s*", re.DOTALL)
_CONVERSIONS = {"r": repr, "s": str, "a": ascii}
_REACH, _TRIES = 2000, 40
"""How far off a closing brace is looked for, and how many of them are tried."""

_OF_IPYTHON = frozenset({"In", "Out", "exit", "quit", "open", "get_ipython"})


class Unfilled(Exception):
    """Braces that cannot be filled in; `braces` is how they were typed."""

    def __init__(self, message: str, braces: str) -> None:
        super().__init__(message)
        self.braces = braces


class Missing(Unfilled, LookupError):
    """The expression leads to nothing; the text says where it ends. `near` is what was meant."""

    def __init__(self, message: str, braces: str, near: str | None = None) -> None:
        super().__init__(message, braces)
        self.near = near


class NoText(Unfilled, TypeError):
    """The expression holds something that has no place in a text."""


class Braces(NamedTuple):
    """Braces in a text and what is in them; `code` is None where that is no expression."""

    start: int
    end: int
    typed: str
    code: CodeType | None = None
    names: frozenset[str] = frozenset()
    conversion: str = ""
    spec: str = ""

    @property
    def expression(self) -> str:
        """What stands between them."""
        return self.typed[1:-1].strip()


def braces(text: str) -> Iterator[Braces]:
    """All braces of a text that have a partner, from left to right; none within others."""
    place = 0
    while (start := text.find("{", place)) >= 0:
        found = _at(text, start)
        place = start + 1 if found is None else found.end
        if found is not None:
            yield found


def interpolate(text: str, names: Mapping[str, Any], notes: list[str] | None = None) -> str:
    """The text with its expressions filled in, and `notes` on what was computed. Raises `Unfilled`.

    What an expression raises as a `KlingError` is raised as it is: a job that failed has no path.
    """
    made: list[str] = []
    place, computed = 0, list[str]()
    for found in braces(text):
        made += [text[place : found.start], _filled(found, names)]
        place = found.end
        if found.start and text[found.start - 1] == "$" and not made[-1][:1].isdigit():
            raise Unfilled(
                f"${found.typed} is a shell's way to name a variable; here it is {found.typed}",
                found.typed,
            )
        if not _PATH.fullmatch(found.typed):
            computed.append(f"{found.typed} is {_brief(made[-1])!r}")
    if computed and notes is not None:
        notes.append(f"{', '.join(computed)}; the rest of the prompt is left as it is")
    for shell in _SHELL.finditer(masked(text)):
        if shell[1] in names:
            raise Unfilled(
                f"{shell[0]} would be sent as it stands; the variable is {{{shell[1]}}} here",
                shell[0],
            )
    return "".join([*made, text[place:]])


def masked(text: str) -> str:
    """The text with something without meaning in the place of each expression, of equal length."""
    for found in braces(text):
        text = text[: found.start] + "\ufffc" * (found.end - found.start) + text[found.end :]
    return text


def whole(text: str) -> str | None:
    """The expression when the text is one in braces and nothing else, unformatted; else None."""
    found = _at(text, 0) if text[:1] == "{" else None
    bare = found is not None and found.code is not None and found.end == len(text)
    return found.expression if found and bare and not (found.spec or found.conversion) else None


def path(text: str) -> str | None:
    """As `whole`, for attributes and fixed keys only: to look these up runs no function."""
    found = _PATH.fullmatch(text)
    return found[1] if found else None


def evaluate(expression: str, names: Mapping[str, Any]) -> Any:
    """The object of an expression such as `clip.videos[0]`. Raises `Missing`."""
    found = _at(f"{{{expression}}}", 0)
    if found is None or found.code is None:
        raise Missing("that is no expression", f"{{{expression}}}")
    return _value(found, names)


def own(shell: Any) -> dict[str, Any]:
    """The variables that the user made, without those that IPython put there."""
    # The shell stands for "not hidden": no variable of theirs is it.
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


# --- reading -------------------------------------------------------------------------------


def _at(text: str, start: int) -> Braces | None:
    """The braces that open here; None when they never close."""
    if not text.startswith("{{", start):
        close = start
        for _ in range(_TRIES):
            close = text.find("}", close + 1, start + _REACH)
            if close < 0:
                break
            found = _read(text, start, close + 1)
            if found is not None:
                return found
    depth = 0
    for place in range(start, len(text)):
        depth += {"{": 1, "}": -1}.get(text[place], 0)
        if depth == 0:
            return Braces(start, place + 1, text[start : place + 1])
    return None


def _read(text: str, start: int, end: int) -> Braces | None:
    """These braces, when an expression is in them, with or without a format."""
    typed = text[start:end]
    inner = typed[1:-1]
    if _is_data(typed):
        return None
    # All of it first: a colon may be a slice's, a lambda's or a dictionary's.
    for cut in [len(inner), *(i for i, letter in enumerate(inner) if letter == ":")]:
        spec = inner[cut + 1 :]
        if not _SPEC.fullmatch(spec):
            continue
        converted = _CONVERSION.fullmatch(inner[:cut])
        source = (converted[1] if converted else inner[:cut]).strip()
        found = _parsed(source)
        if found is not None:
            tree, code = found
            if isinstance(tree.body, ast.Constant):  # a place of str.format, or a set of words
                return None
            names = frozenset(node.id for node in ast.walk(tree) if isinstance(node, ast.Name))
            conversion = converted[2] if converted else ""
            return Braces(start, end, typed, code, names, conversion, spec)
    return None


def _is_data(typed: str) -> bool:
    """Whether the braces are those of an object as in JSON, rather than of an expression."""
    found = _parsed(typed)
    keys = found[0].body.keys if found is not None and isinstance(found[0].body, ast.Dict) else []
    return bool(keys) and all(isinstance(key, ast.Constant) for key in keys)


def _parsed(source: str) -> tuple[ast.Expression, CodeType] | None:
    if not source:
        return None
    with warnings.catch_warnings():  # of prose that Python reads as code
        warnings.simplefilter("ignore")
        try:
            tree = ast.parse(source, mode="eval")
            return tree, compile(tree, "<kling>", "eval")
        except (SyntaxError, ValueError, RecursionError, MemoryError):  # prose, for the most part
            return None


# --- values --------------------------------------------------------------------------------


def _filled(found: Braces, names: Mapping[str, Any]) -> str:
    """What is put in the place of the braces. Raises `Unfilled`."""
    if found.typed.startswith("{{"):
        inside = found.typed.strip("{}").strip()
        raise Unfilled(
            f"{found.typed} would be sent with all its braces; a variable is {{{inside}}} here",
            found.typed,
        )
    if found.code is None:
        raise Unfilled(
            f"{_brief(found.typed)} holds no expression, and would be sent with its braces",
            found.typed,
        )
    value = _value(found, names)
    if not (found.conversion or found.spec):
        return _as_text(value, found.typed)
    try:
        value = _CONVERSIONS[found.conversion](value) if found.conversion else value
        return format(value, found.spec)
    except Exception as error:
        raise Missing(f"{type(error).__name__}: {error}", found.typed) from error


def _value(found: Braces, names: Mapping[str, Any]) -> Any:
    assert found.code is not None
    if found.expression.isidentifier() and found.expression not in names:  # a builtin's, say
        raise _no_variable(found.expression, found.typed, names)
    # As globals, for that is where names within a comprehension are looked up.
    known = {name: names[name] for name in found.names if name in names}
    try:
        return eval(found.code, {**known, "__builtins__": builtins})  # noqa: S307 - as in every magic
    except KlingError:  # of a job that failed: its path must not go out as text
        raise
    except NameError as error:
        name = str(getattr(error, "name", None) or "")
        if name in found.names and name not in names:
            raise _no_variable(name, found.typed, names) from None
        raise Missing(f"{type(error).__name__}: {error}", found.typed) from error
    except Exception as error:
        raise Missing(f"{type(error).__name__}: {error}", found.typed) from error


def _no_variable(name: str, typed: str, names: Mapping[str, Any]) -> Missing:
    near = _near(name, names)
    meant = f"; did you mean {{{near}}}?" if near else ""
    return Missing(f"there is no variable {name!r}{meant}", typed, near)


def _as_text(value: Any, typed: str) -> str:
    if isinstance(value, str):
        return str.__str__(value)  # of a text that is an enumeration's member: its value
    if isinstance(value, Number) and not _is_nan(value):
        return str(value)
    if isinstance(value, PurePath):
        return str(value)
    raise NoText(f"{typed} is {_kind(value)}", typed)


def _is_nan(value: Any) -> bool:
    """Whether it is what tables hold in an empty cell."""
    return bool(cast("object", value) != value)


def _kind(value: Any) -> str:
    """A value's kind with its article: a list, an Image, None."""
    if value is None or isinstance(value, Number):
        return str(value)
    name = type(value).__name__
    return f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}"


def _near(name: str, names: Iterable[str]) -> str | None:
    """The variable that was probably meant: misspelt, cut short, or another single letter."""
    known = [other for other in names if not other.startswith("_") and other not in _OF_IPYTHON]
    near = nearest(name, known)
    if near is not None:
        return near
    longer = (k for k in known if k.lower().startswith(name.lower()))
    letters = (k for k in known if len(k) == len(name) == 1)
    return next(longer, None) or next(letters, None)


def _brief(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 40 else f"{text[:39]}…"

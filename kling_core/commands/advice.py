"""Refused requests in the words of whoever types options: the command line, the magics."""

from __future__ import annotations

import re

from kling_core import errors
from kling_core.advice import Face, said
from kling_core.commands.options import options
from kling_core.text import safe

__all__ = ["violations"]

_MISSING = {
    "shell": "write it after the endpoint, in quotes",
    "magic": "write it after the options, or below the line of a %%kling cell",
}
"""What is said when the words of the endpoint, such as the prompt, are not given."""


def violations(error: errors.InvalidRequest, face: Face) -> list[str]:
    """A refused request: what is wrong in one line, then a line for each violation."""
    from kling_core.declare import registry

    flags: dict[str, str] = {}
    words = ""
    if error.endpoint:
        endpoint = registry.get(error.endpoint)
        flags = {o.field: o.flag for o in options(endpoint)}
        words = endpoint.positional
    count = len(error.violations)
    lead = f"{count} problems" if count != 1 else "1 problem"
    place = f" in {error.endpoint.replace('_', '-')}" if error.endpoint else ""
    return [
        f"{lead}{place}, nothing was sent",
        *(f"  {_violation(violation, flags, words, face)}" for violation in error.violations),
    ]


def _violation(violation: errors.Violation, flags: dict[str, str], words: str, face: Face) -> str:
    if violation.field == words and _IS_NEEDED.match(violation.message):
        return f"{words} is missing: {_MISSING[face]}"
    field, dot, rest = violation.field.partition(".")
    shown = flags.get(field, f"--{field}") + dot + rest
    text = safe(said(violation.told, face))
    for name, flag in flags.items():
        text = re.sub(rf"\b{name}=(?=\S)", f"{flag} ", text)
    source = f"  [{violation.source}]" if violation.source else ""
    return f"{shown}: {text}{source}"


_IS_NEEDED = re.compile(r"(\w+ is needed|is required)")

"""Advice that the library writes for Python and its command line, in the words of this server."""

from __future__ import annotations

import re
from functools import cache

from kling_core.declare import registry

__all__ = ["in_tools"]

_GET = r"kling\.\w+\.get\('([^']*)'\)(?:\.wait\(\))?"
_OWNER = (
    "The owner of this server set this limit: choose a shorter clip, or a cheaper mode or model"
)

_WORDS: tuple[tuple[str, str], ...] = (
    # Before the next, which is a part of it.
    (rf"Wait again: task\.wait\(\), or later {_GET}\.", r"Call kling_wait_tasks with ['\1']."),
    (_GET, r"kling_wait_tasks with ['\1']"),
    (r"kling\.\w+\.list\(\)", "kling_list_tasks"),
    (r"kling\.tasks\.resume\(\) \(or `kling resume`\)", "kling_recover_tasks"),
    (r"`kling (?:resume|rescue)`", "kling_recover_tasks"),
    (r"`kling (?:show|get|wait|tasks)[^`]*`", "kling_get_task"),
    (r"`kling models[^`]*`", "kling_models"),
    (r"`kling doctor`", "kling-mcp doctor"),
    (
        r"[Nn]ame another place: clip\.download\('[^']*'\)",
        "the owner of this server can set KLING_OUTPUT_DIR to another folder",
    ),
    (r"Give one in any of three ways: Kling\([^;]*; ", "The owner of this server gives one: in "),
    (r"Kling\(sandbox=True\) and KLING_SANDBOX=1 work", "--sandbox and KLING_SANDBOX=1 work"),
    (
        r"a path, an http\(s\) URL, bytes, a PIL image or a numpy array",
        "an https URL, kling://tasks/{id}/outputs/{n}, a data: URI, or a file in an allowed folder",
    ),
    (r"To allow it, take away the limits: [^.]*\.", f"{_OWNER} whose price is known."),
    (r"Raise max_cost, or choose [^.]*\.", f"{_OWNER}."),
    (r"Raise budget \(KLING_BUDGET\), or wait", f"{_OWNER}, or wait"),
    (r"Raise project_budget \(KLING_PROJECT_BUDGET\)[^.]*\.", f"{_OWNER}."),
)
"""Python's or the command line's spelling, as a pattern, and ours."""


def in_tools(text: str) -> str:
    """The same advice as it can be followed by calling tools."""
    for pattern, ours in _WORDS:
        text = re.sub(pattern, ours, text)
    text = text[:1].upper() + text[1:] if text.startswith("the owner") else text
    return _hyphened().sub(lambda found: found[0].replace("-", "_"), text)


@cache
def _hyphened() -> re.Pattern[str]:
    """The endpoints as the command line spells them."""
    names = [e.command for e in registry.endpoints() if "_" in e.name]
    return re.compile(rf"(?<![\w/-])(?:{'|'.join(names)})(?![\w/-])")

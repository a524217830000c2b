"""Errors as results that a model can act on."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from mcp.types import CallToolResult, TextContent

from kling_core.advice import said
from kling_core.errors import Billed, InvalidRequest, KlingError, SubmitOutcomeUnknown
from kling_core.text import safe
from kling_mcp.safety.redact import clean, whole

__all__ = ["kind", "refusal", "result", "unexpected"]


def result(
    error: KlingError,
    warnings: Sequence[str] = (),
    *,
    hide: Callable[[Any], Any] = lambda facts: facts,
) -> CallToolResult:
    """The error of the library, with everything that it knows, in the words of this server.

    `hide` leaves out what the caller is not told.
    """
    facts: dict[str, Any] = {
        "error": kind(error),
        "code": error.code,
        "message": _message(error),
        "cause": said(error.cause, "tools"),
        "fix": said(error.fix, "tools"),
        "retryable": error.retryable,
        "billed": error.billed,
        "task_id": error.task_id,
        "request_id": error.request_id,
        "warnings": list(warnings),
    }
    if isinstance(error, InvalidRequest):
        facts["violations"] = [
            {"field": v.field, "problem": said(v.message, "tools"), "valid": said(v.valid, "tools")}
            for v in error.violations
        ]
        facts["fix"] = "Correct the arguments and call again."
    if isinstance(error, SubmitOutcomeUnknown):
        facts["fix"] = (
            "Do not call the create tool again. Call kling_recover_tasks: it finds out whether the "
            "task was made."
        )
        if error.settles_at is not None:
            facts["fix"] += f" If it is not there at {_minute(error.settles_at)}, nothing was made."
    return _as_result(hide(facts))


def refusal(word: str, message: str, fix: str, **facts: Any) -> CallToolResult:
    """Something that this server does not do, and what to do instead; nothing was billed."""
    return _as_result(
        {"error": word, "message": message, "fix": fix, "retryable": True, "billed": "no"} | facts
    )


def unexpected(error: Exception, *, billed: Billed) -> CallToolResult:
    """A fault of ours. Its text stays in the log: it might hold anything."""
    return _as_result(
        {
            "error": "internal",
            "message": f"the server failed ({type(error).__name__}); its log says why",
            "fix": "Look with kling_list_tasks before you create anything again."
            if billed == "unknown"
            else "Nothing was sent: change the arguments, or tell the owner of this server.",
            "retryable": False,
            "billed": billed,
        }
    )


def _minute(moment: float) -> str:
    """A moment in ISO 8601, in minutes and not before it."""
    minute = datetime.fromtimestamp(math.ceil(moment / 60) * 60, UTC)
    return minute.strftime("%Y-%m-%dT%H:%MZ")


def kind(error: KlingError) -> str:
    """The error's class in small words: `budget_exceeded`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", type(error).__name__).lower()


def _message(error: KlingError) -> str:
    if isinstance(error, InvalidRequest):
        return error.said("tools")
    words = clean(said(error.message, "tools"), 1000)
    return words if error.code is None else f"{words} (code {error.code})"


def _as_result(facts: dict[str, Any]) -> CallToolResult:
    known = {name: whole(value) for name, value in facts.items() if value not in (None, "", [])}
    lines = [f"{known['error']}: {known['message']}"]
    lines += [f"Fix: {known['fix']}"] if "fix" in known else []
    billed = {"no": "Nothing was billed.", "yes": "This is billed."}.get(known["billed"])
    lines.append(billed or "Whether it is billed is unknown.")
    lines += known.get("warnings", [])
    return CallToolResult(
        content=[TextContent(text=safe("\n".join(lines)))], structured_content=known, is_error=True
    )

"""Errors as results that a model can act on."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from mcp.types import CallToolResult, TextContent

from kling_core.errors import InvalidRequest, KlingError, SubmitOutcomeUnknown

__all__ = ["kind", "refusal", "result", "unexpected"]


_PATH = re.compile(r"(?<![\w:/.])(?:/[\w.@+-]+){2,}/?")


def result(
    error: KlingError, warnings: Sequence[str] = (), *, paths: bool = True
) -> CallToolResult:
    """The error of the library, with everything that it knows.

    Without `paths` those of this machine are left out, for callers from elsewhere.
    """
    facts: dict[str, Any] = {
        "error": kind(error),
        "code": error.code,
        "message": _message(error),
        "cause": error.cause,
        "fix": _in_tools(error.fix),
        "retryable": error.retryable,
        "billed": error.billed,
        "task_id": error.task_id,
        "request_id": error.request_id,
        "warnings": list(warnings),
    }
    if isinstance(error, InvalidRequest):
        facts["violations"] = [
            {"field": v.field, "problem": v.message, "valid": v.valid} for v in error.violations
        ]
        facts["fix"] = "Correct the arguments and call again: nothing was sent or billed."
    if isinstance(error, SubmitOutcomeUnknown):
        facts["fix"] = (
            "Do not call the create tool again. Call kling_recover_tasks: it finds out whether the "
            "task was made."
        )
    return _as_result(facts if paths else _without_paths(facts))


def _without_paths(value: Any) -> Any:
    if isinstance(value, str):
        return _PATH.sub("…", value)
    if isinstance(value, dict):
        return {k: _without_paths(v) for k, v in value.items()}  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, list):
        return [_without_paths(entry) for entry in value]  # pyright: ignore[reportUnknownVariableType]
    return value


def refusal(word: str, message: str, fix: str, **facts: Any) -> CallToolResult:
    """Something that this server does not do, and what to do instead; nothing was billed."""
    return _as_result(
        {"error": word, "message": message, "fix": fix, "retryable": True, "billed": "no"} | facts
    )


def unexpected(error: Exception) -> CallToolResult:
    """A fault of ours. Its text stays in the log: it might hold anything."""
    return _as_result(
        {
            "error": "internal",
            "message": f"the server failed ({type(error).__name__}); its log says why",
            "fix": "Look with kling_list_tasks before you create anything again.",
            "retryable": False,
            "billed": "unknown",
        }
    )


def kind(error: KlingError) -> str:
    """The error's class in small words: `budget_exceeded`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", type(error).__name__).lower()


def _message(error: KlingError) -> str:
    return error.message if error.code is None else f"{error.message} (code {error.code})"


def _in_tools(text: str) -> str:
    """Advice of the library in the words of this front end."""
    text = re.sub(r"task\.wait\(\)[^.]*\.", "call kling_wait_tasks.", text)
    return text.replace("`kling doctor`", "kling-mcp doctor")


def _as_result(facts: dict[str, Any]) -> CallToolResult:
    known = {name: value for name, value in facts.items() if value not in (None, "", [])}
    lines = [f"{known['error']}: {known['message']}"]
    lines += [f"Fix: {known['fix']}"] if "fix" in known else []
    billed = {"no": "Nothing was billed.", "yes": "This is billed."}.get(known["billed"])
    lines.append(billed or "Whether it is billed is unknown.")
    return CallToolResult(
        content=[TextContent(text="\n".join(lines))], structured_content=known, is_error=True
    )

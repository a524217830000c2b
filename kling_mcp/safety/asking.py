"""Asking the user by a form of the client, in both eras of the protocol.

Until 2025-11-25 the question is a request of its own in the middle of the call; from 2026-07-28 on
it is the answer to the call, which the client makes again with what the user said.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from mcp.types import (
    ElicitRequest,
    ElicitRequestFormParams,
    ElicitResult,
    InputRequiredResult,
)
from mcp.types.version import is_version_at_least

if TYPE_CHECKING:
    from mcp.server.mcpserver import Context

__all__ = ["Answers", "ask", "can_ask"]

_KEY = "spending"
_IN_ANSWERS = "2026-07-28"
"""The first protocol version that asks by answering."""

_FORM: dict[str, Any] = {
    "type": "object",
    "properties": {
        "approve": {"type": "boolean", "title": "Approve", "description": "Spend this amount"}
    },
    "required": ["approve"],
}


@dataclass(slots=True)
class Answers:
    """Which calls their user declined, and whose question was skipped, in the last `seconds`."""

    seconds: float
    _known: dict[str, tuple[Literal["declined", "skipped"], float]] = field(
        default_factory=dict[str, tuple[Literal["declined", "skipped"], float]]
    )

    def of(self, call: str) -> Literal["declined", "skipped"] | None:
        """What became of the last question about a call; None without one."""
        now = time.monotonic()
        self._known = {k: v for k, v in self._known.items() if v[1] > now}
        return self._known[call][0] if call in self._known else None

    def keep(self, call: str, verdict: bool | None) -> None:
        """Note what was said. A yes ends a no; skipping the question does not."""
        if verdict is True:
            self._known.pop(call, None)
        elif verdict is False or self.of(call) is None:
            word = "declined" if verdict is False else "skipped"
            self._known[call] = (word, time.monotonic() + self.seconds)


def can_ask(context: Context[Any, Any]) -> bool:
    """Whether the client has forms."""
    able = context.client_capabilities
    asked = able.elicitation if able is not None else None
    return asked is not None and (asked.form is not None or asked.url is None)


async def ask(
    context: Context[Any, Any], message: str, *, state: str
) -> bool | InputRequiredResult | None:
    """What the user says: True or False; None when the client skipped the question.

    An `InputRequiredResult` is to be answered in the place of a result; the answer counts only for
    a call with the same `state`.
    """
    version = context.protocol_version
    if version is None or not is_version_at_least(version, _IN_ANSWERS):
        return await _in_the_call(context, message)
    said = (context.input_responses or {}).get(_KEY)
    if isinstance(said, ElicitResult) and context.request_state == state:
        return _verdict(said)
    params = ElicitRequestFormParams(message=message, requested_schema=_FORM)
    return InputRequiredResult(
        input_requests={_KEY: ElicitRequest(params=params)}, request_state=state
    )


async def _in_the_call(context: Context[Any, Any], message: str) -> bool | None:
    said = await context.session.elicit_form(
        message, _FORM, related_request_id=context.request_context.request_id
    )
    return _verdict(said)


def _verdict(said: ElicitResult) -> bool | None:
    if said.action == "accept":
        approved = (said.content or {}).get("approve")
        return approved if isinstance(approved, bool) else None
    return False if said.action == "decline" else None

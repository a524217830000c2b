"""Asking the user by a form of the client, in both eras of the protocol.

Until 2025-11-25 the question is a request of its own in the middle of the call; from 2026-07-28 on
it is the answer to the call, which the client makes again with what the user said.

Not every client that has forms shows them: some decline at once, some fail, some never answer. None
of that is the word of a person, so it is neither a yes nor a no.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from mcp.shared.exceptions import MCPError
from mcp.types import (
    ElicitRequest,
    ElicitRequestFormParams,
    ElicitResult,
    InputRequiredResult,
)
from mcp.types.version import is_version_at_least
from pydantic import ValidationError

from kling_mcp.bounded_wait import wait_for

if TYPE_CHECKING:
    from mcp.server.mcpserver import Context

__all__ = ["PATIENCE", "REFLEX", "Answers", "Said", "answered", "ask", "can_ask"]

Said = Literal["asked", "approved", "declined", "dismissed", "unanswered"]
"""What became of a question. Asked: nothing yet. Approved and declined are the word of a person;
dismissed was closed without one, and unanswered was seen by nobody, as far as can be known."""

PATIENCE = 50.0
"""Seconds that a form stays open in the middle of a call: hosts end calls after 60. A later answer
does nothing."""

REFLEX = 1.0
"""Seconds in which nobody reads a form: a no that comes sooner is the client's own. The way there
and back is in it."""

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
    """What became of the last question about each call, for `seconds`."""

    seconds: float
    _known: dict[str, tuple[Said, float]] = field(default_factory=dict[str, tuple[Said, float]])

    def of(self, call: str) -> Said | None:
        """What became of the last question about a call; None without one."""
        now = time.monotonic()
        self._known = {k: v for k, v in self._known.items() if v[1] > now}
        return self._known[call][0] if call in self._known else None

    def keep(self, call: str, said: Said) -> None:
        """Note what was said. Only a yes of a person ends the no of a person."""
        if said == "approved":
            self._known.pop(call, None)
        elif said == "declined" or self.of(call) != "declined":
            self._known[call] = (said, time.monotonic() + self.seconds)


def can_ask(context: Context[Any, Any]) -> bool:
    """Whether the client has forms, and can be asked in the middle of this call."""
    able = context.client_capabilities
    asked = able.elicitation if able is not None else None
    if asked is None or (asked.form is None and asked.url is not None):
        return False
    return _in_answers(context) or context.session.can_send_request


def answered(context: Context[Any, Any], state: str) -> Said | None:
    """What the user said to the question that `ask` answered the call with; None without one."""
    said = (context.input_responses or {}).get(_KEY)
    asked, _, moment = (context.request_state or "").rpartition(" ")
    if not isinstance(said, ElicitResult) or asked != state:
        return None
    return _said(said, time.time() - float(moment))


async def ask(
    context: Context[Any, Any], message: str, *, state: str
) -> Said | InputRequiredResult:
    """Ask, and wait at most `PATIENCE` seconds; the call shows signs of life meanwhile.

    An `InputRequiredResult` is to be answered in the place of a result: what the user says comes
    with the next call of the same `state`, see `answered`.
    """
    if _in_answers(context):
        params = ElicitRequestFormParams(message=message, requested_schema=_FORM)
        return InputRequiredResult(
            input_requests={_KEY: ElicitRequest(params=params)},
            request_state=f"{state} {time.time()}",
        )
    begin = time.monotonic()
    form = asyncio.ensure_future(
        context.session.elicit_form(
            message, _FORM, related_request_id=context.request_context.request_id
        )
    )
    try:
        if not await wait_for(form, PATIENCE, context, lambda: "the user is asked by a form"):
            return "unanswered"
        return _said(form.result(), time.monotonic() - begin)
    except (MCPError, ValidationError):  # a client that promises forms and has none
        return "unanswered"
    finally:
        form.cancel()  # tells the client to close it


def _in_answers(context: Context[Any, Any]) -> bool:
    version = context.protocol_version
    return version is not None and is_version_at_least(version, _IN_ANSWERS)


def _said(given: ElicitResult, seconds: float) -> Said:
    """The meaning of an answer that came after so many seconds."""
    approved = (given.content or {}).get("approve") if given.action == "accept" else None
    if approved is True:
        return "approved"
    if given.action == "decline" or approved is False:
        return "unanswered" if 0 <= seconds < REFLEX else "declined"
    return "dismissed"

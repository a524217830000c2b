"""How the service says no: `Refusal` while a request is read, `TaskFailed` after it was accepted.

HTTP statuses and codes are those of the Kling API reference, "Error codes". Texts are the ones seen
on the live service where one was seen; the others follow the manner of those.
"""

from __future__ import annotations

from typing import Final

HTTP_STATUS: Final[dict[int, int]] = {
    1000: 401,
    1001: 401,
    1002: 401,
    1003: 401,
    1004: 401,
    1100: 429,
    1101: 429,
    1102: 429,
    1103: 403,
    1200: 400,
    1201: 400,
    1202: 404,
    1203: 404,
    1300: 400,
    1301: 400,
    1302: 429,
    1303: 429,
    1304: 429,
    5000: 500,
    5001: 503,
    5002: 504,
}
"""The HTTP status that goes with each business code."""

BALANCE = "Account balance not enough"
"""1102: the units of that pack do not cover the task."""

CONCURRENCY = "parallel task over resource pack limit"
"""1303: all slots of that product type are taken."""

NOT_BASE64 = "File is not in a valid base64 format"
"""1201: a data-URI prefix, or text that is neither a URL nor base64."""

RISK_CONTROL = "Failure to pass the risk control system"
"""`task_status_msg` of a task that moderation stopped."""

PIXELS = "Image pixel is invalid"
"""`task_status_msg` of a task with an image smaller than 300 px on a side."""


class Refusal(Exception):
    """The service refuses a request: nothing was accepted, nothing is billed."""

    def __init__(self, code: int, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = HTTP_STATUS[code] if status is None else status


class TaskFailed(Exception):
    """An accepted task cannot be made; its text becomes the task's `task_status_msg`."""


def invalid_value(field: str, value: object) -> Refusal:
    """A 1201 that names the field and the value, in the wording of the live service."""
    return Refusal(1201, f"{field} value '{value}' is invalid")


def wrong_value(message: str) -> Refusal:
    """A 1201 with its own wording: a wrong key, or fields that do not go together."""
    return Refusal(1201, message)

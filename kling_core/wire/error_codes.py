"""Kling's error codes as one table: what each means, what to do, whether a retry can help.

Source: Kling API reference, error codes (2026-09) with live observations of 2026-05 to 2026-09.
The business code decides, not the HTTP status: 429 covers both "wait" (1302, 1303) and "pay"
(1100-1102).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from kling_core import errors
from kling_core.advice import Advice, Text
from kling_core.errors import APIError, Billed

Retry = Literal["no", "resign", "backoff", "reads"]


@dataclass(frozen=True, slots=True)
class Code:
    """One row of the table.

    `retry`: "no" never; "resign" once with a fresh token; "backoff" wait and send again, the
    request was not accepted; "reads" reads are repeated, a create is looked up first.
    """

    code: int
    http_status: int
    error: type[APIError]
    retry: Retry
    billed: Billed
    cause: str
    fix: str


_SWAPPED = "Check for swapped keys, stray spaces, and a China key on the global host."

REFUSALS = range(1000, 1400)
"""Codes of credentials, account, parameters and policy, also those that we do not know."""

SERVER = 5000
"""Codes from here on are the server's own troubles."""

TURNED_AWAY = frozenset((400, 401, 403, 404, 405, 406, 407, 411, 413, 414, 415, 417, 421, 426, 431))
"""HTTP statuses of a request that a gateway, or the wrong host, did not pass on.

408 and 425 are not among them: they are said of time, and may come when the request is through.
"""

TABLE: dict[int, Code] = {
    row.code: row
    for row in (
        Code(
            1000,
            401,
            errors.AuthError,
            "no",
            "no",
            "Authentication failed: the signature or key is wrong.",
            Text(f"{_SWAPPED} ", Advice("doctor"), " tells which."),
        ),
        Code(
            1001,
            401,
            errors.AuthError,
            "no",
            "no",
            "The Authorization header was empty.",
            "Set KLING_API_KEY, or KLING_ACCESS_KEY and KLING_SECRET_KEY.",
        ),
        Code(
            1002,
            401,
            errors.AuthError,
            "no",
            "no",
            "The credential was not recognised.",
            Text(f"{_SWAPPED} ", Advice("doctor"), " tells which."),
        ),
        Code(
            1003,
            401,
            errors.AuthError,
            "resign",
            "no",
            "The token is not valid yet: this computer's clock is ahead.",
            "Set the clock (NTP) and try again.",
        ),
        Code(
            1004,
            401,
            errors.AuthError,
            "resign",
            "no",
            "The token has expired: this computer's clock may be behind.",
            "Set the clock (NTP) and try again.",
        ),
        Code(
            1100,
            429,
            errors.AccountError,
            "no",
            "no",
            "The account is in an abnormal state.",
            "Look at the account in the Kling console.",
        ),
        Code(
            1101,
            429,
            errors.AccountError,
            "no",
            "no",
            "The post-paid account is in arrears.",
            "Top up in the Kling console.",
        ),
        Code(
            1102,
            429,
            errors.AccountError,
            "no",
            "no",
            "The resource pack is used up or expired, or there is none of this product type.",
            "Buy a pack of this type (video and image packs are separate).",
        ),
        Code(
            1103,
            403,
            errors.PermissionDenied,
            "no",
            "no",
            "The account has no right to this API or model.",
            "Choose another model, or ask Kling to enable it.",
        ),
        Code(
            1200,
            400,
            errors.RequestRefused,
            "no",
            "no",
            "A request parameter is not valid.",
            "Read the message and mend the field it names.",
        ),
        Code(
            1201,
            400,
            errors.RequestRefused,
            "no",
            "no",
            "A key or value is wrong.",
            "Read the message and mend the field it names.",
        ),
        Code(
            1202,
            404,
            errors.NotFound,
            "no",
            "no",
            "The method is not valid.",
            "Check KLING_BASE_URL and the path setting of this endpoint.",
        ),
        Code(
            1203,
            404,
            errors.NotFound,
            "no",
            "no",
            "The resource, such as the model, does not exist.",
            Text(Advice("models"), " lists the models of each endpoint."),
        ),
        Code(
            1300,
            400,
            errors.ContentPolicyError,
            "no",
            "no",
            "A platform policy was hit.",
            "Change the request.",
        ),
        Code(
            1301,
            400,
            errors.ContentPolicyError,
            "no",
            "no",
            "The content safety policy was hit.",
            "Change the prompt or the media: prompt, negative_prompt and each image are judged.",
        ),
        Code(
            1302,
            429,
            errors.RateLimited,
            "backoff",
            "no",
            "Too many requests at once.",
            "Wait a little; the request was not accepted.",
        ),
        Code(
            1303,
            429,
            errors.ConcurrencyLimit,
            "backoff",
            "no",
            "All concurrent slots of the account are busy.",
            "Wait for a running task to end, or buy a pack with more concurrency.",
        ),
        Code(
            1304,
            429,
            errors.PermissionDenied,
            "no",
            "no",
            "This IP address is not on the account's allow-list.",
            "Change the allow-list, or ask Kling.",
        ),
        Code(
            5000,
            500,
            errors.ServerError,
            "reads",
            "unknown",
            "Kling had an internal error.",
            "Look the task up before you submit again.",
        ),
        Code(
            5001,
            503,
            errors.ServerError,
            "reads",
            "unknown",
            "Kling is unavailable, usually for maintenance.",
            "Look the task up before you submit again.",
        ),
        Code(
            5002,
            504,
            errors.ServerError,
            "reads",
            "unknown",
            "Kling timed out inside, usually from a backlog.",
            "Look the task up before you submit again.",
        ),
    )
}


def explain(code: int) -> Code | None:
    """The table's row for `code`, None when the code is not known."""
    return TABLE.get(code)


def row_for(code: int | None, http_status: int) -> Code | None:
    """The row that judges an answer: by business code first, then by HTTP status.

    A 5xx without a known code is judged as 5000, a 429 without any code, which is a gateway's, as
    1302; any other has no row, see `without_row`.
    """
    if code is not None and code in TABLE:
        return TABLE[code]
    if http_status >= 500:
        return TABLE[5000]
    return TABLE[1302] if code is None and http_status == 429 else None


def without_row(code: int | None, http_status: int) -> tuple[Retry, Billed]:
    """How to go on after an answer that no row judges, and whether it may have cost something.

    Certainly refused is only what says so: a code of the classes that refuse with a 4xx, or a 3xx
    or 4xx, without a code of the API, that is given before a request is looked into. After any
    other a create is looked up; where Kling has refused in some way ("no"), it is not sent again.
    """
    refused = 400 <= http_status < 500
    if code is None:
        turned_away = http_status in TURNED_AWAY or 300 <= http_status < 400
        return ("no", "no") if turned_away else ("reads", "unknown")
    if code in REFUSALS:
        return ("no", "no" if refused else "unknown")
    return ("no" if refused and 0 <= code < SERVER else "reads", "unknown")

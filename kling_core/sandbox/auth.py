"""Judges the `Authorization` header as the service does: JWT from the key pair, or an API key."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from kling_core.sandbox.refusals import Refusal

GUEST = "sandbox-guest"
"""The API key of whoever has only the address: `KLING_SANDBOX=http://…`."""


@dataclass(frozen=True)
class Keys:
    """The credentials that one sandbox accepts."""

    access_key: str
    secret_key: str
    api_key: str

    def __repr__(self) -> str:
        return "Keys(...)"


def check(header: str | None, keys: Keys, now: float, *, pairs: bool = True) -> None:
    """Raises 1000 to 1004 unless the header is good at the time `now` (seconds).

    `pairs` says whether a token made from a key pair is good here.

    An unknown `iss` is 1002, the code whose advice is to check key and region; a right `iss` with a
    wrong signature is 1000.
    """
    if not header or not header.strip():
        raise Refusal(1001, "Authorization is empty")
    scheme, _, token = header.partition(" ")
    if scheme != "Bearer" or not token or token != token.strip():
        raise Refusal(1002, "Authorization is invalid, expected: Bearer <token>")
    if token == GUEST or hmac.compare_digest(token.encode(), keys.api_key.encode()):
        return
    if not pairs:
        raise Refusal(1002, "AK/SK authorization is not supported by this API, use an API key")
    if token.count(".") != 2:
        raise Refusal(
            1002,
            f"Authorization token is expected to have 3 parts, found {token.count('.') + 1}",
        )
    _check_claims(_claims(token, keys), now)


def _claims(token: str, keys: Keys) -> dict[str, Any]:
    import jwt

    decode = cast(Callable[..., dict[str, Any]], jwt.decode)  # pyright: ignore[reportUnknownMemberType]
    try:
        algorithm = jwt.get_unverified_header(token).get("alg")
        claims = decode(token, options={"verify_signature": False})
    except jwt.PyJWTError:
        raise Refusal(1002, "Authorization token is malformed") from None
    if algorithm != "HS256":
        raise Refusal(1002, f"Authorization token algorithm {algorithm} is invalid")
    if claims.get("iss") != keys.access_key:
        raise Refusal(1002, "Authorization access key is invalid")
    # Zeros that HMAC would add itself: a short key is no reason for the library's warning, which
    # is an error in many a test.
    secret_key = keys.secret_key.encode().ljust(32, b"\0")
    try:
        # Only the signature: the times are judged by the sandbox's own clock.
        decode(
            token,
            secret_key,
            algorithms=["HS256"],
            options={
                "verify_exp": False,
                "verify_nbf": False,
                "verify_iat": False,
                "verify_aud": False,
            },
        )
    except jwt.PyJWTError:
        raise Refusal(1000, "Authorization signature is invalid") from None
    return claims


def _check_claims(claims: dict[str, Any], now: float) -> None:
    expires, starts = claims.get("exp"), claims.get("nbf", 0)
    if not isinstance(expires, int | float) or not isinstance(starts, int | float):
        raise Refusal(1002, "Authorization token needs exp and nbf in seconds")
    if starts > now:
        raise Refusal(1003, "Authorization token is not valid yet")
    if expires <= now:
        raise Refusal(1004, "Authorization token is expired")

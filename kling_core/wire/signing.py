"""The Authorization header: an API key as it is, or a signed token of the key pair.

Source: Kling API reference, authentication (2026-09): JWT HS256, `iss` the access key, `exp` in
1800 s, `nbf` 5 s ago.
"""

from __future__ import annotations

import threading
from typing import NoReturn, Protocol

from kling_core.wire.effects import Clock

LIFETIME = 1800
"""Seconds that a token lives, as in Kling's own sample."""

EARLY = 300
"""Seconds before its end at which a token is renewed."""


class Signer(Protocol):
    """Makes the Authorization header."""

    @property
    def kind(self) -> str: ...
    def header(self) -> str: ...
    def renew(self, skew: float) -> bool: ...


class ApiKey:
    """A console API key, sent as the bearer token."""

    kind = "API key"

    def __init__(self, key: str) -> None:
        self.__header = f"Bearer {key}"

    def header(self) -> str:
        """The header's value."""
        return self.__header

    def renew(self, skew: float) -> bool:  # noqa: ARG002, the pair's twin needs it
        """Nothing to renew: False."""
        return False

    def __repr__(self) -> str:
        return "ApiKey(***)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a credential is not pickled")


class KeyPair:
    """An access key and a secret key: signs a token, keeps it, renews it early. Thread-safe."""

    kind = "key pair"

    def __init__(self, access_key: str, secret_key: str, clock: Clock) -> None:
        self.__access_key = access_key
        self.__secret_key = secret_key
        self._clock = clock
        self._lock = threading.Lock()
        self._skew = 0.0
        self._header = ""
        self._expires = 0.0

    def header(self) -> str:
        """The header's value, with a token that lives for at least `EARLY` seconds more."""
        with self._lock:
            now = self._clock.time() + self._skew
            if now >= self._expires - EARLY:
                self._header, self._expires = self._sign(now), now + LIFETIME
            return self._header

    def renew(self, skew: float) -> bool:
        """Drop the token; `skew` is how far the server's clock is ahead of ours, in seconds."""
        with self._lock:
            self._skew, self._expires = skew, 0.0
        return True

    def _sign(self, now: float) -> str:
        import jwt

        claims: dict[str, object] = {
            "iss": self.__access_key,
            "exp": int(now) + LIFETIME,
            "nbf": int(now) - 5,
        }
        # A short key is Kling's affair: with the zeros that HMAC adds itself, nobody warns of it.
        secret_key = self.__secret_key.encode().ljust(32, b"\0")
        token = jwt.encode(claims, secret_key, algorithm="HS256")  # pyright: ignore[reportUnknownMemberType]
        return f"Bearer {token}"

    def __repr__(self) -> str:
        return "KeyPair(***)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a credential is not pickled")

"""Tokens of an OAuth issuer: JSON Web Tokens, checked with the issuer's published keys."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import urlsplit

from mcp.server.auth.provider import AccessToken

from kling_core.errors import ConfigError, KlingError
from kling_core.wire.effects import Reply, Send
from kling_core.wire.transport import AsyncTransport, Timeouts

__all__ = ["Issuer", "KeySet"]

log = logging.getLogger(__name__)

_ALGORITHMS = {
    "RSA": ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    "EC": ("ES256", "ES384", "ES512"),
    "OKP": ("EdDSA",),
}
"""What a key of each kind may have signed; symmetric keys and `none` are not among them."""

_FRESH, _PAUSE = 3600.0, 30.0
"""Seconds for which keys are good, and the least time between two fetches."""

_MOST_BYTES = 1_000_000


class Issuer:
    """Judges tokens of one issuer for one resource: signature, issuer, audience, time.

    `resource` is the public address of this server's endpoint, which must stand in `aud`. The keys
    come from the issuer alone: from `jwks_url` when the owner names one, else from the address in
    the issuer's metadata, which must be of the same origin.
    """

    def __init__(self, issuer: str, resource: str, jwks_url: str | None = None) -> None:
        self.issuer = _address("KLING_MCP_ISSUER", issuer)
        self.resource = _address("KLING_MCP_RESOURCE", resource)
        named = _address("KLING_MCP_JWKS_URL", jwks_url) if jwks_url else None
        self.keys = KeySet(self.issuer, named)

    def __repr__(self) -> str:
        return f"Issuer({self.issuer!r}, {self.resource!r})"

    async def verify_token(self, token: str) -> AccessToken | None:
        """Who the token speaks for, or None; why not is in the log, without the token."""
        import jwt

        try:
            header = jwt.get_unverified_header(token)
            key = await self.keys.find(header.get("kid"), str(header.get("alg")))
            if key is None:
                log.warning("a token was refused: its key is not among the issuer's")
                return None
            claims: dict[str, Any] = jwt.decode(  # pyright: ignore[reportUnknownMemberType]
                token,
                key,
                algorithms=[str(header["alg"])],
                # Clients add a slash at the end, or leave it out.
                audience=[self.resource, _other_spelling(self.resource)],
                issuer=self.issuer,
                options={"require": ["exp", "iss", "aud"]},  # one without an end is good for ever
            )
        except jwt.PyJWTError as error:
            log.warning("a token was refused: %s", type(error).__name__)
            return None
        return self._access(claims)

    def _access(self, claims: Mapping[str, Any]) -> AccessToken:
        subject = str(claims.get("sub") or "")
        client = claims.get("client_id") or claims.get("azp") or subject
        return AccessToken(
            token="",  # nothing here needs it again, so that nothing can show it
            client_id=str(client),
            subject=subject or None,
            scopes=_scopes(claims),
            expires_at=int(claims["exp"]),
            resource=self.resource,
            claims={"iss": self.issuer},
        )


class KeySet:
    """An issuer's public keys, fetched when they are first needed and when a new one appears."""

    def __init__(self, issuer: str, named: str | None) -> None:
        self._issuer, self._named = issuer, named
        self._keys: list[Any] = []
        self._fetched = self._tried = float("-inf")
        self._lock = asyncio.Lock()

    async def find(self, kid: str | None, algorithm: str) -> Any:
        """The public key for a token's header; None when the issuer has no such key."""
        found = self._known(kid, algorithm)
        stale = time.monotonic() > self._fetched + _FRESH
        if found is None or stale:
            await self._renew()
            found = self._known(kid, algorithm)
        return found

    def _known(self, kid: str | None, algorithm: str) -> Any:
        fits = [k for k in self._keys if algorithm in _ALGORITHMS.get(k.key_type, ())]
        if kid is not None:
            fits = [key for key in fits if key.key_id == kid]
        return fits[0].key if len(fits) == 1 else None  # of several none is guessed

    async def _renew(self) -> None:
        async with self._lock:
            if time.monotonic() < self._tried + _PAUSE:
                return
            # Also for a fetch that fails: tokens of strangers must not make us ask without end.
            self._tried = time.monotonic()
            try:
                self._keys = await self._fetch()
                self._fetched = time.monotonic()
            except (ValueError, KlingError) as problem:  # the keys that there are stay good
                log.warning("the keys of %s could not be fetched: %s", self._issuer, problem)

    async def _fetch(self) -> list[Any]:
        import jwt

        port = AsyncTransport(Timeouts(connect=5.0, read=10.0, total=15.0))
        try:
            url = self._named or await self._discover(port)
            document = await _document(port, url)
        finally:
            await port.close()
        if document is None:
            raise ValueError(f"{url} gave no JSON object")
        try:
            keys = jwt.PyJWKSet.from_dict(document).keys
        except jwt.PyJWTError as error:
            raise ValueError(f"{url} holds no usable key set") from error
        return [key for key in keys if key.public_key_use in (None, "sig")]

    async def _discover(self, port: AsyncTransport) -> str:
        """The address of the keys, by RFC 8414 or else by OpenID Connect."""
        parts = urlsplit(self._issuer)
        origin, path = f"{parts.scheme}://{parts.netloc}", parts.path.rstrip("/")
        for url in (
            f"{origin}/.well-known/oauth-authorization-server{path}",
            f"{origin}{path}/.well-known/openid-configuration",
        ):
            found = await _document(port, url)
            if found is None:
                continue
            if str(found.get("issuer")).rstrip("/") != self._issuer.rstrip("/"):
                raise ValueError(f"{url} speaks for another issuer")
            place = urlsplit(str(found.get("jwks_uri")))
            if (place.scheme, place.netloc) != (parts.scheme, parts.netloc):
                raise ValueError(f"{url} names keys at another host; set KLING_MCP_JWKS_URL")
            return place.geturl()
        raise ValueError("the issuer publishes no metadata; set KLING_MCP_JWKS_URL")


async def _document(port: AsyncTransport, url: str) -> dict[str, Any] | None:
    reply = await port.send(Send("GET", url, {"accept": "application/json"}))
    if not isinstance(reply, Reply) or reply.status != 200 or len(reply.content) > _MOST_BYTES:
        return None
    try:
        found = json.loads(reply.content)
    except ValueError:
        return None
    return cast(dict[str, Any], found) if isinstance(found, dict) else None


def _scopes(claims: Mapping[str, Any]) -> list[str]:
    said: Any = claims.get("scope") or claims.get("scp") or ""
    return said.split() if isinstance(said, str) else [str(one) for one in said]


def _other_spelling(url: str) -> str:
    return url.removesuffix("/") if url.endswith("/") else f"{url}/"


def _address(name: str, url: str) -> str:
    """An https address, or one of this machine. Raises `ConfigError`."""
    parts = urlsplit(url.strip())
    near = parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost", "::1")
    if (parts.scheme != "https" and not near) or not parts.hostname or parts.username:
        raise ConfigError(f"{name}={url!r} is not an https address", fix="Write https://….")
    return url.strip()

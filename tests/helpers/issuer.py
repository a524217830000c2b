"""An OAuth issuer for tests: metadata, keys and tokens, served on this machine."""

from __future__ import annotations

import json
import time
from collections import Counter
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from starlette.requests import Request
from starlette.responses import JSONResponse, Response


class TestIssuer:
    """Signs tokens, and publishes the keys for them; serve `self` as an application."""

    __test__ = False

    def __init__(self) -> None:
        self.url = ""
        self.asked: Counter[str] = Counter()
        self.jwks_uri = ""
        self.keys = {"one": new_key()}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return await _lifespan(receive, send)
        path = Request(scope).url.path
        self.asked[path] += 1
        response: Response = JSONResponse({"error": "not found"}, 404)
        if path == "/.well-known/oauth-authorization-server":
            uri = self.jwks_uri or f"{self.url}/keys"
            response = JSONResponse({"issuer": self.url, "jwks_uri": uri})
        elif path == "/keys":
            response = JSONResponse({"keys": [_public(n, k) for n, k in self.keys.items()]})
        return await response(scope, receive, send)

    def token(self, audience: Any, *, kid: str = "one", key: Any = None, **claims: Any) -> str:
        """A token that is good, but for what `claims` changes; None leaves a claim out."""
        known = {
            "iss": self.url,
            "aud": audience,
            "sub": "somebody",
            "client_id": "an-agent",
            "scope": "kling:read kling:generate",
            "exp": int(time.time()) + 600,
            **claims,
        }
        given = {name: value for name, value in known.items() if value is not None}
        return jwt.encode(given, key or self.keys[kid], "RS256", {"kid": kid})


async def _lifespan(receive: Any, send: Any) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


def new_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _public(name: str, key: rsa.RSAPrivateKey) -> dict[str, Any]:
    known = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key()))
    return {**known, "kid": name, "use": "sig"}

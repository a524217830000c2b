"""Who may call over HTTP, what they may do, and whose Kling account they use.

Three ways in, besides loopback without any: one secret for all (`KLING_MCP_TOKEN`), tokens of an
OAuth issuer, or the caller's own Kling key as the bearer. Reads need the scope `kling:read`,
everything else `kling:generate` too.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, cast

from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.auth.provider import AccessToken
from starlette.requests import Request
from starlette.responses import JSONResponse

from kling_core.errors import ConfigError, KlingError

if TYPE_CHECKING:
    from mcp.server.mcpserver import Context
    from mcp.server.mcpserver.tools import Tool
    from starlette.types import ASGIApp, Receive, Scope, Send

__all__ = [
    "GENERATE",
    "READ",
    "CallerKeys",
    "InsufficientScope",
    "OwnKey",
    "StaticToken",
    "StepUp",
    "Way",
    "caller_client",
    "needed",
    "permit",
]

READ = "kling:read"
GENERATE = "kling:generate"

_HEADERS = {
    "x-kling-api-key": "api_key",
    "x-kling-access-key": "access_key",
    "x-kling-secret-key": "secret_key",
}
_LONGEST_KEY = 512


class Way(Protocol):
    """A way in: judges a bearer; the SDK's `TokenVerifier`."""

    async def verify_token(self, token: str) -> AccessToken | None:
        """Who this is, or None for a bearer that is not good."""
        ...


class InsufficientScope(KlingError):
    """The caller's token does not allow this; nothing was done."""


@dataclass(frozen=True, slots=True)
class StaticToken:
    """One secret for everybody who may use this server."""

    secret: str

    def __post_init__(self) -> None:
        if len(self.secret) < 16 or not self.secret.isascii() or " " in self.secret:
            raise ConfigError(
                "KLING_MCP_TOKEN is too short or holds spaces or odd characters",
                fix="Make one with `python -c 'import secrets; print(secrets.token_urlsafe())'`.",
            )

    def __repr__(self) -> str:
        return "StaticToken(...)"

    async def verify_token(self, token: str) -> AccessToken | None:
        """Compare in constant time."""
        # By digests, which are of one length: the time tells nothing of the secret's.
        if not hmac.compare_digest(_digest(token), _digest(self.secret)):
            return None
        # Without the secret: nothing needs it again, so nothing can show it.
        return AccessToken(token="", client_id="owner", scopes=[READ, GENERATE])


@dataclass(frozen=True, slots=True)
class OwnKey:
    """The bearer is the caller's own Kling API key; Kling itself judges it."""

    async def verify_token(self, token: str) -> AccessToken | None:
        """Anything that can be a key; each gets a client and a ledger of its own."""
        if not 8 <= len(token) <= _LONGEST_KEY or not token.isascii() or not token.isprintable():
            return None
        name = f"key {_digest(token).hex()[:12]}"  # it stands in logs: no part of the key may
        return AccessToken(token=token, client_id=name, scopes=[READ, GENERATE])


@dataclass(frozen=True, slots=True)
class CallerKeys:
    """Every caller brings a Kling key; the server's own is never used."""

    bearer: bool
    """Whether the bearer is the key; else it comes in headers beside the bearer."""

    def __call__(self, context: Any) -> Mapping[str, Any]:
        """The keywords of the client for a call. Raises `ConfigError` without a key."""
        request = _request(context)
        if request is None:
            raise ConfigError("there is no caller to take a Kling key from")
        if self.bearer:
            return {"api_key": _user(request).access_token.token}
        given = {name: request.headers[h] for h, name in _HEADERS.items() if h in request.headers}
        if "api_key" in given:
            return {"api_key": given["api_key"]}
        if len(given) == 2:
            return given
        raise ConfigError(
            "this server works with each caller's own Kling key, and none came with the call",
            fix="Set the header X-Kling-Api-Key, or X-Kling-Access-Key and X-Kling-Secret-Key, in "
            "the settings of your MCP client.",
        )


def caller_client(way: Way | None, *, caller_keys: bool) -> CallerKeys | None:
    """Whose Kling key a call uses: None for the server's own."""
    return CallerKeys(bearer=isinstance(way, OwnKey)) if caller_keys else None


def needed(tool: Tool | Any) -> str:
    """The scope that a tool needs."""
    hints = tool.annotations
    return READ if hints is not None and hints.read_only_hint else GENERATE


def permit(context: Context[Any, Any], tool: Tool) -> None:
    """Raise `InsufficientScope` when the caller's token does not reach for a tool."""
    request = _request(context)
    held = _user(request).scopes if request is not None else []
    if needed(tool) not in held:
        raise InsufficientScope(
            f"your token does not have the scope {needed(tool)}, which {tool.name} needs",
            fix="The user must sign in to this server again and grant it.",
        )


@dataclass(slots=True)
class StepUp:
    """Answers a call beyond the token's scopes with 403, so that clients ask for the right one.

    This only spares a round: `permit` judges each call once more, as the server has read it.
    """

    app: ASGIApp
    tools: Mapping[str, Any]
    metadata_url: str

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Judge a request, then pass it on."""
        user = scope.get("user")
        if scope["method"] != "POST" or not isinstance(user, AuthenticatedUser):
            await self.app(scope, receive, send)
            return
        body = await Request(scope, receive).body()
        call = _called(body)
        tool = self.tools.get(call["name"]) if call else None
        if call and tool is not None and needed(tool) not in user.scopes:
            await _refuse(call["id"], needed(tool), self.metadata_url)(scope, receive, send)
            return
        await self.app(scope, _replay(body, receive), send)


def _called(body: bytes) -> dict[str, Any] | None:
    try:
        message = json.loads(body)
        if message["method"] != "tools/call":
            return None
        name, id_ = message["params"]["name"], message.get("id")
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return {"name": name, "id": id_} if isinstance(name, str) else None


def _refuse(id_: Any, scope: str, metadata_url: str) -> JSONResponse:
    words = f"this tool needs the scope {scope}"
    error = {"code": -32600, "message": words, "data": {"scope": scope}}
    parts = ['error="insufficient_scope"', f'scope="{READ} {GENERATE}"']
    parts += [f'resource_metadata="{metadata_url}"', f'error_description="{words}"']
    return JSONResponse(
        {"jsonrpc": "2.0", "id": id_, "error": error},
        status_code=403,
        headers={"www-authenticate": f"Bearer {', '.join(parts)}"},
    )


def _replay(body: bytes, receive: Receive) -> Receive:
    sent = False

    async def again() -> Any:
        nonlocal sent
        if sent:
            return await receive()
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def _request(context: Any) -> Request | None:
    """The HTTP request of a call, from the context of a tool or of a method."""
    return cast("Request | None", getattr(context, "request_context", context).request)


def _user(request: Request) -> AuthenticatedUser:
    user = request.scope.get("user")
    if not isinstance(user, AuthenticatedUser):
        raise InsufficientScope("the call bears no token", fix="Sign in to this server.")
    return user

"""What stands before the server over HTTP: one spelling of addresses, and who of the web may ask.

A page in a browser asks first whether it may (a preflight, without the bearer). The pages of the
origins that the owner names may; every other one is told so.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import PlainTextResponse

from kling_core.errors import ConfigError

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

__all__ = ["Browsers", "OneSlash", "origins"]

_EXPOSED = ("mcp-session-id", "mcp-protocol-version", "www-authenticate", "retry-after")
"""Headers of answers that clients in a page need to read."""


def origins(names: Sequence[str]) -> tuple[str, ...]:
    """The origins in the spelling of browsers. Raises `ConfigError` for what is none."""
    return tuple(_origin(name) for name in names)


def _origin(name: str) -> str:
    given = name.strip().rstrip("/").lower()
    try:
        parts = urlsplit(given)
        known = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        known = False
        parts = None
    if (
        parts is None
        or not known
        or given != f"{parts.scheme}://{parts.netloc}"
        or set(given) & set("@*")  # a user, or a sign for all
    ):
        raise ConfigError(
            f"{name!r} is no origin of web pages",
            fix="Name each as browsers do, such as https://app.example.com, without a path; "
            "there is no sign for all of them.",
        )
    usual = {"http": ":80", "https": ":443"}[parts.scheme]
    return given.removesuffix(usual)  # which browsers leave out


class OneSlash:
    """Answers an address with a slash at its end as the one without.

    A redirect would lead from https to http behind a proxy that ends TLS, and drop the bearer.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on under the usual spelling."""
        if scope["type"] == "http" and len(scope["path"]) > 1 and scope["path"].endswith("/"):
            bare = scope["path"][:-1]
            raw = scope.get("raw_path") or b""
            scope = {**scope, "path": bare, "raw_path": raw.removesuffix(b"/")}
        await self._app(scope, receive, send)


class Browsers:
    """Lets pages of named origins call the server, and tells all others that they may not."""

    def __init__(self, app: ASGIApp, allowed: Sequence[str]) -> None:
        self._app = app
        self._allowed = frozenset(allowed)
        self._cors = CORSMiddleware(
            app,
            allow_origins=list(allowed),
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=["*"],
            expose_headers=_EXPOSED,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a preflight, or pass a request on."""
        headers = Headers(scope=scope) if scope["type"] == "http" else Headers()
        origin = headers.get("origin")
        if origin in self._allowed:
            await self._cors(scope, receive, send)
        elif origin and "access-control-request-method" in headers and scope["method"] == "OPTIONS":
            words = (
                "CORS: web pages of this origin may not call this server. Its owner can name the "
                "origin in KLING_MCP_ALLOWED_ORIGINS or with --allowed-origins.\n"
            )
            await PlainTextResponse(words, 403)(scope, receive, send)
        else:
            await self._app(scope, receive, send)

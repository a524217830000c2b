"""The server over streamable HTTP: one address for clients of both protocol eras.

No session is kept: any request may go to any process. Without a way to tell callers apart, only
this machine is served. Paths of this machine neither come in nor go out.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from kling_core import config
from kling_core.callbacks.listen import must_be_free
from kling_core.errors import ConfigError
from kling_mcp.http import browsers, callers
from kling_mcp.settings import Settings, variable

if TYPE_CHECKING:
    from mcp.server.extension import Extension
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

    from kling_mcp.http.issuer import Issuer
    from kling_mcp.server import Server

__all__ = ["MOST_BYTES", "PATH", "Listening", "app", "serve"]

PATH = "/mcp"
"""Where the server answers."""

MOST_BYTES = 16 * 1024 * 1024
"""The largest request: a picture of 10 MB as a data URI fits in. More is refused with 413."""

_GRACE = 3
"""Seconds that answers under way have at the end."""

_LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True, kw_only=True)
class Listening:
    """Where and for whom the server listens.

    Attributes:
        host: the address to listen at.
        port: its port; 0 takes a free one.
        allowed_hosts: names by which clients reach it, beside those of loopback; a request for
            another name is refused with 421, as a web page may have made it.
        allowed_origins: web pages that may call it from a browser, as "https://app.example.com".
        way: how callers are told apart; None serves loopback only.
        caller_keys: whether each caller brings a Kling key, and the server's own is never used.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    allowed_hosts: tuple[str, ...] = ()
    allowed_origins: tuple[str, ...] = ()
    way: callers.Way | None = None
    caller_keys: bool = False

    @classmethod
    def from_environment(cls, **changes: Any) -> Listening:
        """What the `KLING_MCP_…` variables say, with changes on top; None changes nothing.

        Raises `ConfigError` for what contradicts itself or would serve strangers.
        """
        given = {name: value for name, value in changes.items() if value is not None}
        own = variable("KLING_MCP_CALLER_KEYS").lower() in ("1", "true", "yes", "on")
        own = bool(given.pop("caller_keys", own))
        names = variable("KLING_MCP_ALLOWED_HOSTS").replace(",", " ").split()
        pages = given.pop("allowed_origins", None)
        if pages is None:
            pages = variable("KLING_MCP_ALLOWED_ORIGINS").replace(",", " ").split()
        known: dict[str, Any] = {
            "allowed_hosts": tuple(names),
            "allowed_origins": browsers.origins(pages),
            "way": _way(own=own),
            **given,
        }
        found = cls(**known, caller_keys=own)
        found.check()
        return found

    def check(self) -> None:
        """Raise `ConfigError` when strangers could spend the owner's money."""
        strangers = self.host not in _LOOPBACK or bool(self.allowed_hosts)
        if strangers and self.way is None:
            where = self.host if self.host not in _LOOPBACK else ", ".join(self.allowed_hosts)
            raise ConfigError(
                f"whoever reaches {where} could spend your money: without authorisation only "
                "127.0.0.1 is served",
                fix="Set KLING_MCP_TOKEN to a secret, or KLING_MCP_ISSUER and KLING_MCP_RESOURCE "
                "for OAuth, or give --caller-keys; or leave --host and --allowed-hosts out.",
            )
        if self.host in ("0.0.0.0", "::") and not self._names():  # noqa: S104, asked for by name
            raise ConfigError(
                f"{self.host} stands for every address, so the names that clients use are needed",
                fix="Give --allowed-hosts kling.example.com.",
            )

    def _names(self) -> list[str]:
        names = list(self.allowed_hosts)
        if resource := self.resource:
            names.append(urlsplit(resource).netloc)
        return names

    @property
    def resource(self) -> str | None:
        """The public address of the endpoint, when tokens are issued for it."""
        issuer = _issuer(self.way)
        return issuer.resource if issuer else None

    def hosts(self) -> list[str]:
        """Patterns of the `Host` headers that are served."""
        names = [*self._names(), "127.0.0.1", "localhost", "[::1]"]
        if self.host not in (*_LOOPBACK, "0.0.0.0", "::"):  # noqa: S104
            names.append(f"[{self.host}]" if ":" in self.host else self.host)
        # Behind the bracket: an IPv6 address has colons that are no port's.
        ported = [n for n in names if n.rpartition("]")[2].count(":")]
        return [*names, *(f"{name}:*" for name in names if name not in ported)]

    def origins(self) -> list[str]:
        """The same for the `Origin` header that a web page sends."""
        own = [f"{scheme}://{host}" for host in self.hosts() for scheme in ("http", "https")]
        return [*own, *self.allowed_origins]


def app(
    settings: Settings,
    listening: Listening,
    *,
    extensions: Sequence[Extension] = (),
    prepare: Callable[[Server], Any] | None = None,
) -> Starlette:
    """The ASGI application; `prepare` may add to the server before it is mounted."""
    from mcp.server.transport_security import TransportSecuritySettings

    from kling_mcp.server import build

    way = listening.way
    options: dict[str, Any] = {}
    changes: dict[str, Any] = {
        "local_files": False,
        "client_of": callers.caller_client(way, caller_keys=listening.caller_keys),
    }
    if way is not None:
        options = {"token_verifier": way, "auth": _sdk_settings(way)}
        changes["permit"] = callers.permit
    server = build(replace(settings, **changes), extensions=extensions, **options)
    server.custom_route("/healthz", methods=["GET"], include_in_schema=False)(_healthz)
    if prepare is not None:
        prepare(server)
    built = server.streamable_http_app(
        streamable_http_path=PATH,
        stateless_http=True,
        max_request_body_size=MOST_BYTES,
        transport_security=TransportSecuritySettings(
            allowed_hosts=listening.hosts(), allowed_origins=listening.origins()
        ),
    )
    if issuer := _issuer(way):
        _publish(built, server, issuer)
    built.router.redirect_slashes = False
    built.add_middleware(browsers.OneSlash)
    # Last, so that it is outermost: a preflight bears no token.
    built.add_middleware(browsers.Browsers, allowed=listening.allowed_origins)
    return built


def serve(settings: Settings, listening: Listening, extensions: Sequence[Extension] = ()) -> None:
    """Serve until Ctrl-C or SIGTERM. Raises `ConfigError` when the port is taken."""
    from uvicorn import Config, Server

    class Announcing(Server):
        async def startup(self, sockets: Any = None) -> None:
            await super().startup(sockets)
            if self.started:
                _announce(self, listening)

    if listening.caller_keys and (settings.client.get("sandbox") or config.wants_sandbox()):
        raise ConfigError(
            "the sandbox knows no keys of callers", fix="Leave --sandbox or --caller-keys out."
        )
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    running = Announcing(
        Config(
            app(settings, listening, extensions=extensions),
            host=listening.host,
            port=listening.port,
            log_level="warning",
            access_log=False,
            server_header=False,
            ws="none",
            timeout_graceful_shutdown=_GRACE,
        )
    )
    try:
        must_be_free(listening.host, listening.port)
        running.run()
    except (OSError, SystemExit) as error:  # the latter is uvicorn's way to say the same
        reason = f": {error.strerror}" if isinstance(error, OSError) else ""
        raise ConfigError(
            f"cannot listen at {listening.host}:{listening.port}{reason}",
            fix="Give another --port, or 0 for a free one.",
        ) from error


def _announce(running: Any, listening: Listening) -> None:
    place = running.servers[0].sockets[0].getsockname()
    host = f"[{place[0]}]" if ":" in place[0] else place[0]
    who = repr(listening.way) if listening.way else "this machine only, no authorisation"
    keys = "; callers bring their own Kling keys" if listening.caller_keys else ""
    sys.stderr.write(f"kling-mcp at http://{host}:{place[1]}{PATH} ({who}{keys})\n")
    sys.stderr.flush()


async def _healthz(_: Request) -> Response:
    from starlette.responses import JSONResponse

    return JSONResponse({"status": "ok"})


def _way(*, own: bool) -> callers.Way | None:
    """How the environment says callers are told apart."""
    token, issuer = variable("KLING_MCP_TOKEN"), variable("KLING_MCP_ISSUER")
    if token and issuer:
        raise ConfigError(
            "KLING_MCP_TOKEN and KLING_MCP_ISSUER contradict each other", fix="Unset one of them."
        )
    if issuer:
        from kling_mcp.http.issuer import Issuer

        resource = variable("KLING_MCP_RESOURCE")
        if not resource:
            raise ConfigError(
                "KLING_MCP_ISSUER needs KLING_MCP_RESOURCE, the public address of this server",
                fix=f"Set KLING_MCP_RESOURCE=https://kling.example.com{PATH}.",
            )
        return Issuer(issuer, resource, variable("KLING_MCP_JWKS_URL") or None)
    if token:
        return callers.StaticToken(token)
    return callers.OwnKey() if own else None


def _issuer(way: callers.Way | None) -> Issuer | None:
    if way is None or isinstance(way, callers.StaticToken | callers.OwnKey):
        return None
    from kling_mcp.http.issuer import Issuer

    return way if isinstance(way, Issuer) else None


def _sdk_settings(way: callers.Way) -> Any:
    from mcp.server.auth.settings import AuthSettings

    issuer = _issuer(way)
    known: Any = {
        # A secret of our own has no issuer; the address is required, and shown to nobody.
        "issuer_url": issuer.issuer if issuer else "https://localhost",
        "resource_server_url": issuer.resource if issuer else None,
        "validate_token_resource": issuer is not None,
        "required_scopes": [callers.READ],
    }
    return AuthSettings(**known)


def _publish(built: Starlette, server: Server, issuer: Issuer) -> None:
    """Name both scopes in the metadata of RFC 9728, and ask for the missing one."""
    from mcp.server.auth.routes import build_resource_metadata_url, create_protected_resource_routes
    from starlette.routing import Route

    # These keep the spelling of the addresses, which clients compare letter by letter.
    known = _sdk_settings(issuer)
    resource = known.resource_server_url
    metadata = str(build_resource_metadata_url(resource))
    tools = {tool.name: tool for tool in server._tool_manager.list_tools()}  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
    for route in built.router.routes:
        if isinstance(route, Route) and route.path == PATH:
            route.app = callers.StepUp(route.app, tools, metadata)
    # Before the SDK's own route, which names only one scope.
    built.router.routes[:0] = create_protected_resource_routes(
        resource_url=resource,
        authorization_servers=[known.issuer_url],
        scopes_supported=[callers.READ, callers.GENERATE],
        resource_name="Kling",
    )

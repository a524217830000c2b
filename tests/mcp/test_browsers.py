"""Addresses with a slash at their end, proxies that end TLS, and clients in a browser."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from helpers.agents import ERAS, in_loop, settings
from helpers.issuer import TestIssuer
from helpers.web import served
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client

from kling_core import Sandbox
from kling_core.errors import ConfigError
from kling_mcp.http import app, browsers, callers
from kling_mcp.http.issuer import Issuer
from kling_mcp.main import main

SECRET = "a-secret-of-the-server-0123456789"
NAME = "kling.example.com"
PAGE = "https://app.example.com"
PROXY = {"host": NAME, "x-forwarded-proto": "https", "x-forwarded-for": "203.0.113.7"}
LIST = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
HEADERS = {
    "accept": "application/json, text/event-stream",
    "authorization": f"Bearer {SECRET}",
    "mcp-protocol-version": "2025-11-25",
}


@pytest.fixture(scope="module")
def place(quick_sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server for a public name, with a secret, for pages of one origin."""
    listening = app.Listening(
        allowed_hosts=(NAME,), allowed_origins=(PAGE,), way=callers.StaticToken(SECRET)
    )
    own = settings(quick_sandbox, tmp_path_factory.mktemp("browsers"))
    with served(app.app(own, listening)) as url:
        yield url


# --- one address, with a slash or without --------------------------------------------------------


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("path", ["/mcp", "/healthz"])
def test_a_slash_changes_nothing(path: str, method: str, place: str):
    """The same status and no redirect, behind a proxy and without."""
    for headers in (HEADERS, {**HEADERS, **PROXY}):
        answers = [
            httpx.request(method, f"{place}{path}{end}", json=LIST, headers=headers, timeout=20)
            for end in ("", "/")
        ]
        assert answers[0].status_code == answers[1].status_code
        assert "location" not in answers[1].headers
    if (path, method) == ("/mcp", "POST"):
        assert answers[1].status_code == 200


def test_without_a_bearer_it_is_as_closed(place: str):
    """The way in is no other one with a slash."""
    bare = {name: value for name, value in HEADERS.items() if name != "authorization"}
    assert httpx.post(f"{place}/mcp/", json=LIST, headers=bare).status_code == 401
    assert httpx.post(f"{place}/mcp//", json=LIST, headers=HEADERS).status_code == 404


@pytest.mark.parametrize("mode", ERAS)
@in_loop
async def test_a_client_of_the_address_with_a_slash(mode: str, place: str):
    """A whole session."""
    async with (
        create_mcp_http_client(headers={"authorization": f"Bearer {SECRET}"}) as web,
        Client(streamable_http_client(f"{place}/mcp/", http_client=web), mode=mode) as client,
    ):
        made = await client.call_tool("kling_image_generation", {"prompt": "a boat"})
    assert made.structured_content["task_id"]


def test_scopes_hold_with_a_slash(quick_sandbox: Sandbox, tmp_path_factory: Any):
    """A token for reading makes nothing there either; the metadata answers alike."""
    issuer = TestIssuer()
    with served(issuer) as where:
        issuer.url = where
        listening = app.Listening(way=Issuer(where, f"https://{NAME}/mcp"))
        own = settings(quick_sandbox, tmp_path_factory.mktemp("scopes"))
        with served(app.app(own, listening)) as url:
            token = issuer.token(f"https://{NAME}/mcp", scope="kling:read")
            call = {"name": "kling_text_to_video", "arguments": {"prompt": "x"}}
            body = {**LIST, "method": "tools/call", "params": call}
            headers = {**HEADERS, "authorization": f"Bearer {token}"}
            answer = httpx.post(f"{url}/mcp/", json=body, headers=headers, timeout=20)
            assert answer.status_code == 403
            metadata = f"{url}/.well-known/oauth-protected-resource/mcp"
            assert httpx.get(f"{metadata}/").json() == httpx.get(metadata).json()


# --- browsers ----------------------------------------------------------------------------------


def preflight(place: str, origin: str, path: str = "/mcp") -> httpx.Response:
    """What a browser asks before a page's request, without the page's headers."""
    asked = "authorization,content-type,mcp-protocol-version,mcp-method"
    return httpx.options(
        f"{place}{path}",
        headers={
            "host": NAME,
            "origin": origin,
            "access-control-request-method": "POST",
            "access-control-request-headers": asked,
        },
    )


@pytest.mark.parametrize("path", ["/mcp", "/mcp/"])
def test_a_page_that_may(path: str, place: str):
    """Its preflight needs no bearer, its request does; it can read a refusal too."""
    asked = preflight(place, PAGE, path)
    assert asked.status_code == 200
    assert asked.headers["access-control-allow-origin"] == PAGE
    assert "POST" in asked.headers["access-control-allow-methods"]
    for name in ("authorization", "content-type", "mcp-protocol-version", "mcp-method"):
        assert name in asked.headers["access-control-allow-headers"].lower()
    page = {"host": NAME, "origin": PAGE}
    done = httpx.post(f"{place}{path}", json=LIST, headers={**HEADERS, **page}, timeout=20)
    assert done.status_code == 200
    assert done.headers["access-control-allow-origin"] == PAGE
    refused = httpx.post(f"{place}{path}", json=LIST, headers={**page, "accept": HEADERS["accept"]})
    assert refused.status_code == 401
    assert refused.headers["access-control-allow-origin"] == PAGE
    assert "www-authenticate" in refused.headers["access-control-expose-headers"].lower()


@pytest.mark.parametrize(
    "origin", ["https://evil.example", f"{PAGE}.evil.example", "http://app.example.com", "null"]
)
def test_a_page_that_may_not(origin: str, place: str):
    """It is told so, and by whom it could be let in; no header lets it read anything."""
    asked = preflight(place, origin)
    assert asked.status_code == 403
    assert "KLING_MCP_ALLOWED_ORIGINS" in asked.text
    assert "access-control-allow-origin" not in asked.headers
    page = {"host": NAME, "origin": origin}
    done = httpx.post(f"{place}/mcp", json=LIST, headers={**HEADERS, **page}, timeout=20)
    assert done.status_code == 403
    assert "access-control-allow-origin" not in done.headers


def test_nobody_is_allowed_unless_named(quick_sandbox: Sandbox, tmp_path_factory: Any):
    """A page of this machine neither: whoever may call could spend."""
    own = settings(quick_sandbox, tmp_path_factory.mktemp("nobody"))
    with served(app.app(own, app.Listening())) as url:
        asked = httpx.options(
            f"{url}/mcp",
            headers={"origin": "http://localhost:6274", "access-control-request-method": "POST"},
        )
    assert asked.status_code == 403


def test_origins(monkeypatch: pytest.MonkeyPatch):
    """As browsers spell them, from the environment or from the line."""
    monkeypatch.setenv("KLING_MCP_ALLOWED_ORIGINS", "https://App.example.com/, http://[::1]:6274")
    found = app.Listening.from_environment()
    assert found.allowed_origins == (PAGE, "http://[::1]:6274")
    assert PAGE in found.origins()
    named = app.Listening.from_environment(allowed_origins=(f"{PAGE}:443", "http://a.example:80"))
    assert named.allowed_origins == (PAGE, "http://a.example")


@pytest.mark.parametrize(
    "name",
    [
        *("*", "app.example.com", "https://", f"{PAGE}/chat", "ftp://a.example", "null"),
        *("https://*.example.com", "https://user@a.example", "https://a.example:99999"),
    ],
)
def test_no_origin(name: str, capsys: pytest.CaptureFixture[str]):
    """It is said when the server starts."""
    with pytest.raises(ConfigError):
        browsers.origins([name])
    assert main(["--http", "--allowed-origins", name]) == 2
    assert "is no origin" in capsys.readouterr().err

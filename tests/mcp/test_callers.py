"""Who may call over HTTP: a secret, tokens of an issuer, callers' own Kling keys; nobody else."""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
import logging
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from helpers.agents import ERAS, in_loop, settings
from helpers.issuer import TestIssuer, new_key
from helpers.web import served
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.auth.provider import AccessToken
from mcp.shared._httpx_utils import create_mcp_http_client
from starlette.requests import Request

from kling_core import Sandbox
from kling_core.errors import ConfigError
from kling_mcp.clients import Accounts
from kling_mcp.creates import Account
from kling_mcp.http import app
from kling_mcp.http import callers as auth
from kling_mcp.http.issuer import Issuer
from kling_mcp.tools import tools

SECRET = "a-secret-of-the-server-0123456789"
RESOURCE = "https://kling.example.com/mcp"
PING = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
HEADERS = {"accept": "application/json, text/event-stream", "mcp-protocol-version": "2025-11-25"}
BOAT = {"prompt": "a boat", "wait_seconds": 30}


@asynccontextmanager
async def agent(url: str, mode: str = "auto", **headers: str) -> AsyncIterator[Client]:
    """A client that sends headers; underscores stand for hyphens."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    async with (
        create_mcp_http_client(headers=sent) as web,
        Client(streamable_http_client(f"{url}/mcp", http_client=web), mode=mode) as client,
    ):
        yield client


def post(url: str, token: str | None, body: Any = PING, **more: str) -> httpx.Response:
    """One raw request."""
    bearer = {} if token is None else {"authorization": f"Bearer {token}"}
    return httpx.post(f"{url}/mcp", json=body, headers={**HEADERS, **bearer, **more}, timeout=20)


# --- a secret of the server ------------------------------------------------------------------


@pytest.fixture(scope="module")
def guarded(quick_sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server with a secret."""
    listening = app.Listening(way=auth.StaticToken(SECRET))
    own = settings(quick_sandbox, tmp_path_factory.mktemp("guarded"))
    with served(app.app(own, listening)) as url:
        yield url


@pytest.mark.parametrize("token", [None, "wrong", SECRET[:-1], f"{SECRET}x", SECRET.upper()])
def test_missing_and_wrong_secrets(guarded: str, token: str | None):
    """401, with a challenge, and without a word of the secret."""
    answer = post(guarded, token)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith('Bearer error="invalid_token"')
    assert SECRET not in answer.text
    modern = post(guarded, token, **{"mcp-protocol-version": "2026-07-28"})
    assert modern.status_code == 401


@pytest.mark.parametrize("mode", ERAS)
@in_loop
async def test_the_right_secret(mode: str, guarded: str):
    """Everything is allowed."""
    async with agent(guarded, mode, authorization=f"Bearer {SECRET}") as client:
        made = await client.call_tool("kling_image_generation", BOAT)
    assert made.structured_content["state"] == "succeeded"
    assert SECRET not in str(made)


def test_secrets_are_shown_nowhere(monkeypatch: pytest.MonkeyPatch):
    """Neither in a repr nor in the message about a bad one."""
    assert SECRET not in repr(app.Listening(way=auth.StaticToken(SECRET)))
    with pytest.raises(ConfigError) as caught:
        auth.StaticToken("short secret")
    assert "short secret" not in str(caught.value)
    monkeypatch.setenv("KLING_MCP_TOKEN", SECRET)
    assert SECRET not in repr(app.Listening.from_environment(host="10.0.0.7"))


# --- tokens of an issuer ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def issuer() -> Iterator[TestIssuer]:
    """An issuer that runs."""
    made = TestIssuer()
    with served(made) as url:
        made.url = url
        yield made


@pytest.fixture(scope="module")
def resource(
    issuer: TestIssuer, quick_sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """A server that takes the issuer's tokens."""
    listening = app.Listening(way=Issuer(issuer.url, RESOURCE))
    own = settings(quick_sandbox, tmp_path_factory.mktemp("resource"))
    with served(app.app(own, listening)) as url:
        yield url


@pytest.mark.parametrize("mode", ERAS)
@in_loop
async def test_a_good_token(mode: str, resource: str, issuer: TestIssuer):
    """It may look and make, also when it is for several audiences."""
    token = issuer.token(["https://other.example", RESOURCE])
    async with agent(resource, mode, authorization=f"Bearer {token}") as client:
        made = await client.call_tool("kling_image_generation", BOAT)
        assert made.structured_content["state"] == "succeeded"


BAD = {
    "another audience": {"aud": "https://other.example/mcp"},
    "no audience": {"aud": None},
    "another issuer": {"iss": "https://evil.example"},
    "no issuer": {"iss": None},
    "expired": {"exp": -5},
    "no end": {"exp": None},
    "not yet": {"nbf": 600},
    "no scope": {"scope": None},
}


@pytest.mark.parametrize("name", BAD)
def test_bad_claims(name: str, resource: str, issuer: TestIssuer):
    """401 and where to get a token; 403 when it is good for nothing here."""
    # Times count from now: the run may be an hour old.
    wrong = {n: int(time.time()) + v if isinstance(v, int) else v for n, v in BAD[name].items()}
    answer = post(resource, issuer.token(**{"audience": RESOURCE, **wrong}))
    assert answer.status_code == (403 if name == "no scope" else 401)
    where = "https://kling.example.com/.well-known/oauth-protected-resource/mcp"
    assert f'resource_metadata="{where}"' in answer.headers["www-authenticate"]


def test_forged_tokens(resource: str, issuer: TestIssuer):
    """Signed by somebody else, by nobody, by the public key as a secret, or no token at all."""
    claims = jwt.decode(issuer.token(RESOURCE), options={"verify_signature": False})
    for token in (
        issuer.token(RESOURCE, key=new_key()),
        jwt.encode(claims, "", "none", {"kid": "one"}),
        signed_with_the_public_key(issuer, claims),
        "not.a.token",
    ):
        assert post(resource, token).status_code == 401


def signed_with_the_public_key(issuer: TestIssuer, claims: Any) -> str:
    """What fools those who let the token choose the algorithm."""
    spki = PublicFormat.SubjectPublicKeyInfo
    secret = issuer.keys["one"].public_key().public_bytes(Encoding.PEM, spki)
    parts = [json.dumps(part).encode() for part in ({"alg": "HS256", "kid": "one"}, claims)]
    text = b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in parts)
    mac = base64.urlsafe_b64encode(hmac.digest(secret, text, "sha256")).rstrip(b"=")
    return (text + b"." + mac).decode()


def test_metadata(resource: str, issuer: TestIssuer):
    """RFC 9728: who issues tokens, and for what."""
    found = httpx.get(f"{resource}/.well-known/oauth-protected-resource/mcp").json()
    assert found["resource"] == RESOURCE
    assert found["authorization_servers"] == [issuer.url]
    assert found["scopes_supported"] == ["kling:read", "kling:generate"]


@pytest.mark.parametrize("mode", ERAS)
@in_loop
async def test_reading_is_not_making(
    mode: str, resource: str, issuer: TestIssuer, quick_sandbox: Sandbox
):
    """A token for reading reads everything; a create is refused with the scope it lacks."""
    token = issuer.token(RESOURCE, scope="kling:read")
    before = quick_sandbox.stats.tasks_created.total()
    async with agent(resource, mode, authorization=f"Bearer {token}") as client:
        listed = await client.call_tool("kling_list_tasks", {})
        assert not listed.is_error
        assert not (await client.call_tool("kling_account_costs", {})).is_error
        with pytest.raises(Exception, match=r"403|kling:generate"):
            await client.call_tool("kling_image_generation", BOAT)
    assert quick_sandbox.stats.tasks_created.total() == before


def test_the_step_up_names_the_scope(resource: str, issuer: TestIssuer):
    """403 `insufficient_scope`, by which clients ask for the scope that is missing."""
    token = issuer.token(RESOURCE, scope="kling:read")
    call = {"name": "kling_text_to_video", "arguments": {"prompt": "x"}}
    answer = post(resource, token, {**PING, "method": "tools/call", "params": call})
    assert answer.status_code == 403
    challenge = answer.headers["www-authenticate"]
    assert 'error="insufficient_scope"' in challenge
    assert 'scope="kling:read kling:generate"' in challenge
    assert answer.json()["error"]["data"] == {"scope": "kling:generate"}


@in_loop
async def test_scopes_are_judged_again_by_the_tool(quick_sandbox: Sandbox, tmp_path: Path):
    """What gets past the first look is refused where the call is made, in words for the model."""
    user = AuthenticatedUser(AccessToken(token="", client_id="x", scopes=["kling:read"]))
    context: Any = type("Context", (), {})()
    context.request = Request({"type": "http", "headers": [], "user": user})
    for tool in tools(settings(quick_sandbox, tmp_path)):
        if tool.annotations.read_only_hint:
            auth.permit(context, tool)
        else:
            with pytest.raises(auth.InsufficientScope, match="kling:generate") as caught:
                auth.permit(context, tool)
            assert caught.value.billed == "no"


def test_a_new_key_is_fetched_once(issuer: TestIssuer, monkeypatch: pytest.MonkeyPatch):
    """Keys are kept; an unknown one is looked up, but not at every attempt."""
    way = Issuer(issuer.url, RESOURCE)
    issuer.asked.clear()

    async def scene() -> None:
        assert await way.verify_token(issuer.token(RESOURCE))
        assert await way.verify_token(issuer.token(RESOURCE))
        assert issuer.asked["/keys"] == 1
        issuer.keys["two"] = new_key()
        for _ in range(5):
            assert await way.verify_token(issuer.token(RESOURCE, kid="two")) is None
        assert issuer.asked["/keys"] == 1
        monkeypatch.setattr("kling_mcp.http.issuer._PAUSE", 0.0)
        assert await way.verify_token(issuer.token(RESOURCE, kid="two"))
        assert issuer.asked["/keys"] == 2
        issuer.jwks_uri = f"{issuer.url}/nothing"
        monkeypatch.setattr("kling_mcp.http.issuer._FRESH", 0.0)
        assert await way.verify_token(issuer.token(RESOURCE)), "kept keys outlive a failed fetch"

    try:
        asyncio.run(scene())
    finally:
        issuer.jwks_uri = ""
        del issuer.keys["two"]


@pytest.mark.parametrize("uri", ["https://evil.example/keys", "http://127.0.0.1:1/keys"])
def test_keys_come_from_the_issuer_only(
    uri: str, issuer: TestIssuer, caplog: pytest.LogCaptureFixture
):
    """Metadata that names keys at another host is not followed."""
    issuer.jwks_uri = uri
    token = issuer.token(RESOURCE)
    try:
        with caplog.at_level(logging.WARNING):
            assert asyncio.run(Issuer(issuer.url, RESOURCE).verify_token(token)) is None
    finally:
        issuer.jwks_uri = ""
    assert "names keys at another host" in caplog.text
    assert token not in caplog.text


@pytest.mark.parametrize("url", ["http://idp.example", "ftp://idp.example", "https://u:p@idp", "x"])
def test_only_safe_addresses(url: str):
    with pytest.raises(ConfigError, match="is not an https address"):
        Issuer(url, RESOURCE)


# --- callers' own keys -----------------------------------------------------------------------


def own_keys(sandbox: Sandbox, folder: Path, way: Any, **changes: Any) -> Any:
    """An application where each caller brings a key; the server's own is good, and unused."""
    own = settings(sandbox, folder, **changes)
    client = {**own.client, "base_url": sandbox.url, "access_key": sandbox.access_key}
    client |= {"secret_key": sandbox.secret_key}
    del client["sandbox"]
    return app.app(replace(own, client=client), app.Listening(way=way, caller_keys=True))


@pytest.mark.parametrize("mode", ERAS)
@in_loop
async def test_the_bearer_is_the_kling_key(mode: str, sandbox: Sandbox, tmp_path: Path):
    """A good key works, with a ledger of its own; a wrong one is refused by Kling."""
    with served(own_keys(sandbox, tmp_path, auth.OwnKey())) as url:
        assert post(url, None).status_code == 401
        async with agent(url, mode, authorization=f"Bearer {sandbox.api_key}") as client:
            made = await client.call_tool("kling_image_generation", BOAT)
            assert made.structured_content["state"] == "succeeded"
        async with agent(url, mode, authorization="Bearer another-key-0123456789") as client:
            for tool, arguments in (("kling_image_generation", BOAT), ("kling_list_tasks", {})):
                refused = await client.call_tool(tool, arguments)
                assert refused.structured_content["error"] == "auth_error"
                assert "another-key" not in str(refused)
    ledgers = list((tmp_path / "home").glob("ledger-*.db"))
    assert len(ledgers) == 1, "a key that Kling does not know leaves nothing behind"


@in_loop
async def test_keys_in_headers(sandbox: Sandbox, tmp_path: Path):
    """Beside a secret of the server: an API key, or a pair; without one, the way to give it."""
    with served(own_keys(sandbox, tmp_path, auth.StaticToken(SECRET))) as url:
        bearer = {"authorization": f"Bearer {SECRET}"}
        pair = {
            "x_kling_access_key": sandbox.access_key,
            "x_kling_secret_key": sandbox.secret_key,
        }
        for key in ({"x_kling_api_key": sandbox.api_key}, pair):
            async with agent(url, **bearer, **key) as client:
                costs = await client.call_tool("kling_account_costs", {})
                assert not costs.is_error
        for key in ({}, {"x_kling_access_key": sandbox.access_key}):
            async with agent(url, **bearer, **key) as client:
                refused = await client.call_tool("kling_account_costs", {})
                assert refused.is_error
                assert "X-Kling-Api-Key" in refused.structured_content["fix"]


@in_loop
async def test_many_callers(sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Few callers are kept open; the others are closed, and find what they made again."""
    opened: list[Accounts] = []
    closed: list[Account] = []
    close, post_init = Account.close, Accounts.__init__

    async def noted(self: Account) -> None:
        closed.append(self)
        await close(self)

    def init(self: Accounts, *arguments: Any, **named: Any) -> None:
        post_init(self, *arguments, **named)
        opened.append(self)

    monkeypatch.setattr(Account, "close", noted)
    monkeypatch.setattr(Accounts, "__init__", init)
    pair = {"x_kling_access_key": sandbox.access_key, "x_kling_secret_key": sandbox.secret_key}
    callers = [{"x_kling_api_key": sandbox.api_key}, pair] * 2
    with served(own_keys(sandbox, tmp_path, auth.StaticToken(SECRET), accounts=1)) as url:
        for number, key in enumerate(callers):
            async with agent(url, authorization=f"Bearer {SECRET}", **key) as client:
                made = await client.call_tool("kling_image_generation", BOAT)
                assert made.structured_content["state"] == "succeeded"
                assert made.structured_content.get("repeated", False) is (number > 1)
            (accounts,) = opened
            assert len(accounts._known) == 1
            assert len(closed) == number
            assert not any(value in name for name in accounts._known for value in key.values())
    assert sandbox.stats.tasks_created.total() == 2

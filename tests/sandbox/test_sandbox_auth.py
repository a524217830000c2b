"""Which credentials the sandbox takes, and the code and text for each that it does not."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import httpx
import jwt
import pytest

PATH = "/v1/videos/text2video"
Forge = Callable[..., str]


@pytest.fixture(scope="module")
def shared() -> Any:
    """One sandbox for all reads of this module."""
    from kling_core.sandbox import Sandbox

    with Sandbox(quality="test") as sandbox:
        yield sandbox


def ask(sandbox: Any, header: str | None, path: str = PATH) -> httpx.Response:
    headers = {} if header is None else {"Authorization": header}
    return httpx.get(sandbox.url + path, headers=headers, trust_env=False)


def test_signed_token_and_api_key_are_taken(shared: Any, forge: Forge) -> None:
    """A JWT of the key pair and the API key both open the door."""
    assert ask(shared, f"Bearer {forge(shared)}").json()["code"] == 0
    assert ask(shared, f"Bearer {shared.api_key}").json()["code"] == 0


def test_token_without_nbf_is_taken(shared: Any, forge: Forge) -> None:
    """`nbf` is what the vendor's sample sends, not what the check needs."""
    assert ask(shared, f"Bearer {forge(shared, nbf=None)}").json()["code"] == 0


@pytest.mark.parametrize(
    "changes, code",
    [
        ({"secret": "x" * 32}, 1000),
        ({"iss": "somebody else"}, 1002),
        ({"iss": None}, 1002),
        ({"exp": None}, 1002),
        ({"exp": -1}, 1004),
        ({"nbf": 600}, 1003),
        ({"nbf": 600, "exp": -1}, 1003),
    ],
)
def test_bad_claims(shared: Any, forge: Forge, changes: dict[str, Any], code: int) -> None:
    """Each fault of a token has its own code, always with HTTP 401 and without data.

    Numbers are seconds from now, which is when the test runs.
    """
    now = int(time.time())
    claims = {k: now + v if isinstance(v, int) else v for k, v in changes.items()}
    answer = ask(shared, f"Bearer {forge(shared, **claims)}")
    assert (answer.status_code, answer.json()["code"]) == (401, code)
    assert "data" not in answer.json()


@pytest.mark.parametrize(
    "header, code, text",
    [
        (None, 1001, "Authorization is empty"),
        ("", 1001, "Authorization is empty"),
        ("Bearer", 1002, "Bearer"),
        ("Bearer  two-spaces", 1002, "Bearer"),
        ("Basic abc", 1002, "Bearer"),
        ("Bearer garbage", 1002, "3 parts"),
        ("Bearer a.b.c", 1002, "malformed"),
    ],
)
def test_bad_headers(shared: Any, header: str | None, code: int, text: str) -> None:
    """An empty header is 1001, anything that is no token of ours 1002."""
    answer = ask(shared, header)
    assert (answer.status_code, answer.json()["code"]) == (401, code)
    assert text in answer.json()["message"]


def test_other_algorithms_are_refused(shared: Any) -> None:
    """An unsigned token and one signed with HS512 do not pass."""
    claims = {"iss": shared.access_key, "exp": int(time.time()) + 60}
    for algorithm, key in (("none", ""), ("HS512", "s" * 64)):
        forged = jwt.encode(claims, key, algorithm=algorithm)
        assert ask(shared, f"Bearer {forged}").json()["code"] == 1002


def test_every_route_is_guarded(shared: Any) -> None:
    """Reads, the account and the fault control all need the key."""
    for path in (PATH, f"{PATH}/1", "/account/costs", "/sandbox/faults"):
        assert ask(shared, None, path).json()["code"] == 1001


def test_times_are_judged_by_the_sandbox_clock(start: Any, forge: Forge) -> None:
    """A sandbox whose clock is an hour ahead calls a fresh token expired."""
    api = start(clock=lambda: time.time() + 3600)
    assert ask(api.sandbox, f"Bearer {forge(api.sandbox)}").json()["code"] == 1004


def test_given_keys_are_used(start: Any, forge: Forge) -> None:
    """Keys that the caller chooses are the ones that count."""
    api = start(access_key="my-access", secret_key="my-secret-of-32-characters-or-so", api_key="k")
    assert ask(api.sandbox, f"Bearer {forge(api.sandbox)}").json()["code"] == 0
    assert ask(api.sandbox, "Bearer k").json()["code"] == 0
    assert "my-secret" not in repr(api.sandbox)

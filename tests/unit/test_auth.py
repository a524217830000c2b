"""The Authorization header: claims, caching, early renewal, re-signing by the server's clock."""

from __future__ import annotations

import threading
from email.utils import formatdate

import jwt
import pytest
from helpers.scripted import LOST, FakeClock, Port, Script, envelope, session, task

from kling_core import errors
from kling_core.declare import registry
from kling_core.flows.read import get
from kling_core.wire.effects import drive
from kling_core.wire.signing import EARLY, LIFETIME, ApiKey, KeyPair

T2V = registry.get("t2v")
SECRET = "s" * 32


def claims(header: str) -> dict[str, int]:
    scheme, _, token = header.partition(" ")
    assert scheme == "Bearer"
    assert jwt.get_unverified_header(token) == {"alg": "HS256", "typ": "JWT"}
    unjudged = {"verify_exp": False, "verify_nbf": False, "verify_iat": False}
    return jwt.decode(token, SECRET, algorithms=["HS256"], options=unjudged)


def test_token_is_that_of_the_reference() -> None:
    """HS256; `iss` the access key, `exp` in 1800 s, `nbf` 5 s ago, nothing else."""
    clock = FakeClock(1_800_000_000.9)
    header = KeyPair("AK", SECRET, clock.clock()).header()
    assert claims(header) == {"iss": "AK", "exp": 1_800_001_800, "nbf": 1_799_999_995}


def test_token_is_kept_and_renewed_early() -> None:
    """One token serves until five minutes before its end."""
    clock = FakeClock()
    pair = KeyPair("AK", SECRET, clock.clock())
    first = pair.header()
    clock.now += LIFETIME - EARLY - 1
    assert pair.header() == first
    clock.now += 1
    second = pair.header()
    assert claims(second)["exp"] == int(clock.now) + LIFETIME
    assert second != first


def test_renewal_follows_the_servers_clock() -> None:
    """A skew moves the claims, and stays for later tokens."""
    clock = FakeClock()
    pair = KeyPair("AK", SECRET, clock.clock())
    pair.header()
    assert pair.renew(-600.0) is True
    assert claims(pair.header())["exp"] == int(clock.now) - 600 + LIFETIME
    clock.now += LIFETIME
    assert claims(pair.header())["exp"] == int(clock.now) - 600 + LIFETIME


def test_api_key_is_sent_as_it_is() -> None:
    """No signing, and nothing to renew."""
    key = ApiKey("console-key")
    assert key.header() == "Bearer console-key"
    assert key.renew(5.0) is False


def test_many_threads_share_one_token() -> None:
    """Threads that ask at once get the same token."""
    pair = KeyPair("AK", SECRET, FakeClock().clock())
    barrier, headers = threading.Barrier(8), list[str]()

    def ask() -> None:
        barrier.wait()
        headers.append(pair.header())

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(headers) == 8
    assert len(set(headers)) == 1


@pytest.mark.parametrize("code", [1003, 1004])
@pytest.mark.parametrize("skew", [600, -600, 10])
def test_resigned_once_by_the_servers_clock(code: int, skew: int) -> None:
    """After 1003 or 1004 the same read goes out with a token of the server's time, without a pause.

    A skew of less than half a minute is no skew: the Date header is that coarse.
    """
    clock = FakeClock()
    date = {"date": formatdate(clock.now + skew, usegmt=True)}
    script = Script(
        [envelope(code=code, status=401, headers=date), envelope(task("1"))], clock=clock
    )
    live = session(script, access_key="AK", secret_key=SECRET)
    if abs(skew) < 30:
        assert drive(get(live, T2V, "1"), Port(script)).task_id == "1"
    else:
        side = "behind" if skew > 0 else "ahead of"
        with pytest.warns(errors.KlingWarning, match=f"600 s {side} Kling's"):
            drive(get(live, T2V, "1"), Port(script))
    first, second = (claims(effect.headers["authorization"]) for effect in script.sent)
    moved = skew if abs(skew) >= 30 else 0
    assert second["exp"] - first["exp"] == moved
    assert script.sleeps == []


@pytest.mark.parametrize("code", [1003, 1004])
def test_resigned_only_once(code: int) -> None:
    """When the fresh token is refused as well, that is the error."""
    script = Script([envelope(code=code, status=401), envelope(code=code, status=401)])
    live = session(script, access_key="AK", secret_key=SECRET)
    with pytest.raises(errors.AuthError) as caught:
        drive(get(live, T2V, "1"), Port(script))
    assert caught.value.code == code
    assert len(script.sent) == 2
    assert "clock" in caught.value.fix


def test_an_api_key_is_not_resigned() -> None:
    """There is nothing to sign, so 1004 is raised at once."""
    script = Script([envelope(code=1004, status=401)])
    with pytest.raises(errors.AuthError):
        drive(get(session(script), T2V, "1"), Port(script))
    assert len(script.sent) == 1


def test_a_lost_answer_does_not_use_up_the_resigning() -> None:
    """A retry for another reason leaves the one re-signing for when it is needed."""
    script = Script([LOST, envelope(code=1004, status=401), envelope(task("1"))])
    live = session(script, access_key="AK", secret_key=SECRET)
    assert drive(get(live, T2V, "1"), Port(script)).task_id == "1"
    assert script.sleeps == [1.0]

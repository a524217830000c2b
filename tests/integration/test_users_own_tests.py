"""What users meet in tests of their own: warnings as errors, clients left open, sandboxes.

Each program runs by itself, since what is left open shows only when it ends.
"""

from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest

from kling_core import AsyncKling, ConfigError, Kling, Sandbox
from kling_core.client import SANDBOX_PACE
from kling_core.flows.session import Pace

SYNC = """
from kling_core import Kling
def use():
    kling = Kling()
    task = kling.text_to_video.create(prompt="a boat")
    task.wait()
    return task
"""
ASYNC = """
import asyncio
from kling_core import AsyncKling
async def use():
    kling = AsyncKling()
    task = await kling.text_to_video.create(prompt="a boat")
    await task.wait()
    return task
"""
ENDS = {
    "dropped": f"{SYNC}use()\nimport gc; gc.collect()",
    "kept": f"{SYNC}task = use()",
    "kept in a cycle": f"{SYNC}task = use(); task.me = task",
    "thread": f"{SYNC}import threading\nt = threading.Thread(target=use); t.start(); t.join()",
    "fork": f"{SYNC}import os\ntask = use()\npid = os.fork()\n"
    "if not pid: os._exit(0 if use().done else 1)\n"
    "assert os.waitpid(pid, 0)[1] == 0",
    "async dropped": f"{ASYNC}asyncio.run(use())\nimport gc; gc.collect()",
    "async kept": f"{ASYNC}task = asyncio.run(use())",
    "async twice": f"{ASYNC}kept = [asyncio.run(use()), asyncio.run(use())]",
    "async dropped in its loop": f"{ASYNC}import gc\nasync def main():\n    await use()\n"
    "    gc.collect()\n    await asyncio.sleep(0.1)\nasyncio.run(main())",
    "async failed": f"{ASYNC}async def main():\n    task = await use()\n    raise KeyError\n"
    "try: asyncio.run(main())\nexcept KeyError: pass",
}


@pytest.fixture
def environment(quick_sandbox: Sandbox, tmp_path: Path) -> dict[str, str]:
    """A shell in which the lines of `kling sandbox` were pasted."""
    return {
        "PATH": os.environ["PATH"],
        "KLING_HOME": str(tmp_path / "home"),
        "KLING_BASE_URL": quick_sandbox.url,
        "KLING_ACCESS_KEY": quick_sandbox.access_key,
        "KLING_SECRET_KEY": quick_sandbox.secret_key,
    }


@pytest.mark.parametrize("how", ENDS)
def test_a_client_that_nobody_closed(how: str, environment: dict[str, str], tmp_path: Path) -> None:
    """No ResourceWarning and no unraisable exception where warnings are errors."""
    program = [sys.executable, "-W", "error", "-c", ENDS[how]]
    done = subprocess.run(
        program,
        check=False,
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_clients_without_end_hold_no_connections(sandbox: Sandbox) -> None:
    """A program that makes a client for each call has no more open sockets after a hundred."""

    def sockets() -> int:
        gc.collect()
        names = list(Path("/proc/self/fd").iterdir())
        return sum(n.is_symlink() and str(n.readlink()).startswith("socket:") for n in names)

    if not Path("/proc/self/fd").exists():
        pytest.skip("this system does not list its files")
    Kling(sandbox=sandbox).text_to_video.list()
    before = sockets()
    for _ in range(20):
        Kling(sandbox=sandbox).text_to_video.list()
    assert sockets() <= before + 2


# --- sandboxes -----------------------------------------------------------------------------


@pytest.mark.parametrize("secret", ["s", "short", "s" * 31])
def test_a_short_secret_key(secret: str, start_sandbox: Any, tmp_path: Path) -> None:
    """A token library warns of it; where warnings are errors, a create still succeeds."""
    sandbox = start_sandbox(access_key="ak", secret_key=secret)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with Kling(sandbox=sandbox, home=tmp_path) as kling:
            assert kling.text_to_video.create(prompt="a boat").task_id
    wrong: Any = {"access_key": "ak", "secret_key": f"{secret}x", "base_url": sandbox.url}
    with Kling(**wrong, home=tmp_path) as kling, pytest.raises(Exception, match="signature"):
        kling.text_to_video.list()


def test_a_short_key_signs_as_it_always_did() -> None:
    """Zeros at the end of a key change nothing in HMAC: the token is the one of the key."""
    import jwt

    from kling_core.wire.effects import Clock
    from kling_core.wire.signing import KeyPair

    now = 1_800_000_000.0
    token = KeyPair("ak", "short", Clock(lambda: now, lambda: now)).header().split()[1]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        unhurried = {"verify_exp": False, "verify_nbf": False}
        claims = jwt.decode(token, "short", algorithms=["HS256"], options=unhurried)
    assert claims["iss"] == "ak"


@pytest.mark.parametrize("kind", [Kling, AsyncKling])
@pytest.mark.parametrize("named", ["keys", "KLING_SANDBOX"])
def test_a_sandbox_of_another_shell_is_known(
    named: str, kind: Any, quick_sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its answers, or by the variable: its clips are what was asked for, and it is asked fast.

    A warning that a clip is "not what was asked for" would fail this test.
    """
    monkeypatch.setenv("KLING_HOME", str(tmp_path))
    if named == "keys":
        monkeypatch.setenv("KLING_BASE_URL", quick_sandbox.url)
        monkeypatch.setenv("KLING_ACCESS_KEY", quick_sandbox.access_key)
        monkeypatch.setenv("KLING_SECRET_KEY", quick_sandbox.secret_key)
    else:
        monkeypatch.setenv("KLING_SANDBOX", f"{quick_sandbox.url}/")
        monkeypatch.setenv("KLING_API_KEY", "a-real-key-that-stays-here")
        monkeypatch.setenv("KLING_LEDGER", str(tmp_path / "paid.db"))

    async def main() -> None:
        async def done(result: Any) -> Any:
            return await result if asyncio.iscoroutine(result) else result

        kling = kind(output_dir=tmp_path / "clips")
        assert kling.session.sandbox == (named != "keys")
        task = await done(kling.text_to_video.create(prompt="a boat"))
        assert kling.session.sandbox
        assert kling.session.pace == SANDBOX_PACE
        await done(task.wait())
        path = await done(task.videos[0].download())
        assert path.exists()
        await done(kling.close())

    asyncio.run(main())
    assert not (tmp_path / "paid.db").exists()


def test_a_pace_of_ones_own_is_kept(quick_sandbox: Sandbox, tmp_path: Path) -> None:
    """Whoever gives a pace gets it, wherever the sandbox is."""
    mine = Pace(poll_floor=0.5)
    options: Any = {"api_key": quick_sandbox.api_key, "base_url": quick_sandbox.url}
    with Kling(**options, home=tmp_path, pace=mine) as kling:
        kling.text_to_video.list()
        assert kling.session.sandbox
        assert kling.session.pace is mine


def test_kling_sandbox_with_an_address(
    quick_sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It steps back for a place that is named, needs no key, and a wrong one is named."""
    monkeypatch.setenv("KLING_HOME", str(tmp_path))
    monkeypatch.setenv("KLING_SANDBOX", quick_sandbox.url)
    with Kling() as kling:
        assert isinstance(kling.text_to_video.list(size=1), list)
        assert kling.sandbox is None
    with Kling(api_key="k") as kling:
        assert kling.base_url != quick_sandbox.url
    with pytest.raises(ConfigError, match="no Kling credential"):
        Kling(sandbox=False)
    monkeypatch.setenv("KLING_SANDBOX", "ftp://127.0.0.1")
    with pytest.raises(ConfigError, match="KLING_SANDBOX"):
        Kling()

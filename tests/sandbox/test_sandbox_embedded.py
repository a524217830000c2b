"""Starting and stopping: many at once, inside a running loop, under stall, and as a command."""

from __future__ import annotations

import asyncio
import re
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path
from typing import Any

import httpx
import pytest

from kling_core.sandbox import Fault, Sandbox

serving = import_module("kling_core.sandbox.serve")

T2V = "/v1/videos/text2video"
BOAT = {"model_name": "kling-v2-5-turbo", "prompt": "a boat"}


def threads() -> set[threading.Thread]:
    """The threads of all sandboxes of this process, those of other tests' fixtures included."""
    return {thread for thread in threading.enumerate() if "kling-sandbox" in thread.name}


def listing(sandbox: Sandbox) -> int:
    headers = {"Authorization": f"Bearer {sandbox.api_key}"}
    return httpx.get(sandbox.url + T2V, headers=headers, trust_env=False).json()["code"]


def test_many_at_once_are_apart() -> None:
    """Ten sandboxes have ten ports, keys and accounts; nothing is left of them."""
    before = threads()
    sandboxes = [Sandbox(quality="test").start() for _ in range(10)]
    try:
        assert len({sandbox.url for sandbox in sandboxes}) == 10
        assert [listing(sandbox) for sandbox in sandboxes] == [0] * 10
        stranger = {"Authorization": f"Bearer {sandboxes[0].api_key}"}
        answer = httpx.get(sandboxes[1].url + T2V, headers=stranger, trust_env=False)
        assert answer.json()["code"] == 1002
    finally:
        with ThreadPoolExecutor(10) as pool:
            list(pool.map(Sandbox.stop, sandboxes))
    assert threads() == before


def test_stop_under_stall_and_render(start: Any) -> None:
    """A silent request, an idle connection and a running render do not hold up the end."""
    import_module("kling_core.sandbox.render")
    before = threads()
    api = start(speed=1, quality="std")
    api.create(T2V, BOAT | {"mode": "pro", "duration": "10"})
    api.sandbox.faults.add(Fault("stall", kind="list"))
    failed = threading.Event()

    def ask() -> None:
        with pytest.raises(httpx.TransportError):
            api.http.get(T2V, timeout=30)
        failed.set()

    asking = threading.Thread(target=ask)
    asking.start()
    deadline = time.monotonic() + 10
    while not api.sandbox.stats.requests["GET", T2V]:
        assert time.monotonic() < deadline, "the request never arrived"
        asking.join(0.01)
    began = time.monotonic()
    api.sandbox.stop()
    assert time.monotonic() - began < 1
    assert failed.wait(5)
    asking.join()
    assert threads() == before


def test_stop_while_the_first_render_loads() -> None:
    """In a fresh process the libraries of the first render load for long; the end does not wait."""
    program = """
import time, httpx
from kling_core.sandbox import Sandbox
sandbox = Sandbox(speed=1).start()
body = {"model_name": "kling-v2-5-turbo", "prompt": "a boat"}
headers = {"Authorization": f"Bearer {sandbox.api_key}"}
httpx.post(sandbox.url + "/v1/videos/text2video", json=body, headers=headers, trust_env=False)
began = time.monotonic()
sandbox.stop()
print(time.monotonic() - began)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert float(done.stdout) < 1
    assert done.stderr == ""


def test_inside_a_running_loop() -> None:
    """Start, use and stop work within asyncio, as in a notebook."""

    async def session() -> int:
        with Sandbox(quality="test") as sandbox:
            headers = {"Authorization": f"Bearer {sandbox.api_key}"}
            async with httpx.AsyncClient(headers=headers, trust_env=False) as client:
                answer = await client.get(sandbox.url + T2V)
            return answer.json()["code"]

    before = threads()
    assert asyncio.run(session()) == 0
    assert threads() == before


def test_start_and_stop_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both may be repeated; the temporary folder goes with the sandbox."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    sandbox = Sandbox(quality="test")
    assert sandbox.start() is sandbox.start()
    assert len(list(tmp_path.iterdir())) == 1
    sandbox.stop()
    assert list(tmp_path.iterdir()) == []
    sandbox.stop()
    with pytest.raises(httpx.ConnectError):
        httpx.get(sandbox.url, trust_env=False)


def test_taken_port(api: Any) -> None:
    """A port that is in use is an OSError, and leaves nothing running."""
    port = int(api.sandbox.url.rpartition(":")[2])
    before = threads()
    with pytest.raises(OSError, match=str(port)):
        Sandbox(port=port).start()
    assert threads() == before


def test_wait_idle_says_when_it_is_not(start: Any) -> None:
    """Waiting ends at the time-out while a task still runs."""
    api = start(speed=1)
    assert api.sandbox.wait_idle(0)
    api.create(T2V, BOAT)
    assert not api.sandbox.wait_idle(0.05)


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_command_serves_until_a_signal(ending: signal.Signals) -> None:
    """`serve` prints lines to paste, answers, and ends cleanly on Ctrl-C and on SIGTERM."""
    program = "from kling_core.sandbox import serve; serve(access_key='ak', secret_key='s' * 32)"
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert process.stdout
    with process.stdout as output:
        printed = ""
        while "KLING_API_KEY" not in printed:
            line = output.readline()
            assert line, printed
            printed += line
        found = dict(re.findall(r"export (\w+)=(\S+)", printed))
        assert found["KLING_ACCESS_KEY"] == "ak"
        assert found["KLING_SECRET_KEY"] == "s" * 32
        headers = {"Authorization": f"Bearer {found['KLING_API_KEY']}"}
        answer = httpx.get(found["KLING_BASE_URL"] + T2V, headers=headers, trust_env=False)
        assert answer.json()["code"] == 0
        process.send_signal(ending)
        assert process.wait(5) == 0
        assert "stopped" in output.read()


def test_a_signal_that_another_thread_gets_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The system may give the signal to a thread that renders; the main thread hears of it."""
    served = threading.Event()
    said: list[str] = []

    def say(text: str) -> None:
        said.append(text)
        served.set()

    def end() -> None:
        served.wait(30)
        signal.pthread_kill(threading.get_ident(), signal.SIGTERM)

    monkeypatch.setattr(serving, "_say", say)
    before = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=end)
    thread.start()
    serving.serve(quality="test")
    thread.join()
    assert said[-1] == "Sandbox stopped."
    assert signal.getsignal(signal.SIGTERM) is before


def test_import_is_light() -> None:
    """Importing the package loads neither server nor media libraries."""
    program = (
        "import sys, kling_core.sandbox; "
        "print([m for m in ('uvicorn', 'starlette', 'numpy', 'av', 'PIL', 'jwt', 'httpx', "
        "'pydantic') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"

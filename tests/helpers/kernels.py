"""Kernels of this interpreter with either generation of ipykernel, and what they publish."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty
from typing import Any

from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager

from kling_core import Sandbox
from kling_core.sandbox import Fault

WAITING = 30
WIDGET = "application/vnd.jupyter.widget-view+json"
OLD = "6.31"

WORKSPACE = "get_ipython().magics_manager.registry['KlingMagics'].workspace"
FAST = (
    "from kling_core.flows.session import Pace as _Pace\n"
    f"{WORKSPACE}.client.session.pace = _Pace("
    "poll_floor=0.05, poll_ceiling=0.1, retry_first=0.05, recheck=0.1, line_tick=0.05)"
)
SETTLE = f"for _job in list({WORKSPACE}.jobs.values()): _job.stop(); _job._ended.wait(5)"
"""Ends the following of every job that still runs."""

Message = dict[str, Any]


class Kernel:
    """A running kernel, and what it publishes."""

    def __init__(self, manager: KernelManager, client: BlockingKernelClient, folder: Path) -> None:
        self.manager = manager
        self.client = client
        self.folder = folder

    def start(self, code: str, *, live: bool = True) -> str:
        """Run a cell and wait for nothing; the id of the request. Nobody looks unless `live`."""
        return self.client.execute(code, store_history=True, allow_stdin=live)

    def published(self) -> Iterator[Message]:
        """Everything that any cell publishes from now on, but code and states of the kernel."""
        while True:
            message: Message = self.client.get_iopub_msg(timeout=WAITING)
            if message["msg_type"] != "execute_input":
                yield message

    def messages(self, request: str) -> Iterator[Message]:
        """What one cell publishes, until it has ended."""
        for message in self.published():
            if message["parent_header"].get("msg_id") != request:
                continue
            if message["content"].get("execution_state") == "idle":
                return
            if message["msg_type"] != "status":
                yield message

    def outputs(self, code: str, *, live: bool = True) -> list[Message]:
        """Everything that a cell publishes until it has ended."""
        return list(self.messages(self.start(code, live=live)))

    def failure(self, code: str) -> list[str]:
        """The lines of the error with which a cell fails."""
        return self.error(self.start(code))

    def error(self, request: str) -> list[str]:
        """The lines of the error with which a cell ends that has been started."""
        errors = [m for m in self.messages(request) if m["msg_type"] == "error"]
        assert len(errors) == 1, errors
        return errors[0]["content"]["traceback"]

    def value(self, expression: str) -> str:
        """The repr of an expression."""
        told = self.outputs(f"print(repr({expression}))")
        return "".join(m["content"]["text"] for m in told if m["msg_type"] == "stream").strip()

    def until(self, wanted: Any) -> list[Message]:
        """What is published up to the first message that is wanted."""
        seen: list[Message] = []
        for message in self.published():
            seen.append(message)
            if wanted(message):
                return seen
        return seen

    def quiet(self, seconds: float) -> list[Message]:
        """What is published within some seconds."""
        end, seen = time.monotonic() + seconds, []
        while (left := end - time.monotonic()) > 0:
            try:
                seen.append(self.client.get_iopub_msg(timeout=left))
            except Empty:
                break
        return seen

    def send(self, card: str, content: Message) -> None:
        """Send a message of a card's page."""
        data = {"comm_id": card, "data": {"method": "custom", "content": content}}
        self.client.shell_channel.send(self.client.session.msg("comm_msg", data))


@contextmanager
def held(service: Sandbox) -> Iterator[None]:
    """Tasks go on running, as far as anybody is told, until the block ends."""
    for kind in ("get", "list"):
        service.faults.add(Fault("unknown_status", kind=kind, text="processing", times=None))
    try:
        yield
    finally:
        service.faults.clear()


def finals(messages: list[Message]) -> list[Message]:
    """The replaced outputs that hold no widget."""
    return [
        m["content"]
        for m in messages
        if m["msg_type"] == "update_display_data" and WIDGET not in m["content"]["data"]
    ]


def final(message: Message) -> bool:
    """Whether a message replaces a card by what stays."""
    return bool(finals([message]))


@contextmanager
def kernel(folder: Path, *, sandbox: Sandbox | None, path: Path | None = None) -> Iterator[Kernel]:
    """A kernel in a folder, which takes the sandbox for the live service.

    `path` holds another ipykernel. The ledger is in `folder`.
    """
    environment = {
        **{k: v for k, v in os.environ.items() if not k.startswith("KLING_")},
        "IPYTHONDIR": str(folder / "ipython"),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        "KLING_HOME": str(folder / "home"),
        "PYTHONPATH": str(path or ""),
    }
    if sandbox is not None:
        environment |= {
            "KLING_BASE_URL": sandbox.url,
            "KLING_ACCESS_KEY": sandbox.access_key,
            "KLING_SECRET_KEY": sandbox.secret_key,
        }
    (folder / "runtime").mkdir(exist_ok=True)
    sockets = tempfile.TemporaryDirectory(prefix="k-", dir="/tmp")  # their paths must be short
    # Not TCP: a port that was free when it was chosen may be taken when the kernel binds it.
    manager = KernelManager(connection_file=f"{sockets.name}/k.json", transport="ipc")
    assert manager.kernel_spec is not None
    manager.kernel_spec.argv[0] = sys.executable
    manager.start_kernel(env=environment, cwd=str(folder), stderr=subprocess.DEVNULL)
    client = manager.blocking_client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=WAITING)
        yield Kernel(manager, client, folder)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
        sockets.cleanup()


def old_ipykernel() -> Path:
    """A folder with the last ipykernel of its old line, fetched once for this environment."""
    kept = Path(sys.prefix) / f"ipykernel-{OLD}"
    if not kept.exists():
        fetched = Path(tempfile.mkdtemp(dir=sys.prefix, prefix="ipykernel-"))
        wanted = [f"ipykernel=={OLD}.*", "nest-asyncio"]
        uv = shutil.which("uv")
        command = [uv, "pip"] if uv else [sys.executable, "-m", "pip"]
        options = ["install", "--quiet", "--no-deps", "--target", str(fetched)]
        python = ["--python", sys.executable] if uv else ["--disable-pip-version-check"]
        subprocess.run([*command, *options, *python, *wanted], check=True, timeout=100)
        try:
            fetched.rename(kept)
        except OSError:  # another worker was first
            shutil.rmtree(fetched)
    return kept

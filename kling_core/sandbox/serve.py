"""Runs a sandbox for the command line: prints how to reach it, ends on Ctrl-C or SIGTERM."""

from __future__ import annotations

import signal
import socket
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from kling_core.sandbox.embedded import Sandbox


def serve(**options: Any) -> None:
    """Serves until SIGINT or SIGTERM, then stops cleanly and returns. Call it in the main thread.

    The options are those of `Sandbox`. Raises `OSError` when the port is taken.
    """
    sandbox = Sandbox(**options)
    with _ends() as wait, sandbox:
        _say(how_to_reach(sandbox))
        wait()
    _say("Sandbox stopped.")


@contextmanager
def _ends() -> Generator[Callable[[], None]]:
    """Keeps SIGINT and SIGTERM from ending the process; gives a call that waits for one of them.

    A lock would not do: when the system hands the signal to another thread, nobody wakes the main
    thread, and its handler never runs. What `set_wakeup_fd` writes comes from whichever thread.
    """
    kinds = (signal.SIGINT, signal.SIGTERM)
    ours, pythons = socket.socketpair()
    pythons.setblocking(False)
    before = {kind: signal.signal(kind, _heard) for kind in kinds}
    wakes = signal.set_wakeup_fd(pythons.fileno(), warn_on_full_buffer=False)

    def wait() -> None:
        while ours.recv(1)[0] not in kinds:
            pass

    try:
        yield wait
    finally:
        signal.set_wakeup_fd(wakes)
        for kind, handler in before.items():
            signal.signal(kind, handler)
        ours.close()
        pythons.close()


def _heard(_number: int, _frame: FrameType | None) -> None:
    """In the place of a handler that would end the process."""


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def how_to_reach(sandbox: Sandbox) -> str:
    """The lines to paste into another shell."""
    return "\n".join(
        [
            f"Kling sandbox on {sandbox.url} (Ctrl-C ends it). In another shell:",
            "",
            f"export KLING_BASE_URL={sandbox.url}",
            f"export KLING_ACCESS_KEY={sandbox.access_key}",
            f"export KLING_SECRET_KEY={sandbox.secret_key}",
            "",
            f"or with one key instead of the pair: export KLING_API_KEY={sandbox.api_key}",
            f"or in the place of all three, for kling-suite: export KLING_SANDBOX={sandbox.url}",
        ]
    )

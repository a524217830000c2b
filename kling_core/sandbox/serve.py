"""Runs a sandbox for the command line: prints how to reach it, ends on Ctrl-C or SIGTERM."""

from __future__ import annotations

import signal
import sys
import threading
from types import FrameType
from typing import Any

from kling_core.sandbox.embedded import Sandbox


def serve(**options: Any) -> None:
    """Serves until SIGINT or SIGTERM, then stops cleanly and returns. Call it in the main thread.

    The options are those of `Sandbox`. Raises `OSError` when the port is taken.
    """
    sandbox = Sandbox(**options)
    ended = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        ended.set()

    before = {kind: signal.signal(kind, end) for kind in (signal.SIGINT, signal.SIGTERM)}
    try:
        with sandbox:
            _say(how_to_reach(sandbox))
            ended.wait()
    finally:
        for kind, handler in before.items():
            signal.signal(kind, handler)
    _say("Sandbox stopped.")


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
        ]
    )

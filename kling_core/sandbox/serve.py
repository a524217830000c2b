"""Runs a sandbox for the command line: prints how to reach it, ends on Ctrl-C or SIGTERM."""

from __future__ import annotations

import signal
import sys
import threading
from decimal import Decimal
from pathlib import Path
from types import FrameType

from kling_core.sandbox.catalog import Retired
from kling_core.sandbox.embedded import Sandbox
from kling_core.sandbox.jobs import Quality


def serve(
    *,
    port: int = 0,
    speed: float = 60.0,
    limit: int = 5,
    image_limit: int = 9,
    units: Decimal | int | str = Decimal(1000),
    image_units: Decimal | int | str = Decimal(10000),
    access_key: str | None = None,
    secret_key: str | None = None,
    api_key: str | None = None,
    retired: Retired = "warn",
    quality: Quality = "std",
    storage: Path | None = None,
    webhook_secret: str | None = None,
) -> None:
    """Serves until SIGINT or SIGTERM, then stops cleanly and returns. Call it in the main thread.

    Raises `OSError` when the port is taken.
    """
    sandbox = Sandbox(
        port=port,
        speed=speed,
        limit=limit,
        image_limit=image_limit,
        units=units,
        image_units=image_units,
        access_key=access_key,
        secret_key=secret_key,
        api_key=api_key,
        retired=retired,
        quality=quality,
        storage=storage,
        webhook_secret=webhook_secret,
    )
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

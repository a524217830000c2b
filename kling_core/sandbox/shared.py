"""The sandbox that all clients of this process share: `Kling(sandbox=True)`."""

from __future__ import annotations

import atexit
import threading
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kling_core.sandbox.embedded import Sandbox

_lock = threading.Lock()


def shared() -> Sandbox:
    """The one embedded sandbox of this process, started at first use and stopped at exit."""
    with _lock:  # two first calls at once must not start two
        return _start()


@cache
def _start() -> Sandbox:
    from kling_core.sandbox.embedded import Sandbox

    sandbox = Sandbox().start()
    atexit.register(sandbox.stop)
    return sandbox

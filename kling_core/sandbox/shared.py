"""The sandbox that all clients of this process share: `Kling(sandbox=True)`."""

from __future__ import annotations

import atexit
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kling_core.sandbox.embedded import Sandbox

_lock = threading.Lock()
_shared: Sandbox | None = None


def shared() -> Sandbox:
    """The one embedded sandbox of this process, started at first use and stopped at exit."""
    global _shared
    with _lock:
        if _shared is None:
            from kling_core.sandbox.embedded import Sandbox

            _shared = Sandbox().start()
            atexit.register(_shared.stop)
        return _shared

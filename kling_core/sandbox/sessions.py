"""Sessions: what one call leaves for the next ones, under an id that lives for 24 hours."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Final

from kling_core.sandbox.jobs import new_id
from kling_core.sandbox.refusals import wrong_value

LIFE_SECONDS: Final = 24 * 3600
"""How long a session can be gone on with."""


class Sessions:
    """The sessions of one sandbox. Safe to use from any thread."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._open: dict[str, tuple[float, dict[str, Any]]] = {}
        self._lock = threading.Lock()

    def open(self, **state: Any) -> str:
        """A new session that holds this; gives its id."""
        session_id = new_id()
        with self._lock:
            self._open[session_id] = self._clock() + LIFE_SECONDS, state
        return session_id

    def state(self, session_id: str) -> dict[str, Any]:
        """What the session holds, to be read and changed. Raises 1201 when there is none."""
        with self._lock:
            ends, state = self._open.get(session_id, (0.0, {}))
        if ends <= self._clock():
            raise wrong_value(f"Session not found by id: {session_id}")
        return state

"""The pace of clients in tests, and the plenty and haste of their sandboxes."""

from __future__ import annotations

from typing import Any

from kling_core import Sandbox
from kling_core.flows.session import Pace

FAST = Pace(
    poll_floor=0.02,
    poll_ceiling=0.1,
    retry_first=0.02,
    retry_most=0.2,
    recheck=0.05,
    line_tick=0.02,
    settling=1.5,
)
"""The pace of clients in tests, in seconds."""

PLENTY = {"limit": 1000, "image_limit": 1000, "units": 10**9, "image_units": 10**9}
"""A sandbox that never says 1102 or 1303 by itself."""


def one_frame_a_second(sandbox: Sandbox) -> Sandbox:
    """Make the sandbox's clips five times cheaper; their length stays."""
    lifecycle: Any = sandbox._lifecycle
    lifecycle._bench.fps = 1
    return sandbox

"""Counts what a sandbox was asked and did, so that tests can say what must not happen."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal


@dataclass
class Stats:
    """Running totals of one sandbox; read them at any time from any thread."""

    requests: Counter[tuple[str, str]] = field(default_factory=Counter[tuple[str, str]])
    """By method and route, such as `("GET", "/v1/videos/text2video/{id}")`."""

    codes: Counter[int] = field(default_factory=Counter[int])
    """Business codes decided, 0 for success; a fault may have bent the answer afterwards."""

    tasks_created: Counter[str] = field(default_factory=Counter[str])
    """Accepted tasks by endpoint name."""

    billed_tasks: int = 0
    """Tasks whose units were deducted: those that succeeded."""

    billed_units: dict[str, Decimal] = field(default_factory=dict[str, Decimal])
    """Units deducted by pack, `video` or `image`."""

    peak_running: Counter[str] = field(default_factory=Counter[str])
    """Most slots ever taken at once, by product: `video`, `image`, `try_on`."""

    unknown_keys: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    """Endpoint and key of each body key that its contract does not know."""

    null_keys: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    """Endpoint and key of each body key that was sent as null."""

    leaked_credentials: list[str] = field(default_factory=list[str])
    """Media paths that were asked for with an `Authorization` header."""

"""Faults on demand: what shall go wrong, for which requests, how often.

`reset_before`  TCP reset before the request is carried out
`reset_after`   carried out (accepted and billed), then a reset before any answer byte
`cut_after`     carried out, `bytes` bytes of the answer's body, then a reset
`refuse`        answered with `status`, `code`, `message`; not carried out
`status_after`  carried out, then answered with `status`, `code`, `message`
`stall`         silent for `seconds`, or until the sandbox stops; `after` tells whether it was
                carried out before
`html`          an HTML page with `status`; `after` as above
`broken_json`   carried out, then half of the JSON
`truncate`      media: the connection ends after `bytes` bytes
`expire`        media: this URL is dead from now on (403); a fresh get of the task gives a live one
`slow`          the accepted task takes `seconds` longer
`fail`          the accepted task fails with `text`
`unknown_status` the answer reports the task status `text`
`numbers_as_strings`, `extra_fields`  the answer's JSON is bent that way
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, get_args

Kind = Literal["create", "get", "list", "media", "account", "any"]
Action = Literal[
    "refuse",
    "reset_before",
    "reset_after",
    "cut_after",
    "stall",
    "status_after",
    "html",
    "broken_json",
    "truncate",
    "expire",
    "slow",
    "fail",
    "unknown_status",
    "numbers_as_strings",
    "extra_fields",
]

_ONLY_FOR: dict[str, tuple[str, ...]] = {
    "truncate": ("media",),
    "expire": ("media",),
    "slow": ("create",),
    "fail": ("create",),
    "unknown_status": ("get", "list"),
    "numbers_as_strings": ("create", "get", "list", "account"),
    "extra_fields": ("create", "get", "list", "account"),
    "broken_json": ("create", "get", "list", "account"),
    "status_after": ("create", "get", "list", "account"),
}


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong, for the next `times` matching requests after the first `skip`.

    `times` of `None` means for ever. `status`, `code` and `message` are what `refuse`,
    `status_after` and `html` answer. `seconds` are real seconds.
    """

    action: Action
    kind: Kind = "any"
    endpoint: str | None = None
    times: int | None = 1
    skip: int = 0
    status: int = 503
    code: int = 5001
    message: str = "Server temporarily unavailable"
    after: bool = False
    seconds: float | None = None
    bytes: int = 0
    text: str = "queued_for_review"

    def __post_init__(self) -> None:
        if self.action not in get_args(Action):
            raise ValueError(f"unknown fault action {self.action!r}")
        if self.kind not in get_args(Kind):
            raise ValueError(f"unknown request kind {self.kind!r}")

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Fault:
        """A fault from its JSON object. Raises `ValueError` for keys that a fault has not."""
        known = {field.name for field in fields(cls)}
        unknown = set(values) - known
        if unknown or "action" not in values:
            raise ValueError(f"a fault has an action and {sorted(known)}, not {sorted(unknown)}")
        return cls(**values)

    def matches(self, kind: str, endpoint: str | None) -> bool:
        """Whether the fault is meant for such a request."""
        if kind not in _ONLY_FOR.get(self.action, (kind,)):
            return False
        return self.kind in ("any", kind) and self.endpoint in (None, endpoint)


class Faults:
    """The faults that wait to happen, first added first served. Safe to use from any thread."""

    def __init__(self) -> None:
        self._waiting: list[Fault] = []
        self._lock = threading.Lock()

    def add(self, *faults: Fault) -> None:
        """Puts faults in line."""
        with self._lock:
            self._waiting.extend(faults)

    def clear(self) -> None:
        """Forgets all faults that wait."""
        with self._lock:
            self._waiting.clear()

    @property
    def waiting(self) -> tuple[Fault, ...]:
        """What is still to happen, with `skip` and `times` as they stand now."""
        with self._lock:
            return tuple(self._waiting)

    def take(self, kind: str, endpoint: str | None) -> Fault | None:
        """The fault for this request, if any, and counts it as used."""
        with self._lock:
            for place, fault in enumerate(self._waiting):
                if not fault.matches(kind, endpoint):
                    continue
                if fault.skip:
                    self._waiting[place] = replace(fault, skip=fault.skip - 1)
                    continue
                if fault.times is None:
                    return fault
                if fault.times > 1:
                    self._waiting[place] = replace(fault, times=fault.times - 1)
                else:
                    del self._waiting[place]
                return fault
        return None

"""The account's resource packs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kling_core.commands import readable

__all__ = ["DAYS", "rows"]

DAYS = 90
"""How far back packs are looked for."""


def rows(packs: Sequence[Mapping[str, Any]]) -> list[tuple[str, ...]]:
    """The packs as rows of a table: name, left, of, status, until."""
    return [
        (
            str(pack.get("resource_pack_name") or pack.get("resource_pack_id") or "?"),
            _amount(pack.get("remaining_quantity")),
            _amount(pack.get("total_quantity")),
            str(pack.get("status") or "?"),
            _day(pack.get("invalid_time")),
        )
        for pack in packs
    ]


def _amount(value: Any) -> str:
    return f"{value:g}" if isinstance(value, (int, float)) else str(value or "?")


def _day(value: Any) -> str:
    if not isinstance(value, (int, float)) or value <= 0:
        return "-"
    try:
        return readable.local(value / 1000)
    except (ValueError, OverflowError, OSError):  # no time that a calendar has
        return "-"

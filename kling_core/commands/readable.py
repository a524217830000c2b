"""Times, lengths and amounts as people read them."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

__all__ = ["amount", "clock", "local", "moment", "money", "plural", "span"]


def span(seconds: float) -> str:
    """A length of time in its largest unit: 12 s, 5 min, 3 h, 9 d."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{int(seconds // size)} {unit}"
    return f"{max(0, int(seconds))} s"


def clock(seconds: float) -> str:
    """Minutes and seconds: 1:05."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"


def local(moment: datetime | float | None) -> str:
    """A time (a number is seconds since 1970) as people here read it; empty for None."""
    if moment is None:
        return ""
    known = moment if isinstance(moment, datetime) else datetime.fromtimestamp(moment, UTC)
    return known.astimezone().strftime("%Y-%m-%d %H:%M")


def moment(seconds: float | None) -> str | None:
    """A ledger's time in ISO 8601."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat()


def money(amount: Decimal) -> str:
    """US dollars with as many places as are needed, two at least: $0.21, $0.056."""
    plain = f"{amount.normalize():f}"
    whole, _, cents = plain.partition(".")
    return f"{'-' if whole.startswith('-') else ''}${whole.lstrip('-')}.{cents.ljust(2, '0')}"


def amount(units: Decimal | None, usd: Decimal | None) -> str:
    """Units and what they are worth: 1.5 units ($0.21); empty when neither is known."""
    if units is None:
        return money(usd) if usd is not None else ""
    worth = f" ({money(usd)})" if usd is not None else ""
    return f"{units.normalize():f} units{worth}"


def plural(count: int, noun: str) -> str:
    """A number and its noun: 1 task, 2 tasks."""
    return f"{count} {noun}{'s' if count != 1 else ''}"

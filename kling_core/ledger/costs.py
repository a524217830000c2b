"""What was spent: estimate against actual, by day, project or model."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Literal, get_args

from kling_core.ledger.rows import ENDED, Amount, Costs
from kling_core.ledger.store import Ledger

By = Literal["day", "project", "model"]


def costs(ledger: Ledger, by: By, since: float) -> list[Costs]:
    """One line for each day (local time), project or model, in that order; refused requests are
    left out. Raises `ValueError` for anything else in `by`.
    """
    if by not in get_args(By):
        raise ValueError(f"costs are told by day, project or model, not by {by!r}")
    groups: dict[str, list[Amount]] = defaultdict(list)
    for amount in ledger.amounts(since):
        groups[_key(amount, by)].append(amount)
    return [_costs(key, groups[key]) for key in sorted(groups)]


def _key(amount: Amount, by: By) -> str:
    if by == "project":
        return amount.project
    if by == "model":
        return amount.model_name
    return datetime.fromtimestamp(amount.created_at).astimezone().strftime("%Y-%m-%d")


def _costs(key: str, amounts: list[Amount]) -> Costs:
    return Costs(
        key=key,
        tasks=len(amounts),
        estimate=_sum(amount.quote_usd for amount in amounts),
        actual=_sum(amount.cost_usd for amount in amounts),
        open=sum(amount.state not in ENDED for amount in amounts),
        unknown=sum(not (amount.quote_usd or amount.cost_usd) for amount in amounts),
    )


def _sum(texts: Iterable[str | None]) -> Decimal:
    return sum((Decimal(text) for text in texts if text), Decimal(0))

"""Running sums of what tasks cost, kept by triggers of the database.

Whatever statement changes a task, of whatever version of this package, the sums change with it in
the same transaction; so they are right after every crash, and no limit has to read the tasks. The
triggers are those of the last step of `kling_core.ledger.migrations` that wrote any; what is said
here of the share of one task must say the same.

A sum is one of a `kind`:

    time      of all tasks that were sent in a quarter of an hour, which begins at `start`
    project   of a project, in a day of UTC
    model     of a model, in a day of UTC
    all       of a project, for all time

A quarter, because midnight is at the full quarter of UTC everywhere on earth.
"""

from __future__ import annotations

from kling_core.ledger.records import IN_LINE

__all__ = ["DAY", "QUARTER", "SCALE", "SUMS", "of_tasks"]

QUARTER = 900
DAY = 86400

SCALE = 10**9
"""Sums are whole billionths of a US dollar: exact, as amounts have at most nine places."""

SUMS = ("tasks", "open", "unknown", "unsaid", "estimate", "actual", "committed")
"""How many tasks, how many of them have not ended, have no known price, have ended without a word
of what they cost; what they were quoted at, did cost, and are to be counted with."""

_UNSENT = ", ".join(f"'{state}'" for state in (*IN_LINE, "rejected"))
_COUNTED = f"(t.sent_at IS NOT NULL AND t.state NOT IN ({_UNSENT}))"
"""Whether a task may cost something: it was sent, and was not refused."""


def _flag(condition: str) -> str:
    return f"CASE WHEN {condition} THEN 1 ELSE 0 END"


def _billionths(column: str, postgres: bool) -> str:
    if postgres:
        return f"COALESCE(round(t.{column}::numeric * {SCALE})::bigint, 0)"
    # A float is exact here: below a million, with nine places, an amount has 15 digits at most.
    return f"COALESCE(CAST(ROUND(CAST(t.{column} AS REAL) * {SCALE}) AS INTEGER), 0)"


def _shares(postgres: bool) -> dict[str, str]:
    """The share of one task in each sum, as SQL."""
    quote, cost = _billionths("quote_usd", postgres), _billionths("cost_usd", postgres)
    # Nothing deducted for a task that was made is not believed yet: it may have been said too soon.
    said = f"(t.cost_usd IS NOT NULL AND ({cost} > 0 OR t.state = 'failed'))"
    free = f"(t.state = 'failed' AND {cost} = 0)"
    ended = "t.state IN ('succeeded', 'failed', 'expired')"
    return {
        "tasks": "1",
        "open": _flag(f"NOT ({ended})"),
        "unknown": _flag(f"t.quote_usd IS NULL AND NOT ({cost} > 0) AND NOT {free}"),
        "unsaid": _flag(f"{ended} AND NOT {said} AND NOT {free}"),
        "estimate": quote,
        "actual": cost,
        "committed": f"CASE WHEN {free} THEN 0 WHEN {cost} > 0 THEN {cost} ELSE {quote} END",
    }


def of_tasks(key: str, *, postgres: bool) -> str:
    """The query of the sums of the tasks sent between `:since` and `:until`, by a column.

    For the ends of a span, which lie within what is summed up.
    """
    shares = _shares(postgres)
    sums = ", ".join(f"SUM({shares[name]})" for name in SUMS)
    return (  # of names that are all our own
        f"SELECT {key}, {sums} FROM tasks t WHERE {_COUNTED} "  # noqa: S608
        "AND t.sent_at >= :since AND t.sent_at < :until GROUP BY 1"
    )

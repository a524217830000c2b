"""Rows of the ledger as a list: state, age, cost, and the days left before Kling purges them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from kling_core.advice import Advice, Text
from kling_core.commands import readable
from kling_core.commands.find import short
from kling_core.commands.table import Table
from kling_core.declare import registry
from kling_core.flows.known_rows import kept_nowhere
from kling_core.text import at

if TYPE_CHECKING:
    from kling_core.client import Kling
    from kling_core.ledger.ledger import Ledger
    from kling_core.ledger.records import Kept, Row
    from kling_core.task import Task

__all__ = [
    "STATES",
    "UNSENT",
    "Chosen",
    "chosen",
    "days_left",
    "keeping",
    "kept_by_task",
    "on_disk",
    "price",
    "prompt",
    "recorded_as",
    "tasks",
]

STATES = (
    "prepared",
    "waiting",
    "submitting",
    "submitted",
    "processing",
    "succeeded",
    "failed",
    "rejected",
    "unknown",
    "expired",
)
"""Every state of a row."""

UNSENT = ("prepared", "waiting")
"""States of a request that has not left this machine."""

HEAD = ("id", "state", "age", "endpoint", "model", "cost", "kept", "prompt")


def tasks(kling: Kling, rows: Sequence[Row], *, narrow: bool) -> Table:
    """A line a task; `narrow` cuts long prompts."""
    kept, now = kept_by_task(kling, rows), kling.session.ledger().now()
    return Table(
        HEAD,
        [
            (
                short(row),
                row.state,
                readable.span(now - row.created_at),
                row.endpoint.replace("_", "-"),
                row.model_name or "-",
                price(row),
                keeping(kling, row, kept.get(row.id, [])),
                prompt(row.text, narrow=narrow),
            )
            for row in rows
        ],
    )


@dataclass(frozen=True, slots=True)
class Chosen:
    """Rows of the ledger, newest first.

    `by_choice` says that some may have been left out because others were asked for, `cut` that
    there may be more than the limit.
    """

    rows: tuple[Row, ...]
    by_choice: bool
    cut: bool

    @property
    def note(self) -> str:
        """Why there are none, or not all; empty when there is nothing to say."""
        rescue = Advice("rescue by command")
        if not self.rows and self.by_choice:
            return Text("no such tasks in the ledger; ", rescue, " looks at Kling for others")
        if not self.rows:
            empty = "the ledger is empty: nothing was made with this account here; "
            return Text(empty, rescue, " looks at Kling")
        return "there may be more: --limit 0 shows all" if self.cut else ""


def chosen(
    kling: Kling,
    *,
    states: Sequence[str] | None = None,
    endpoint: str | None = None,
    words: str | None = None,
    project: str | None = None,
    limit: int = 0,
) -> Chosen:
    """The rows of these states, this endpoint and project, with these words; at most `limit`.

    The endpoint is one that this version knows, or any that the ledger has tasks of.
    """
    rows = kling.session.ledger().rows(
        states=states, endpoint=endpoint, words=words, project=project, limit=limit or None
    )
    by_choice = any((states, endpoint, words, project))
    return Chosen(tuple(rows), by_choice, len(rows) == limit)


def recorded_as(ledger: Ledger, word: str) -> str | None:
    """The endpoint of this name that the ledger has tasks of, though this version knows none such.

    Else None.
    """
    name = word.lower().replace("-", "_")
    if registry.has(name) or not ledger.rows(endpoint=name, limit=1):
        return None
    return name


def price(row: Row) -> str:
    """What it cost; with a ~ what it was quoted at; `-` when it is free."""
    if row.cost_usd is not None:
        return readable.money(row.cost_usd)
    if row.state in ("rejected", "failed"):
        return "-"
    return "?" if row.quote_usd is None else f"~{readable.money(row.quote_usd)}"


def keeping(kling: Kling, row: Row, kept: Iterable[Kept]) -> str:
    """`saved`, else the days that are left before Kling purges what is not on disk.

    Of a lost answer: until when it may still become a task.
    """
    if row.state == "unknown" and row.doubt_until is not None and not kept_nowhere(row):
        now = kling.session.ledger().now()
        return "look again" if row.doubt_until <= now else f"open until {at(row.doubt_until, now)}"
    if row.state != "succeeded":
        return "-"
    outputs = list(kept)
    if outputs and all(on_disk(output) or not output.is_file for output in outputs):
        return "saved"
    days = days_left(kling.tasks.get(row.id))
    if days is None:
        return "?"
    return "purged" if days < 0 else f"{days} d left"


def days_left(task: Task) -> int | None:
    """Whole days until Kling purges the task's outputs, negative when it has; None: not known."""
    until = next((o.expires_at for o in task.outputs if o.expires_at), None)
    return None if until is None else (until - datetime.now(UTC)).days


def on_disk(kept: Kept) -> bool:
    """Whether the output was saved and its file is still there, whole."""
    return kept.on_disk


def kept_by_task(kling: Kling, rows: Sequence[Row]) -> dict[str, list[Kept]]:
    """The outputs of these tasks, by our id of the task."""
    kept: dict[str, list[Kept]] = {}
    for output in kling.session.ledger().kept(of=[row.id for row in rows]):
        kept.setdefault(output.task, []).append(output)
    return kept


def prompt(text: str, *, narrow: bool) -> str:
    """A prompt in one line; `narrow` cuts it."""
    line = " ".join(text.split())
    return f"{line[:47]}…" if narrow and len(line) > 48 else line

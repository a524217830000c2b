"""What the commands over the ledger share: finding a row, telling age and cost, collecting."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kling_core.cli import console, problems, results
from kling_core.cli.following import follow
from kling_core.errors import KlingError, TaskNotFound

if TYPE_CHECKING:
    from kling_core.client import Kling
    from kling_core.ledger.rows import Kept, Row
    from kling_core.task import Task

COLUMNS = (
    "id",
    "task_id",
    "state",
    "endpoint",
    "model_name",
    "project",
    "text",
    "quote_units",
    "quote_usd",
    "cost_units",
    "cost_usd",
    "created_at",
    "sent_at",
    "finished_at",
    "parent_task_id",
    "error",
)
"""What lists and exports tell of a row."""

UNSENT = ("prepared", "waiting")
"""States of a request that has not left this machine."""


def open_client(command: str, *, sandbox: bool) -> Kling:
    """The client whose ledger a command reads; not that of an embedded sandbox, which is empty."""
    console.refuse_empty_sandbox(command, sandbox=sandbox)
    return console.open_client(sandbox=False)


def hidden_sandbox(parser: argparse.ArgumentParser) -> None:
    """--sandbox after the command: understood, to be refused with its reason."""
    parser.add_argument("--sandbox", action="store_true", help=argparse.SUPPRESS)


def find(kling: Kling, word: str) -> Row:
    """The row with this id, or with this beginning or end of one. Raises `TaskNotFound`."""
    row = kling.session.ledger().get(word)
    if row is None:
        raise TaskNotFound(
            f"the ledger knows no task {word!r}, or more than one that begins or ends so",
            cause="",
            fix="See kling tasks. A task made elsewhere: kling get ENDPOINT TASK, or kling rescue.",
        )
    return row


def short(row: Row) -> str:
    """The end of Kling's id, as in the names of files; of ours before there is one."""
    return (row.task_id or row.id)[-8:]


def age(row: Row, now: float) -> str:
    """How long ago it was written down: 12 s, 5 min, 3 h, 9 d."""
    return span(now - row.created_at)


def span(seconds: float) -> str:
    """A length of time in its largest unit."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{int(seconds // size)} {unit}"
    return f"{max(0, int(seconds))} s"


def price(row: Row) -> str:
    """What it cost; with a ~ what it was quoted at; `-` when it is free."""
    if row.cost_usd is not None:
        return money(row.cost_usd)
    if row.state in ("rejected", "failed"):
        return "-"
    return "?" if row.quote_usd is None else f"~{money(row.quote_usd)}"


def money(amount: Decimal) -> str:
    """US dollars with as many places as are needed, two at least: $0.21, $0.056."""
    plain = f"{amount.normalize():f}"
    whole, _, cents = plain.partition(".")
    return f"{'-' if whole.startswith('-') else ''}${whole.lstrip('-')}.{cents.ljust(2, '0')}"


def keeping(kling: Kling, row: Row, kept: Iterable[Kept]) -> str:
    """`saved`, else the days that are left before Kling purges what is not on disk."""
    if row.state != "succeeded":
        return "-"
    if all(on_disk(output) for output in kept):
        return "saved"
    days = days_left(task_of(kling, row))
    if days is None:
        return "?"
    return "purged" if days < 0 else f"{days} d left"


def days_left(task: Task) -> int | None:
    """Whole days until Kling purges the task's outputs, negative when it has; None: not known."""
    until = next((o.expires_at for o in task.outputs if o.expires_at), None)
    return None if until is None else (until - datetime.now(UTC)).days


def on_disk(kept: Kept) -> bool:
    """Whether the output was saved and its file is still there."""
    return bool(kept.path) and Path(kept.path or "").is_file()


def task_of(kling: Kling, row: Row) -> Task:
    """The task of a row."""
    return kling.tasks.get(row.id)


def described(row: Row) -> dict[str, Any]:
    """A row as JSON: its `COLUMNS`, times in ISO 8601."""
    known = {name: getattr(row, name) for name in COLUMNS}
    return {n: moment(v) if n.endswith("_at") else v for n, v in known.items()}


def moment(seconds: float | None) -> str | None:
    """A ledger's time in ISO 8601."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat()


# --- collecting ----------------------------------------------------------------------------


class Collector:
    """Waits for rows one after the other and downloads what they made; tells errors, raises none.

    All rows are followed at once: whoever waits for one task asks for all that run.
    """

    def __init__(
        self,
        kling: Kling,
        *,
        out: Path | None,
        timeout: float | None = None,
        download: bool = True,
        as_json: bool = False,
    ) -> None:
        self.kling, self.out, self.timeout = kling, out, timeout
        self.download, self.as_json = download, as_json
        self.code = 0
        self.tasks: list[Task] = []

    def collect(self, row: Row) -> None:
        """Bring one row to its end, and its outputs to disk."""
        try:
            self._collect(row)
        except KlingError as error:
            self.tell(error)

    def tell(self, error: KlingError) -> None:
        """Print an error and remember its exit code; "look first" outweighs "failed"."""
        first, *more = problems.lines(error)
        console.say("\n".join([f"error: {first}", *more]))
        code = problems.exit_code(error)
        self.code = problems.LOOK_FIRST if problems.LOOK_FIRST in (code, self.code) else code

    def finish(self) -> int:
        """Print what JSON was asked for; returns the exit code."""
        if self.as_json:
            console.show_json([results.described(task) for task in self.tasks])
        return self.code

    def _collect(self, row: Row) -> None:
        start = time.monotonic()
        task = task_of(self.kling, row)
        if task.done and task.status == "failed":
            from kling_core.waiting import failure

            raise failure(task)
        if not task.done:
            follow(task, self.timeout)
        self.tasks.append(task)
        paths = results.save(task, self.out) if self.download else []
        results.show(task, paths, as_json=False) if not self.as_json else None
        console.say(results.ending(task, time.monotonic() - start))

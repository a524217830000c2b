"""What the ledger holds, as plain records."""

from __future__ import annotations

import json
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

LIVE = ("submitting", "submitted", "processing", "unknown")
"""States in which a task may hold a slot at Kling."""

RUNNING = ("submitted", "processing")
"""States that a watcher follows."""

ENDED = ("succeeded", "failed", "rejected", "expired")
"""States that do not change any more."""

IN_LINE = ("prepared", "waiting")
"""States before the first byte left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A request to be written down before it is sent."""

    id: str
    endpoint: str
    product: str
    weight: int = 1
    external_task_id: str | None = None
    project: str = ""
    request: Mapping[str, Any]
    media: Mapping[str, str]
    digest: str
    model_name: str = ""
    text: str = ""
    parent_task_id: str | None = None
    parent_output_id: str | None = None
    quote_units: Decimal | None = None
    quote_usd: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One request and its task, as the ledger knows it; times are seconds since 1970."""

    id: str
    endpoint: str
    product: str
    weight: int
    state: str
    project: str
    external_task_id: str | None
    task_id: str | None
    request: Mapping[str, Any]
    media: Mapping[str, str]
    digest: str
    model_name: str
    text: str
    parent_task_id: str | None
    parent_output_id: str | None
    quote_units: Decimal | None
    quote_usd: Decimal | None
    cost_units: Decimal | None
    cost_usd: Decimal | None
    error: str
    raw: Mapping[str, Any]
    tries: int
    owner: str | None
    lease_until: float | None
    created_at: float
    sent_at: float | None
    updated_at: float
    finished_at: float | None

    @classmethod
    def of(cls, values: Mapping[Any, Any]) -> Row:
        """A row from the database's values."""
        return cls.read([values[name] for name in cls.__slots__])

    @classmethod
    def read(cls, values: Sequence[Any]) -> Row:
        """A row from the database's values in the order of the fields."""
        facts: dict[str, Any] = dict(zip(cls.__slots__, values, strict=True))
        for name in ("request", "media", "raw"):
            facts[name] = json.loads(facts[name])
        for name in ("quote_units", "quote_usd", "cost_units", "cost_usd"):
            facts[name] = None if facts[name] is None else Decimal(facts[name])
        return cls(**facts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """One output of a task and where it is kept."""

    task: str
    number: int
    kind: str
    output_id: str
    url: str
    path: str | None
    sha256: str | None
    size: int | None
    audit: str
    saved_at: float | None

    @property
    def on_disk(self) -> bool:
        """Whether it was saved and its file is still there, of the size that it had then."""
        if not self.path:
            return False
        try:
            found = Path(self.path).stat()
        except (OSError, ValueError):
            return False
        return stat.S_ISREG(found.st_mode) and self.size in (None, found.st_size)


@dataclass(frozen=True, slots=True)
class Place:
    """An answer to "may I send now": yes, or the place in line and what holds the slots.

    `lost` says that the row is not ours any more: somebody else settled it.
    """

    admitted: bool
    ahead: int = 0
    busy: int = 0
    limit: int | None = None
    lost: bool = False


UNANSWERED = 8
"""How many creates of a product may be on their way while nobody knows the account's limit."""


@dataclass(frozen=True, slots=True)
class Queue:
    """The line of a product: what is busy, what the limit is known to be, who waits.

    `unanswered` creates are on their way; `waiting` holds id and weight in the order of the line.
    """

    busy: int
    learned: int | None
    unanswered: int
    waiting: tuple[tuple[str, int], ...]

    def places(self, limit: int | None) -> dict[str, Place]:
        """The place of each row in line; admitted is what fits beside all that is ahead of it."""
        known = [number for number in (limit, self.learned) if number is not None]
        allowed = min(known) if known else None
        places: dict[str, Place] = {}
        weight = 0
        for ahead, (row_id, own) in enumerate(self.waiting):
            if allowed is None:
                fits = self.unanswered + ahead < UNANSWERED
            else:
                fits = self.busy + weight + own <= allowed or not (self.busy or ahead)
            places[row_id] = Place(fits, ahead, self.busy, allowed)
            weight += own
        return places


@dataclass(frozen=True, slots=True)
class Seen:
    """A running task: its age in seconds, and its kind, by which its like is found."""

    row_id: str
    task_id: str
    age: float
    kind: tuple[str, str | None]


@dataclass(frozen=True, slots=True)
class Look:
    """One look of a watcher at an endpoint.

    `leader` and `until` are those of the lease; `mark` changes with every nudge. `running` is empty
    while somebody else leads; `line` says that requests wait for the slots of what runs.
    """

    leader: str
    until: float
    mark: str
    running: tuple[Seen, ...] = ()
    line: bool = False


class Amount(NamedTuple):
    """One task's share in the costs, as the database has it; US dollars as text."""

    created_at: float
    project: str
    model_name: str
    state: str
    quote_usd: str | None
    cost_usd: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """What a day's, a project's or a model's tasks were expected to cost, and did; US dollars.

    `estimate` sums the quotes, `actual` what Kling deducted, at the dated price of a unit. `open`
    of the tasks have not ended, `unknown` have neither a quote nor a deduction.
    """

    key: str
    tasks: int
    estimate: Decimal
    actual: Decimal
    open: int
    unknown: int


def as_text(value: Any) -> str:
    """A value as the JSON that a column holds; halves of surrogate pairs are escaped."""
    made = json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)
    if made.isascii() or _storable(made):
        return made
    return json.dumps(value, separators=(",", ":"), default=str)


def as_plain(value: str) -> str:
    """A text as a column holds it: what is no character (half a surrogate pair, NUL) is a "?"."""
    plain = (
        value if value.isascii() or _storable(value) else value.encode(errors="replace").decode()
    )
    return plain.replace("\0", "?")


def _storable(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def as_amount(value: Decimal | None) -> str | None:
    """An exact amount as the text that a column holds."""
    return None if value is None else str(value)

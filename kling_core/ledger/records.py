"""What the ledger holds, as plain records."""

from __future__ import annotations

import json
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from kling_core.editions import V1, task_facts
from kling_core.editions.task_facts import TaskFacts

LIVE = ("submitting", "submitted", "processing", "unknown")
"""States in which a task may hold a slot at Kling."""

RUNNING = ("submitted", "processing")
"""States that a watcher follows."""

ENDED = ("succeeded", "failed", "rejected", "expired")
"""States that do not change any more."""

HEIR = "the task of "
"""Begins the error of a row that was taken in, and then found to be the task of another row."""

IN_LINE = ("prepared", "waiting")
"""States before the first byte left."""

SETTLING = 660.0
"""Seconds after a create for which "not found" proves nothing, unless a `Pace` says otherwise.

Ten minutes, in which a service that times out inside from a backlog (5002) may still carry it out,
and one more, by which its lists and look-ups lag behind.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A request to be written down before it is sent.

    `route` is the path that it will be sent to, as the `edition` of the API has it.
    """

    id: str
    endpoint: str
    product: str
    edition: str = V1
    route: str = ""
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
    """One request and its task, as the ledger knows it; times are seconds since 1970.

    `route` is the path that its create was sent to, or will be; empty where that is not known.
    """

    id: str
    endpoint: str
    product: str
    edition: str
    route: str
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
    unclear_at: float | None = None
    """Since when Kling has not found it, or says of it what we do not understand."""
    given_up_at: float | None = None
    """When somebody gave it up: it holds no slot, and nobody waits for it."""
    doubt_until: float | None = None
    """Until when a request that was sent may still become a task although Kling shows none.

    None: nothing of it is in doubt, for it was never sent or its last POST was refused.
    """

    @property
    def facts(self) -> TaskFacts:
        """What Kling said of it last, and what it has not said as we know it ourselves."""
        # An acceptance without a task is no word about one.
        facts = task_facts.read({} if self.accepted is not None else self.raw)
        if facts.word:
            return facts
        known = {"task_id": facts.task_id or self.task_id or "", "status": self.state}
        return replace(facts, **known, message=facts.message or self.error)

    @property
    def accepted(self) -> Mapping[str, Any] | None:
        """How Kling accepted it without naming its task; None for others."""
        return self.raw if self.raw and self.unsettled and self.task_id is None else None

    @property
    def unsettled(self) -> bool:
        """Whether it was sent, and what became of it is not known."""
        return self.state in ("submitting", "unknown")

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
    """One output of a task and where it is kept.

    `data` is what Kling says of one that is no file: a text, an element, a voice. None for a file.
    """

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
    data: Any = None

    @classmethod
    def of(cls, values: Mapping[Any, Any]) -> Kept:
        """An output from the database's values."""
        facts: dict[str, Any] = {name: values[name] for name in cls.__slots__}
        facts["data"] = None if facts["data"] is None else json.loads(facts["data"])
        return cls(**facts)

    @property
    def is_file(self) -> bool:
        """Whether it is to be had by a download; else all there is stands in the ledger."""
        return self.data is None

    @property
    def on_disk(self) -> bool:
        """Whether it was saved and its file is still there, of the size that it had then."""
        if not self.path:
            return False
        try:
            found = Path(self.path).stat()
        except (OSError, ValueError):  # ValueError: a NUL in the name
            return False
        return stat.S_ISREG(found.st_mode) and self.size in (None, found.st_size)


@dataclass(frozen=True, slots=True)
class Place:
    """An answer to "may I send now": yes, or the place in line and what holds the slots.

    `lost` says that the row is not ours any more: somebody else settled it. `doubtful` of the busy
    slots are held by what may not run at all. `hopeless` says that the account has fewer slots than
    the row `needs`; `probe` that it is admitted above a learned limit, to see whether that holds.
    """

    admitted: bool
    ahead: int = 0
    busy: int = 0
    limit: int | None = None
    lost: bool = False
    doubtful: int = 0
    needs: int = 1
    hopeless: bool = False
    probe: bool = False


HOLDS = 600.0
"""Seconds for which a slot is held by what may not run at all: a task that Kling does not find, or
says nothing known of. If it does run, a 1303 says so and costs nothing. A create of unknown outcome
holds its slot as long as it is in doubt (`Row.doubt_until`).
"""

TOO_LONG = 6 * 3600.0
"""Seconds after which a task that still "runs" holds no slot: it is stuck, or forgotten."""

UNANSWERED = 8
"""How many creates of a product may be on their way while nobody knows the account's limit."""


@dataclass(frozen=True, slots=True)
class Queue:
    """The line of a product: what is busy, what the limit is known to be, who waits.

    `unanswered` creates are on their way; `waiting` holds id and weight in the order of the line;
    `doubtful` of the busy slots are held by rows of unknown outcome, or that Kling does not find.
    `firm` says that the `learned` limit is no guess, `due` that it is time to look above it.
    """

    busy: int
    learned: int | None
    unanswered: int
    waiting: tuple[tuple[str, int], ...]
    doubtful: int = 0
    firm: bool = False
    due: bool = False

    def places(self, limit: int | None) -> dict[str, Place]:
        """The place of each row in line; admitted is what fits beside all that is ahead of it.

        What needs more slots than the account certainly has keeps nobody waiting.
        """
        known = [number for number in (limit, self.learned) if number is not None]
        allowed = min(known) if known else None
        certain = limit if limit is not None else self.learned if self.firm else None
        places: dict[str, Place] = {}
        weight = ahead = 0
        for row_id, own in self.waiting:
            facts = (ahead, self.busy, allowed)
            if certain is not None and own > certain:
                places[row_id] = Place(False, ahead, self.busy, certain, needs=own, hopeless=True)
                continue
            probe = False
            if not own:  # it takes no slot, so it has none to wait for
                fits = True
            elif allowed is None:
                fits = self.unanswered + ahead < UNANSWERED
            else:
                # Alone it goes above a guess too: a refusal is free, and says what the account has.
                fits = self.busy + weight + own <= allowed or not (self.busy or ahead)
                probe = not (fits or ahead) and self._may_probe(own, limit)
            places[row_id] = Place(
                fits or probe, *facts, doubtful=self.doubtful, needs=own, probe=probe
            )
            weight += own
            ahead += 1
        return places

    def _may_probe(self, own: int, limit: int | None) -> bool:
        """Whether a row may be sent though the learned limit, not the given one, is in its way."""
        return self.due and (limit is None or self.busy + own <= limit)


@dataclass(frozen=True, slots=True)
class Seen:
    """A running task: its age in seconds, and its kind, by which its like is found.

    `unclear` is for how long Kling has said nothing of it that we understand. `edition` and `route`
    are those by which its create was sent.
    """

    row_id: str
    task_id: str
    age: float
    kind: tuple[str, str | None]
    unclear: float = 0.0
    edition: str = V1
    route: str = ""


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


class Claims(NamedTuple):
    """What other requests of an endpoint have at Kling, or may have.

    `made`: the video that each of their tasks was made of, by Kling's id of the task. `rivals`: the
    video of each request whose task is not known yet. None: a video from elsewhere.
    """

    made: Mapping[str, str | None]
    rivals: tuple[str | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What some tasks cost; US dollars.

    `open` of them have not ended, `unknown` have neither a quote nor a deduction, of `unsaid` Kling
    has not said what it deducted though they have ended. `committed` is what limits count: the
    quote of each, and what it did cost as soon as that is said.
    """

    key: str = ""
    tasks: int = 0
    open: int = 0
    unknown: int = 0
    unsaid: int = 0
    estimate: Decimal = Decimal(0)
    actual: Decimal = Decimal(0)
    committed: Decimal = Decimal(0)

    def __add__(self, other: Spent) -> Spent:
        """The sum of both, under the key of this one."""
        return Spent(
            key=self.key,
            tasks=self.tasks + other.tasks,
            open=self.open + other.open,
            unknown=self.unknown + other.unknown,
            unsaid=self.unsaid + other.unsaid,
            estimate=self.estimate + other.estimate,
            actual=self.actual + other.actual,
            committed=self.committed + other.committed,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """What a day's, a project's or a model's tasks were expected to cost, and did; US dollars.

    `estimate` sums the quotes, `actual` what Kling deducted, at the dated price of a unit; None
    while it has said so of none of them. `open` of the tasks have not ended, of `unsaid` it has not
    said it though they have; `unknown` have neither a quote nor a deduction.
    """

    key: str
    tasks: int
    estimate: Decimal
    actual: Decimal | None
    open: int
    unknown: int
    unsaid: int = 0


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

"""What is known of a task and of what it made; nothing here talks to anybody."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, cast

from kling_core.caller_warnings import notify
from kling_core.editions import task_facts
from kling_core.editions.task_facts import FILES, OutputFacts, OutputKind, Said
from kling_core.errors import LedgerError
from kling_core.flows import read
from kling_core.flows.read import Way
from kling_core.flows.recorded_request import quoted, restored
from kling_core.text import one_line

if TYPE_CHECKING:
    from decimal import Decimal
    from typing import Self

    from kling_core.declare.endpoint import Endpoint, Request
    from kling_core.flows.session import Session
    from kling_core.ledger.records import Row
    from kling_core.rules.price import Quote

__all__ = ["RETENTION", "Cost", "Output", "TaskState", "said_in", "slug"]

RETENTION = timedelta(days=30)
"""How long Kling keeps results (Kling API reference, tasks, 2026-09)."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a task really cost, as the server said: `units` of the pack, and its raw words."""

    units: Decimal | None
    raw: Mapping[str, Any]


class TaskState:
    """What is known of a task; nothing here talks to the network.

    Attributes:
        endpoint: the declaration of the endpoint that made it.
        row: the ledger's row of it, as it was when it was read; None when it has none.
        external_task_id: our id, None when there is none.
        facts: what the server said last, as it was read.
        words: its prompt or text where the request is not at hand; names its files.
    """

    _kinds: ClassVar[Mapping[OutputKind, type[Output]]]
    _other: ClassVar[type[Output]]
    """The class of outputs that are of none of these kinds."""

    def __init__(
        self,
        session: Session,
        endpoint: Endpoint,
        data: Said,
        *,
        request: Request | None = None,
        external_task_id: str | None = None,
        row_id: str | None = None,
        words: str = "",
        edition: str = "",
        route: str = "",
        row: Row | None = None,
    ) -> None:
        self.session = session
        self.endpoint = endpoint
        self.row = row
        self._request = request
        self.facts = task_facts.read(data)
        self._external_task_id = external_task_id
        self.row_id = row_id
        self.words = words
        self._sent_by = (edition, route)
        self._outputs: list[Output] | None = None

    def __copy__(self) -> Self:
        # `copy` would go by `__reduce__`, which refuses.
        twin = object.__new__(type(self))
        twin.__dict__.update(self.__dict__)
        return twin

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            f"task {self.task_id} belongs to a client of this process and is not pickled; send "
            f"its id, and take it up with kling.tasks.get({self.task_id!r})"
        )

    @property
    def raw(self) -> Mapping[str, Any]:
        """What the server said last, in its own words."""
        return self.facts.raw

    @property
    def request(self) -> Request | None:
        """The request that made it, also one of the ledger.

        None for a task that was made elsewhere, and where it cannot be given again: its media may
        be gone, or have changed.
        """
        if self._request is None and self.row is not None:
            self._request = restored(self.row)
        return self._request

    @request.setter
    def request(self, request: Request | None) -> None:
        self._request = request

    @property
    def project(self) -> str:
        """The project that it belongs to; empty for none, and where the ledger does not know it."""
        return self.row.project if self.row is not None else ""

    @property
    def model_name(self) -> str:
        """The model that it was made by; empty where that is not known."""
        return self.row.model_name if self.row is not None else ""

    @property
    def way(self) -> Way:
        """How it is asked for: as its request went, where that is known."""
        edition, route = self._sent_by
        return read.way(self.session, self.endpoint, edition=edition, path=route)

    @property
    def task_id(self) -> str:
        """Kling's id, a string of digits."""
        return self.facts.task_id

    @property
    def external_task_id(self) -> str | None:
        return self.facts.external_task_id or self._external_task_id

    @property
    def status(self) -> str:
        """submitted, processing, succeeded or failed; an unknown word is given as it came."""
        return self.facts.status

    @property
    def status_message(self) -> str:
        """Why it failed, in Kling's words; may be empty."""
        return self.facts.message

    @property
    def done(self) -> bool:
        """True when it has succeeded or failed."""
        return self.facts.ended

    @property
    def complete(self) -> bool:
        """True when there is nothing to wait for: it has failed, or names everything it made.

        Kling says that a task has succeeded some seconds before it says where the results are.
        """
        return self.facts.complete

    @property
    def created_at(self) -> datetime | None:
        return _moment(self.facts.created)

    @property
    def updated_at(self) -> datetime | None:
        return _moment(self.facts.updated)

    @property
    def parent_video(self) -> Mapping[str, Any] | None:
        """Of an extension or lip-sync: `id`, `url` and `duration` of the source video."""
        return self.facts.parent_video or None

    @property
    def quote(self) -> Quote | None:
        """What it was expected to cost when it was made; None without a price."""
        if self._request is not None:
            return self._request.quote()
        return quoted(self.row) if self.row is not None else None

    @property
    def cost(self) -> Cost | None:
        """What it really cost; None until the server has said so."""
        charges = self.facts.charges
        return Cost(self.facts.units, charges) if charges else None

    @property
    def outputs(self) -> list[Output]:
        """Everything it made, in the server's order; empty until it has succeeded."""
        if self._outputs is None:
            found = enumerate(self.facts.outputs)
            self._outputs = [
                self._kinds.get(made.kind, self._other)(self, index, made) for index, made in found
            ]
        return self._outputs

    def update(self, data: Said) -> None:
        """Take in what the server says now.

        An answer without this task's id says nothing, nor does one that a newer one has overtaken:
        several may wait for one task, each with a row that it read at another moment.
        """
        facts = task_facts.read(data)
        if self.task_id and (facts.task_id != self.task_id or facts.overtaken(self.facts)):
            return
        saved = [output.saved for output in self.outputs]
        self.facts = facts
        self._outputs = None
        for output, places in zip(self.outputs, saved, strict=False):  # the newer one may name more
            output.saved.update(places)
        if not facts.known:
            status = facts.status
            notify(f"task {self.task_id} has the unknown status {status!r}; taken as still running")

    def as_parent(self) -> dict[str, Any]:
        """What an extension or lip-sync of this task's video should know of it."""
        if self._request is None and self.row is not None:
            from kling_core.ledger import lineage  # whoever reads a task pays for no database

            return {**lineage.made_by(self.row)}
        fields: Mapping[str, Any] = self.request.check().fields if self.request else {}
        known = {k: fields[k] for k in ("model_name", "mode") if k in fields}
        if self.request is not None and self.request.parent:
            known = {**self.request.parent, **known}
        return {**known, "task_id": self.task_id}

    def __repr__(self) -> str:
        name = type(self).__name__
        return one_line(f"<{name} {self.task_id} {self.endpoint.name} {self.status}>")


@dataclass(frozen=True, eq=False, repr=False)
class Output:
    """One thing that a task made.

    Attributes:
        kind: "video", "image", "audio", or what is no file: "voice", "element", "text", "data".
        id: Kling's id of the output; not the task's id. Empty for images.
        url: where Kling keeps it, until `expires_at`; hot-link protected: download it.
        watermark_url: the watermarked copy, when one was asked for.
        duration: length in seconds, None for images and when Kling did not say.
        index: its place among the outputs of the task, from 0.
        raw: what the server said.
    """

    task: TaskState
    index: int
    facts: OutputFacts
    saved: dict[str, Path] = field(default_factory=dict[str, Path])

    @property
    def kind(self) -> OutputKind:
        return self.facts.kind

    @property
    def id(self) -> str:
        return self.facts.id

    @property
    def url(self) -> str:
        return self.facts.url

    @property
    def watermark_url(self) -> str | None:
        return self.facts.watermark_url or None

    @property
    def duration(self) -> Decimal | None:
        return self.facts.duration

    @property
    def is_file(self) -> bool:
        """Whether it is a file, to be downloaded; else it is what Kling says of it."""
        return self.kind in FILES

    @property
    def content(self) -> str:
        """What one says that is no file: its text, or else all that Kling says of it."""
        return "" if self.is_file else said_in(self.raw)

    @property
    def raw(self) -> Mapping[str, Any]:
        return self.facts.raw

    @property
    def expires_at(self) -> datetime | None:
        """When Kling purges it: 30 days after the task was made."""
        made = self.task.updated_at or self.task.created_at
        return made + RETENTION if made else None

    @property
    def expired(self) -> bool:
        """True when the purge date has passed."""
        return self.expires_at is not None and self.expires_at < datetime.now(UTC)

    @property
    def path(self) -> Path | None:
        """Where it is on disk, as this object or the ledger knows; None when it is not."""
        known = (self.saved.get(name) for name in ("path", "at"))
        found = next((path for path in known if path is not None and path.exists()), None)
        return found or self._kept()

    def _kept(self) -> Path | None:
        """Where it was downloaded to by whomever, as the ledger has it."""
        row = self.task.row
        if row is None or row.state != "succeeded":
            return None
        with suppress(LedgerError):  # then nobody knows
            for kept in self.task.session.ledger().kept(row.id):
                if kept.number == self.index and kept.path and kept.on_disk:
                    return Path(kept.path)
        return None

    def as_parent(self) -> dict[str, Any]:
        """What an extension or lip-sync of this output should know of it, its real length too."""
        length = {"duration": str(self.duration)} if self.duration is not None else {}
        return {**self.task.as_parent(), **length}

    @property
    def filename(self) -> str:
        """A name that tells what it is: `<words of the prompt>-<end of the task's id>.mp4`."""
        count = len(self.task.outputs)
        number = f"-{self.index + 1}" if count > 1 else ""
        ending = re.sub(r"\W", "", self.task.task_id)[-8:]  # as much as people are shown of an id
        return f"{slug(self.task)}-{ending}{number}{self.suffix}"

    @property
    def suffix(self) -> str:
        """The file suffix, by the URL or else by the kind."""
        found = _ENDING.search(self.url.partition("?")[0])
        return found[0] if found else _SUFFIXES.get(self.kind, ".txt")

    def __repr__(self) -> str:
        length = f", {self.duration} s" if self.duration is not None else ""
        name = f"{type(self).__name__} {self.id or self.index}"
        return one_line(f"<{name} of task {self.task.task_id}{length}>")


_ENDING = re.compile(r"\.(mp4|mov|png|jpe?g|webp|mp3|wav|srt|ass)$")
_SUFFIXES = {"video": ".mp4", "image": ".png", "audio": ".mp3"}


def said_in(raw: Any) -> str:
    """The text of what is no file, or else all of it as JSON."""
    words = cast("Mapping[str, Any]", raw).get("text") if isinstance(raw, Mapping) else raw
    return words if isinstance(words, str) else json.dumps(raw, ensure_ascii=False)


def slug(task: TaskState) -> str:
    """A few words of the prompt for a file name, else the endpoint's name.

    As far as this system's names hold its letters, and short enough for what stands beside it.
    """
    words = task.words or (task.request.words if task.request is not None else "")
    known = "".join(letter if _holds(letter) else " " for letter in words[:400].lower())
    plain = re.sub(r"[^\w]+", "-", known, flags=re.UNICODE).strip("-_")[:40]
    while len(os.fsencode(plain)) > _SLUG:
        plain = plain[:-1]
    return plain.rstrip("-") or task.endpoint.command


_SLUG = 96
"""Bytes of the words in a name: with all that is added it stays below 143, the least there is."""


def _holds(letter: str) -> bool:
    try:
        os.fsencode(letter)
        letter.encode()
    except UnicodeEncodeError:
        return False
    return True


def _moment(seconds: float | None) -> datetime | None:
    """A time of the server's; None for one that no calendar has."""
    if seconds is None:
        return None
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None

"""One create under way: its body, its ids, and how often what was tried; and its ledger entry."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from kling_core import errors
from kling_core.declare.endpoint import Check, Endpoint, Request
from kling_core.editions import base as editions
from kling_core.editions.base import Find
from kling_core.editions.task_facts import TaskFacts
from kling_core.flows import read
from kling_core.flows.line import Waiting
from kling_core.flows.read import READ_ATTEMPTS, Way
from kling_core.flows.recorded_request import digest, record
from kling_core.flows.session import Session
from kling_core.ledger.database import LONGEST
from kling_core.ledger.ledger import Ledger
from kling_core.ledger.money import Budget
from kling_core.ledger.records import Entry, Row
from kling_core.media.item import Media, Unreadable
from kling_core.media.safe_urls import redacted
from kling_core.wire.body import JSONBody

__all__ = ["Attempt", "begin", "new_id"]

MARGIN = 30.0
"""Seconds by which a lease outlives the longest exchange it protects."""


@dataclass(slots=True)
class Attempt:
    """What is known of one create while it is sent, and what was tried already.

    `budget` holds its limits when it is admitted. `out` says that a POST of it went out whose
    outcome is not known; `until` when it is believed that Kling, which shows none, has no task.
    `said` is how Kling accepted it without naming a task that we can ask for: then there is one.
    `blind` says that the look-up is not there at all, so that it shows nothing.
    """

    session: Session
    ledger: Ledger
    way: Way
    body: JSONBody
    id: str
    external_task_id: str | None
    ours: bool = True
    """Whether nobody else can have this id: we made it up, or may have sent it before."""
    known: frozenset[str] | None = None
    source_video: str | None = None
    source_url: str | None = None
    reads: int = READ_ATTEMPTS
    """How often a look-up is sent; once where somebody else waits for it."""
    connects: int = 0
    waits: int = 0
    turned_away: int = 0
    weight: int = 1
    empty: int = 0
    empty_since: float = 0.0
    pause: Waiting | None = None
    resends: int = 0
    resigned: bool = False
    budget: Budget | None = None
    out: bool = False
    until: float | None = None
    said: Mapping[str, Any] | None = None
    blind: bool = False
    listener: Callable[[Any], Any] | None = field(default=None)

    @property
    def endpoint(self) -> Endpoint:
        """The endpoint that it is for."""
        return self.way.endpoint

    @property
    def find(self) -> Find:
        """How its task is looked for."""
        return self.way.edition.find(self.endpoint, self.external_task_id)

    @property
    def resendable(self) -> bool:
        """Whether it may be sent again while it is in doubt: not what was accepted."""
        return self.find.resend and self.said is None

    @property
    def provable(self) -> bool:
        """Whether a look-up that shows no task will prove, in the end, that there is none."""
        return self.find.proves and self.said is None and not self.blind

    def read(self, envelope: Mapping[str, Any]) -> TaskFacts:
        """What an answer that accepts the create says: its task, or what was made at once."""
        if self.endpoint.has_tasks:
            return self.way.edition.accepted(envelope)
        return self.way.edition.answered(self.endpoint, envelope, self.id)

    def decides(self, facts: TaskFacts) -> bool:
        """Whether an acceptance names its task or, of what answers at once, all that was made."""
        return bool(facts.task_id) and (self.endpoint.has_tasks or facts.complete)

    @property
    def turn(self) -> str:
        """The lease that creates without an id of ours take turns with: whose lists are one."""
        edition = self.way.edition
        whose = f"by {edition.name}" if edition.lists_account else self.endpoint.name
        return f"create {whose}"

    @property
    def lease(self) -> float:
        """Seconds for which a row is ours without a sign of life: longer than any exchange."""
        return min(2 * self.session.settings.timeout + MARGIN, LONGEST - MARGIN)


def begin(
    session: Session,
    ledger: Ledger,
    request: Request,
    check: Check,
    project: str,
    *,
    row: Row | None = None,
    row_id: str | None = None,
    take: int = 1,
) -> tuple[Attempt, Entry]:
    """The attempt and the ledger entry of a checked request; `row` when it is written already.

    `row_id` is the id of a new row, made up when there is none; `take` tells
    wanted repetitions apart.

    Raises `InvalidRequest` when a file cannot be read any more, or the model is not named that its
    address needs; `ConfigError` when its edition takes no credential like ours.
    """
    endpoint = request.endpoint
    given = check.fields.get("external_task_id")
    row_id = row.id if row else str(given or row_id or new_id())
    external = row_id if endpoint.external_task_id else None
    if row is not None and row.unsettled:  # what is out may be found only where it went
        way = read.way_of(session, row)
    else:
        way = read.way(session, endpoint, str(check.fields.get("model_name") or ""))
    _sendable(session, way)
    edition, callback = way.edition, session.settings.callback_url
    body = JSONBody(edition.encode(endpoint, check, own_id=external, callback=callback))
    attempt = Attempt(session, ledger, way, body, row_id, external)
    attempt.ours = not given or (row is not None and row.tries > 0)
    attempt.source_video = check.fields.get("video_id")
    attempt.weight = request.slots()
    url = check.fields.get("video_url")
    attempt.source_url = url.url if isinstance(url, Media) else url
    quote = request.quote()
    shown: dict[str, Any] = body.preview()
    editions.take(shown, edition.own_id_place)
    if called := editions.take(shown, edition.callback_place):
        editions.put(shown, edition.callback_place, redacted(str(called)))
    try:
        media = body.digests()
    except Unreadable as error:
        raise errors.InvalidRequest([error.violation], endpoint=endpoint.name) from error
    parent = request.parent or {}
    entry = Entry(
        id=row_id,
        endpoint=endpoint.name,
        product=endpoint.pool,
        edition=edition.name,
        route=way.path,
        weight=request.slots(),
        external_task_id=external,
        project=project,
        request={"fields": record(request), "sent": shown},
        media=media,
        digest=digest(request, take),
        model_name=str(check.fields.get("model_name") or parent.get("model_name") or ""),
        text=str(check.fields.get(endpoint.positional) or ""),
        parent_task_id=parent.get("task_id"),
        parent_output_id=attempt.source_video,
        quote_units=quote.units if quote else None,
        quote_usd=quote.usd if quote else None,
    )
    return attempt, entry


def _sendable(session: Session, way: Way) -> None:
    """Raise for a request that has no address, or that our credential cannot send."""
    read.let_in(session, way)
    if editions.MODEL in way.path:
        wrong = errors.Violation("model_name", "is needed: it is part of the address")
        raise errors.InvalidRequest([wrong], endpoint=way.endpoint.name)


def new_id() -> str:
    """A fresh id for a request, which becomes its external id too."""
    return f"kc-{uuid.uuid4().hex}"

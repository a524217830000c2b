"""One create under way: its body, its ids, and how often what was tried; and its ledger entry."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from kling_core import errors
from kling_core.declare.endpoint import Check, Endpoint, Request
from kling_core.editions import V1, v1
from kling_core.flows.line import Waiting
from kling_core.flows.read import READ_ATTEMPTS
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
    """

    session: Session
    ledger: Ledger
    endpoint: Endpoint
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
    listener: Callable[[Any], Any] | None = field(default=None)

    @property
    def turn(self) -> str:
        """The lease that creates without an id of ours take turns with."""
        return f"create {self.endpoint.name}"

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

    Raises `InvalidRequest` when a file cannot be read any more.
    """
    endpoint = request.endpoint
    given = check.fields.get("external_task_id")
    row_id = row.id if row else str(given or row_id or new_id())
    external = row_id if endpoint.external_task_id else None
    encoded = v1.encode(endpoint, check, external_task_id=external)
    if session.settings.callback_url:
        encoded.setdefault("callback_url", session.settings.callback_url)
    body = JSONBody(encoded)
    attempt = Attempt(session, ledger, endpoint, body, row_id, external)
    attempt.ours = not given or (row is not None and row.tries > 0)
    attempt.source_video = check.fields.get("video_id")
    attempt.weight = request.slots()
    url = check.fields.get("video_url")
    attempt.source_url = url.url if isinstance(url, Media) else url
    quote = request.quote()
    shown: dict[str, Any] = body.preview()
    shown.pop("external_task_id", None)
    if "callback_url" in shown:
        shown["callback_url"] = redacted(str(shown["callback_url"]))
    try:
        media = body.digests()
    except Unreadable as error:
        raise errors.InvalidRequest([error.violation], endpoint=endpoint.name) from error
    parent = request.parent or {}
    entry = Entry(
        id=row_id,
        endpoint=endpoint.name,
        product=endpoint.pool,
        edition=V1,
        route=session.path(endpoint),
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


def new_id() -> str:
    """A fresh id for a request, which becomes its external id too."""
    return f"kc-{uuid.uuid4().hex}"

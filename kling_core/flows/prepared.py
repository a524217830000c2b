"""A request on its way: judged, quoted, encoded and hashed, once.

What comes after, the limits, the ledger and the wire, reads it and reckons nothing anew.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from kling_core import errors
from kling_core.editions import base as editions
from kling_core.flows import read
from kling_core.flows.recorded_request import digest, digests, record
from kling_core.ledger.records import Entry
from kling_core.media.item import Media, Unreadable
from kling_core.media.safe_urls import redacted
from kling_core.wire.body import JSONBody

if TYPE_CHECKING:
    from kling_core.declare.endpoint import Check, Endpoint, Request
    from kling_core.flows.read import Way
    from kling_core.flows.session import Session
    from kling_core.ledger.records import Row
    from kling_core.rules.price import Quote

__all__ = ["Prepared", "new_id", "prepare"]


@dataclass(frozen=True)
class Prepared:
    """A request that can be sent.

    Attributes:
        request, check, quote: what is asked for, the verdict on it, and what it will cost.
        way: where it goes, by which edition.
        row_id: the id of its row in the ledger.
        own_id: the id of ours that goes with it; None where the endpoint takes none.
        named: whether that id is one that the user gave.
        body: what is posted.
        shown: the same as the ledger and a dry run have it, media in short, without our id.
        media: the hashes of its media, by their places.
        take: tells wanted repetitions of one request apart.
    """

    request: Request
    check: Check
    quote: Quote | None
    way: Way
    row_id: str
    own_id: str | None
    named: bool
    body: JSONBody
    shown: Mapping[str, Any]
    media: Mapping[str, Any]
    take: int

    @property
    def endpoint(self) -> Endpoint:
        """The endpoint that it is for."""
        return self.way.endpoint

    @cached_property
    def weight(self) -> int:
        """The slots that it needs."""
        return self.request.slots()

    @cached_property
    def digest(self) -> str:
        """The hash by which the same request is known."""
        return digest(self.request, self.take)

    @cached_property
    def digests(self) -> tuple[str, ...]:
        """The same, and what older versions wrote in its place."""
        return digests(self.request, self.take)

    @property
    def source_video(self) -> str | None:
        """The id of the video that it goes on with."""
        return self.check.fields.get("video_id")

    @property
    def source_url(self) -> str | None:
        """The address of the video that it goes on with."""
        url = self.check.fields.get("video_url")
        return url.url if isinstance(url, Media) else url

    def entry(self, project: str) -> Entry:
        """What is written into the ledger before the first byte leaves."""
        endpoint, fields, quote = self.endpoint, self.check.fields, self.quote
        parent = self.request.parent or {}
        return Entry(
            id=self.row_id,
            endpoint=endpoint.name,
            product=endpoint.pool,
            edition=self.way.edition.name,
            route=self.way.path,
            weight=self.weight,
            external_task_id=self.own_id,
            project=project,
            request={"fields": record(self.request), "sent": self.shown},
            media=self.media,
            digest=self.digest,
            model_name=str(fields.get("model_name") or parent.get("model_name") or ""),
            text=str(fields.get(endpoint.positional) or ""),
            parent_task_id=parent.get("task_id"),
            parent_output_id=self.source_video,
            quote_units=quote.units if quote else None,
            quote_usd=quote.usd if quote else None,
        )


def prepare(
    session: Session,
    request: Request,
    *,
    row: Row | None = None,
    row_id: str | None = None,
    take: int = 1,
) -> Prepared:
    """Judge, quote, encode and hash a request; `row` when it is written down already.

    `row_id` is the id of a new row, made up when there is none.

    Raises `InvalidRequest` for what breaks a rule, when a file cannot be read any more, or the
    model is not named that its address needs; `ConfigError` when its edition takes no credential
    like ours.
    """
    check, endpoint = request.require(), request.endpoint
    given = check.fields.get("external_task_id")
    row_id = row.id if row else str(given or row_id or new_id())
    own_id = row_id if endpoint.external_task_id and endpoint.has_tasks else None
    if row is not None and row.unsettled:  # what is out may be found only where it went
        way = read.way_of(session, row)
    else:
        way = read.way(session, endpoint, str(check.fields.get("model_name") or ""))
    _sendable(session, way)
    callback = session.settings.callback_url if endpoint.has_tasks else None
    body = JSONBody(way.edition.encode(endpoint, check, own_id=own_id, callback=callback))
    try:
        media = body.digests()
    except Unreadable as error:
        raise errors.InvalidRequest([error.violation], endpoint=endpoint.name) from error
    return Prepared(
        request=request,
        check=check,
        quote=request.quote(),
        way=way,
        row_id=row_id,
        own_id=own_id,
        named=bool(given),
        body=body,
        shown=_shown(body, way),
        media=media,
        take=take,
    )


def _shown(body: JSONBody, way: Way) -> dict[str, Any]:
    """The body without our id, and with no secret of the callback's address."""
    shown: dict[str, Any] = body.preview()
    editions.take(shown, way.edition.own_id_place)
    if called := editions.take(shown, way.edition.callback_place):
        editions.put(shown, way.edition.callback_place, redacted(str(called)))
    return shown


def _sendable(session: Session, way: Way) -> None:
    """Raise for a request that has no address, or that our credential cannot send."""
    read.let_in(session, way)
    if editions.MODEL in way.path:
        wrong = errors.Violation("model_name", "is needed: it is part of the address")
        raise errors.InvalidRequest([wrong], endpoint=way.endpoint.name)


def new_id() -> str:
    """A fresh id for a request, which becomes its external id too."""
    return f"kc-{uuid.uuid4().hex}"

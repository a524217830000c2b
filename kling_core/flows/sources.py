"""The source video of a request: what the ledger knows of it, for the rules and the price."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kling_core.errors import LedgerError

if TYPE_CHECKING:
    from kling_core.declare.endpoint import Request
    from kling_core.flows.session import Session

__all__ = ["sourced", "unsourced"]


def sourced(session: Session, request: Request) -> Request:
    """The request with what the ledger knows of the video that it goes on with.

    The same request when it goes on with none, knows its source already, or nobody here made it.
    Reads the ledger; trouble with that is told by whoever has to write to it.
    """
    video = unsourced(request)
    if not video:
        return request
    from kling_core.ledger import lineage

    try:
        parent = lineage.source(session.ledger(), video)
    except LedgerError:
        return request
    return request if parent is None else request.with_parent(parent)


def unsourced(request: Request) -> str:
    """The id of the video that a request goes on with, not knowing it; empty for others."""
    if request.parent is not None or not request.endpoint.takes_video:
        return ""
    from kling_core.declare import kinds

    for name, declared in request.params().items():
        if declared.id_of == "video" and kinds.kind_of(declared) == kinds.Id("video"):
            return str(request.given.get(name) or "")
    return ""

"""Rows that another version wrote: of an endpoint, or an edition, that this one does not know.

A newer release or a plug-in makes such rows. They are kept, shown and counted as all others; only
what would ask Kling, which needs to know how, is refused, and says so.
"""

from __future__ import annotations

from functools import cache
from typing import cast

from kling_core.declare import registry
from kling_core.declare.endpoint import Endpoint, Pool, Request
from kling_core.editions import KNOWN
from kling_core.errors import KlingError
from kling_core.ledger.records import IN_LINE, Row

__all__ = [
    "NotKnownHere",
    "StandIn",
    "endpoint_of",
    "is_known",
    "kept_nowhere",
    "knows",
    "refusal",
    "require_known",
    "unknown",
]


class NotKnownHere(KlingError):
    """A task of an endpoint, or an edition of the API, that this version does not know."""


class StandIn(Endpoint):
    """In the place of a declaration that this version does not have; nothing is sent to it."""


def is_known(row: Row) -> bool:
    """Whether this version can ask Kling about a row."""
    return row.edition in KNOWN and registry.has(row.endpoint)


def kept_nowhere(row: Row) -> bool:
    """Whether a row is of what answers at once: Kling cannot be asked what became of it."""
    declared = registry.known(row.endpoint)
    return declared is not None and not declared.has_tasks


def require_known(row: Row) -> None:
    """Raise `NotKnownHere` for a row that this version cannot ask Kling about."""
    if not is_known(row):
        raise refusal(row)


def refusal(row: Row) -> NotKnownHere:
    """The error for whoever would go on with a row that is not known here."""
    error = unknown(f"task {row.task_id or row.id}", _what(row))
    error.task_id = row.task_id
    never_sent = row.state == "rejected" or (row.state in IN_LINE and not row.tries)
    error.billed = "no" if never_sent else "unknown"
    return error


def _what(row: Row) -> str:
    if registry.has(row.endpoint):
        return f"edition {row.edition} of {row.endpoint}"
    return f"the endpoint {row.endpoint}"


def unknown(who: str, what: str) -> NotKnownHere:
    """The error of a task that is of `what`, which this version does not know."""
    return NotKnownHere(
        f"{who} is of {what}, which this version of kling-suite does not know",
        cause="A newer version or a plug-in made it.",
        fix="It is kept as it is, and counts. To go on with it: pip install -U kling-suite.",
        billed="unknown",
    )


def knows(endpoint: Endpoint) -> bool:
    """Whether a task's endpoint is one that this version can talk to."""
    return not isinstance(endpoint, StandIn)


def endpoint_of(row: Row) -> Endpoint:
    """The declaration of a row's endpoint, or what stands for one that is not known here."""
    if is_known(row):
        return registry.load(row.endpoint)
    return _stand_in(row.endpoint, row.product, _what(row))


@cache
def _stand_in(name: str, product: str, what: str) -> Endpoint:
    request = type("UnknownRequest", (Request,), {"__doc__": "Not known to this version."})
    return StandIn(
        name=name,
        call="task",
        routes={},  # by which whoever would ask Kling is stopped
        request=request,
        makes="data",
        pool=cast("Pool", product),
        pack="",
        toolset="",
        source=what,
    )

"""Which edition carries a request: decided by its endpoint, and by the name in a ledger's row."""

from __future__ import annotations

from kling_core.declare.endpoint import Endpoint
from kling_core.editions.base import Edition
from kling_core.editions.v1 import V1
from kling_core.editions.v2 import V2

__all__ = ["EDITIONS", "edition_of", "named"]

EDITIONS: dict[str, Edition] = {edition.name: edition for edition in (V1(), V2())}
"""All editions by their names."""


def edition_of(endpoint: Endpoint, model: str = "") -> Edition:
    """The edition of an endpoint's requests for a model."""
    del model  # it is the endpoint's first one, until the tables say more
    return EDITIONS[next((name for name in endpoint.routes if name in EDITIONS), "v1")]


def named(name: str | None, endpoint: Endpoint, model: str = "") -> Edition:
    """The edition that a row of the ledger names; of one that names none, that of its endpoint."""
    return EDITIONS.get(name or "") or edition_of(endpoint, model)

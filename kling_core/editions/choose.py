"""Which edition carries a request: decided by its endpoint, and by the name in a ledger's row."""

from __future__ import annotations

from functools import cache
from importlib import import_module

from kling_core.declare.endpoint import Endpoint
from kling_core.editions import KNOWN, V1
from kling_core.editions.base import Edition

__all__ = ["edition_of", "editions_of", "load", "named"]


@cache
def load(name: str) -> Edition:
    """The edition of this name; only its own file is imported."""
    edition: Edition = import_module(f"kling_core.editions.{name}").EDITION
    return edition


def edition_of(endpoint: Endpoint, model: str = "") -> Edition:
    """The edition of an endpoint's requests for a model, see `Endpoint.edition`."""
    name = endpoint.edition(model)
    return load(name if name in KNOWN else editions_of(endpoint)[0])


def editions_of(endpoint: Endpoint) -> list[str]:
    """The names of the editions that take an endpoint's requests, the first one first."""
    return [name for name in endpoint.routes if name in KNOWN] or [V1]


def named(name: str | None, endpoint: Endpoint, model: str = "") -> Edition:
    """The edition that a row of the ledger names; of one that names none, that of its endpoint."""
    return load(name) if name in KNOWN else edition_of(endpoint, model)

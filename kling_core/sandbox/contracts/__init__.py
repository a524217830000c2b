"""The wire contracts, one module for each endpoint, named as the endpoint is.

Each module has a `CONTRACT`. A new endpoint is served as soon as its module is here.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

from kling_core.sandbox.jobs import Contract


def contract(endpoint: str) -> Contract | None:
    """The contract of the endpoint with that name, `None` when none is written."""
    module = f"{__name__}.v1.{endpoint}"
    if find_spec(module) is None:
        return None
    return import_module(module).CONTRACT

"""The wire contracts: a module for each endpoint, in the folder of its edition.

Each module has a `CONTRACT`. An endpoint is served as soon as its module is here.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pkgutil import walk_packages

from kling_core.sandbox.contract import Contract


@cache
def written() -> tuple[Contract, ...]:
    """All contracts that have a module here."""
    return tuple(_found())


def _found() -> Iterator[Contract]:
    for module in walk_packages(__path__, f"{__name__}."):
        if not module.ispkg and not module.name.rpartition(".")[2].startswith("_"):
            yield import_module(module.name).CONTRACT

"""The wire contracts: a module for each endpoint, in the folder of its edition.

Each module has a `CONTRACT`. An endpoint is served as soon as its module is here.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from kling_core.sandbox.contract import Contract

_EDITIONS = ("v1",)


@cache
def written() -> tuple[Contract, ...]:
    """All contracts that have a module here."""
    return tuple(_found())


def _found() -> Iterator[Contract]:
    for edition in _EDITIONS:
        package = import_module(f"{__name__}.{edition}")
        for module in iter_modules(package.__path__, f"{package.__name__}."):
            if not module.name.rpartition(".")[2].startswith("_"):
                yield import_module(module.name).CONTRACT

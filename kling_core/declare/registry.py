"""All endpoints, found by looking into their folder: a new file is a new endpoint."""

from __future__ import annotations

import pkgutil
from functools import cache
from importlib import import_module

from kling_core.declare.endpoint import Endpoint
from kling_core.errors import KlingError
from kling_core.text import did_you_mean


@cache
def names() -> tuple[str, ...]:
    """The names of all endpoints, sorted."""
    package = import_module("kling_core.endpoints")
    return tuple(sorted(module.name for module in pkgutil.iter_modules(package.__path__)))


@cache
def load(name: str) -> Endpoint:
    """The endpoint with exactly this name; only its own file is imported.

    Raises `UnknownEndpoint`: the name may be one that a newer version wrote into the ledger.
    """
    if name not in names():
        raise UnknownEndpoint(
            f"this version of kling-suite does not know the endpoint {name!r}",
            fix="Update: pip install -U kling-suite.",
        )
    endpoint = import_module(f"kling_core.endpoints.{name}").ENDPOINT
    assert isinstance(endpoint, Endpoint)
    assert endpoint.name == name, f"{name}.py declares {endpoint.name}"
    return endpoint


@cache
def endpoints() -> tuple[Endpoint, ...]:
    """Every endpoint, in the order of their names."""
    return tuple(load(name) for name in names())


def get(name: str) -> Endpoint:
    """The endpoint called `name`: its name, its hyphenated name, or an alias.

    Raises `UnknownEndpoint` that suggests near names.
    """
    plain = name.replace("-", "_")
    if plain in names():
        return load(plain)
    spelled = {alias.replace("-", "_"): e for e in endpoints() for alias in e.aliases}
    if plain in spelled:
        return spelled[plain]
    hint = did_you_mean(plain, [*names(), *spelled]).replace("_", "-")
    known = ", ".join(n.replace("_", "-") for n in names())
    raise UnknownEndpoint(f"there is no endpoint {name!r}{hint}", fix=f"The endpoints: {known}.")


class UnknownEndpoint(KlingError):
    """No endpoint has this name."""

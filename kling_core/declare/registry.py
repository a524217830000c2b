"""All endpoints, found by looking into their folder: a new file is a new endpoint."""

from __future__ import annotations

import pkgutil
import sys
from functools import cache
from importlib import import_module
from pathlib import Path

from kling_core.advice import Advice, Text
from kling_core.declare.endpoint import Endpoint
from kling_core.errors import KlingError
from kling_core.text import nearest

__all__ = [
    "InvalidDeclaration",
    "UnknownEndpoint",
    "add",
    "endpoints",
    "get",
    "has",
    "known",
    "load",
    "names",
    "remove",
]

_added: dict[str, Endpoint] = {}
"""Endpoints that are declared elsewhere than in the folder."""


@cache
def names() -> tuple[str, ...]:
    """The names of all endpoints, sorted; steps go by those whose they are."""
    package = import_module("kling_core.endpoints")
    found = (module.name for module in pkgutil.iter_modules(package.__path__))
    return tuple(sorted({*found, *_added}))


@cache
def load(name: str) -> Endpoint:
    """The endpoint with exactly this name; only its own file is imported.

    It is not judged here, or whoever reads a task would pay for that.

    Raises `UnknownEndpoint`: the name may be one that a newer version wrote into the ledger.
    """
    if name in _added:
        return _added[name]
    if (step := _step(name)) is not None:
        return step
    if name not in names():
        raise UnknownEndpoint(
            f"this version of kling-suite does not know the endpoint {name!r}",
            fix="Update: pip install -U kling-suite.",
        )
    endpoint: Endpoint = import_module(f"kling_core.endpoints.{name}").ENDPOINT
    if endpoint.name != name:
        _refuse(endpoint, [f"its file is called {name}.py"])
    return endpoint


def _step(name: str) -> Endpoint | None:
    """The step of this name, of the endpoint whose name it begins with; None when there is none."""
    if name in names():
        return None
    owner = max((n for n in names() if name.startswith(f"{n}_")), key=len, default="")
    return load(owner).step(name.removeprefix(f"{owner}_")) if owner else None


def has(name: str) -> bool:
    """Whether there is an endpoint, or a step of one, with exactly this name."""
    return name in names() or _step(name) is not None


@cache
def endpoints() -> tuple[Endpoint, ...]:
    """Every endpoint, judged, in the order of their names, each followed by its steps.

    Raises `InvalidDeclaration`.
    """
    wholes = (_judged(name) for name in names())
    return tuple(one for whole in wholes for one in (whole, *whole.steps))


def known(name: str) -> Endpoint | None:
    """The endpoint with exactly this name; None when this version has none."""
    return load(name) if has(name) else None


def get(name: str) -> Endpoint:
    """The endpoint called `name`: its name, its hyphenated name, or an alias.

    Raises `UnknownEndpoint` that suggests near names, and `InvalidDeclaration`.
    """
    plain = name.replace("-", "_")
    if has(plain):
        return _judged(plain)
    spelled = {alias.replace("-", "_"): e for e in endpoints() for alias in e.aliases}
    if plain in spelled:
        return spelled[plain]
    every = [endpoint.name for endpoint in endpoints()]
    near = nearest(plain, [*every, *spelled])
    hint = Text("; did you mean ", Advice("endpoint", endpoint=near[0]), "?") if near else ""
    known = [part for one in every for part in (", ", Advice("endpoint", endpoint=one))]
    raise UnknownEndpoint(
        Text(f"there is no endpoint {name!r}", hint), fix=Text("The endpoints: ", *known[1:], ".")
    )


def add(endpoint: Endpoint) -> None:
    """Offer an endpoint that has no file in the folder, until it is removed.

    Raises `InvalidDeclaration` for one that cannot be what it says, or whose name is taken.
    """
    taken = {name for other in endpoints() for name in (other.name, other.command, *other.aliases)}
    clash = sorted(taken & {endpoint.name, *endpoint.aliases})
    _refuse(endpoint, [f"{name!r} is the name of another endpoint" for name in clash])
    _judge(endpoint)
    _added[endpoint.name] = endpoint
    _forget()


def remove(name: str) -> None:
    """Take an added endpoint away again."""
    del _added[name]
    _forget()


def _forget() -> None:
    for kept in (names, load, _judged, endpoints):
        kept.cache_clear()


@cache
def _judged(name: str) -> Endpoint:
    endpoint = load(name)
    _judge(endpoint)
    return endpoint


def _judge(endpoint: Endpoint) -> None:
    from kling_core.declare.declaration_faults import faults

    _refuse(endpoint, faults(endpoint))


def _refuse(endpoint: Endpoint, wrong: list[str]) -> None:
    if wrong:
        module = endpoint.request.__module__
        file = getattr(sys.modules.get(module), "__file__", None) or module
        raise InvalidDeclaration(
            f"{Path(file).name} declares {endpoint.name} wrongly: {'; '.join(wrong)}",
            fix=f"Mend {file}.",
        )


class UnknownEndpoint(KlingError):
    """No endpoint has this name."""


class InvalidDeclaration(KlingError):
    """An endpoint's declaration contradicts itself, or names what is not there."""

"""Which request goes where: a table made of the contracts, to which more can be added."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from kling_core.sandbox.contract import NOBODYS, Answer, Call, Contract, Delete, Presets, Task
from kling_core.sandbox.faults import Kind
from kling_core.sandbox.media import PREFIX
from kling_core.sandbox.refusals import Refusal
from kling_core.sandbox.shapes import SHAPES, Shape

_PLACE = re.compile(r"\{\w+\}$")


@dataclass(frozen=True)
class Route:
    """What a request is for: who answers it, for which contract, and the last part of its path.

    `kind` is what faults call such a request; `None` is one that no fault is meant for.
    """

    method: str
    pattern: str
    answers: str
    kind: Kind | None
    contract: Contract = NOBODYS
    call: Call | None = None
    shape: Shape = SHAPES["v1"]
    named: str = ""


_FIXED = (
    Route("GET", f"{PREFIX}{{token}}", "media", "media"),
    Route("HEAD", f"{PREFIX}{{token}}", "media", "media"),
    Route("GET", "/account/costs", "costs", "account"),
    *(Route(method, "/sandbox/faults", "control", None) for method in ("POST", "GET", "DELETE")),
)


def _account_wide(contracts: Iterable[Contract]) -> Iterator[Route]:
    """The places where tasks of all endpoints are looked up, of editions that are served."""
    shapes = {(shape := SHAPES[contract.shape]).tasks: shape for contract in contracts}
    for shape in shapes.values():
        if shape.tasks:
            yield Route("GET", shape.tasks, "find", "get", shape=shape)
            yield Route("POST", shape.tasks, "search", "list", shape=shape)


def _of(contract: Contract) -> Iterator[Route]:
    """The routes of one contract."""
    shape = SHAPES[contract.shape]

    def route(method: str, path: str, answers: str, kind: Kind, call: Call) -> Route:
        return Route(method, path, answers, kind, contract, call, shape)

    for call in contract.calls:
        match call:
            case Task():
                yield route("POST", call.path, "create", "create", call)
                if not shape.tasks:
                    yield route("GET", call.path, "list", "list", call)
                    yield route("GET", f"{call.path}/{{id}}", "get", "get", call)
            case Answer():
                yield route("POST", call.path, "answer", "create", call)
            case Presets():
                yield route("GET", call.path, "presets", "list", call)
            case Delete():
                yield route("POST", call.path, "delete", "create", call)


class Routes:
    """The table of one sandbox."""

    def __init__(self, contracts: Iterable[Contract]) -> None:
        self._contracts = tuple(contracts)
        self._fill()

    def add(self, *contracts: Contract) -> None:
        """Serves these too. A later contract takes the paths of an earlier one."""
        self._contracts += contracts
        self._fill()

    def remove(self, *contracts: Contract) -> None:
        """Serves these no more."""
        self._contracts = tuple(one for one in self._contracts if one not in contracts)
        self._fill()

    def find(self, method: str, path: str) -> Route:
        """What the request is for. Raises 1203 for an unknown path, 1202 for a wrong method."""
        routes, named = self._at(path)
        if not routes:
            raise Refusal(1203, f"The requested resource {path} does not exist")
        if method not in routes:
            raise Refusal(1202, f"Method {method} is not supported for {path}")
        return replace(routes[method], named=named) if named else routes[method]

    def _fill(self) -> None:
        whole: dict[str, dict[str, Route]] = {}
        below: dict[str, dict[str, Route]] = {}
        made = (route for contract in self._contracts for route in _of(contract))
        for route in (*_FIXED, *_account_wide(self._contracts), *made):
            path = _PLACE.sub("", route.pattern)
            table = whole if path == route.pattern else below
            table.setdefault(path.rstrip("/"), {})[route.method] = route
        # In one step: a server thread may be reading the old tables.
        self._tables = whole, below

    def _at(self, path: str) -> tuple[dict[str, Route], str]:
        """The routes at that path, and what stands below the one that takes any name."""
        whole, below = self._tables
        if found := whole.get(path.rstrip("/")):
            return found, ""
        stem = path
        while "/" in stem:
            stem = stem.rpartition("/")[0]
            if stem in below:
                return below[stem], path[len(stem) + 1 :]
        return {}, ""

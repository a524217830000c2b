"""One attribute for each endpoint, derived from the registry.

`methods.pyi` beside this file tells type checkers the same with every field spelled out. It is
written by `python -m kling_core.methods`; a test compares it with the declarations.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from types import FunctionType
from typing import Any

from kling_core.declare import registry
from kling_core.declare.endpoint import Endpoint
from kling_core.resources import AsyncResource, Resource

_TAKING_FIELDS = ("request", "check", "quote", "create", "run")


class SyncMethods:
    """Gives `Kling` its endpoints."""

    def __getattr__(self, name: str) -> Any:
        return _attribute(self, name, Resource)

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *registry.names()]


class AsyncMethods:
    """Gives `AsyncKling` its endpoints."""

    def __getattr__(self, name: str) -> Any:
        return _attribute(self, name, AsyncResource)

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *registry.names()]


def _attribute(client: Any, name: str, kind: type[Any]) -> Any:
    if name not in registry.names():
        raise AttributeError(f"{type(client).__name__!r} object has no attribute {name!r}")
    endpoint = registry.load(name)
    resource = _documented(kind, endpoint)(client, endpoint)
    vars(client)[name] = resource
    return resource


@functools.cache
def _documented(kind: type[Any], endpoint: Endpoint) -> type[Any]:
    """The resource class with this endpoint's fields in signatures and docstrings."""
    members = {name: _Spelled(getattr(kind, name), endpoint) for name in _TAKING_FIELDS}
    return type(f"{endpoint.request.__name__}{kind.__name__}", (kind,), members)


class _Spelled:
    """A method that is spelled out when it is first looked at; a `get` never pays for it."""

    def __init__(self, method: Any, endpoint: Endpoint) -> None:
        self._method, self._endpoint = method, endpoint

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, instance: object, owner: type) -> Any:
        method = _spelled(self._method, self._endpoint)
        setattr(owner, self._name, method)
        return method if instance is None else method.__get__(instance, owner)


def _spelled(method: Any, endpoint: Endpoint) -> Any:
    copy = FunctionType(method.__code__, method.__globals__, method.__name__, method.__defaults__)
    copy.__kwdefaults__, copy.__qualname__ = method.__kwdefaults__, method.__qualname__
    plain = inspect.signature(method)
    own = [p for p in plain.parameters.values() if p.kind is not p.VAR_KEYWORD]
    fields = [
        inspect.Parameter(
            p.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=inspect.Parameter.empty if p.required else p.default,
            annotation=annotation,
        )
        for p, annotation in _fields(endpoint)
    ]
    spelled = plain.replace(parameters=[own[0], *fields, *own[1:]])
    setattr(copy, "__signature__", spelled)  # noqa: B010, functions have no such attribute by type
    lines = [f"    {p.name}: {p.doc}{_unit(p.unit)}" for p, _ in _fields(endpoint)]
    copy.__doc__ = "\n".join([inspect.cleandoc(method.__doc__ or ""), "", "Fields:", *lines])
    return copy


def _unit(unit: str) -> str:
    return f" [{unit}]" if unit else ""


def _fields(endpoint: Endpoint) -> list[tuple[Any, str]]:
    notes: dict[str, str] = {}
    for base in reversed(endpoint.request.__mro__):
        notes.update(inspect.get_annotations(base) if "__annotations__" in vars(base) else {})
    return [(p, notes[name]) for name, p in endpoint.request.params().items()]


# --- the stub ------------------------------------------------------------------------------

STUB = Path(__file__).with_suffix(".pyi")

_HEAD = '''"""Written by `python -m kling_core.methods` from the declarations; never edited."""
# pyright: reportIncompatibleMethodOverride=false

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

from kling_core.declare import shared_fields
from kling_core.declare.endpoint import Check
{imports}
from kling_core.resources import AsyncResource, Resource
from kling_core.rules.price import Quote
from kling_core.task import AsyncTask, Task

Money = Decimal | float | str
Place = str | Path | None
STUB: Path

def render() -> str: ...
'''


def render() -> str:
    """The text of the stub for the endpoints as they are declared now."""
    imports = "\n".join(
        f"from kling_core.endpoints.{e.name} import {e.request.__name__}"
        for e in registry.endpoints()
    )
    text = [_HEAD.format(imports=imports)]
    for endpoint in registry.endpoints():
        text += [_stub_class(endpoint, "Resource"), _stub_class(endpoint, "AsyncResource")]
    text += [_stub_mixin("SyncMethods", "Resource"), _stub_mixin("AsyncMethods", "AsyncResource")]
    return "\n".join(text)


def _stub_class(endpoint: Endpoint, kind: str) -> str:
    request = endpoint.request.__name__
    fields = [_stub_field(p, annotation) for p, annotation in _fields(endpoint)]
    task, word = ("AsyncTask", "async def") if kind.startswith("Async") else ("Task", "def")
    more = [
        "max_cost: Money | None = None",
        "project: str | None = None",
        "dedupe: float | None = None",
    ]
    wait = [
        "out: Place = None",
        "timeout: float | None = None",
        f"on_update: Callable[[{task}], Any] | None = None",
        *more,
    ]
    methods: list[tuple[str, str, list[str], str]] = [
        ("def", "request", [], request),
        ("def", "check", [], "Check"),
        ("def", "quote", [], "Quote | None"),
        (word, "create", more, task),
        (word, "run", wait, task),
    ]
    lines = [f"class {request}{kind}({kind}):"]
    for keyword, name, more, answer in methods:
        lines += [f"    {keyword} {name}(", "        self,", "        *,"]
        lines += [f"        {field}," for field in (*fields, *more)]
        lines += [f"    ) -> {answer}: ..."]
    return "\n".join(lines) + "\n"


def _stub_field(p: Any, annotation: str) -> str:
    if p.required:
        return f"{p.name}: {annotation}"
    optional = annotation if annotation.endswith("None") else f"{annotation} | None"
    return f"{p.name}: {optional} = {p.default!r}".replace("'", '"')


def _stub_mixin(name: str, kind: str) -> str:
    lines = [f"class {name}:"]
    for endpoint in registry.endpoints():
        lines += [
            "    @property",
            f"    def {endpoint.name}(self) -> {endpoint.request.__name__}{kind}: ...",
        ]
    return "\n".join(lines) + "\n"


def _write(report: Callable[[str], object] = print) -> None:
    STUB.write_text(render(), encoding="utf-8")
    report(f"wrote {STUB.name}")


if __name__ == "__main__":
    _write()

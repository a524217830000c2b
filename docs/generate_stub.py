"""What type checkers know of the calls of every endpoint, with its fields spelled out.

`python -m docs.generate_stub FILE` writes it; a test compares `kling_core/resources.pyi` with it.
The calls that take no fields are those of `kling_core/resources.py`, read from there.
"""

from __future__ import annotations

import ast
import inspect
import re
import sys
from pathlib import Path
from typing import Any

from kling_core import resources
from kling_core.declare import registry
from kling_core.declare.endpoint import Endpoint

_HEAD = '''"""Written by `make generate` from the declarations; never edited."""
# pyright: reportIncompatibleMethodOverride=false

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

from kling_core.declare import shared_fields
from kling_core.declare.endpoint import Check, Endpoint, Request
from kling_core.declare.fields import Param
{imports}
from kling_core.flows.runner import AsyncRunner, Runner
from kling_core.rules.price import Quote
from kling_core.task import AsyncTask, Task

Money = Decimal | float | str
Place = str | Path | None
'''

_BASES = ("BaseResource", "Resource", "AsyncResource")


def render() -> str:
    """The text of the stub for the endpoints as they are declared now."""
    imports = "\n".join(
        f"from kling_core.endpoints.{e.name} import {e.request.__name__}"
        for e in registry.endpoints()
    )
    text = [_HEAD.format(imports=imports), *_common()]
    for endpoint in registry.endpoints():
        text += [_class(endpoint, "Resource"), _class(endpoint, "AsyncResource")]
    text += [_mixin("SyncMethods", "Resource"), _mixin("AsyncMethods", "AsyncResource")]
    return "\n".join(text)


def _common() -> list[str]:
    """The base classes and the functions of the module, as they are called."""
    found: list[str] = []
    for node in ast.parse(inspect.getsource(resources)).body:
        if isinstance(node, ast.ClassDef) and node.name in _BASES:
            node.body = [shown for member in node.body for shown in _shown(member)]
            found.append(ast.unparse(node))
        elif isinstance(node, _FUNCTIONS):
            found += [ast.unparse(shown) for shown in _shown(node)]
    return [re.sub(r":\n +\.\.\.", ": ...", text).replace("\n\n", "\n") + "\n" for text in found]


_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def _shown(node: ast.stmt) -> list[ast.stmt]:
    """A public function without what it does, a declared attribute as it is; nothing else."""
    if not isinstance(node, _FUNCTIONS):
        return [node] if isinstance(node, ast.AnnAssign) else []
    if node.name.startswith("_") and node.name != "__init__":
        return []
    node.body = [ast.Expr(ast.Constant(...))]
    if node.returns is not None and ast.unparse(node.returns).startswith("AsyncIterator"):
        # Without a `yield` to be seen, an asynchronous generator is a plain function.
        node = ast.FunctionDef(**dict(ast.iter_fields(node)))
    return [ast.fix_missing_locations(node)]


def _class(endpoint: Endpoint, kind: str) -> str:
    request = endpoint.request.__name__
    fields = [_field(p, annotation) for p, annotation in resources.fields_of(endpoint)]
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
    if endpoint.name not in registry.names():  # a step is called by its own name
        methods.append((word, "__call__", more, task))
    lines = [f"class {request}{kind}({kind}):", *_steps(endpoint, kind)]
    for keyword, name, more, answer in methods:
        lines += [f"    {keyword} {name}(", "        self,", "        *,"]
        lines += [f"        {field}," for field in (*fields, *more)]
        lines += [f"    ) -> {answer}: ..."]
    return "\n".join(lines) + "\n"


def _steps(endpoint: Endpoint, kind: str) -> list[str]:
    """The further calls of an endpoint, and those of `Resource` that it does not have."""
    lines: list[str] = []
    for step in endpoint.steps:
        word = step.name.removeprefix(f"{endpoint.name}_")
        lines += [
            "    @property",
            f"    def {word}(self) -> {step.request.__name__}{kind}: ...",
        ]
    return lines


def _field(p: Any, annotation: str) -> str:
    if p.required:
        return f"{p.name}: {annotation}"
    optional = annotation if annotation.endswith("None") else f"{annotation} | None"
    return f"{p.name}: {optional} = {p.default!r}".replace("'", '"')


def _mixin(name: str, kind: str) -> str:
    lines = [f"class {name}:"]
    for endpoint in registry.endpoints():
        lines += [
            "    @property",
            f"    def {endpoint.name}(self) -> {endpoint.request.__name__}{kind}: ...",
        ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(render(), encoding="utf-8")

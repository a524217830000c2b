"""What type checkers know of the calls of every endpoint: its fields, once, as a TypedDict.

`python -m docs.generate_stub FILE` writes it; a test compares `kling_core/resources.pyi` with it.
The calls that take no fields are those of `kling_core/resources.py`, read from there.
"""

from __future__ import annotations

import ast
import inspect
import re
import sys
from pathlib import Path

from kling_core import resources
from kling_core.declare import registry
from kling_core.declare.endpoint import Endpoint
from kling_core.declare.fields import Param

_HEAD = '''"""Written by `make generate` from the declarations; never edited."""
# pyright: reportIncompatibleMethodOverride=false

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, Required, TypedDict, Unpack

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
        text += [_fields(endpoint)]
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


def _fields(endpoint: Endpoint) -> str:
    """The fields of an endpoint, each with what is said of it."""
    lines = [f"class {endpoint.request.__name__}Fields(TypedDict, total=False):"]
    for p, annotation in resources.fields_of(endpoint):
        kind = f"Required[{annotation}]" if p.required else _or_none(annotation)
        lines += [f"    {p.name}: {kind}".replace("'", '"'), f'    """{_told(p)}"""']
    return "\n".join(lines) + "\n"


def _or_none(annotation: str) -> str:
    return annotation if annotation.endswith("None") else f"{annotation} | None"


def _told(p: Param) -> str:
    """The meaning of a field, its unit, and what it is when it is left out."""
    left_out = "" if p.required or p.default is None else f" Default: {p.default}."
    return f"{p.doc}{f' [{p.unit}]' if p.unit else ''}{left_out}"


def _class(endpoint: Endpoint, kind: str) -> str:
    request = endpoint.request.__name__
    fields = f"**fields: Unpack[{request}Fields]"
    task, word = ("AsyncTask", "async def") if kind.startswith("Async") else ("Task", "def")
    run = f"{_WAIT.format(task=task)}, {_MORE}"
    calls = f"""class {request}{kind}({kind}):
    def request(self, {fields}) -> {request}: ...
    def check(self, {fields}) -> Check: ...
    def quote(self, {fields}) -> Quote | None: ...
    {word} create(self, *, {_MORE}, {fields}) -> {task}: ...
    {word} run(self, *, {run}, {fields}) -> {task}: ...
"""
    if endpoint.name not in registry.names():  # a step is called by its own name
        calls += f"    {word} __call__(self, *, {_MORE}, {fields}) -> {task}: ...\n"
    return calls + _steps(endpoint, kind)


def _steps(endpoint: Endpoint, kind: str) -> str:
    """The further calls of an endpoint."""
    return "".join(
        f"    @property\n    def {step.name.removeprefix(f'{endpoint.name}_')}(self)"
        f" -> {step.request.__name__}{kind}: ...\n"
        for step in endpoint.steps
    )


_MORE = "max_cost: Money | None = None, project: str | None = None, dedupe: float | None = None"
_WAIT = (
    "out: Place = None, timeout: float | None = None, "
    "on_update: Callable[[{task}], Any] | None = None"
)


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

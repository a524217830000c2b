"""The files of docs/contributing.md, added in memory: an endpoint of each kind, and its rows.

`with whole_house(sandbox):` registers the declarations, adds the rows and lets a sandbox serve the
contracts, and takes all of it away again.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import PurePosixPath
from types import ModuleType
from typing import Any

from helpers.pages import ROOT, blocks
from kling_core import Sandbox
from kling_core.catalog import tables
from kling_core.declare import catalogues, registry
from kling_core.rules import price

PAGE = "docs/contributing.md"


def files(below: str) -> dict[str, str]:
    """The files of the page below a folder, by their path."""
    named = {
        block.language.split()[1]: block.text for block in blocks(PAGE) if block.kind == "file"
    }
    return {path: text for path, text in named.items() if path.startswith(below)}


@contextmanager
def _module(path: str, text: str) -> Iterator[ModuleType]:
    """The module that a file would be."""
    assert not (ROOT / path).exists(), f"{path} is there"
    name = str(PurePosixPath(path).with_suffix("")).replace("/", ".")
    module = sys.modules[name] = ModuleType(name)
    try:
        exec(compile(text, path, "exec"), module.__dict__)
        yield module
    finally:
        del sys.modules[name]


@contextmanager
def _rows() -> Iterator[None]:
    """The catalogue has the rows of the page."""
    told = {
        path.rpartition("/")[2]: json.loads(text)
        for path, text in files("kling_core/catalog").items()
    }
    known = tables.load("endpoints.json")["endpoints"]
    alive = known["text_to_video"]
    prices, models = tables.load("prices.json")["rows"], tables.load("models.json")
    evidence = {name: prices[0][name] for name in ("confidence", "as_of", "source")}
    known |= {name: alive | {"evidence": "-"} for name in told["endpoints.json"]}
    prices += (added := [evidence | row for row in told["prices.json"]])
    model: dict[str, Any] = told["models.json"]
    models["models"].append(model)
    models["defaults"] |= dict.fromkeys(model["endpoints"], model["model_name"])
    _forget()
    try:
        yield
    finally:
        for name in told["endpoints.json"]:
            del known[name]
        for name in model["endpoints"]:
            del models["defaults"][name]
        del prices[-len(added) :]
        models["models"].remove(model)
        _forget()


def _forget() -> None:
    for kept in (tables._models, price.prices, catalogues._lengths):
        kept.cache_clear()


@contextmanager
def whole_house(*sandboxes: Sandbox) -> Iterator[None]:
    """Everything of the page is there."""
    with ExitStack() as stack:
        stack.enter_context(_rows())
        for path, text in files("kling_core/endpoints").items():
            endpoint = stack.enter_context(_module(path, text)).ENDPOINT
            assert PurePosixPath(path).stem == endpoint.name
            registry.add(endpoint)
            stack.callback(registry.remove, endpoint.name)
        for path, text in files("kling_core/sandbox/contracts").items():
            contract = stack.enter_context(_module(path, text)).CONTRACT
            for sandbox in sandboxes:
                stack.enter_context(sandbox.serving(contract))
        yield

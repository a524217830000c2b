"""Clients of either kind under one face: a test that takes one runs once with each."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from helpers.sandboxes import FAST
from kling_core import AsyncKling, Kling


@dataclass
class Driver:
    """A client and `do`, which gives the result of a call of either kind of client."""

    kind: str
    client: Any
    do: Callable[[Any], Any]

    def all(self, items: Any) -> list[Any]:
        """Everything that an iterator of either kind gives."""
        if self.kind == "sync":
            return list(items)

        async def collect() -> list[Any]:
            return [item async for item in items]

        return self.do(collect())


MakeDriver = Callable[..., Driver]


@contextmanager
def drivers(kind: str, output_dir: Path) -> Iterator[MakeDriver]:
    """Makes clients of one kind, and closes them in the end."""
    with ExitStack() as stack:
        runner = stack.enter_context(asyncio.Runner())

        def do(result: Any) -> Any:
            if not inspect.isawaitable(result):
                return result

            async def finish() -> Any:
                return await result

            return runner.run(finish())

        def make(**options: Any) -> Driver:
            options = {"pace": replace(FAST), "output_dir": output_dir} | options
            client = (Kling if kind == "sync" else AsyncKling)(**options)
            stack.callback(lambda: do(client.close()))
            return Driver(kind, client, do)

        yield make

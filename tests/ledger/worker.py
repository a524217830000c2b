"""One process of the slots test: makes its share of tasks, all at once, and waits for each.

Says "ready" when its imports are loaded, and begins when a line comes.
"""

from __future__ import annotations

import asyncio
import json
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from kling_core import AsyncKling, Kling
from kling_core.flows.session import Pace


def main() -> None:
    order: dict[str, Any] = json.loads(sys.argv[1])
    warnings.simplefilter("ignore")
    options = order["client"] | {"pace": Pace(**order["pace"])}
    names: list[str] = order["names"]
    if order["kind"] == "async":
        asyncio.run(_together(options, names))
    else:
        _in_threads(options, names)


def _begin() -> None:
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()


def _in_threads(options: dict[str, Any], names: list[str]) -> None:
    with Kling(**options) as kling, ThreadPoolExecutor(len(names)) as pool:

        def one(name: str) -> None:
            kling.text_to_video.create(prompt="a boat", external_task_id=name).wait()

        _begin()
        list(pool.map(one, names))


async def _together(options: dict[str, Any], names: list[str]) -> None:
    async with AsyncKling(**options) as kling:

        async def one(name: str) -> None:
            task = await kling.text_to_video.create(prompt="a boat", external_task_id=name)
            await task.wait()

        _begin()
        await asyncio.gather(*(one(name) for name in names))


if __name__ == "__main__":
    main()

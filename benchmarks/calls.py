"""One typed read on a kept connection, against `httpx` and `.json()`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from time import process_time

import httpx
from tools import Plan, Row, against, by_turns

from kling_core import AsyncKling, Kling

TASK_ID = "789012345678901234"
PATH = f"/v1/videos/text2video/{TASK_ID}"
HEADERS = {"authorization": "Bearer key"}


def one_at_a_time(plan: Plan, url: str, count: int = 300) -> list[Row]:
    """The blocking client, one call after another."""
    with (
        httpx.Client(base_url=url, headers=HEADERS) as client,
        Kling(api_key="key", base_url=url) as kling,
    ):

        def raw() -> None:
            for _ in range(count):
                assert client.get(PATH).json()["data"]["task_status"] == "succeed"

        def typed() -> None:
            for _ in range(count):
                assert kling.text_to_video.get(TASK_ID).status == "succeeded"

        pairs = by_turns(raw, typed, plan.times(15), 1e6 / count)
    return [against("typed get, one at a time / httpx", 1.15, "µs", pairs)]


def hundred_at_once(plan: Plan, url: str, each: int = 4) -> list[Row]:
    """The awaiting client, a hundred calls in flight all the time."""
    return asyncio.run(_hundred(plan, url, each))


async def _hundred(plan: Plan, url: str, each: int) -> list[Row]:
    async with (
        httpx.AsyncClient(base_url=url, headers=HEADERS) as client,
        AsyncKling(api_key="key", base_url=url) as kling,
    ):

        async def raw() -> None:
            for _ in range(each):
                answer = await client.get(PATH)
                assert answer.json()["data"]["task_status"] == "succeed"

        async def typed() -> None:
            for _ in range(each):
                task = await kling.text_to_video.get(TASK_ID)
                assert task.status == "succeeded"

        async def spent(worker: Callable[[], Awaitable[None]]) -> float:
            start = process_time()
            await asyncio.gather(*(worker() for _ in range(100)))
            return 1e6 * (process_time() - start) / (100 * each)

        await spent(raw)
        await spent(typed)
        pairs = [(await spent(raw), await spent(typed)) for _ in range(plan.times(9))]
    return [against("typed get, 100 at once / httpx", 1.15, "µs", pairs)]

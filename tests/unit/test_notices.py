"""Who hears a warning."""

from __future__ import annotations

import asyncio

import pytest

from kling_core.errors import KlingWarning
from kling_core.notices import heard_by, notify


def test_a_warning_by_default():
    with pytest.warns(KlingWarning, match="retired"):
        notify("retired")


def test_a_listener_hears_it_instead():
    """Also from tasks and threads that begin in the block, and no other block's."""
    heard: dict[str, list[str]] = {"one": [], "two": []}

    async def work(name: str) -> None:
        with heard_by(heard[name].append):
            await asyncio.gather(
                asyncio.to_thread(notify, f"{name} thread"), asyncio.create_task(said(name))
            )

    async def said(name: str) -> None:
        notify(f"{name} task")

    async def both() -> None:
        await asyncio.gather(work("one"), work("two"))

    asyncio.run(both())
    assert {name: sorted(texts) for name, texts in heard.items()} == {
        "one": ["one task", "one thread"],
        "two": ["two task", "two thread"],
    }

"""Who hears a warning."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Iterator

import pytest
from helpers.scripted import Script, client_of, envelope, task

from kling_core import caller_warnings
from kling_core.caller_warnings import heard_by, notify
from kling_core.errors import KlingWarning

SHOW = caller_warnings.show


def test_a_warning_by_default():
    with pytest.warns(KlingWarning, match="retired"):
        notify("retired")


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What is shown while warnings are errors."""
    monkeypatch.setattr(caller_warnings, "show", SHOW)
    texts: list[str] = []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        monkeypatch.setattr(
            warnings, "showwarning", lambda text, _, file, __: texts.append(f"{file}: {text}")
        )
        yield texts


def test_warnings_as_errors(shown: list[str]):
    """They stop what is not sent yet; later they are shown, and the caller goes on."""
    with pytest.raises(KlingWarning, match="retired"):
        notify("retired", sent=False)
    assert shown == []
    notify("the pack ends soon")
    assert shown == [f"{__file__}: the pack ends soon"]


def test_a_paid_task_is_given_where_warnings_are_errors(shown: list[str]):
    """Kling says something beside its acceptance: the caller has the task, and reads it."""
    script = Script([envelope(task("1"), message="the pack ends soon")])
    assert client_of("sync", script).text_to_video.create(prompt="x").task_id == "1"
    assert shown == [f"{__file__}: the pack ends soon"]


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

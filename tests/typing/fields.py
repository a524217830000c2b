"""The fields of every call, known by name and type; read by pyright and by mypy, never run.

Each `type: ignore` marks a mistake that must stay one: both say so of an ignore nothing needs.
"""
# pyright: strict, reportUnnecessaryTypeIgnoreComment=true

from pathlib import Path
from typing import TYPE_CHECKING, Any, assert_type

from kling_core import AsyncKling, AsyncTask, Check, Kling, Quote, Task

if TYPE_CHECKING:
    from kling_core.resources import TextToVideoFields


def known(kling: Kling) -> None:
    """Every call takes the fields of its endpoint, beside what the call itself takes."""
    fields: TextToVideoFields = {"prompt": "a boat", "duration": 5, "sound": True}
    assert_type(kling.text_to_video.create(**fields), Task)
    assert_type(kling.text_to_video.create(**fields, max_cost="0.50", dedupe=60), Task)
    assert_type(kling.text_to_video.run(prompt="a boat", out=Path("out"), timeout=60), Task)
    assert_type(kling.text_to_video.check(prompt="a boat"), Check)
    assert_type(kling.text_to_video.quote(**fields), Quote | None)
    assert_type(kling.text_to_video.list(), list[Task])
    assert_type(kling.virtual_try_on.create(human_image="a.png", cloth_image=b"..."), Task)
    read_from_a_table: dict[str, Any] = {"prompt": "a boat"}
    assert_type(kling.text_to_video.create(**read_from_a_table), Task)


async def awaited(kling: AsyncKling) -> None:
    """The same, awaited."""
    assert_type(await kling.text_to_video.create(prompt="a boat", mode="pro"), AsyncTask)
    assert_type(await kling.lip_sync.run(video_id="1", text="Hi", project="film"), AsyncTask)
    assert_type(kling.text_to_video.check(prompt="a boat"), Check)


def unknown(kling: Kling) -> None:
    """A field that the endpoint does not have is refused in every call."""
    kling.text_to_video.request(promt="a boat")  # type: ignore[call-arg]
    kling.text_to_video.check(promt="a boat")  # type: ignore[call-arg]
    kling.text_to_video.quote(promt="a boat")  # type: ignore[call-arg]
    kling.text_to_video.create(promt="a boat")  # type: ignore[call-arg]
    kling.text_to_video.run(image="a.png")  # type: ignore[call-arg]
    kling.text_to_video.check(max_cost="1")  # type: ignore[call-arg]


def wrong(kling: Kling) -> None:
    """So is a value of another type, a word that is none of those, and a missing field."""
    kling.text_to_video.create(prompt=5)  # type: ignore[arg-type]
    kling.text_to_video.run(prompt="x", mode="fast")  # type: ignore[arg-type]
    kling.text_to_video.quote(prompt="x", duration=[5])  # type: ignore[arg-type]
    kling.text_to_video.create(prompt="x", max_cost=[1])  # type: ignore[arg-type]
    kling.image_generation.create(n=2)  # type: ignore[call-arg]
    kling.text_to_video.create("a boat")  # type: ignore[call-arg]


async def wrong_in_async(kling: AsyncKling) -> None:
    """Of the awaiting client too."""
    await kling.text_to_video.create(promt="a boat")  # type: ignore[call-arg]
    await kling.text_to_video.run(prompt="x", cfg_scale="much")  # type: ignore[arg-type]

"""What type checkers know of the public surface; read by pyright in `make lint`, never run.

Each `assert_type` fails the lint when a type is lost. Each `pyright: ignore` marks a mistake that
must stay one: pyright reports an ignore that nothing needs.
"""
# pyright: strict, reportUnnecessaryTypeIgnoreComment=true

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, assert_type

import numpy as np
from PIL import Image as Pillow

from kling_core import (
    AsyncImage,
    AsyncKling,
    AsyncTask,
    AsyncVideo,
    CameraControl,
    Check,
    DynamicMask,
    Image,
    InvalidRequest,
    Kling,
    KlingError,
    Point,
    Quote,
    Sandbox,
    Shot,
    SubmitOutcomeUnknown,
    Task,
    Video,
    Violation,
)
from kling_core.endpoints.text_to_video import TextToVideo


def blocking(kling: Kling) -> None:
    """The blocking client."""
    task = kling.text_to_video.create(prompt="a boat", duration=5, mode="pro", sound=True)
    assert_type(task, Task)
    assert_type(task.wait(timeout=60), Task)
    assert_type(task.refresh(), Task)
    assert_type(task.videos, list[Video])
    assert_type(task.images, list[Image])
    assert_type(task.status, str)
    assert_type(task.external_task_id, str | None)
    assert_type(task.created_at, datetime | None)
    assert_type(task.quote, Quote | None)
    assert_type(task.raw, Mapping[str, Any])
    clip = task.videos[0]
    assert_type(clip.url, str)
    assert_type(clip.duration, Decimal | None)
    assert_type(clip.expires_at, datetime | None)
    assert_type(clip.path, Path | None)
    assert_type(clip.download("out/"), Path)
    assert_type(clip.extend("it reaches the sea", cfg_scale=0.5), Task)
    assert_type(clip.lip_sync("Hello", voice_id="oversea_male1"), Task)
    assert_type(kling.text_to_video.get("1"), Task)
    assert_type(kling.text_to_video.list(page=1, size=30), list[Task])
    for listed in kling.text_to_video.iterate():
        assert_type(listed, Task)
    assert_type(kling.image_generation.run(prompt="a pear", n=2, out="out/"), Task)
    start, end = datetime.now().astimezone(), datetime.now().astimezone()
    assert_type(kling.account.costs(start, end), Sequence[Mapping[str, Any]])


async def awaiting(kling: AsyncKling) -> None:
    """The awaiting client has the same names."""
    task = await kling.image_to_video.create(image="photo.jpg", prompt="it moves")
    assert_type(task, AsyncTask)
    assert_type(await task.wait(), AsyncTask)
    assert_type(await task.refresh(), AsyncTask)
    assert_type(task.videos, list[AsyncVideo])
    assert_type(task.images, list[AsyncImage])
    assert_type(await task.videos[0].download(), Path)
    assert_type(await task.videos[0].extend(), AsyncTask)
    assert_type(await task.videos[0].lip_sync(audio="voice.mp3"), AsyncTask)
    assert_type(await kling.image_to_video.get("1"), AsyncTask)
    assert_type(await kling.image_to_video.list(), list[AsyncTask])
    async for listed in kling.image_to_video.iterate():
        assert_type(listed, AsyncTask)
    assert_type(await kling.lip_sync.run(video_id="1", text="Hi", voice_id="x"), AsyncTask)


def offline(kling: Kling) -> None:
    """Requests, checks and quotes."""
    request = kling.text_to_video.request(prompt="a boat")
    assert_type(request, TextToVideo)
    assert_type(request.prompt, str | None)
    check = request.check()
    assert_type(check, Check)
    assert_type(check.violations, tuple[Violation, ...])
    assert_type(kling.text_to_video.check(prompt="a boat"), Check)
    quote = kling.text_to_video.quote(prompt="a boat", duration="10")
    assert_type(quote, Quote | None)
    if quote is not None:
        assert_type(quote.units, Decimal | None)
        assert_type(quote.usd, Decimal | None)
    assert_type(TextToVideo(prompt="a boat", duration=5).replace(duration=10), TextToVideo)


def media(kling: Kling, clip: Video, picture: Image) -> None:
    """Everything that can be a picture is accepted, and structures as parts or mappings."""
    kling.image_to_video.create(image=Path("a.png"))
    kling.image_to_video.create(image=b"...")
    kling.image_to_video.create(image=Pillow.new("RGB", (300, 300)))
    kling.image_to_video.create(image=np.zeros((300, 300, 3), np.uint8))
    kling.image_to_video.create(image=picture, image_tail="https://host/b.png")
    with Path("a.png").open("rb") as file:
        kling.image_to_video.create(image=file)
    mask = DynamicMask(mask="m.png", trajectories=[Point(x=1, y=2), {"x": 3, "y": 4}])
    kling.image_to_video.create(image="a.png", dynamic_masks=[mask])
    kling.multi_image_to_video.create(image_list=["a.png", {"image": b"..."}], prompt="x")
    kling.lip_sync.create(video_url=clip, audio="voice.mp3")
    kling.text_to_video.create(prompt="x", camera_control="zoom=5")
    kling.text_to_video.create(prompt="x", camera_control={"zoom": 5})
    kling.text_to_video.create(prompt="x", camera_control=CameraControl(type="down_back"))
    shots = [Shot(prompt="a door", duration=2), {"prompt": "a garden", "duration": 3}]
    kling.text_to_video.create(multi_shot=True, shot_type="customize", multi_prompt=shots)


def mistakes(kling: Kling) -> None:
    """What a type checker must refuse."""
    kling.text_to_video.create(promt="a boat")  # pyright: ignore[reportCallIssue]
    kling.text_to_video.create(prompt=5)  # pyright: ignore[reportArgumentType]
    kling.text_to_video.create(prompt="x", mode="fast")  # pyright: ignore[reportArgumentType]
    kling.text_to_video.create("a boat")  # pyright: ignore[reportCallIssue]
    kling.image_generation.create()  # pyright: ignore[reportCallIssue]
    kling.image_generation.create(prompt="x", n="two")  # pyright: ignore[reportArgumentType]
    kling.text_to_vidoe.create(prompt="x")  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]


def errors() -> None:
    """Errors carry their facts."""
    try:
        with Sandbox() as sandbox, Kling(sandbox=sandbox, max_cost="0.50") as kling:
            blocking(kling)
    except InvalidRequest as error:
        assert_type(error.violations, tuple[Violation, ...])
    except SubmitOutcomeUnknown as error:
        assert_type(error.external_task_id, str | None)
    except KlingError as error:
        assert_type(error.code, int | None)
        assert_type(error.fix, str)
        assert_type(error.retryable, bool)

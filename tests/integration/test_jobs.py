"""Jobs without a notebook, and what the core tells about the usual time of a task."""

from __future__ import annotations

import asyncio
import threading
from types import SimpleNamespace
from typing import Any, cast

import pytest

from kling_core import AsyncKling
from kling_core.declare import registry
from kling_core.errors import KlingError
from kling_core.flows import wait as waiting
from kling_core.sandbox import Fault
from kling_jupyter.commands.cell import watch
from kling_jupyter.errors import translated
from kling_jupyter.html import task_figure
from kling_jupyter.jobs.files import missing
from kling_jupyter.jobs.job import Job
from kling_jupyter.jobs.views import span
from kling_jupyter.settings import Settings
from kling_jupyter.widgets.card import CellCard
from kling_jupyter.workspace import current_workspace


def test_the_usual_time_of_a_task(kling):
    """The shortest and the longest time of its like; nothing for the first of its kind."""
    first = kling.text_to_video.create(prompt="a mast", model_name="kling-v2-6", mode="pro")
    assert kling.tasks.usual(first) is None
    first.wait()
    kling.text_to_video.run(prompt="a sail", model_name="kling-v2-6", mode="pro")
    low, high = kling.tasks.usual(first)
    assert 0 <= low <= high < 60
    other = kling.text_to_video.create(prompt="a keel", model_name="kling-v2-6", duration=10)
    assert kling.tasks.usual(other) is None


def test_the_usual_time_can_be_awaited(quick_sandbox):
    """The awaiting client tells the same."""

    async def ask():
        async with AsyncKling(sandbox=quick_sandbox) as kling:
            task = await kling.image_generation.create(prompt="a barn")
            await task.wait()
            return await kling.tasks.usual(task)

    assert asyncio.run(ask()) is not None


def test_a_task_is_watched_in_a_card(kling, quick_sandbox):
    """A widget without any notebook: it ends with the files, which it gives in chunks."""
    quick_sandbox.faults.add(Fault("slow", seconds=0.3))
    task = kling.text_to_video.create(prompt="a kite")
    card = watch(task)
    ended = threading.Event()
    card.observe(lambda _: ended.set(), "files")
    assert ended.wait(20) or card.files
    assert card.phase == "succeeded"
    assert card.poster.startswith("data:image/jpeg;base64,")
    (file,) = card.files
    assert file["kind"] == "video"
    sent: list[bytes] = []
    card.send = lambda head, buffers: sent.append(buffers[0])
    card._answer(card, {"kind": "play", "file": 0, "for": "me"}, [])
    assert b"".join(sent) == task.files[0].path.read_bytes()
    assert len(sent[0]) == file["size"]


def test_trouble_with_a_message_is_told_in_the_card(kling):
    """What a callback raises is shown; front ends would drop it."""
    card = watch(kling.image_generation.create(prompt="a barn"))
    card._answer(card, {"kind": "play", "file": 7, "for": "me"}, [])
    assert card.trouble.startswith("IndexError")


def test_a_view_that_fails_does_not_harm_the_others(kling):
    """Each view is told of the end, whatever another one does."""
    job = _fresh(kling)

    class Broken:
        def tell(self, news):
            pass

        def end(self, news, ending):
            raise RuntimeError("no")

    ends: list[str] = []

    class Kept(Broken):
        def end(self, news, ending):
            ends.append(news.phase)

    job.view(Broken())
    job.view(Kept())
    job.begin()
    job.wait(20)
    assert ends == ["succeeded"]
    job.view(Kept())
    assert ends == ["succeeded", "succeeded"]


def test_a_job_is_what_its_task_is(kling):
    """Attributes of the task are the job's; a wrong name is an AttributeError."""
    job = _fresh(kling)
    assert (job.status, job.task_id, job.cost) == ("submitting", "", None)
    with pytest.raises(AttributeError, match="the request is submitting"):
        _ = job.created_at
    job.begin()
    assert job.wait(20).images[0].path == job.path
    assert job.external_task_id
    assert str(job.path) in repr(job)
    assert not hasattr(job, "_repr_png_")
    with pytest.raises(AttributeError):
        _ = job.nothing_of_the_kind


@pytest.mark.parametrize(
    "usual, words",
    [
        ((58.2, 58.4), "58 s"),
        ((58, 75), "58 s to 1:15"),
        ((62, 75), "1:02 to 1:15"),
    ],
)
def test_times_are_said_in_words(usual, words):
    """Seconds below a minute, a clock from there on."""
    assert span(usual) == words


def test_what_is_no_file_is_never_missing():
    """A text is there as soon as it is said: nothing of it can be on the disk."""
    text = SimpleNamespace(kind="text", index=0)
    task = SimpleNamespace(row_id=None, complete=True, outputs=[text], files=[])
    assert not missing(task)


def test_a_wait_for_what_is_still_sent_says_how_to_go_on():
    """It has no id of Kling's yet, and goes by ours."""
    endpoint, row = registry.get("text_to_video"), SimpleNamespace(id="row-1", state="submitting")
    task: Any = SimpleNamespace(task_id="", status="submitted", endpoint=endpoint)
    late = waiting._late(task, cast(Any, row), 3.0)
    assert translated(late).hint == "Wait again: %kling wait row-1"
    task.task_id = "12"
    late = waiting._late(task, cast(Any, row), 3.0)
    assert translated(late).hint.endswith("%kling get text-to-video 12")


def test_an_error_figure_says_all_there_is():
    """Title, message, what to do and whether it was billed; markup in it stays text."""
    error = KlingError("it <b>broke</b>", fix="Mend it.", billed="yes")
    bundle = task_figure.of_error(translated(error), ["5 s"], ["a note"])
    assert "&lt;b&gt;broke" in bundle["text/html"]
    lines = bundle["text/plain"].split("\n")
    assert lines == [
        "KlingError: it <b>broke</b>.",
        "Mend it.",
        "It was billed. · 5 s",
        "Note: a note",
    ]


def _fresh(kling) -> Job:
    """A job that has not begun."""
    workspace = current_workspace()
    workspace._client = kling
    request = kling.image_generation.request(prompt="a barn")
    return Job(workspace, request.endpoint, Settings(), live=CellCard, request=request)

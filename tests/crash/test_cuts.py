"""The connection is cut at every byte of a create and of its answer; the task is made once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Literal

import pytest
from helpers.proxy import Cut, Proxy
from job import PACE
from verdict import Before

from kling_core import Kling, Sandbox
from kling_core.errors import SubmitOutcomeUnknown

Side = Literal["request", "answer"]

LANES = 4
"""Cuts are tried side by side, each lane with a proxy and a ledger of its own."""

POINTS = 7
"""In the quick run so many cuts, spread evenly, beside those next to the ends."""

PATHS = {"text2video": "text_to_video", "lip-sync": "lip_sync"}


class Lane:
    """A client behind a proxy of its own, with a clip of its own to lip-sync."""

    video_id = ""

    def __init__(self, stack: ExitStack, sandbox: Sandbox, ledger: str, folder: Path) -> None:
        self.proxy = stack.enter_context(Proxy(sandbox.url))
        self.kling = stack.enter_context(
            Kling(
                base_url=self.proxy.url,
                api_key=sandbox.api_key,
                home=folder,
                ledger=ledger,
                pace=PACE,
            )
        )
        stack.callback(self.kling.tasks.ledger.close)

    def film(self) -> None:
        """Make the clip, and a speech for it, which shows how Kling names clips."""
        made = self.kling.text_to_video.create(prompt="a face").wait()
        self.video_id = made.videos[0].id
        self._create("lip-sync", "the first")

    def cut(self, path: str, side: Side, at: int) -> int:
        """One create whose connection is cut; returns the length of that side."""
        cut = self.proxy.cut(Cut(side, at, path=f"/v1/videos/{path}"))
        self._create(path, f"number {at:04}")
        assert cut.done.is_set()
        return cut.length

    def _create(self, path: str, name: str) -> None:
        fields: dict[str, Any] = {"prompt": "a red kite", "external_task_id": name}
        if path == "lip-sync":
            fields = {"video_id": self.video_id, "text": name, "voice_id": "oversea_male1"}
        request = getattr(self.kling, PATHS[path]).request(**fields)
        while True:
            try:
                dedupe = None if "external_task_id" in fields else 3600.0
                assert self.kling.submit(request, dedupe=dedupe).task_id
                return
            except SubmitOutcomeUnknown as error:  # until it is certain: then the same call again
                left = (error.settles_at or 0.0) - self.kling.tasks.ledger.now()
                threading.Event().wait(max(0.0, left) + 0.02)


@pytest.fixture(params=["sqlite", "postgresql"])
def lanes(
    request: pytest.FixtureRequest, fresh_sandbox: Sandbox, tmp_path: Path
) -> Iterator[list[Lane]]:
    """The lanes, once with each store."""
    with ExitStack() as stack:
        lanes: list[Lane] = []
        for number in range(LANES):
            folder = tmp_path / str(number)
            if request.param == "sqlite":
                ledger = str(folder / "ledger.db")
            else:
                ledger = request.getfixturevalue("postgres_server").database()
            lanes.append(Lane(stack, fresh_sandbox, ledger, folder))
        yield lanes


def cut_everywhere(
    lanes: list[Lane], sandbox: Sandbox, path: str, side: Side, *, every: bool
) -> int:
    """Cut creates at many bytes or at each; assert that each was made once. Returns how many."""
    if path == "lip-sync":
        for lane in lanes:
            lane.film()
        assert sandbox.wait_idle(60)
    before = Before(sandbox)
    length = lanes[0].cut(path, side, 0)
    points = set(range(1, length + 1, 1 if every else length // POINTS)) | {length - 1, length}
    shares = [sorted(points)[number :: len(lanes)] for number in range(len(lanes))]

    def work(lane: Lane, share: list[int]) -> None:
        for at in share:
            lane.cut(path, side, at)

    with ThreadPoolExecutor(len(lanes)) as pool:
        list(pool.map(work, lanes, shares))
    wanted = 1 + len(points)
    assert sandbox.wait_idle(60)
    made = {task.task_id for task in sandbox.tasks} - before.tasks
    assert len(made) == wanted
    assert sandbox.stats.billed_tasks - before.billed == wanted
    ledgers = [lane.kling.tasks.ledger for lane in lanes]
    rows = [row for ledger in ledgers for row in ledger.rows(endpoint=PATHS[path])]
    rows = [row for row in rows if row.task_id not in before.tasks]
    assert {row.task_id for row in rows} == made
    assert len(rows) == wanted
    return wanted


@pytest.mark.parametrize("side", ["request", "answer"])
@pytest.mark.parametrize("path", sorted(PATHS))
def test_a_create_is_cut_at_some_bytes(
    lanes: list[Lane], fresh_sandbox: Sandbox, path: str, side: Side
) -> None:
    """At the ends and at some bytes between them."""
    cut_everywhere(lanes, fresh_sandbox, path, side, every=False)


@pytest.mark.heavy
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("side", ["request", "answer"])
@pytest.mark.parametrize("path", sorted(PATHS))
def test_a_create_is_cut_at_every_byte(
    lanes: list[Lane], fresh_sandbox: Sandbox, path: str, side: Side
) -> None:
    """At each byte of the request, or of the answer."""
    cuts = cut_everywhere(lanes, fresh_sandbox, path, side, every=True)
    print(f"\n{cuts} cuts of the {side} of {path}")  # noqa: T201

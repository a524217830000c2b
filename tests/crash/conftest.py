"""Fixtures of the crash suite: a sandbox, a proxy before it, and the nursery."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from helpers.proxy import Proxy
from nursery import Nursery

from kling_core import Kling, Sandbox
from kling_core.sandbox import SandboxTask
from kling_core.sandbox.jobs import Bench, Job, Output

PLENTY = {"limit": 1000, "image_limit": 1000, "units": 10**9, "image_units": 10**9}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """A sandbox whose clips take a tenth of a second, so that there is something to wait for."""
    with Sandbox(quality="test", speed=1000, **PLENTY) as sandbox:
        render_once(sandbox)
        yield sandbox


def render_once(sandbox: Sandbox) -> None:
    """Make each clip once and hand out copies: these tests look at where files go, not at them."""
    lifecycle: Any = sandbox._lifecycle
    begin, made = lifecycle.begin, dict[tuple[str, ...], list[Output]]()
    lifecycle._bench.fps = 1

    def make(task: SandboxTask, job: Job, bench: Bench) -> list[Output]:
        key = (task.endpoint, *(() if task.endpoint == "lip_sync" else job.prompts))
        if key not in made:
            made[key] = job.make(bench)
        return [_copy(output, bench) for output in made[key]]

    def begin_with_copies(task: SandboxTask, timer: Any, **options: Any) -> None:
        task.job = replace(task.job, make=partial(make, task, task.job))
        begin(task, timer, **options)

    lifecycle.begin = begin_with_copies


def _copy(output: Output, bench: Bench) -> Output:
    path = bench.path(output.path.suffix)
    return replace(output, path=Path(shutil.copy(output.path, path)))


@pytest.fixture
def fresh_sandbox() -> Iterator[Sandbox]:
    """A sandbox for one test; its tasks take almost no time."""
    with Sandbox(quality="test", speed=20000, **PLENTY) as sandbox:
        render_once(sandbox)
        yield sandbox


@pytest.fixture(scope="module")
def source_video(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A finished clip that can be lip-synced."""
    folder = tmp_path_factory.mktemp("source")
    with Kling(sandbox=sandbox, output_dir=folder) as kling:
        return kling.text_to_video.create(prompt="a face").wait().videos[0].id


@pytest.fixture(scope="module")
def proxy(sandbox: Sandbox) -> Iterator[Proxy]:
    """All requests of the children go through it."""
    with Proxy(sandbox.url) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def nursery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nursery]:
    """The warm parent of all children."""
    with Nursery() as nursery:
        yield nursery

"""Fixtures of the crash suite: a sandbox, a proxy before it, and the nursery."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from helpers.proxy import Proxy
from kling_core import Kling, Sandbox
from nursery import Nursery

PLENTY = {"limit": 1000, "image_limit": 1000, "units": 10**9, "image_units": 10**9}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """A sandbox whose clips take a tenth of a second, so that there is something to wait for."""
    with Sandbox(quality="test", speed=1000, **PLENTY) as sandbox:
        lifecycle: Any = sandbox._lifecycle
        lifecycle._bench.fps = 1
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

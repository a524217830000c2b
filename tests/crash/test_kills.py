"""A child is killed with SIGKILL at every step; afterwards everything is there, once."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from helpers.proxy import Cut, Proxy
from nursery import Nursery
from scenario import Stage, targets

from kling_core import Sandbox

TAKEN_UP = ("resume job", "job")
"""What follows a crash: `kling.tasks.resume`, then the job again; or only the job again."""

SHARE = {"sqlite": 2, "postgresql": 6}
"""In the quick run every second moment on SQLite, and every sixth on PostgreSQL."""


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def stage(
    request: pytest.FixtureRequest,
    sandbox: Sandbox,
    proxy: Proxy,
    nursery: Nursery,
    source_video: str,
) -> Iterator[Stage]:
    """Where the children work, once with each store; tells the kills at the end."""

    def file(folder: Path) -> str:
        return str(folder / "ledger.db")

    def database(_: Path) -> str:
        return request.getfixturevalue("postgres_server").database()

    ledger: Callable[[Path], str] = file if request.param == "sqlite" else database
    stage = Stage(request.param, sandbox, proxy, nursery, source_video, ledger)
    yield stage
    print(f"\n{sum(stage.kills.values())} kills on {request.param}:")  # noqa: T201
    for name, count in sorted(stage.kills.items()):
        print(f"{count:4} {name}")  # noqa: T201


@pytest.fixture
def store(request: pytest.FixtureRequest) -> str:
    """The name of the store that the test runs on."""
    return request.node.callspec.params["stage"]


@pytest.mark.timeout(600)
def test_a_child_is_killed_at_each_of_its_moments(stage: Stage, store: str) -> None:
    """Before each effect, each commit and each change of a file: nothing is lost or doubled."""
    ways = itertools.cycle(TAKEN_UP)
    moments = targets(stage.whole(), most=1)[:: SHARE[store]]
    for target in moments:
        stage.killed_at(target, how=next(ways))


@pytest.mark.timeout(300)
@pytest.mark.parametrize("path", ["text2video", "lip-sync", "generations"])
def test_a_child_is_killed_in_the_middle_of_a_create(stage: Stage, path: str) -> None:
    """With half a request out, accepted without an answer, and with half an answer in."""
    ways = itertools.cycle(TAKEN_UP)
    for side, at in (("request", 1), ("request", 200), ("answer", 0), ("answer", 150)):
        place = "images" if path == "generations" else "videos"
        cut = Cut(side, at, path=f"/v1/{place}/{path}")
        stage.killed_by_cut(cut, f"POST {path}: {side} cut at {at}", how=next(ways))


@pytest.mark.heavy
@pytest.mark.timeout(3600)
def test_a_child_is_killed_at_the_other_moments_too(stage: Stage, store: str) -> None:
    """The second and third time that a moment comes: other tasks, other states."""
    ways = itertools.cycle(reversed(TAKEN_UP))
    moments = stage.whole()
    done = set(targets(moments, most=1)[:: SHARE[store]])
    for target in targets(moments, most=3):
        if target not in done:
            stage.killed_at(target, how=next(ways))


@pytest.mark.heavy
@pytest.mark.timeout(3600)
def test_who_takes_up_the_work_is_killed_as_well(stage: Stage) -> None:
    """A crash during the recovery from a crash, and one during the recovery from that."""
    ways = itertools.cycle(TAKEN_UP)
    moments = targets(stage.whole(), most=1)
    for number, first in enumerate(moments):
        second = moments[(number * 7 + 3) % len(moments)]
        third = moments[(number * 11 + 5) % len(moments)]
        stage.killed_at(first, second, third, how=next(ways))


@pytest.mark.heavy
@pytest.mark.timeout(900)  # the databases of all kills are removed after it
def test_two_hundred_kills_were_survived(stage: Stage) -> None:
    """All of the above together, on this store."""
    assert sum(stage.kills.values()) >= 200

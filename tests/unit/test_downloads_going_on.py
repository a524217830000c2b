"""Downloads that take long: many pieces, a holder that sleeps, a file that was emptied."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from helpers.clips import clip
from helpers.scripted import Script, client_of, envelope, outcome, task

from kling_core.caller_warnings import heard_by
from kling_core.declare import registry
from kling_core.errors import DownloadError
from kling_core.file_lock import Hold
from kling_core.flows import download, fetch, rescue, resume
from kling_core.wire.effects import Saved

pytestmark = pytest.mark.filterwarnings(
    "ignore:.*is not what was asked for:kling_core.errors.KlingWarning"
)

T2V = registry.get("t2v")
SIZE = 2048
DATA = clip(SIZE, side=16, frames=1)
TAG = '"one"'
KINDS = pytest.mark.parametrize("kind", ["sync", "async"])


def finished() -> dict[str, Any]:
    videos = [{"id": "7", "url": "http://media.test/7.mp4", "duration": "5"}]
    return task("123456789012345678", "succeed", task_result={"videos": videos})


def broken(start: int, end: int) -> tuple[Saved, bytes]:
    """A piece that ends early."""
    status = 206 if start else 200
    return Saved(status, SIZE, failure="ReadError", validator=TAG), DATA[start:end]


@KINDS
def test_whoever_brings_something_is_asked_again(kind: str, tmp_path: Path) -> None:
    """Twenty broken pieces, each with something new, make a file; none is asked for twice."""
    saves: list[Any] = [broken(at, at + 100) for at in range(0, 2000, 100)]
    saves.append((Saved(206, SIZE, validator=TAG), DATA[2000:]))
    script = Script(saves=saves)
    run: Callable[[Any], Any] = lambda c: c.task(T2V, finished()).videos[0].download(tmp_path)  # noqa: E731
    path = outcome(run, client_of(kind, script))
    assert path.read_bytes() == DATA
    assert [entry[2] for entry in script.trace if entry[0] == "save"] == list(range(0, 2100, 100))
    assert set(script.sleeps) == {1}


@KINDS
@pytest.mark.parametrize("first", [0, 3])
def test_whoever_brings_nothing_is_given_up(kind: str, first: int, tmp_path: Path) -> None:
    """After some pieces in a row without anything new; what has come stays for another time."""
    saves: list[Any] = [broken(at * 100, at * 100 + 100) for at in range(first)]
    script = Script(saves=[*saves, *[Saved(0, failure="ConnectError")] * 9])
    run: Callable[[Any], Any] = lambda c: c.task(T2V, finished()).videos[0].download(tmp_path)  # noqa: E731
    error = outcome(run, client_of(kind, script))
    assert isinstance(error, DownloadError)
    asked = len([entry for entry in script.trace if entry[0] == "save"])
    assert asked == fetch.ATTEMPTS + max(first - 1, 0)


@KINDS
def test_crumbs_are_given_up(kind: str, tmp_path: Path) -> None:
    """A host that gives a byte at a time would need for ever: there is an end to it."""
    script = Script(saves=[broken(at, at + 1) for at in range(200)])
    run: Callable[[Any], Any] = lambda c: c.task(T2V, finished()).videos[0].download(tmp_path)  # noqa: E731
    error = outcome(run, client_of(kind, script))
    assert isinstance(error, DownloadError)
    assert len([entry for entry in script.trace if entry[0] == "save"]) == fetch.CRUMBS[0]


@KINDS
def test_a_part_without_a_name_for_its_content(kind: str, tmp_path: Path) -> None:
    """A host that names no content is asked from the beginning: nothing is stitched on trust."""
    saves: list[Any] = [
        (Saved(200, SIZE, failure="ReadError"), DATA[:900]),
        (Saved(200, SIZE), DATA),
    ]
    script = Script(saves=saves)
    run: Callable[[Any], Any] = lambda c: c.task(T2V, finished()).videos[0].download(tmp_path)  # noqa: E731
    assert outcome(run, client_of(kind, script)).read_bytes() == DATA
    assert [entry[2] for entry in script.trace if entry[0] == "save"] == [0, 0]


@KINDS
@pytest.mark.parametrize(
    "first",
    [(Saved(200, 9000, failure="ReadError"), DATA[:9]), (Saved(200, 9), b"<!doctype")],
    ids=["broken", "a page"],
)
def test_a_length_that_was_another_answers(kind: str, first: Any, tmp_path: Path) -> None:
    """An answer that announces no length is not measured by what the one before announced."""
    script = Script(saves=[first, (Saved(200), DATA)], answers=[envelope(finished())] * 3)
    run: Callable[[Any], Any] = lambda c: c.task(T2V, finished()).videos[0].download(tmp_path)  # noqa: E731
    assert outcome(run, client_of(kind, script)).read_bytes() == DATA


# --- somebody else holds it ----------------------------------------------------------------


@dataclass
class Beside(Script):
    """A script beside which another process does something each time that we rest."""

    other: Callable[[float], None] = field(default=lambda _: None)

    def rest(self, seconds: float) -> None:
        super().rest(seconds)
        self.other(self.clock.now)


def part_of(target: Path) -> Path:
    return target.with_name(f"{target.name}.123456789012345678-0.part")


@KINDS
def test_a_suspended_holder_is_told_and_left(kind: str, tmp_path: Path) -> None:
    """The wait is told; when nothing comes of it for a minute, the file is fetched beside it."""
    target = tmp_path / "clip.mp4"
    hold = Hold.take(part_of(target))
    assert hold is not None
    script = Beside(saves=[(Saved(200, SIZE), DATA)])
    told: list[str] = []
    with heard_by(told.append):
        path = outcome(
            lambda c: c.task(T2V, finished()).videos[0].download(target), client_of(kind, script)
        )
    assert path.read_bytes() == DATA
    assert ["waiting for that" in one for one in told[:2]] == [True, False]
    assert "is it suspended?" in told[1]
    assert sum(script.sleeps) == pytest.approx(download.STALLED, abs=2)
    hold.release()


@KINDS
def test_a_holder_at_work_is_waited_for(kind: str, tmp_path: Path) -> None:
    """A slow download of another process is not doubled: it is waited for, and its file given."""
    target = tmp_path / "clip.mp4"
    part = part_of(target)
    hold = Hold.take(part)
    assert hold is not None
    client: Any = None

    def grow(now: float) -> None:
        if now < begin + 300:
            with part.open("ab") as file:
                file.write(b".")
        elif not target.exists():
            target.write_bytes(DATA)
            ledger = client.session.ledger()
            ledger.keep(ledger.rows()[0].id, 0, path=target, sha256="", size=SIZE, audit="")

    script = Beside(other=grow)
    begin, client = script.clock.now, client_of(kind, script)
    told: list[str] = []
    with heard_by(told.append):
        path = outcome(lambda c: c.task(T2V, finished()).videos[0].download(target), client)
    assert path == target
    assert len(told) == 1
    assert "save" not in {entry[0] for entry in script.trace}
    hold.release()


# --- what became of a file afterwards ------------------------------------------------------


@KINDS
@pytest.mark.parametrize("rest", [0, 1000])
def test_what_is_left_of_a_file_is_made_whole(kind: str, rest: int, tmp_path: Path) -> None:
    """A file that a power cut emptied or cut short is open again, and gets its bytes back."""
    script = Script(saves=[(Saved(200, SIZE), DATA)] * 2)
    client = client_of(kind, script)
    path = outcome(lambda c: c.task(T2V, finished()).videos[0].download(tmp_path / "a.mp4"), client)
    ledger = script.sessions[0].ledger()
    assert resume.unsaved(ledger) == []
    path.write_bytes(DATA[:rest])
    assert [row.task_id for row in resume.unsaved(ledger)] == ["123456789012345678"]
    assert [kept.on_disk for _, kept in rescue.missing(ledger)] == [False]
    again = outcome(
        lambda c: c.task(T2V, finished()).videos[0].download(tmp_path / "a.mp4"), client
    )
    assert again == path
    assert path.read_bytes() == DATA
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.mp4", "a.mp4.json"]
    assert resume.unsaved(ledger) == []


@KINDS
def test_what_somebody_else_put_there_stays(kind: str, tmp_path: Path) -> None:
    """A file of that name with another content is nobody's rest: the clip goes beside it."""
    script = Script(saves=[(Saved(200, SIZE), DATA)] * 2)
    client = client_of(kind, script)
    path = outcome(lambda c: c.task(T2V, finished()).videos[0].download(tmp_path / "a.mp4"), client)
    path.write_bytes(b"mine")
    again = outcome(
        lambda c: c.task(T2V, finished()).videos[0].download(tmp_path / "a.mp4"), client
    )
    assert (again.name, path.read_bytes()) == ("a-2.mp4", b"mine")

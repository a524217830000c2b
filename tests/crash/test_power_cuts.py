"""The plug is pulled at each operation of a download: ledger and files agree at every one."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from helpers.clips import clip
from helpers.power import WORLDS, Disk, Moment, Tree, recorded
from helpers.scripted import Script, client_of, outcome, task

from kling_core import file_lock
from kling_core.declare import registry
from kling_core.errors import KlingError
from kling_core.flows import adopt, resume
from kling_core.wire.effects import Saved

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*is not what was asked:kling_core.errors.KlingWarning"),
    pytest.mark.skipif(sys.platform != "linux", reason="reads /proc"),
]

T2V = registry.get("t2v")
SIZE = 2048
DATA = clip(SIZE, side=16, frames=1)
TAG = '"one"'
PIECES: list[Any] = [
    (Saved(200, SIZE, failure="ReadError", validator=TAG), DATA[:900]),
    (Saved(206, SIZE, validator=TAG), DATA[900:]),
]
"""The download that is cut: it breaks once, and is taken up again."""

WHOLE: list[Any] = [(Saved(200, SIZE, validator=TAG), DATA)]


def finished() -> dict[str, Any]:
    videos = [{"id": "7", "url": "http://media.test/7.mp4", "duration": "5"}]
    made = 1_800_000_000_000
    more = {"created_at": made, "updated_at": made, "task_result": {"videos": videos}}
    return task("123456789012345678", "succeed", **more)


@dataclass
class Traced(Script):
    """A script that tells the disk when a piece has been written, and the ledger has committed."""

    disk: Disk | None = None

    def store(self, effect: Any) -> Saved:
        saved = super().store(effect)
        if self.disk is not None:
            self.disk.cut("a piece")
        return saved


def client_with_the_task(script: Script, kind: str) -> Any:
    """A client whose ledger knows the finished task."""
    client = client_of(kind, script)
    said = {**finished(), "final_unit_deduction": "1.5"}  # or a resume would ask for it
    adopt.adopt(client.session.ledger(), T2V, said)
    return client


def download(disk: Disk, kind: str) -> None:
    """Fetch and keep the clip in the output folder, which is not there yet."""
    client = client_with_the_task(Traced(saves=list(PIECES), disk=disk), kind)
    ledger = client.session.ledger()
    keep = ledger.keep

    def told(*given: Any, **facts: Any) -> None:
        disk.cut("before the ledger says kept")
        keep(*given, **facts)
        disk.kept = facts
        disk.cut("after the ledger says kept")

    ledger.keep = told
    result = outcome(lambda c: c.task(T2V, finished()).videos[0].download(), client)
    assert isinstance(result, Path), result


@dataclass
class Trouble:
    """A moment at which ledger and files do not agree."""

    moment: Moment
    world: str
    what: str


def check(disk: Disk, moment: Moment, world: str, kind: str) -> Iterator[str]:
    """What is wrong when the power goes here: nothing, it is hoped."""
    tree: Tree = moment.trees[world]
    disk.become(tree)
    for path, content in tree.items():
        if path.endswith(".mp4") and content != DATA:
            yield f"{path} has its name and {len(content or b'')} of {SIZE} bytes"
    script = Script(saves=list(WHOLE))
    client = client_with_the_task(script, kind)
    ledger = client.session.ledger()
    (row,) = ledger.rows()
    if moment.kept is not None:
        ledger.keep(row.id, 0, **moment.kept)
        place = Path(moment.kept["path"])
        if not place.is_file() or place.read_bytes() != DATA:
            yield "the ledger says kept, and the file is not there"
        elif not _tells(place.with_name(f"{place.name}.json")):
            yield "the ledger says kept, and the sidecar tells nothing"
    wanted = [] if ledger.kept()[0].on_disk else [row.id]
    if [one.id for one in resume.unsaved(ledger)] != wanted:
        yield "what is not saved is not known to be so"
    settled = outcome(lambda c: c.tasks.resume(), client)
    if isinstance(settled, KlingError) or settled.doubtful:
        yield f"resume does not bring it: {settled}"
        return
    (kept,) = ledger.kept()
    if not kept.on_disk or Path(kept.path or "").read_bytes() != DATA:
        yield "after resume it is not there"
    if len(script.trace) != len(wanted):
        yield "resume fetched what was there, or did not fetch"


def _tells(sidecar: Path) -> bool:
    try:
        return json.loads(sidecar.read_bytes())["size"] == SIZE
    except (OSError, ValueError):
        return False


def troubles(disk: Disk, kind: str) -> list[Trouble]:
    found: list[Trouble] = []
    seen: set[str] = set()
    for moment in disk.moments:
        for world in WORLDS:
            state = repr((moment.kept is None, sorted(moment.trees[world].items())))
            if state not in seen:  # the same disk needs no second look
                seen.add(state)
                found += [Trouble(moment, world, what) for what in check(disk, moment, world, kind)]
    return found


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_ledger_and_files_agree_at_every_cut(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kept means that the whole file is there; what is not kept is fetched by `resume`."""
    (tmp_path / "disk").mkdir()
    monkeypatch.chdir(tmp_path / "disk")
    with recorded(tmp_path / "disk") as disk:
        download(disk, kind)
    assert [
        f"{t.world} survives, cut after {t.moment.after}: {t.what}" for t in troubles(disk, kind)
    ] == []
    told = [moment.after for moment in disk.moments]
    assert told.count("a piece") == 2
    assert {"mkdir out", "fsync", "before the ledger says kept"} <= set(told)
    assert len(told) > 15


def _nothing(*_: Any) -> None:
    """Is done for whoever asks for a sync."""


@pytest.mark.parametrize(
    "left_out, what",
    [
        ("flows.download.sync", "bytes"),
        ("flows.download.sync_folder", "the ledger says kept, and the file is not there"),
        ("file_lock._flush", "the ledger says kept, and the file is not there"),
    ],
)
def test_the_disk_of_this_test_forgets(
    left_out: str, what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without one of the syncs there is a cut at which they do not agree, and it is found."""
    (tmp_path / "disk").mkdir()
    monkeypatch.chdir(tmp_path / "disk")
    monkeypatch.setattr(f"kling_core.{left_out}", _nothing)
    if left_out == "flows.download.sync_folder":  # which that of the sidecar would do too
        monkeypatch.setattr(file_lock, "sync_folder", _nothing)
    with recorded(tmp_path / "disk") as disk:
        download(disk, "sync")
    assert any(what in trouble.what for trouble in troubles(disk, "sync"))

"""One rescue for all faces: what is fetched, what is told, and how often Kling is asked."""

from __future__ import annotations

import asyncio
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from helpers.agents import made, server
from helpers.ledgers import answer, way_to
from helpers.sandboxes import FAST
from helpers.shell import Shell
from mcp import Client

from kling_core import AsyncKling, Kling, KlingWarning, Sandbox, client
from kling_core.cli.main import main
from kling_core.commands import rescue
from kling_core.declare import registry
from kling_core.flows import adopt
from kling_core.ledger.ledger import Ledger

DAY = 86_400
PURGED, LONG_AGO = 5, 2
"""Outputs that Kling has thrown away: those that are still looked at, and older ones."""


@dataclass
class Place:
    """An account at Kling with one clip to be had; the ledger knows many that are purged."""

    sandbox: Sandbox
    folder: Path
    clip: Path

    def options(self) -> dict[str, Any]:
        return {
            "sandbox": self.sandbox,
            "home": self.folder / "home",
            "output_dir": self.folder / "clips",
            "pace": replace(FAST),
        }


def python(place: Place) -> str:
    """`kling.tasks.rescue()`."""
    with Kling(**place.options()) as kling, warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", KlingWarning)
        paths = kling.tasks.rescue()
    return "\n".join([*map(str, paths), *(str(one.message) for one in told)])


def awaited(place: Place) -> str:
    """The same, with `await`."""

    async def run() -> list[Path]:
        async with AsyncKling(**place.options()) as kling:
            return await kling.tasks.rescue()

    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", KlingWarning)
        paths = asyncio.run(run())
    return "\n".join([*map(str, paths), *(str(one.message) for one in told)])


def command(place: Place, capsys: pytest.CaptureFixture[str]) -> str:
    """`kling rescue`."""
    assert main(["rescue"]) == 0
    return "".join(capsys.readouterr())


def magic(place: Place, capsys: pytest.CaptureFixture[str]) -> str:
    """`%kling rescue`."""
    with Kling(**place.options()) as kling:
        shell = Shell(kling)
        shell.run("%kling rescue")
        shell.close()
    return "".join(capsys.readouterr())


def tool(place: Place) -> str:
    """`kling_recover_tasks`."""

    async def run() -> dict[str, Any]:
        async with Client(server(place.sandbox, place.folder)) as agent:
            wanted = {"from_kling": True, "download": True}
            return await made(agent, "kling_recover_tasks", wanted)

    facts = asyncio.run(run())
    return "\n".join([*facts["saved"], *facts["warnings"]])


FACES: dict[str, Callable[..., str]] = {
    "python": python,
    "await": awaited,
    "command": command,
    "magic": magic,
    "tool": tool,
}


@pytest.fixture
def place(sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """As it is after 30 days: of most outputs Kling knows nothing, nor has it their files."""
    monkeypatch.chdir(tmp_path)
    for name, value in {
        "KLING_HOME": str(tmp_path / "home"),
        "KLING_OUTPUT_DIR": str(tmp_path / "clips"),
        "KLING_BASE_URL": sandbox.url,
        "KLING_ACCESS_KEY": sandbox.access_key,
        "KLING_SECRET_KEY": sandbox.secret_key,
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(client, "Pace", lambda: client.SANDBOX_PACE)
    found = Place(sandbox, tmp_path, tmp_path)
    with Kling(**found.options()) as kling:
        path = kling.text_to_video.run(prompt="a boat").videos[0].path
        assert path is not None
        found.clip = path
        path.unlink()
        purged(kling.session.ledger(), sandbox.url)
    return found


def purged(ledger: Ledger, url: str) -> None:
    """Rows of tasks whose 30 days are over, with the links that their outputs had."""
    for number in range(PURGED + LONG_AGO):
        age = (30.5 if number < PURGED else 33) * DAY
        when = round(1000 * (time.time() - age))
        dead = {
            "task_result": {"videos": [{"id": f"v{number}", "url": f"{url}/gone/{number}.mp4"}]}
        }
        said = answer(f"88000{number}", "succeed", created_at=when, updated_at=when, **dead)
        assert adopt.adopt(ledger, way_to("text_to_video"), said)


@pytest.mark.parametrize("face", FACES)
def test_nothing_is_asked_about_what_is_purged(
    face: str, place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    """The lists are read once, the one clip is fetched, and nothing else is asked."""
    before = place.sandbox.stats.requests.copy()
    given = (place, capsys) if face in ("command", "magic") else (place,)
    said = FACES[face](*given)
    asked = place.sandbox.stats.requests - before
    assert place.clip.name in said
    assert len(list(place.folder.rglob(place.clip.name))) == 1
    lists = {("GET", endpoint.path) for endpoint in registry.endpoints()}
    assert set(asked) <= {*lists, ("GET", "/media/{token}")}
    assert set(asked.values()) == {1}
    warned = said.count("no longer at Kling")
    assert warned == {"python": PURGED, "await": PURGED, "tool": 1}.get(face, 0)
    if face in ("command", "magic"):
        assert f"1 fetched, {PURGED + LONG_AGO} purged at Kling" in said
    if face == "tool":
        assert f"{PURGED + LONG_AGO} outputs are no longer at Kling" in said


def test_what_it_says(place: Place) -> None:
    """The result has every output once, and the listener is told it as it comes."""
    told: list[Any] = []
    with Kling(**place.options()) as kling:
        done = rescue.rescue(kling, None, told.append)
    assert told == [rescue.Rescue(done.new), *done.found]
    assert [path for _, path in done.fetched] == [place.clip]
    assert (done.new, done.older, done.purged) == (0, LONG_AGO, PURGED + LONG_AGO)
    assert done.errors == []
    gone = [one for one in done.found if one.purged]
    assert len(gone) == PURGED
    assert {str(one.error) for one in gone} == {
        "output 1 is no longer at Kling. Kling keeps results for 30 days."
    }

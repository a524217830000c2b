"""Media hosts that answer something else than the clip: nothing but the clip is ever kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from helpers.media_host import CLIP, LIES, OTHER, SIZE, TASK_ID, Host, Lie, media_host

from kling_core import AsyncKling, Kling
from kling_core.cli.main import main
from kling_core.declare import registry
from kling_core.errors import DownloadError
from kling_core.flows import fetch, late_results, resume
from kling_core.flows.session import Pace

pytestmark = pytest.mark.filterwarnings(
    "ignore:.*is not what was asked for:kling_core.errors.KlingWarning"
)

PACE = Pace(poll_floor=0.01, poll_ceiling=0.02, retry_first=0.001, recheck=0.01, line_tick=0.01)


@pytest.fixture
def host() -> Iterator[Host]:
    with media_host() as running:
        yield running


@pytest.fixture
def client(make_driver: Any, host: Host, tmp_path: Path) -> Any:
    """A client of either kind, whose API and media are that host's."""
    home = tmp_path / "home"
    return make_driver(api_key="k", base_url=host.url, home=home, pace=replace(PACE), timeout=5)


def clip_of(driver: Any, host: Host) -> Any:
    return driver.client.task(registry.get("t2v"), host.task()).videos[0]


def ledger_of(driver: Any) -> Any:
    return driver.client.session.ledger()


def left_behind(driver: Any, folder: Path) -> fetch.Part:
    """The part that a process before this one would have left."""
    notes = driver.client.session.settings.home / "parts"
    return fetch.Part(folder / "clip.mp4", f"{TASK_ID}-0", notes)


def named(folder: Path) -> dict[str, bytes]:
    """What has the name of a clip."""
    return {path.name: path.read_bytes() for path in folder.rglob("*.mp4")}


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_a_lie_is_outlived(lie: Lie, times: int, client: Any, host: Host, tmp_path: Path) -> None:
    """The host lies some times and is well again: the clip that is kept is the clip."""
    host.lie, host.times = lie, times
    path = client.do(clip_of(client, host).download(tmp_path / "clip.mp4"))
    assert path.read_bytes() in (CLIP, OTHER) if lie is CHANGED else path.read_bytes() == CLIP
    (kept,) = ledger_of(client).kept()
    assert kept.on_disk
    assert sorted(p.name for p in tmp_path.iterdir() if p.is_file()) == [
        "clip.mp4",
        "clip.mp4.json",
    ]


CHANGED = LIES["the whole of a changed file"]


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_a_lie_is_never_kept(lie: Lie, client: Any, host: Host, tmp_path: Path) -> None:
    """The host lies for ever: an error, no file of that name, and the output stays open."""
    host.lie = lie
    clip = clip_of(client, host)
    with pytest.raises(DownloadError) as told:
        client.do(clip.download(tmp_path / "clip.mp4"))
    assert (told.value.task_id, told.value.billed) == (TASK_ID, "yes")
    assert named(tmp_path) == {}
    (row,) = resume.unsaved(ledger_of(client))
    assert row.task_id == TASK_ID
    host.lie = None
    path = client.do(clip.download(tmp_path / "clip.mp4"))
    assert path.read_bytes() == CLIP
    assert resume.unsaved(ledger_of(client)) == []


def test_a_lie_is_answered_by_a_fresh_link(client: Any, host: Host, tmp_path: Path) -> None:
    """Each time the task is asked for another link."""
    host.lie, host.times = LIES["a page of HTML"], 2
    client.do(clip_of(client, host).download(tmp_path / "clip.mp4"))
    assert [asked.query for asked in host.asked] == ["look=1", "look=2", "look=3"]


def test_a_part_is_continued_by_another_process(client: Any, host: Host, tmp_path: Path) -> None:
    """What a process left is taken up by the next one, if it is still the same file."""
    part = left_behind(client, tmp_path)
    part.path.write_bytes(CLIP[:1000])
    part.begun('"one"', SIZE)
    path = client.do(clip_of(client, host).download(tmp_path / "clip.mp4"))
    assert path.read_bytes() == CLIP
    assert [(asked.offset, asked.condition) for asked in host.asked] == [(1000, '"one"')]


def test_a_part_of_nobody_knows_what_begins_anew(client: Any, host: Host, tmp_path: Path) -> None:
    """Without what names its content, nothing is stitched to it."""
    left_behind(client, tmp_path).path.write_bytes(OTHER[:1000])
    path = client.do(clip_of(client, host).download(tmp_path / "clip.mp4"))
    assert path.read_bytes() == CLIP
    assert [asked.offset for asked in host.asked] == [None]


def test_a_host_that_drips(make_driver: Any, host: Host, tmp_path: Path) -> None:
    """A host that sends next to nothing is left, taken up again, and given up in the end."""
    driver = make_driver(
        api_key="k", base_url=host.url, home=tmp_path / "home", pace=replace(PACE), timeout=0.2
    )
    host.pace = (1, 0.03)
    with pytest.raises(DownloadError, match="next to nothing came"):
        driver.do(clip_of(driver, host).download(tmp_path / "clip.mp4"))
    assert len(host.asked) == fetch.ATTEMPTS
    host.pace = (40_000, 0.03)
    path = driver.do(clip_of(driver, host).download(tmp_path / "clip.mp4"))
    assert path.read_bytes() == CLIP


# --- results that come late ----------------------------------------------------------------


def test_a_result_that_comes_late(client: Any, host: Host, tmp_path: Path) -> None:
    """`succeed` before `task_result`: asked on, and kept; not "saved" of nothing meanwhile."""
    host.unnamed = 5
    task = client.do(client.client.text_to_video.run(prompt="a boat", out=tmp_path / "clips"))
    assert task.complete
    assert list(named(tmp_path / "clips").values()) == [CLIP]
    assert host.posts == 1


@pytest.mark.parametrize("wait", ["run", "wait"])
def test_a_result_that_never_comes(
    wait: str, client: Any, host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error that says what it means; it is in `resume`, which brings it when it comes."""
    monkeypatch.setattr(late_results, "PATIENCE", 3.0)
    host.unnamed = 1000
    calls = client.client.text_to_video

    def made() -> Any:
        if wait == "run":
            return client.do(calls.run(prompt="a boat", out=tmp_path / "clips"))
        return client.do(client.do(calls.create(prompt="a boat")).wait())

    with pytest.raises(DownloadError, match="does not name its result") as told:
        made()
    assert (told.value.billed, told.value.task_id) == ("yes", TASK_ID)
    (row,) = resume.unsaved(ledger_of(client))
    assert (row.task_id, row.state) == (TASK_ID, "succeeded")
    settled = client.do(client.client.tasks.resume())
    assert [str(error) for _, error in settled.doubtful] == [str(told.value)]
    host.unnamed = 0
    settled = client.do(client.client.tasks.resume())
    assert settled.doubtful == []
    assert resume.unsaved(ledger_of(client)) == []
    assert host.posts == 1


@pytest.fixture
def shell(host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> Any:
    """Runs a command against the host; gives its exit code and what it said."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KLING_API_KEY", "k")
    monkeypatch.setenv("KLING_BASE_URL", host.url)
    monkeypatch.setenv("KLING_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(Pace, "__init__", _quick(Pace.__init__))

    def run(*words: str) -> tuple[int, str]:
        code = main(list(words))
        said = capsys.readouterr()
        return code, said.out + said.err

    return run


def _quick(init: Any) -> Any:
    def quick(self: Pace, *_: Any, **__: Any) -> None:
        init(self, 0.01, 0.02, 0.001, 0.01, 0.01, 0.01)

    return quick


def test_the_shell_tells_a_lie(shell: Any, host: Host, tmp_path: Path) -> None:
    """Neither 0 nor 1: it is paid and not here; it is not saved, and `resume` brings it later."""
    host.lie = LIES["a page of HTML"]
    code, said = shell("run", "text-to-video", "a boat")
    assert code == 3
    assert "it is a web page, no video" in said
    assert "is done and paid for; collect it with: kling wait" in said
    assert named(tmp_path) == {}
    assert " saved " not in shell("tasks")[1]
    host.lie = None
    assert shell("resume")[0] == 0
    assert list(named(tmp_path).values()) == [CLIP]
    assert " saved " in shell("tasks")[1]


def test_the_shell_waits_for_a_late_result(
    shell: Any, host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same of a success that names nothing: not exit code 0, not "saved", and in `resume`."""
    monkeypatch.setattr(late_results, "PATIENCE", 3.0)
    host.unnamed = 10_000
    code, said = shell("run", "text-to-video", "a boat")
    assert code == 3
    assert "does not name its result" in said
    assert " saved " not in shell("tasks")[1]
    assert shell("wait", TASK_ID)[0] == 3
    host.unnamed = 0
    assert shell("resume")[0] == 0
    assert list(named(tmp_path).values()) == [CLIP]


def test_both_kinds_of_client_are_made(client: Any) -> None:
    """The fixture gives what it says."""
    assert isinstance(client.client, Kling if client.kind == "sync" else AsyncKling)

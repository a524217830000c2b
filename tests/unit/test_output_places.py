"""Names of files and folders that outputs go to: found to be good, or not, before they are paid."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from helpers.clips import clip
from helpers.scripted import Script, client_of, envelope, outcome, task

from kling_core import output_paths
from kling_core.declare import registry
from kling_core.errors import DownloadError
from kling_core.flows import save
from kling_core.wire.effects import Saved

pytestmark = pytest.mark.filterwarnings(
    r"ignore:[\s\S]*is not what was asked for:kling_core.errors.KlingWarning"
)

T2V = registry.get("t2v")
SIZE = 2048
DATA = clip(SIZE, side=16, frames=1)


def made(**more: Any) -> dict[str, Any]:
    videos = [{"id": "7", "url": "http://media.test/7.mp4", "duration": "5"}]
    return task("123456789012345678", "succeed", task_result={"videos": videos}, **more)


def paid_script() -> Script:
    """A service that accepts, has it ready at once, and serves the clip."""
    return Script([envelope(made())] * 3, saves=[(Saved(200, SIZE), DATA)])


FILES = [
    "x" * 251 + ".mp4",
    "x" * 232 + ".mp4",
    "雨" * 83 + ".mp4",
    "a?b%20c#d&e.mp4",
    " two  blanks .mp4",
    "no.2 of 3.MP4",
    "100%.mp4",
    "-o.mp4",
    ".hidden.mp4",
    "e\u0301te\u0301 \u202f.mp4",
    "new\nline.mp4",
]
FOLDERS = [
    "renders/v1.5",
    "clips/2026.11.27",
    "take.2",
    "a?b%20c#d",
    "50 %",
    " blank ",
    "x" * 255,
    "雨" * 85,
    "mp4",
    "clip.mp4/",
]
REFUSED = {
    "x" * 252 + ".mp4": "file name too long",
    "x" * 256: "file name too long",
    "雨" * 86 + "/": "file name too long",
    "a\0b.mp4": "NUL",
    "clips/a\0b/": "NUL",
    "half a letter \ud83d.mp4": "cannot hold its letters",
    "no UTF-8 \udcff.mp4": "cannot hold its letters",  # the ledger could not hold it
    "~nobody-of-this-name/clips/": "home directory",
    "s3://bucket/clips/": "s3:// addresses",
    "https://example.com/clip.mp4": "https:// addresses",
    "file://server/share": "another computer",
    "taken/clip.mp4": "cannot be written",
    "taken/deeper/": "cannot be written",
    "/dev/null": "",
}


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("kind", ["sync", "async"])
@pytest.mark.parametrize("name", FILES, ids=ascii)
def test_a_file_of_any_name(name: str, kind: str, tmp_path: Path) -> None:
    """What the file system takes is the name of the clip; beside it is a sidecar, no more."""
    script = paid_script()
    done = outcome(
        lambda c: c.text_to_video.run(prompt="a boat", out=name), client_of(kind, script)
    )
    path = done.videos[0].path
    assert path == Path(name)
    assert path.read_bytes() == DATA
    assert {p.name for p in tmp_path.iterdir()} == {name, save.sidecar(path).name}


@pytest.mark.parametrize("name", FOLDERS, ids=ascii)
def test_a_folder_of_any_name(name: str, tmp_path: Path) -> None:
    """A dot in its name does not make it a file: the clip below it has an ending of its own."""
    script = paid_script()
    done = client_of("sync", script).text_to_video.run(prompt="a boat", out=name)
    path = done.videos[0].path
    assert path.resolve() == tmp_path / name / "a-boat-12345678.mp4"
    assert path.read_bytes() == DATA


@pytest.mark.parametrize("kind", ["sync", "async"])
@pytest.mark.parametrize("name", REFUSED, ids=ascii)
def test_what_cannot_be_written_is_not_paid(name: str, kind: str, tmp_path: Path) -> None:
    """Nothing is sent, and the error says so."""
    (tmp_path / "taken").write_bytes(b"")
    script = Script()
    error = outcome(lambda c: c.text_to_video.run(prompt="x", out=name), client_of(kind, script))
    assert isinstance(error, DownloadError), error
    assert REFUSED[name] in str(error)
    assert error.billed == "no"
    assert script.trace == []
    assert [path.name for path in tmp_path.rglob("*")] == ["taken"]


@pytest.mark.parametrize("name", REFUSED, ids=ascii)
def test_a_download_there_says_that_it_is_paid(name: str, tmp_path: Path) -> None:
    """The same of a task that is made already: one error of ours, and the task is intact."""
    (tmp_path / "taken").write_bytes(b"")
    client = client_of("sync", Script(saves=[(Saved(200, SIZE), DATA)]))
    with pytest.raises(DownloadError) as told:
        client.task(T2V, made()).videos[0].download(name)
    assert (told.value.billed, told.value.task_id) == ("yes", "123456789012345678")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO])
def test_a_disk_that_takes_nothing(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk says so only when something is written and synced: that is tried."""

    def fsync(_: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fsync)
    script = Script()
    client = client_of("sync", script)
    with pytest.raises(DownloadError) as told:
        client.text_to_video.run(prompt="x", out="clips/")
    assert told.value.billed == "no"
    assert script.trace == []


def test_the_projects_folder_is_tried_too(tmp_path: Path) -> None:
    """Without a place the clip goes below the project's folder: a file there is found before."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "film").write_bytes(b"a file")
    script = Script()
    with pytest.raises(DownloadError, match="cannot be written"):
        client_of("sync", script).text_to_video.run(prompt="x", project="film")
    assert script.trace == []


def test_trying_leaves_nothing_behind(tmp_path: Path) -> None:
    """The folder is made; what was tried in it is gone, and an existing file is as it was."""
    (tmp_path / "clip.mp4").write_bytes(b"mine")
    output_paths.must_be_writable("clip.mp4")
    output_paths.must_be_writable("other.mp4")
    output_paths.must_be_writable("deep/er")
    assert {str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*")} == {
        "clip.mp4",
        "deep",
        "deep/er",
    }
    assert (tmp_path / "clip.mp4").read_bytes() == b"mine"


def test_names_that_are_short_of_room(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where names have 143 bytes (an encrypted home), ours are cut to that, and stay apart."""
    monkeypatch.setattr(os, "pathconf", lambda *_: 143)
    names = ["x" * 139 + ".mp4", "x" * 138 + "y.mp4"]
    beside = {save.sidecar(tmp_path / name).name for name in names}
    assert len(beside) == 2
    assert all(len(name) <= 143 for name in beside)
    assert save.sidecar(tmp_path / "clip.mp4").name == "clip.mp4.json"


@pytest.mark.parametrize(
    "prompt",
    ["雨" * 90, "x" * 300, "𠀀" * 90, "A cat's “toy” " * 20],
    ids=["three bytes a letter", "one", "four", "words"],
)
def test_our_own_names_are_short(prompt: str) -> None:
    """Names that we make have room for what stands beside them, however the prompt is written."""
    client = client_of("sync", Script())
    clip_ = client.task(T2V, made(), request=T2V.request(prompt=prompt)).videos[0]
    assert len(os.fsencode(clip_.filename)) <= 120
    assert clip_.filename.endswith("-12345678.mp4")


def test_a_system_whose_names_are_not_utf_8(tmp_path: Path) -> None:
    """Our own name leaves out the letters that it cannot hold; a given one is refused, unpaid."""
    program = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parents[1])!r})
from pathlib import Path
from helpers.scripted import client_of
from unit.test_output_places import made, paid_script, T2V
from kling_core.errors import DownloadError
client = client_of("sync", paid_script())
request = T2V.request(prompt="a \\u8239 in rain")
path = client.task(T2V, made(), request=request).videos[0].download("c/")
print(path.name, path.stat().st_size)
try:
    client_of("sync", paid_script()).text_to_video.run(prompt="x", out="\\u8239.mp4")
except DownloadError as error:
    print(error.billed)
"""
    environment = {"PATH": os.environ["PATH"], "LC_ALL": "C", "PYTHONUTF8": "0"}
    environment |= {"PYTHONCOERCECLOCALE": "0", "HOME": str(tmp_path), "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert done.stdout.split("\n")[:2] == [f"a-in-rain-12345678.mp4 {SIZE}", "no"], done.stderr


def test_a_relative_folder_stays_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The output folder and the ledger are where the client was made, wherever the process goes."""
    scripts = [paid_script(), paid_script()]
    client, other = (client_of("sync", script) for script in scripts)
    (tmp_path / "elsewhere").mkdir()
    before = other.task(T2V, made()).videos[0]
    assert before.download("given.mp4") == Path("given.mp4")
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert before.path == tmp_path / "given.mp4"
    path = client.text_to_video.run(prompt="a boat").videos[0].path
    assert path is not None
    assert path.is_relative_to(tmp_path / "out")
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_relative_home_and_ledger_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A ledger that moved with the process would not know what is paid for already."""
    from kling_core import Kling

    (tmp_path / "elsewhere").mkdir()
    with (
        Kling(api_key="k", home="home") as one,
        Kling(api_key="k", home="home", ledger="my.db") as other,
    ):
        monkeypatch.chdir(tmp_path / "elsewhere")
        one.tasks.recent()
        other.tasks.recent()
    assert list((tmp_path / "elsewhere").iterdir()) == []
    assert (tmp_path / "my.db").is_file()
    assert len(list((tmp_path / "home").glob("ledger-*.db"))) == 1

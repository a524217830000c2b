"""Downloads without network: resumed, checked, renewed, named."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from helpers.clips import clip
from helpers.scripted import FakeClock, Script, client_of, envelope, outcome, task

from kling_core import errors
from kling_core.declare import registry
from kling_core.file_lock import Hold
from kling_core.flows import download as downloading
from kling_core.wire.effects import Saved
from kling_core.wire.transport import AsyncTransport, SyncTransport, Timeouts

pytestmark = pytest.mark.filterwarnings(  # these clips are short, and their audit says so
    "ignore:.*is not what was asked for:kling_core.errors.KlingWarning"
)

T2V = registry.get("t2v")
URL = "http://media.test/clip.mp4?sign=1"
SIZE = 2048
DATA = clip(SIZE, side=16, frames=1)
TAG = '"one"'
"""What names the content, so that a later piece can be known to belong to an earlier one."""


def finished(url: str = URL, **more: Any) -> dict[str, Any]:
    videos = [{"id": "7", "url": url, "duration": "5"}]
    return task("123456789012345678", "succeed", task_result={"videos": videos}, **more)


def download(script_of: Callable[[], Script], folder: Path) -> tuple[Script, Any]:
    """The same download by both clients, each into a folder of its own."""
    places = iter([folder / "one", folder / "two"])

    def run(client: Any) -> Any:
        return client.task(T2V, finished()).videos[0].download(next(places) / "clip.mp4")

    scripts = [script_of(), script_of()]
    clients = [client_of("sync", scripts[0]), client_of("async", scripts[1])]
    results = [outcome(run, client) for client in clients]
    assert scripts[0].trace == scripts[1].trace
    assert type(results[0]) is type(results[1])
    return scripts[0], results[0]


def test_download_in_one_go(tmp_path: Path) -> None:
    """One stream, then the file has its name."""
    script, path = download(lambda: Script(saves=[(Saved(200, SIZE), DATA)]), tmp_path)
    assert path.read_bytes() == DATA
    assert script.trace == [("save", URL, 0)]


def test_what_was_downloaded_is_recorded(tmp_path: Path) -> None:
    """Ledger and sidecar hold the file's hash and size; nothing else stays in the folder."""
    script = Script(saves=[(Saved(200, SIZE), DATA)])
    kling = client_of("sync", script)
    video = kling.task(T2V, finished()).videos[0]
    path = video.download(tmp_path / "clip.mp4")
    digest = hashlib.sha256(DATA).hexdigest()
    ledger = kling.session.ledger()
    (row,) = ledger.rows()
    (kept,) = ledger.kept(row.id)
    assert (kept.path, kept.sha256, kept.size) == (str(path.resolve()), digest, SIZE)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["clip.mp4", "clip.mp4.json"]
    beside = json.loads((tmp_path / "clip.mp4.json").read_text(encoding="utf-8"))
    assert (beside["sha256"], beside["size"]) == (digest, SIZE)
    assert beside["task_id"] == row.task_id == "123456789012345678"
    assert beside["differences"] == ([kept.audit] if kept.audit else [])


def test_parts_are_told_apart(tmp_path: Path) -> None:
    """A part is named by task and output, so that two outputs never share one."""
    script = Script(saves=[(Saved(200, SIZE, failure="ReadError"), DATA[:9])] * 6)
    result = outcome(
        lambda client: client.task(T2V, finished()).videos[0].download(tmp_path / "clip.mp4"),
        client_of("sync", script),
    )
    assert isinstance(result, errors.DownloadError)
    assert [p.name for p in tmp_path.iterdir()] == ["clip.mp4.123456789012345678-0.part"]


def test_download_resumes_from_where_it_stopped(tmp_path: Path) -> None:
    """Only the rest is asked for; each break that brings nothing costs a growing pause."""
    saves = [
        (Saved(200, SIZE, failure="ReadError", validator=TAG), DATA[:100]),
        (Saved(206, SIZE, failure="ReadTimeout", validator=TAG), DATA[100:900]),
        Saved(0, failure="ConnectError"),
        Saved(503),
        (Saved(206, SIZE, validator=TAG), DATA[900:]),
    ]
    script, path = download(lambda: Script(saves=list(saves)), tmp_path)
    assert path.read_bytes() == DATA
    assert [entry[2] for entry in script.trace if entry[0] == "save"] == [0, 100, 900, 900, 900]
    assert script.sleeps == [1, 1, 2, 4]


def test_download_when_range_is_ignored(tmp_path: Path) -> None:
    """A host that answers 200 to a Range starts anew; nothing is glued together wrongly."""
    saves = [
        (Saved(200, SIZE, failure="ReadError"), DATA[:100]),
        (Saved(200, SIZE), DATA),
    ]
    _, path = download(lambda: Script(saves=list(saves)), tmp_path)
    assert path.read_bytes() == DATA


def test_wrong_length_is_noticed(tmp_path: Path) -> None:
    """Too few bytes are completed, too many thrown away, and a lie is an error in the end."""
    saves = [
        (Saved(200, SIZE, validator=TAG), DATA + b"more"),
        (Saved(200, SIZE, validator=TAG), DATA[:7]),
        (Saved(206, SIZE, validator=TAG), DATA[7:]),
    ]
    script, path = download(lambda: Script(saves=list(saves)), tmp_path / "a")
    assert path.read_bytes() == DATA
    assert [entry[2] for entry in script.trace if entry[0] == "save"] == [0, 0, 7]
    _, error = download(lambda: Script(saves=[(Saved(200, SIZE), DATA[:7])] * 6), tmp_path / "b")
    assert isinstance(error, errors.DownloadError)
    assert "7 of 2,048 bytes came" in str(error)


def test_an_empty_file_is_no_success(tmp_path: Path) -> None:
    """A 200 with nothing in it is tried again."""
    saves = [Saved(200, 0), (Saved(200, SIZE), DATA)]
    _, path = download(lambda: Script(saves=list(saves)), tmp_path)
    assert path.read_bytes() == DATA


def test_a_part_longer_than_the_file_starts_anew(tmp_path: Path) -> None:
    """416 for a stale part: it is thrown away."""
    saves = [
        (Saved(200, SIZE, failure="ReadError", validator=TAG), DATA[:100]),
        Saved(416),
        (Saved(200, SIZE), DATA),
    ]
    script, path = download(lambda: Script(saves=list(saves)), tmp_path)
    assert path.read_bytes() == DATA
    assert [entry[2] for entry in script.trace if entry[0] == "save"] == [0, 100, 0]


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_a_dead_link_is_renewed(status: int, tmp_path: Path) -> None:
    """The task is asked for a fresh link, and the rest comes from there."""
    fresh = "http://media.test/clip.mp4?sign=2"
    saves = [
        (Saved(200, SIZE, failure="ReadError", validator=TAG), DATA[:100]),
        Saved(status),
        (Saved(206, SIZE, validator=TAG), DATA[100:]),
    ]
    script, path = download(
        lambda: Script([envelope(finished(fresh))], saves=list(saves)), tmp_path
    )
    assert path.read_bytes() == DATA
    assert [entry[:3] for entry in script.trace if entry[0] == "save"] == [
        ("save", URL, 0),
        ("save", URL, 100),
        ("save", fresh, 100),
    ]


def test_a_link_that_stays_dead(tmp_path: Path) -> None:
    """After six tries an error: the task is intact."""
    script, error = download(
        lambda: Script([envelope(finished())] * 6, saves=[Saved(403)] * 6), tmp_path
    )
    assert isinstance(error, errors.DownloadError)
    assert (error.http_status, error.task_id) == (403, "123456789012345678")
    assert "intact" in error.fix
    assert len([entry for entry in script.trace if entry[0] == "save"]) == 6


@pytest.mark.parametrize(
    "trouble, words",
    [
        (OSError(errno.ENOSPC, "No space left on device"), "the disk is full"),
        (OSError(errno.EDQUOT, "Quota exceeded"), "the disk is full"),
        (OSError(errno.EROFS, "Read-only file system"), "read-only file system"),
        (OSError(errno.EIO, "Input/output error"), "input/output error"),
    ],
)
def test_trouble_of_the_disk_is_not_retried(trouble: OSError, words: str, tmp_path: Path) -> None:
    """One clear line at once; the task is intact and another place may be named."""
    script, error = download(lambda: Script(saves=[Saved(200, SIZE, disk=trouble)]), tmp_path)
    assert isinstance(error, errors.DownloadError)
    assert words in str(error)
    assert "another place" in error.fix
    assert len(script.trace) == 1


def test_names_of_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a place: the day's output folder, and a name of the prompt and the task's id."""
    monkeypatch.chdir(tmp_path)
    script = Script(saves=[(Saved(200, SIZE), DATA)] * 2)
    kling = client_of("sync", script)
    request = T2V.request(prompt="A cat's “toy”: ../../etc/passwd\n船")
    made = kling.task(T2V, finished(), request=request)
    path = made.videos[0].download()
    day = datetime.fromtimestamp(FakeClock().now).astimezone().strftime("%Y-%m-%d")
    assert path.parent == tmp_path / "out" / day
    assert path.name == "a-cat-s-toy-etc-passwd-船-12345678.mp4"
    found = kling.task(T2V, finished()).videos[0].download("elsewhere/")
    assert found == Path("elsewhere/text-to-video-12345678.mp4")
    assert made.videos[0].path == path


def test_a_name_that_is_too_long(tmp_path: Path) -> None:
    """What the file system refuses is told as every trouble with a download is."""
    kling = client_of("sync", Script())
    with pytest.raises(errors.DownloadError, match="cannot be written: file name too long") as told:
        kling.task(T2V, finished()).videos[0].download(tmp_path / ("x" * 252 + ".mp4"))
    assert told.value.task_id == "123456789012345678"


# --- one name, several files ---------------------------------------------------------------


def no_links(monkeypatch: pytest.MonkeyPatch) -> None:
    """The file systems of this test have no hard links."""

    def link(*_: Any, **__: Any) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", link)


@pytest.mark.parametrize("links", [True, False], ids=["links", "no links"])
def test_one_name_at_the_same_moment(
    links: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files that get one name at once are all there afterwards, each under a name of its own."""
    if not links:
        no_links(monkeypatch)
    count = 8
    start = threading.Barrier(count)

    def finish(round_number: int, number: int) -> Path:
        part = tmp_path / f"{round_number}-{number}.part"
        part.write_bytes(f"{round_number} {number}".encode())
        start.wait(30)
        return downloading._finish(part, tmp_path / f"clip{round_number}.mp4")

    with ThreadPoolExecutor(count) as pool:
        for i in range(25):
            named = list(pool.map(finish, [i] * count, range(count)))
            assert len(set(named)) == count
            contents = sorted(path.read_bytes() for path in named)
            assert contents == sorted(f"{i} {n}".encode() for n in range(count))
    assert {path.suffix for path in tmp_path.iterdir()} == {".mp4"}


def test_a_name_that_is_being_given_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without hard links there are turns; what a killed process leaves of one bars nobody."""
    no_links(monkeypatch)
    parts = [tmp_path / "1.part", tmp_path / "2.part"]
    for part in parts:
        part.write_bytes(part.name.encode())
    turn = tmp_path / ".clip.mp4.naming"
    other = Hold.take(turn)
    assert other is not None
    assert downloading._finish(parts[0], tmp_path / "clip.mp4").name == "clip-2.mp4"
    other.release()
    assert turn.is_file()
    assert downloading._finish(parts[1], tmp_path / "clip.mp4").name == "clip.mp4"
    assert not turn.exists()


def test_a_name_given_by_a_killed_process(tmp_path: Path) -> None:
    """A part that has its name already is not written to: the clip stays whole, whatever comes."""
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(DATA)
    part = tmp_path / "clip.mp4.123456789012345678-0.part"
    broken = [(Saved(200, SIZE, failure="ReadError"), DATA[:9])] * 6
    whole = [(Saved(200, SIZE), DATA)]
    for saves, beside in ((broken, part.name), (whole, f"{clip.name}.json")):
        part.unlink(missing_ok=True)
        os.link(clip, part)
        script = Script(saves=saves)
        run = client_of("sync", script).task(T2V, finished()).videos[0].download
        result = outcome(lambda _, run=run: run(clip), None)
        assert script.trace[0] == ("save", URL, 0)
        assert clip.read_bytes() == DATA
        assert (result == clip) == (saves is whole)
        assert {path.name for path in tmp_path.iterdir()} == {clip.name, beside}


def test_where_nothing_can_be_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a file system without locks a download goes its way instead of waiting for ever."""
    fcntl = pytest.importorskip("fcntl")

    def flock(*_: Any) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", flock)
    kling = client_of("sync", Script(saves=[(Saved(200, SIZE), DATA)]))
    path = kling.task(T2V, finished()).videos[0].download(tmp_path / "clip.mp4")
    assert path.read_bytes() == DATA


# --- ranges --------------------------------------------------------------------------------

LENGTH = {"content-length": str(SIZE), "etag": TAG}


class Bytes(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A body of some bytes for both clients, whatever length its head announces."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def __iter__(self) -> Iterator[bytes]:
        yield self._data

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._data


RANGES = [
    ("bytes 99-2047/2048", False),
    ("bytes 0-2047/2048", False),
    ("bytes */2048", False),
    ("", False),
    ("bytes 100-2047/2048", True),
    ("Bytes  100-2047/*", True),
]


@pytest.mark.parametrize("kind", ["sync", "async"])
@pytest.mark.parametrize("said, fits", RANGES, ids=[said for said, _ in RANGES])
def test_the_rest_is_the_rest(kind: str, said: str, fits: bool, tmp_path: Path) -> None:
    """A 206 that begins elsewhere than the part ends is not appended; the file begins anew."""
    offsets: list[str | None] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked = request.headers.get("range")
        offsets.append(asked)
        if asked is None and len(offsets) == 1:  # promises more than it sends
            return httpx.Response(200, stream=Bytes(DATA[:100]), headers=LENGTH)
        if asked is None:
            return httpx.Response(200, stream=Bytes(DATA), headers=LENGTH)
        headers = {"content-range": said} if said else {}
        return httpx.Response(206, stream=Bytes(DATA[100:]), headers=headers)

    client = client_of(kind, Script())
    http: Any = httpx.Client if kind == "sync" else httpx.AsyncClient
    port: Any = SyncTransport if kind == "sync" else AsyncTransport
    client.port = port(Timeouts(), http(transport=httpx.MockTransport(answer)))
    client.session.pace.retry_first = 0.001
    path = outcome(
        lambda c: c.task(T2V, finished()).videos[0].download(tmp_path / "clip.mp4"), client
    )
    assert path.read_bytes() == DATA
    assert offsets == [None, "bytes=100-", *([] if fits else [None])]
    assert {path.name for path in tmp_path.iterdir()} == {"clip.mp4", "clip.mp4.json"}

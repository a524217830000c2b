"""Keeping: where outputs go, what stands beside them, and getting them back."""

from __future__ import annotations

import errno
import hashlib
import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from helpers.media import decode, picture

from kling_core import Kling, KlingWarning, Sandbox, Task
from kling_core.commands import rescue
from kling_core.editions.task_facts import read
from kling_core.errors import DownloadError
from kling_core.flows import audit, resume, save
from kling_core.flows import rescue as rescuing
from kling_core.sandbox import Fault
from kling_core.wire.effects import Call
from kling_core.wire.signing import KeyPair


@pytest.fixture
def kling(sandbox: Sandbox, tmp_path: Path) -> Iterator[Kling]:
    """A client whose ledger and clips are the test's own."""
    with Kling(sandbox=sandbox, home=tmp_path / "home", output_dir=tmp_path / "clips") as client:
        yield client


def files(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


def test_the_tree(kling: Kling, tmp_path: Path) -> None:
    """<output_dir>/<project>/<date>/<slug>-<id8>.mp4 and a sidecar, and nothing else."""
    task = kling.text_to_video.run(prompt="A boat, at dusk!", project="film")
    day = datetime.now(UTC).astimezone().strftime("%Y-%m-%d")
    name = f"film/{day}/a-boat-at-dusk-{task.task_id[-8:]}.mp4"
    assert files(tmp_path / "clips") == [name, f"{name}.json"]
    assert task.videos[0].path == tmp_path / "clips" / name
    plain = kling.image_generation.run(prompt="a pear", n=2)
    names = [path.name for path in (tmp_path / "clips" / day).glob("*.png")]
    assert sorted(names) == [f"a-pear-{plain.task_id[-8:]}-{n}.png" for n in (1, 2)]


def test_a_project_of_another_version_leads_nowhere(kling: Kling, tmp_path: Path) -> None:
    """A row that names no folder below the output folder goes to that of the day."""
    kling.text_to_video.create(prompt="a boat", project="film/scene 1")
    (row,) = kling.tasks.ledger.rows()
    day = save.place(replace(row, project=""), "x.mp4", tmp_path).parent
    assert day.parent == tmp_path
    assert save.place(row, "x.mp4", tmp_path) == tmp_path / "film/scene 1" / day.name / "x.mp4"
    for project in ("../film", "/film", "a\0b"):
        assert save.place(replace(row, project=project), "x.mp4", tmp_path).parent == day


def test_the_sidecar(kling: Kling) -> None:
    """The request as sent, ids, model, cost and hash; the ledger says the same."""
    task = kling.image_to_video.run(image=picture(), prompt="it turns")
    path = task.videos[0].path
    assert path is not None
    said = json.loads(save.sidecar(path).read_text(encoding="utf-8"))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert said["sha256"] == digest
    assert said["size"] == path.stat().st_size
    assert (said["task_id"], said["endpoint"]) == (task.task_id, "image_to_video")
    assert said["model_name"] == "kling-v2-5-turbo"
    assert said["external_task_id"] == task.external_task_id
    assert said["request"]["prompt"] == "it turns"
    assert hashlib.sha256(picture()).hexdigest() in json.dumps(said["media"])
    assert len(json.dumps(said)) < 5000  # the picture itself is nowhere
    assert said["cost"]["units"] is not None
    assert said["quote"]["usd"] is not None
    assert said["output"]["id"] == task.videos[0].id
    assert said["delivered"]["duration"] == pytest.approx(5, abs=0.3)
    assert said["differences"] == []
    (kept,) = kling.tasks.ledger.kept()
    assert (kept.path, kept.sha256, kept.size) == (str(path), digest, path.stat().st_size)


@pytest.mark.parametrize(
    "before", [b'{"mine": 1}', b"[1]", b"no JSON", b'{"kling_suite": "0", "task_id": "7"}']
)
def test_a_json_of_somebody_else_stays(kling: Kling, tmp_path: Path, before: bytes) -> None:
    """What stands in the place of the sidecar and is none of this task is not written over."""
    theirs = tmp_path / "clip.mp4.json"
    theirs.write_bytes(before)
    task = kling.image_generation.create(prompt="a pear").wait()
    with pytest.warns(KlingWarning, match=r"clip\.mp4\.json is there already .*: see clip\.mp4\."):
        path = task.images[0].download(tmp_path / "clip.mp4")
    assert theirs.read_bytes() == before
    ours = tmp_path / f"clip.mp4.{task.task_id}.json"
    assert json.loads(ours.read_bytes())["task_id"] == task.task_id
    assert files(tmp_path)[:3] == ["clip.mp4", ours.name, theirs.name]
    theirs.unlink()
    ours.rename(theirs)
    assert task.images[0].download(path) == path  # its own is written again, without a word


def test_a_second_download_fetches_nothing(kling: Kling, sandbox: Sandbox) -> None:
    """What is kept whole is given again; what was changed or is gone is fetched anew, beside it."""
    task = kling.text_to_video.run(prompt="a boat")
    path = task.videos[0].path
    assert path is not None
    media = ("GET", "/media/{token}")
    before = sandbox.stats.requests[media]
    again = kling.text_to_video.get(task.task_id).videos[0]
    assert again.download() == path
    assert sandbox.stats.requests[media] == before
    path.write_bytes(b"mine now")
    other = kling.text_to_video.get(task.task_id).videos[0].download()
    assert other != path
    assert path.read_bytes() == b"mine now"
    assert decode(other).seconds == pytest.approx(5, abs=0.3)


def test_differences_are_told(kling: Kling, sandbox: Sandbox) -> None:
    """A delivered file that is not what was asked: a warning, the sidecar and the ledger say so."""
    wanted = kling.text_to_video.create(prompt="a boat", aspect_ratio="9:16", duration="10").wait()
    short = kling.text_to_video.create(prompt="a pear").wait()
    delivered = {task.task_id: task.outputs[0].output.path for task in sandbox.tasks}
    shutil.copyfile(delivered[short.task_id], delivered[wanted.task_id])
    with pytest.warns(KlingWarning, match="is not what was asked for") as told:
        path = wanted.videos[0].download()
    assert ["asked for 10 s, got 5" in str(one.message) for one in told] == [True, False]
    differences = json.loads(save.sidecar(path).read_text())["differences"]
    assert len(differences) == 2
    assert differences[1].startswith("asked for 9:16, got ")
    assert kling.tasks.ledger.kept(wanted.row_id)[0].audit == "; ".join(differences)


def test_a_broken_file_is_not_kept(kling: Kling, sandbox: Sandbox, tmp_path: Path) -> None:
    """A whole download that no player opens is refused, and the output stays open."""
    task = kling.text_to_video.create(prompt="a boat").wait()
    sandbox.tasks[0].outputs[0].output.path.write_bytes(b"no video at all")
    with pytest.raises(DownloadError, match="not the video: it cannot be decoded"):
        task.videos[0].download()
    assert files(tmp_path / "clips") == []
    assert [row.id for row in resume.unsaved(kling.tasks.ledger)] == [task.row_id]


@pytest.mark.parametrize(
    "fields, words",
    [
        ({"duration": "5", "sound": "off"}, []),
        ({"duration": "10"}, ["asked for 10 s, got 5"]),
        ({"aspect_ratio": "1:1"}, ["asked for 1:1, got"]),
        ({"sound": "on"}, ["asked for sound, got none"]),
        ({"model_name": "kling-v2-6", "mode": "pro"}, ["asked for mode pro (1080 lines), got"]),
    ],
)
def test_audit(kling: Kling, fields: dict[str, Any], words: list[str]) -> None:
    """Length, shape, sound and size are compared; what agrees is not mentioned."""
    path = kling.text_to_video.run(prompt="a boat").videos[0].path
    assert path is not None
    _, differences = audit.compare(path, "video", fields)
    assert len(differences) == len(words)
    for difference, word in zip(differences, words, strict=True):
        assert difference.startswith(word)


def test_rescue_after_the_files_are_gone(kling: Kling, tmp_path: Path) -> None:
    """Every output that is not on disk is fetched; a second rescue finds nothing to do."""
    for prompt in ("a boat", "a pear"):
        kling.text_to_video.run(prompt=prompt)
    kling.image_generation.run(prompt="a plum", n=2)
    before = files(tmp_path / "clips")
    shutil.rmtree(tmp_path / "clips")
    assert len(kling.tasks.rescue()) == 4
    assert files(tmp_path / "clips") == before
    assert kling.tasks.rescue() == []


@pytest.mark.filterwarnings("ignore:.*retired:kling_core.errors.KlingWarning")
def test_rescue_after_the_ledger_is_gone(
    make_driver: Any, sandbox: Sandbox, tmp_path: Path
) -> None:
    """A fresh ledger gets every output back, also of a task that another client made."""
    with Kling(sandbox=sandbox, home=tmp_path / "lost", output_dir=tmp_path / "gone") as kling:
        clip = kling.text_to_video.run(prompt="a face", model_name="kling-v1-6")
        clip.videos[0].extend("she turns").wait()
        clip.videos[0].lip_sync("hello", voice_id="girlfriend_1_speech02").wait()
        kling.image_generation.run(prompt="a plum", n=2)
        token = KeyPair(sandbox.access_key, sandbox.secret_key, kling.session.clock).header()
    foreign = httpx.post(
        f"{sandbox.url}/v1/videos/text2video",
        json={"prompt": "made by hand", "model_name": "kling-v2-5-turbo"},
        headers={"authorization": token},
    ).json()["data"]["task_id"]
    assert sandbox.wait_idle()
    shutil.rmtree(tmp_path / "lost")
    shutil.rmtree(tmp_path / "gone")
    driver = make_driver(sandbox=sandbox, home=tmp_path / "new")
    paths = driver.do(driver.client.tasks.rescue())
    assert len(paths) == len(set(paths)) == sum(len(task.outputs) for task in sandbox.tasks) == 6
    for path in paths:
        decode(path)
        assert save.sidecar(path).is_file()
    assert any(foreign[-8:] in path.name for path in paths)
    assert driver.do(driver.client.tasks.rescue()) == []
    costs = driver.do(driver.client.tasks.costs())
    assert sum(line.tasks for line in costs) == 5
    assert sum(line.actual for line in costs) > 0


def test_rescue_goes_on_after_a_failure(kling: Kling, sandbox: Sandbox) -> None:
    """One output that cannot be had is warned of and does not keep the others away."""
    for prompt in ("a boat", "a pear", "a plum"):
        kling.text_to_video.create(prompt=prompt).wait()
    sandbox._account._media.pop(sandbox.tasks[1].outputs[0].token)
    with pytest.warns(KlingWarning, match=f"task {sandbox.tasks[1].task_id}: .*could not be"):
        assert len(kling.tasks.rescue()) == 2
    assert len(kling.tasks.ledger.kept(missing=True)) == 1


def test_rescue_when_lists_are_refused(make_driver: Any, sandbox: Sandbox, tmp_path: Path) -> None:
    """Lists that cannot be read are warned of; what is known or in other lists is fetched."""
    driver = make_driver(sandbox=sandbox, home=tmp_path / "home", output_dir=tmp_path / "clips")
    tasks = driver.client.text_to_video, driver.client.image_generation
    made = [driver.do(one.create(prompt="a boat")) for one in tasks]
    for task in made:
        driver.do(task.wait())
    refusal = Fault("refuse", "list", times=2, status=403, code=1103, message="no right to this")
    sandbox.faults.add(refusal)
    with pytest.warns(KlingWarning, match=r"list of .*no right to this") as told:
        assert len(driver.do(driver.client.tasks.rescue())) == 2
    assert len(told) == 2
    assert len(list((tmp_path / "clips").rglob("*.png"))) == 1


def test_rescue_with_a_key_that_was_revoked(kling: Kling, sandbox: Sandbox) -> None:
    """One list says what all would say; the clips need no key."""
    kling.text_to_video.create(prompt="a boat").wait()
    before = sandbox.stats.requests.copy()
    fault = Fault("refuse", "list", times=9, status=401, code=1002, message="no such key")
    sandbox.faults.add(fault)
    with pytest.warns(KlingWarning, match="no such key") as told:
        assert len(kling.tasks.rescue()) == 1
    assert len(told) == 1
    assert (sandbox.stats.requests - before).total() == 2  # a list, and the clip


def purge(kling: Kling, task: Task) -> None:
    """Kling tells of a task without what it made, as it does when it has thrown that away."""
    raw = {k: v for k, v in task.raw.items() if k != "task_result"}
    raw["updated_at"] += 1
    kling.tasks.ledger.observe(task.endpoint.name, [read(raw)])


@pytest.mark.parametrize("gone", ["purged", "unwritable"])
@pytest.mark.parametrize("way", ["python", "report"])
def test_rescue_goes_round_what_cannot_be_had(
    gone: str, way: str, kling: Kling, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An output that Kling names no more, or that this disk refuses, keeps no other away."""
    first, second, third = [
        kling.text_to_video.create(prompt=prompt).wait()
        for prompt in ("a boat", "a pear", "a plum")
    ]
    if gone == "purged":
        monkeypatch.setattr(rescuing, "collect", nothing_new)
        purge(kling, second)
    else:
        write = save._write_sidecar

        def refuse(path: Path, content: Any) -> None:
            if content["task_id"] == second.task_id:
                raise OSError(errno.EROFS, "Read-only file system", str(path))
            write(path, content)

        monkeypatch.setattr(save, "_write_sidecar", refuse)
    words = "no longer at Kling" if gone == "purged" else "read-only file system"
    if way == "python":
        with pytest.warns(KlingWarning, match=f"task {second.task_id}: .*{words}"):
            paths = kling.tasks.rescue()
    else:
        done = rescue.rescue(kling, None, lambda _: None)
        paths = [path for _, path in done.fetched]
        assert done.purged == (gone == "purged")
        assert [words in str(error) for error in done.errors] == [True] * (gone != "purged")
    names = {first.task_id[-8:], third.task_id[-8:]}
    assert {path.stem.rpartition("-")[2] for path in paths} == names


def nothing_new(*_: Any) -> Iterator[Any]:
    """In the place of reading Kling's lists, which would name the output again."""
    yield Call(lambda: None)
    return 0

"""A dry run says what the create would say, in every front end, under every setting.

Each front end is asked twice at one sandbox: by its dry run, and by the create itself. What they
say is compared as it came; the dry run has sent nothing and written nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from helpers import faces
from helpers.faces import FACES, GOOD, Tool
from helpers.media import picture
from helpers.sandboxes import FAST

from kling_core import Kling, Sandbox
from kling_core.cli.main import main

CLIP = {"prompt": "a paper boat", "duration": "5"}
NINE = {"prompt": "a paper boat", "n": 9}
PATHS = '[paths]\ntext_to_video = "/v1/videos/text-to-video"\n'


@pytest.fixture(params=FACES)
def face(request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]) -> Any:
    """One front end."""
    return faces.face(request.param, capsys)


@pytest.fixture
def place(
    quick_sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., None]:
    """Sets environment variables, and writes the config file, for the quick sandbox's account."""
    monkeypatch.chdir(tmp_path)
    home = tmp_path / "home"
    home.mkdir()

    def put(config: str = "", **environment: str) -> None:
        for name, value in environment.items():
            monkeypatch.setenv(f"KLING_{name}", value)
        (home / "config.toml").write_text(config, encoding="utf-8")

    put(
        HOME=str(home),
        BASE_URL=quick_sandbox.url,
        ACCESS_KEY=quick_sandbox.access_key,
        SECRET_KEY=quick_sandbox.secret_key,
    )
    return put


LIMITS: dict[str, tuple[str, dict[str, Any], str, dict[str, str], str]] = {
    "nothing is set": ("text_to_video", CLIP, "", {}, ""),
    "a limit that holds it": ("text_to_video", CLIP, "", {"MAX_COST": "1", "BUDGET": "5"}, ""),
    "a call": ("text_to_video", CLIP, "", {"MAX_COST": "0.1"}, "above the limit of $0.1"),
    "a call, by the file": ("text_to_video", CLIP, 'max_cost = "0.1"\n', {}, "above the limit"),
    "a day": ("text_to_video", CLIP, "", {"BUDGET": "0.1"}, "of today's $0.10"),
    "a project": (
        "text_to_video", CLIP, "", {"PROJECT": "film", "PROJECT_BUDGET": "0.1"}, "'film'"
    ),
    "a number of tasks": ("text_to_video", CLIP, "", {"MAX_TASKS": "0"}, "max_tasks"),
    "slots": ("image_generation", NINE, "", {"SLOTS": "5"}, "n"),
    "a rule of the model": ("text_to_video", {**CLIP, "duration": "7"}, "", {}, "duration"),
}  # fmt: skip


@pytest.mark.parametrize("case", LIMITS)
def test_it_says_what_the_create_says(
    case: str, face: Any, place: Any, quick_sandbox: Sandbox, tmp_path: Path
) -> None:
    """The same refusal in the same words, or none; and nothing is sent or written."""
    endpoint, fields, config, environment, says = LIMITS[case]
    place(config, **environment)
    before = len(quick_sandbox.tasks)
    dry = face(endpoint, fields, dry=True)
    assert len(quick_sandbox.tasks) == before
    with Kling() as kling:
        assert kling.tasks.recent() == []
    assert dry == face(endpoint, fields, dry=False)
    assert len(quick_sandbox.tasks) == before + (dry == GOOD)
    if says:
        assert dry != GOOD
        assert says in dry[1]
    else:
        assert dry == GOOD


def test_the_path_is_the_one_that_is_used(face: Any, place: Any, quick_sandbox: Sandbox) -> None:
    """A setting replaces it, in the file; the dry run prints what the create then asks for."""
    place(PATHS)
    face("text_to_video", CLIP, dry=True)
    if not isinstance(face, Tool):  # an agent is not told of paths
        assert face.path == "/v1/videos/text-to-video"
    kind, _ = face("text_to_video", CLIP, dry=False)
    assert kind  # which this sandbox does not serve
    with Kling() as kling:
        (row,) = kling.tasks.ledger.rows()
    assert row.route == "/v1/videos/text-to-video"


def test_without_a_key_it_says_so(
    place: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Who has no key yet may look all the same; limits per call and a day hold, no ledger is."""
    place(MAX_COST="1")
    for name in ("ACCESS_KEY", "SECRET_KEY"):
        monkeypatch.delenv(f"KLING_{name}")
    assert main(["run", "text-to-video", "--dry-run", "a paper boat"]) == 0
    assert "there is no key yet" in capsys.readouterr().err
    for name in ("MAX_COST", "BUDGET"):
        monkeypatch.setenv(f"KLING_{name}", "0.1")
        assert main(["run", "text-to-video", "--dry-run", "a paper boat"]) == 1
        said = capsys.readouterr().err
        assert "of today's $0.10" in said if name == "BUDGET" else "limit of $0.1 per call" in said
        monkeypatch.delenv(f"KLING_{name}")
    assert not [*(tmp_path / "home").glob("**/*.db")]


SPEECH = {"text": "Hello there", "voice_id": "oversea_male1"}


@pytest.fixture
def yesterdays(place: Any) -> Any:
    """The video of a task that another process made; an unknown one may be dearer to go on with."""
    place(PROJECT="film")
    with Kling(pace=replace(FAST)) as kling:
        made = kling.text_to_video.create(**CLIP).wait()
        return made.videos[0]


def test_a_video_that_the_ledger_knows_is_priced_as_what_it_is(
    face: Any, place: Any, yesterdays: Any, quick_sandbox: Sandbox
) -> None:
    """By its id alone, under a limit that the dearest video would pass; as the fresh one is."""
    fields = {"video_id": yesterdays.id, **SPEECH}
    with Kling() as kling:
        fresh = kling.lip_sync.request(**fields).with_parent(yesterdays.as_parent()).quote()
        assert kling.lip_sync.quote(**fields) == fresh
        dearest = kling.lip_sync.request(**fields).quote()
    assert fresh is not None
    assert dearest is not None
    assert fresh.usd < dearest.usd  # type: ignore[operator]
    place(MAX_COST=str(fresh.usd))
    before = len(quick_sandbox.tasks)
    assert face("lip_sync", fields, dry=True) == GOOD
    assert face("lip_sync", fields, dry=False) == GOOD
    assert len(quick_sandbox.tasks) == before + 1
    with Kling() as kling:
        row = kling.tasks.ledger.rows()[0]
        assert (row.endpoint, row.quote_usd) == ("lip_sync", fresh.usd)
        unknown = {**fields, "video_id": "799"}
    kind, said = face("lip_sync", unknown, dry=True)
    assert kind
    assert (kind, said) == face("lip_sync", unknown, dry=False)


def test_a_task_of_the_ledger_is_whole(place: Any, yesterdays: Any, tmp_path: Path) -> None:
    """What the fresh task knows, the one that is read from the ledger knows too."""
    fresh = yesterdays.task
    yesterdays.download(tmp_path / "boat.mp4")
    with Kling() as kling:
        found = kling.tasks.get(fresh.task_id)
        assert found.request.given == {**fresh.request.given, "model_name": "kling-v2-5-turbo"}
        assert found.request.check().fields == fresh.request.check().fields
        assert found.project == fresh.project == "film"
        assert found.model_name == fresh.model_name == "kling-v2-5-turbo"
        assert (found.quote.usd, found.quote.units) == (fresh.quote.usd, fresh.quote.units)
        assert found.cost.units == fresh.cost.units
        (video,) = found.videos
        assert video.path == tmp_path / "boat.mp4"
        assert video.as_parent() == yesterdays.as_parent()
        (tmp_path / "boat.mp4").unlink()
        assert found.videos[0].path is None


def test_a_request_that_cannot_be_given_again_is_none(
    place: Any, quick_sandbox: Sandbox, tmp_path: Path
) -> None:
    """Its picture is gone: the task still knows its price, its model and what continues it."""
    (tmp_path / "boat.png").write_bytes(picture())
    with Kling(pace=replace(FAST)) as kling:
        made = kling.image_to_video.create(image=tmp_path / "boat.png", prompt="a boat").wait()
    (tmp_path / "boat.png").unlink()
    with Kling() as kling:
        found = kling.tasks.get(made.task_id)
        assert found.request is None
        assert found.quote.usd == made.quote.usd
        assert found.videos[0].as_parent() == made.videos[0].as_parent()

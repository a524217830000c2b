"""Limits in the library, costs, dedupe, families."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from kling_core import Kling, Sandbox
from kling_core.errors import BudgetExceeded

pytestmark = pytest.mark.filterwarnings("ignore::kling_core.errors.KlingWarning")


@pytest.fixture
def home(tmp_path: Path) -> dict[str, Any]:
    """A ledger of the test's own."""
    return {"home": tmp_path / "home", "output_dir": tmp_path / "clips"}


def _by_argument(_home: Path, _patch: Any, **limits: str) -> dict[str, Any]:
    return dict(limits)


def _by_environment(_home: Path, patch: Any, **limits: str) -> dict[str, Any]:
    for name, value in limits.items():
        patch.setenv(f"KLING_{name.upper()}", value)
    return {}


def _by_file(home: Path, _patch: Any, **limits: str) -> dict[str, Any]:
    home.mkdir()
    text = "\n".join(f'{name} = "{value}"' for name, value in limits.items())
    (home / "config.toml").write_text(text)
    return {}


WAYS = [_by_argument, _by_environment, _by_file]


@pytest.mark.parametrize("way", WAYS)
def test_a_budget_for_the_day(
    way: Any, quick_sandbox: Sandbox, home: dict[str, Any], monkeypatch: Any
) -> None:
    """From argument, environment or file: the third clip of $0.21 does not fit into $0.50."""
    options = way(home["home"], monkeypatch, budget="0.50")
    with Kling(sandbox=quick_sandbox, **home, **options) as kling:
        for _ in range(2):
            kling.text_to_video.create(prompt="a boat")
        before = len(quick_sandbox.tasks)
        with pytest.raises(BudgetExceeded, match=r"\$0\.21.*\$0\.42 of today's \$0\.50") as caught:
            kling.text_to_video.create(prompt="a boat")
        assert "KLING_BUDGET" in caught.value.fix
        assert len(quick_sandbox.tasks) == before


@pytest.mark.parametrize("way", WAYS)
def test_a_budget_for_a_project(
    way: Any, quick_sandbox: Sandbox, home: dict[str, Any], monkeypatch: Any
) -> None:
    """It limits each project by itself; the call may name another one."""
    options = way(home["home"], monkeypatch, project_budget="0.30", project="film")
    with Kling(sandbox=quick_sandbox, **home, **options) as kling:
        kling.text_to_video.create(prompt="a boat")
        with pytest.raises(BudgetExceeded, match=r"\$0\.21 of the \$0\.30 for project 'film'"):
            kling.text_to_video.create(prompt="a boat")
        kling.text_to_video.create(prompt="a boat", project="other")


@pytest.mark.parametrize("limit", ["max_cost", "budget", "project_budget"])
def test_an_unknown_price_and_a_limit(
    limit: str, quick_sandbox: Sandbox, home: dict[str, Any], monkeypatch: Any
) -> None:
    """Refused, with the way to allow it; without a limit it goes."""
    from kling_core.declare.endpoint import Request

    monkeypatch.setattr(Request, "quote", lambda _self: None)
    with Kling(sandbox=quick_sandbox, **home, **{limit: 5}) as kling:
        with pytest.raises(BudgetExceeded, match="no price is known") as caught:
            kling.text_to_video.create(prompt="a boat")
        assert "take away the limits" in caught.value.fix
    with Kling(sandbox=quick_sandbox, **home) as kling:
        assert kling.text_to_video.create(prompt="a boat").task_id


def test_costs(make_driver: Any, quick_sandbox: Sandbox, home: dict[str, Any]) -> None:
    """Estimate against actual, exact, by day, project and model; refused requests are left out."""
    driver = make_driver(sandbox=quick_sandbox, **home)
    calls, do = driver.client.text_to_video, driver.do
    do(do(calls.create(prompt="a boat", project="film")).wait())
    do(do(calls.create(prompt="a boat", model_name="kling-v1-6")).wait())
    today = datetime.now(UTC).astimezone().strftime("%Y-%m-%d")
    (day,) = do(driver.client.tasks.costs())
    assert (day.key, day.tasks, day.open, day.unknown) == (today, 2, 0, 0)
    assert day.estimate == day.actual == Decimal("0.49")
    by_project = do(driver.client.tasks.costs(by="project"))
    assert [(c.key, c.actual) for c in by_project] == [
        ("", Decimal("0.28")),
        ("film", Decimal("0.21")),
    ]
    now = datetime.now(UTC)
    by_model = do(driver.client.tasks.costs(by="model", since=now - timedelta(days=1)))
    assert [c.key for c in by_model] == ["kling-v1-6", "kling-v2-5-turbo"]
    assert do(driver.client.tasks.costs(since=now.timestamp() + 60)) == []
    with pytest.raises(ValueError, match="by day, project or model"):
        do(driver.client.tasks.costs(by="colour"))


def test_dedupe(make_driver: Any, quick_sandbox: Sandbox, home: dict[str, Any]) -> None:
    """Only when asked for: the same request gets the same task; another request its own."""
    driver = make_driver(sandbox=quick_sandbox, **home)
    create, do = driver.client.text_to_video.create, driver.do
    first = do(create(prompt="a boat"))
    before = len(quick_sandbox.tasks)
    assert do(create(prompt="a boat", dedupe=60)).task_id == first.task_id
    assert len(quick_sandbox.tasks) == before
    assert do(create(prompt="a pear", dedupe=60)).task_id != first.task_id
    assert do(create(prompt="a boat")).task_id != first.task_id
    done = do(driver.client.text_to_video.run(prompt="a boat", dedupe=60, project="film"))
    assert done.status == "succeeded"


def test_family(make_driver: Any, quick_sandbox: Sandbox, home: dict[str, Any]) -> None:
    """A clip, its extension and the lip-sync of both: the same tree from each of them."""
    driver = make_driver(sandbox=quick_sandbox, **home)
    client, do = driver.client, driver.do
    clip = do(do(client.text_to_video.create(prompt="a face", model_name="kling-v1-6")).wait())
    longer = do(do(clip.videos[0].extend("she turns")).wait())
    spoken = do(clip.videos[0].lip_sync("hello", voice_id="girlfriend_1_speech02"))
    for task in (clip, longer, spoken):
        tree = do(task.tree())
        assert [row.task_id for row in tree] == [clip.task_id, longer.task_id, spoken.task_id]
        lines = str(tree).splitlines()
        assert [line.endswith(" *") for line in lines] == [
            task is member for member in (clip, longer, spoken)
        ]
        assert lines[1].startswith(f"├─ {longer.task_id} video_extension succeeded 'she turns'")
        assert lines[2].startswith(f"└─ {spoken.task_id} lip_sync ")


def test_family_of_foreign_tasks(
    quick_sandbox: Sandbox, home: dict[str, Any], tmp_path: Path
) -> None:
    """A family that only Kling knows is put together again by the ids of its outputs."""
    with Kling(sandbox=quick_sandbox, home=tmp_path / "elsewhere") as other:
        clip = other.text_to_video.create(prompt="a face", model_name="kling-v1-6").wait()
        longer = clip.videos[0].extend("she turns").wait()
    with Kling(sandbox=quick_sandbox, **home) as kling:
        kling.text_to_video.get(clip.task_id).wait().tree()
        found = kling.video_extension.get(longer.task_id)
        assert [row.task_id for row in found.tree()] == [clip.task_id, longer.task_id]

"""The client against the sandbox's own contract of the newer edition, over HTTP.

The two read the documents apart from each other: what one writes, the other has to take.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from helpers.path_per_model import registered, scene
from helpers.sandboxes import FAST

from kling_core import Kling
from kling_core.sandbox import Fault, Sandbox, plain
from kling_core.sandbox.contract import Contract, Shop, Task
from kling_core.sandbox.fields import Body
from kling_core.sandbox.jobs import Job

pytestmark = pytest.mark.filterwarnings("ignore::kling_core.errors.KlingWarning")

SCENE = scene()


def _read(body: Body, shop: Shop) -> Job:
    prompt = body.text("prompt", required=True)
    settings = body.object("settings") or Body({})
    seconds = settings.whole("duration", 3, 15, 5)
    settings.choice("resolution", ("720p", "1080p"), "720p")
    units = Decimal("0.8") * seconds
    return Job(shop.model, 4.0, units, lambda bench: [plain.clip(bench, prompt, 1.0)])


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A strict one, whose lists are behind: what is not in the contract is refused."""
    contract = Contract("scene", [Task("/text-to-video/{model}", _read)], shape="v2")
    with (
        Sandbox(quality="test", speed=2000, strict=True, lag=600, contracts=[contract]) as sandbox,
        registered(SCENE),
    ):
        yield sandbox


@pytest.fixture
def kling(sandbox: Sandbox, tmp_path: Path) -> Iterator[Kling]:
    """A client with an API key, as the newer paths ask for."""
    options = {"api_key": sandbox.api_key, "base_url": sandbox.url, "home": tmp_path}
    with Kling(**options, pace=FAST) as kling:
        yield kling


def test_what_the_client_writes_the_sandbox_takes(kling: Kling, sandbox: Sandbox, tmp_path: Path):
    """Model, settings, own id and watermark are at their places; the charge is what was told."""
    task = kling.scene.create(
        prompt="a paper boat",
        model_name="kling-3.0",
        duration=3,
        resolution="1080p",
        watermark_info=True,
    )
    task.wait(30)
    (made,) = sandbox.tasks
    assert (made.job.model_name, made.external_task_id) == ("kling-3.0", task.external_task_id)
    assert made.watermark
    assert task.cost is not None
    assert task.cost.units == Decimal("2.4")
    assert task.videos[0].download(tmp_path / "boat.mp4").stat().st_size
    assert sandbox.stats.unknown_keys == []
    assert sandbox.stats.null_keys == []


@pytest.mark.parametrize("action", ["reset_before", "reset_after", "status_after", "broken_json"])
def test_a_lost_answer_is_paid_once(kling: Kling, sandbox: Sandbox, action):
    """Whatever becomes of the answer, one task is made, found by its own id, and billed."""
    sandbox.faults.add(Fault(action, kind="create", endpoint="scene"))
    kling.scene.create(prompt="a paper boat", model_name="kling-3.0").wait(30)
    assert len(sandbox.tasks) == 1
    assert sandbox.stats.billed_tasks == 1

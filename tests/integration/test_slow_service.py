"""A service that is slow after it has taken a create: over real HTTP, every endpoint, both clients.

Billed once at most, known or unknown, and never "nothing was made" of what is billed in its time.
Ten minutes are a few seconds here; `tests/unit/test_slow_kling.py` keeps the true ones.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from helpers.drivers import drivers
from helpers.sandboxes import FAST
from helpers.slow_service import SlowService, Trouble
from helpers.walk import example, source_video

from kling_core import Kling, Sandbox, errors
from kling_core.declare import registry
from kling_core.declare.endpoint import Endpoint

pytestmark = pytest.mark.filterwarnings("ignore::kling_core.errors.KlingWarning")

ENDPOINTS = registry.endpoints()

SETTLING = 3.0
PACE = replace(FAST, settling=SETTLING)

TROUBLES = {
    "late, and hung up": Trouble(late=1.2, hang_up=True),
    "late, and silent till then": Trouble(late=1.2),
    "looks lag": Trouble(hang_up=True, lag=1.2),
    "late, and looks lag": Trouble(late=0.8, hang_up=True, lag=0.8),
    "says not what it was made of": Trouble(late=0.5, hang_up=True, silent=True),
    "drips": Trouble(drip=0.05),
}


@pytest.fixture(scope="module")
def video_id(quick_sandbox: Sandbox) -> str:
    with Kling(sandbox=quick_sandbox) as kling:
        return source_video(kling)


@pytest.fixture
def service(quick_sandbox: Sandbox) -> Iterator[SlowService]:
    with SlowService(quick_sandbox.url) as service:
        yield service


class Life:
    """One endpoint's create against the slow service, with a client and a ledger of its own."""

    def __init__(self, kind: str, service: SlowService, sandbox: Sandbox, folder: Path) -> None:
        self.kind, self.service, self.sandbox, self.folder = kind, service, sandbox, folder

    def play(self, endpoint: Endpoint, video_id: str) -> list[str]:
        """Create, look again until it is certain; returns what was said that must not be said."""
        wrong: list[str] = []
        with drivers(self.kind, self.folder / "clips") as make:
            driver = make(
                base_url=self.service.url,
                api_key=self.sandbox.api_key,
                home=self.folder / endpoint.name,
                pace=PACE,
                timeout=0.25,
            )
            try:
                calls = getattr(driver.client, endpoint.name)
                driver.do(calls.create(**example(endpoint, video_id)))
            except errors.KlingError as error:
                if error.billed != "unknown" or "safe to call" in str(error):
                    wrong.append(f"{endpoint.name}: {error.billed}, {error}")
            ledger = driver.client.session.ledger()
            pause = threading.Event()
            for _ in range(60):
                settled = driver.do(driver.client.tasks.resume(wait=False, download=False))
                wrong += [f"{endpoint.name}: called {row.error}" for row in settled.unsent]
                (row,) = ledger.rows()
                if row.task_id or settled.unsent:
                    break
                if ledger.spent(0)[0] != (row.quote_usd or 0):
                    wrong.append(f"{endpoint.name}: {row.state}, and not counted")
                pause.wait(0.2)
            else:
                wrong.append(f"{endpoint.name}: never certain")
            if row.task_id not in {task.task_id for task in self.sandbox.tasks}:
                wrong.append(f"{endpoint.name}: {row.state} with task {row.task_id}")
            ledger.close()
        return wrong


@pytest.mark.parametrize("kind", ["sync", "async"])
@pytest.mark.parametrize("trouble", TROUBLES.values(), ids=TROUBLES)
def test_a_slow_service(
    kind: str,
    trouble: Trouble,
    service: SlowService,
    quick_sandbox: Sandbox,
    video_id: str,
    tmp_path: Path,
) -> None:
    """All endpoints at once: each create is billed once, and the ledger has its task."""
    service.troubles = {endpoint.path: trouble for endpoint in ENDPOINTS}
    before = {task.task_id for task in quick_sandbox.tasks}
    life = Life(kind, service, quick_sandbox, tmp_path)
    with ThreadPoolExecutor(len(ENDPOINTS)) as pool:
        wrong = list(pool.map(lambda endpoint: life.play(endpoint, video_id), ENDPOINTS))
    assert [one for each in wrong for one in each] == []
    assert service.wait_carried_out()
    made = Counter(t.endpoint for t in quick_sandbox.tasks if t.task_id not in before)
    assert made == {endpoint.name: 1 for endpoint in ENDPOINTS}
    assert quick_sandbox.wait_idle(60)


def test_never_carried_out(service: SlowService, quick_sandbox: Sandbox, tmp_path: Path) -> None:
    """What the service lost is unknown for its time; then the same call makes it, once."""
    service.troubles = {"/v1/videos/text2video": Trouble(late=None)}
    options: dict[str, Any] = {"home": tmp_path, "pace": PACE, "timeout": 0.25}
    before = len(quick_sandbox.tasks)
    with Kling(base_url=service.url, api_key=quick_sandbox.api_key, **options) as kling:
        with pytest.raises(errors.SubmitOutcomeUnknown) as caught:
            kling.text_to_video.create(prompt="a boat")
        assert caught.value.settles_at is not None
        service.soothe()
        task = kling.text_to_video.create(prompt="a boat", dedupe=1)
        assert task.task_id
        assert len(quick_sandbox.tasks) == before + 1
        assert [row.task_id for row in kling.tasks.ledger.rows()] == [task.task_id]
        kling.tasks.ledger.close()

"""A service whose answers have the other shape, over real HTTP, with both clients.

Endpoints that are declared for it, with and without an own id, and endpoints of `/v1` that are
pointed at it by mistake. Whatever is lost: one task is made and known, or the outcome is unknown
and it is told how to find out; never a second task, and never "never sent" of one that is billed.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_args

import pytest
from helpers.drivers import Driver, MakeDriver, drivers
from helpers.ledgers import Moved
from helpers.other_shape import Fault, OtherShape
from helpers.path_per_model import frames, registered, scene, without_own_id
from helpers.sandboxes import FAST

from kling_core import AsyncKling, Kling, errors
from kling_core.declare import registry
from kling_core.wire.effects import Clock

pytestmark = pytest.mark.filterwarnings("ignore::kling_core.errors.KlingWarning")

SCENE, FRAMES = scene(), frames()
NAMELESS = without_own_id(SCENE, "nameless")
FAULTS: tuple[Fault, ...] = get_args(Fault)
SPEECH = {"video_id": "11", "text": "Hello", "voice_id": "oversea_male1"}
PROMPT = {"prompt": "a paper boat"}
FRAME = {"image": "https://x.test/a.png", "model_name": "kling-3.0"}


@pytest.fixture(scope="module", autouse=True)
def _declared() -> Iterator[None]:
    with registered(SCENE, FRAMES, NAMELESS):
        yield


@dataclass(frozen=True)
class Case:
    """A create: to which endpoint, with which settings, at a server that is so.

    `finds` says that a task that was made must be known in the end, whatever was lost.
    """

    endpoint: str
    fields: dict[str, Any]
    server: dict[str, Any]
    settings: dict[str, Any]
    finds: bool = False


NEW = {"model_name": "kling-3.0"}
CASES = {
    "declared": Case("scene", PROMPT | NEW, {}, {}, finds=True),
    "declared, contents": Case("frames", FRAME, {}, {}, finds=True),
    "declared, looks lag": Case("scene", PROMPT | NEW, {"lags": True}, {}, finds=True),
    "no own id": Case("nameless", PROMPT | NEW, {"own_ids": False}, {}, finds=True),
    "no own id, looks lag": Case(
        "nameless", PROMPT | NEW, {"own_ids": False, "lags": True}, {}, finds=True
    ),
    "own ids refused": Case("scene", PROMPT | NEW, {"own_ids": False}, {}),
    "v1 by its host": Case("text_to_video", PROMPT, {"anywhere": True}, {}),
    "v1 by its host, 1203": Case("text_to_video", PROMPT, {"anywhere": True, "pages": False}, {}),
    "v1 by its path": Case(
        "text_to_video", PROMPT, {}, {"paths": {"text_to_video": "/text-to-video/kling-3.0"}}
    ),
    "v1 by its path, 1203": Case(
        "text_to_video",
        PROMPT,
        {"pages": False},
        {"paths": {"text_to_video": "/text-to-video/kling-3.0"}},
    ),
    "v1 that is not there": Case("text_to_video", PROMPT, {}, {}),
    "v1 without an own id": Case("lip_sync", SPEECH, {"anywhere": True}, {}),
}


@dataclass
class Life:
    """One create that meets a fault, and all that is done about it afterwards."""

    case: Case
    fault: Fault
    service: OtherShape
    driver: Driver
    clock: Moved
    wrong: list[str]

    def play(self) -> None:
        """Create, resume at once, resume when it is certain; notes what must not be."""
        calls = getattr(self.driver.client, self.case.endpoint)
        said: Any = None
        try:
            said = self.driver.do(calls.create(**self.case.fields))
        except errors.KlingError as error:
            self._judge(error)
        else:
            if said.task_id not in self._made():
                self.wrong.append(f"gave {said.task_id!r}, which the server never made")
        self._resume("at once")
        self.service.catch_up()
        for _ in range(3):
            self.clock.offset += FAST.settling + 60
            self._resume("later")
        if self.case.finds and {row.task_id for row in self._rows()} != set(self._made()):
            self.wrong.append(f"made {self._made()}, knows {self._rows()}")

    def _judge(self, error: errors.KlingError) -> None:
        if self._made():
            told = isinstance(error, errors.SubmitOutcomeUnknown) and "Do not submit" in error.fix
            if error.billed != "unknown" or "safe to call" in str(error) or not told:
                self.wrong.append(f"said {error.billed}, {error!r}: {error}")
        elif error.billed == "yes":
            self.wrong.append(f"said that nothing was billed: {error}")

    def _resume(self, when: str) -> None:
        settled = self.driver.do(
            self.driver.client.tasks.resume(wait=False, download=False, send=True)
        )
        if len(self._made()) > 1:
            self.wrong.append(f"{when}: made {self._made()}")
        for row in self._rows():
            if self._made() and row.state in ("prepared", "waiting", "rejected"):
                self.wrong.append(f"{when}: called {row.state}, {row.error}")
            if row.task_id is not None and row.task_id not in self._made():
                self.wrong.append(f"{when}: knows {row.task_id}")
            if row.state == "unknown" and row.id not in {one.id for one, _ in settled.doubtful}:
                self.wrong.append(f"{when}: says nothing of {row.state}")
        for _, error in settled.doubtful:
            self._judge(error)

    def _made(self) -> list[str]:
        return [task["id"] for task in self.service.tasks]

    def _rows(self) -> list[Any]:
        return self.driver.client.session.ledger().rows()


def _live(case: Case, fault: Fault, kind: str, folder: Path) -> list[str]:
    clock, wrong = Moved(), list[str]()
    with OtherShape(faults=(fault,), **case.server) as service, drivers(kind, folder) as make:
        driver = make(
            base_url=service.url,
            api_key=service.key,
            home=folder / fault.replace(" ", "-"),
            clock=Clock(clock, clock),
            timeout=5,
            **case.settings,
        )
        Life(case, fault, service, driver, clock, wrong).play()
    return [f"{fault}: {one}" for one in wrong]


@pytest.mark.parametrize("kind", ["sync", "async"])
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_whatever_is_lost(case: Case, kind: str, tmp_path: Path) -> None:
    """At most one task, and it is known or in doubt, at once and when it is certain."""
    with ThreadPoolExecutor(len(FAULTS)) as pool:
        lives = [pool.submit(_live, case, fault, kind, tmp_path) for fault in FAULTS]
        assert list(itertools.chain(*(life.result() for life in lives))) == []


# --- what is sent and read ---------------------------------------------------------------------


@pytest.fixture
def service() -> Iterator[OtherShape]:
    with OtherShape() as service:
        yield service


def test_a_whole_life(service: OtherShape, make_driver: MakeDriver, tmp_path: Path) -> None:
    """Created on its own path with the own id inside `options`, waited for, and charged."""
    driver = make_driver(base_url=service.url, api_key=service.key, home=tmp_path)
    calls = driver.client.scene
    task = driver.do(calls.create(prompt="a boat", model_name="kling-3.0", duration=3))
    ((path, body),) = service.creates
    assert path == "/text-to-video/kling-3.0"
    assert body == {
        "prompt": "a boat",
        "settings": {"duration": 3},
        "options": {"external_task_id": task.external_task_id},
    }
    row = driver.client.session.ledger().rows()[0]
    assert (row.edition, row.route) == ("v2", "/text-to-video/kling-3.0")
    assert row.request["sent"] == {"prompt": "a boat", "settings": {"duration": 3}}
    service.finish()
    driver.do(task.wait(10))
    (video,) = task.videos
    assert (task.status, video.id, str(video.duration)) == (
        "succeeded",
        f"9{task.task_id}",
        "5.041",
    )
    assert str(task.cost.units) == "3"
    row = driver.client.session.ledger().rows()[0]
    assert (row.state, str(row.cost_units)) == ("succeeded", "3")
    assert set(service.asked) == {"GET /tasks"}
    for name in (task.task_id, task.external_task_id):
        assert driver.do(calls.get(name)).task_id == task.task_id
    with pytest.raises(errors.TaskNotFound):
        driver.do(calls.get("831922345719279999"))
    assert [one.task_id for one in driver.do(calls.list())] == [task.task_id]
    assert driver.do(calls.list(page=2)) == []


def test_pages_of_the_account(service: OtherShape, kling_of: Any) -> None:
    """They are read by cursors, each task once."""
    kling = kling_of(service)
    made = [kling.scene.create(prompt=f"boat {n}", **NEW).task_id for n in range(5)]
    assert [task.task_id for task in kling.scene.iterate(size=2)] == made
    assert [task.task_id for task in kling.scene.list(page=2, size=2)] == made[2:4]
    assert [task.task_id for task in kling.scene.list(page=3, size=2)] == made[4:]


@pytest.mark.parametrize("count, question", [(3, "GET /tasks"), (45, "POST /tasks")])
def test_many_are_followed_by_few_questions(
    service: OtherShape, kling_of: Any, count: int, question: str
) -> None:
    """Up to forty by their ids, twenty at once; more by the list of the account."""
    kling = kling_of(service, slots=100)
    made = [kling.scene.create(prompt=f"boat {n}", **NEW) for n in range(count)]
    service.asked.clear()
    service.finish()
    made[0].wait(10)
    states = {row.state for row in kling.session.ledger().rows()}
    assert (service.asked, states) == ([question], {"succeeded"})


def test_a_key_pair_is_refused_before_anything_is_written(
    service: OtherShape, tmp_path: Path
) -> None:
    """With how to get a key; nothing is sent, and the ledger has no row."""
    pair = {"access_key": "a" * 32, "secret_key": "s" * 32}
    with Kling(base_url=service.url, home=tmp_path, pace=replace(FAST), **pair) as kling:
        for call in (
            lambda: kling.scene.create(prompt="a boat", **NEW),
            lambda: kling.scene.get("831922345719271433"),
            kling.scene.list,
        ):
            with pytest.raises(errors.ConfigError, match="API key") as caught:
                call()
            assert "https://kling.ai/dev/api-key" in caught.value.fix
            assert caught.value.billed == "no"
        assert kling.session.ledger().rows() == []
        kling.session.ledger().close()
    assert (service.creates, service.asked) == ([], [])


def test_a_model_that_is_not_named(service: OtherShape, kling_of: Any) -> None:
    """It is part of the address: without one nothing is sent."""
    kling = kling_of(service)
    with pytest.raises(errors.InvalidRequest, match="model_name"):
        kling.scene.create(prompt="a boat")
    assert (service.creates, kling.session.ledger().rows()) == ([], [])


def test_an_acceptance_without_an_id_is_not_forgotten(tmp_path: Path) -> None:
    """Years later: what Kling has accepted is never called free, nor sent again."""
    clock = Moved()
    server = OtherShape(faults=("no id",), anywhere=True, pages=False, lags=True)
    with server as service:
        options: dict[str, Any] = {"base_url": service.url, "api_key": service.key}
        options |= {"home": tmp_path, "pace": replace(FAST), "clock": Clock(clock, clock)}
        with Kling(**options) as kling:
            with pytest.raises(errors.SubmitOutcomeUnknown, match="named no task") as caught:
                kling.scene.create(prompt="a boat", **NEW)
            assert caught.value.settles_at is None
            clock.offset += 1e8
            ((row, error),) = kling.tasks.resume(wait=False, download=False, send=True).doubtful
            assert (row.state, row.raw["reference"]) == ("unknown", f"r-{service.tasks[0]['id']}")
            assert "has accepted it" in error.fix
            assert kling.tasks.get(row.id).status == "unknown"
            service.catch_up()
            (found,) = kling.tasks.resume(wait=False, download=False).running
            assert found.task_id == service.tasks[0]["id"]
            kling.session.ledger().close()
    assert len(service.creates) == 1


@pytest.mark.parametrize("pages", [True, False])
def test_a_look_up_that_is_not_there_proves_nothing(
    pages: bool, tmp_path: Path, kling_of: Any
) -> None:
    """It is told so, with what to check; no moment is promised at which it will be certain."""
    with OtherShape(faults=("lost before",), anywhere=True, pages=pages) as service:
        kling = kling_of(service, home=tmp_path)
        with pytest.raises(errors.SubmitOutcomeUnknown) as caught:
            kling.text_to_video.create(prompt="a boat")
        assert caught.value.settles_at is None
        for word in ("KLING_BASE_URL", "kling.tasks.give_up", "Do not submit again"):
            assert word in caught.value.fix
        assert "nothing was made" not in caught.value.fix
        (row,) = kling.session.ledger().rows()
        assert (row.state, kling.tasks.give_up(row.id).status) == ("unknown", "unknown")
        assert kling.tasks.resume(wait=False, download=False, send=True).doubtful == []
    assert len(service.creates) == 1


def test_only_one_create_without_an_own_id_at_a_time(service: OtherShape, tmp_path: Path) -> None:
    """Else a new task of the account's list could be anybody's: the turn is the account's."""
    service.own_ids = False

    async def main() -> list[str]:
        options: dict[str, Any] = {"api_key": service.key, "home": tmp_path, "pace": replace(FAST)}
        async with AsyncKling(base_url=service.url, **options) as kling:
            asked = [kling.nameless.create(prompt=f"boat {n}", **NEW) for n in range(4)]
            made = await asyncio.gather(*asked)
            ledger = await kling.tasks.ledger()
            ledger.close()
            return [task.task_id for task in made]

    made = asyncio.run(main())
    assert sorted(made) == sorted(task["id"] for task in service.tasks)
    assert service.asked == ["POST /tasks"] * 4


def test_rescue_leaves_the_accounts_tasks_to_their_endpoints(
    service: OtherShape, kling_of: Any
) -> None:
    """The account's list does not say what made a task: those that are known are brought up to
    date, and no other is taken in under a name that may be wrong.
    """
    kling = kling_of(service)
    kling.scene.create(prompt="a boat", **NEW)
    service._make("made-elsewhere")
    service.finish()
    with suppress(errors.KlingError):
        kling.tasks.rescue()
    assert [row.state for row in kling.session.ledger().rows()] == ["succeeded"]


@pytest.fixture
def kling_of(tmp_path: Path) -> Iterator[Any]:
    """Makes blocking clients of a server."""
    made: list[Kling] = []

    def make(service: OtherShape, **more: Any) -> Kling:
        options: dict[str, Any] = {"home": tmp_path, "pace": replace(FAST), **more}
        made.append(Kling(base_url=service.url, api_key=service.key, **options))
        return made[-1]

    yield make
    for kling in made:
        kling.session.ledger().close()
        kling.close()


def test_the_declared_endpoints_are_known() -> None:
    """They are found as if each had its file."""
    assert registry.load("scene") is SCENE

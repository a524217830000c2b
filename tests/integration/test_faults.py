"""Whatever breaks on the way: one task each is billed, and the caller has it or can find it.

The faults are the sandbox's own, over real HTTP, with both clients.
"""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers.walk import example, source_video

from kling_core import Kling, Sandbox, errors
from kling_core.declare import registry
from kling_core.declare.endpoint import Endpoint
from kling_core.flows import rescue
from kling_core.flows.session import Pace
from kling_core.sandbox import Fault

pytestmark = pytest.mark.filterwarnings("ignore::kling_core.errors.KlingWarning")

ENDPOINTS = [pytest.param(endpoint, id=endpoint.name) for endpoint in registry.endpoints()]
WITH_ID = [p for p in ENDPOINTS if p.values[0].external_task_id]

FAST = Pace(poll_floor=0.02, poll_ceiling=0.1, recheck=0.05, line_tick=0.02)

AFTER = {
    "reset-after": Fault("reset_after", "create"),
    "cut": Fault("cut_after", "create", bytes=40),
    "503-after": Fault("status_after", "create", status=503, code=5001),
    "5002-after": Fault("status_after", "create", status=504, code=5002),
    "html-after": Fault("html", "create", status=502, after=True),
    "html-200-after": Fault("html", "create", status=200, after=True),
    "broken-json": Fault("broken_json", "create"),
}
"""The task was made, and its answer was lost."""

BEFORE = {
    "reset-before": Fault("reset_before", "create"),
    "html-before": Fault("html", "create", status=502),
    "503-before": Fault("refuse", "create", status=503, code=5001),
}
"""The task was not made, but the client cannot know that."""


TWO = [p for p in ENDPOINTS if p.id in ("text_to_video", "lip_sync")]
"""One endpoint that takes external ids, and the one that does not."""

EVERYWHERE = ("reset-after", "503-after", "html-after", "reset-before")
"""Faults that every endpoint is put to; the others say the same to the client's flows."""


def cases(faults: dict[str, Fault], endpoints: list[Any]) -> list[Any]:
    """Endpoints and faults, paired."""
    return [
        pytest.param(endpoint.values[0], fault, id=f"{endpoint.id}-{name}")
        for name, fault in faults.items()
        for endpoint in endpoints
        if name in EVERYWHERE or endpoint in TWO
    ]


def by_name(faults: dict[str, Fault]) -> list[Any]:
    return [pytest.param(fault, id=name) for name, fault in faults.items()]


@pytest.fixture(scope="module")
def video_id(quick_sandbox: Sandbox) -> str:
    """A clip of kling-v1-6, which can be extended and lip-synced."""
    with Kling(sandbox=quick_sandbox) as kling:
        return source_video(kling)


class Ledger:
    """What a sandbox made and billed since this object was made."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._before = {task.task_id for task in sandbox.tasks}
        self._billed = sandbox.stats.billed_tasks

    @property
    def made(self) -> list[str]:
        return [t.task_id for t in self._sandbox.tasks if t.task_id not in self._before]

    def billed(self) -> int:
        assert self._sandbox.wait_idle(20)
        return self._sandbox.stats.billed_tasks - self._billed


@pytest.fixture
def ledger(quick_sandbox: Sandbox) -> Iterator[Ledger]:
    """The books of one test; faults that did not happen are an error."""
    quick_sandbox.faults.clear()
    assert quick_sandbox.wait_idle(20)
    yield Ledger(quick_sandbox)
    left = quick_sandbox.faults.waiting
    quick_sandbox.faults.clear()
    assert left == ()


def eventually(happened: Callable[[], bool], seconds: float = 20) -> None:
    """Wait until the server, in its own thread, has come that far."""
    end, pause = time.monotonic() + seconds, threading.Event()
    while not happened():
        assert time.monotonic() < end
        pause.wait(0.02)


def one_task(driver: Any, ledger: Ledger, endpoint: Endpoint, video_id: str) -> None:
    """Create with the faults that wait: the caller has the one task, and only that is billed."""
    calls = getattr(driver.client, endpoint.name)
    task = driver.do(calls.create(**example(endpoint, video_id)))
    assert ledger.made == [task.task_id]
    driver.do(task.wait(20))
    assert task.status == "succeeded"
    assert ledger.billed() == 1


# --- creates -------------------------------------------------------------------------------


@pytest.mark.parametrize("endpoint, fault", cases(AFTER, ENDPOINTS))
def test_answer_lost_after_accepting(
    endpoint: Endpoint,
    fault: Fault,
    driver: Any,
    ledger: Ledger,
    quick_sandbox: Sandbox,
    video_id: str,
) -> None:
    """The task exists: it is found, by its external id or in the list, and not made again."""
    quick_sandbox.faults.add(fault)
    one_task(driver, ledger, endpoint, video_id)


@pytest.mark.parametrize("name", ["a b", "ä船", "a?b#c", "a:b@c+d&e=f,g", "...", "~a'(b)!*$"])
def test_an_odd_id_of_the_callers_is_found(
    name: str, driver: Any, ledger: Ledger, quick_sandbox: Sandbox
) -> None:
    """What `check()` passes as an external id can be looked up when the answer is lost."""
    quick_sandbox.faults.add(AFTER["reset-after"])
    name = f"{name}-{driver.kind}"
    task = driver.do(driver.client.text_to_video.create(prompt="x", external_task_id=name))
    assert (ledger.made, task.external_task_id) == ([task.task_id], name)


@pytest.mark.parametrize("lost", [True, False])
def test_a_rescue_takes_in_the_task_of_a_create_under_way(
    lost: bool, ledger: Ledger, quick_sandbox: Sandbox, video_id: str, tmp_path: Path
) -> None:
    """Another process reads Kling's list between the acceptance of a lip-sync and its row.

    The task without an id of ours is in the ledger twice for a moment. It is still the create's,
    with its request and its price, and neither made again nor declared not made.
    """
    fields = example(registry.get("lip-sync"), video_id)
    with (
        Kling(sandbox=quick_sandbox, home=tmp_path, pace=FAST) as kling,
        Kling(sandbox=quick_sandbox, home=tmp_path, pace=FAST) as other,
    ):
        send, seen = kling.port.send, list[int]()

        def rescue_after(request: Any) -> Any:
            reply = send(request)
            if request.method == "POST":
                seen.append(other.run_flow(rescue.collect(other.session)))
            return reply

        kling.port.send = rescue_after
        if lost:
            quick_sandbox.faults.add(Fault("reset_after", "create"))
        task = kling.lip_sync.create(**fields)
        assert ledger.made == [task.task_id]
        assert len(seen) == 1
        assert seen[0] >= 1
        row = kling.tasks.ledger.by_task_id("lip_sync", task.task_id)
        assert row is not None
        assert row.id == task.row_id
        assert row.text == fields["text"]
        assert row.digest
        task.wait(20)
    assert ledger.billed() == 1


@pytest.mark.parametrize("endpoint, fault", cases(BEFORE, WITH_ID))
def test_lost_before_accepting(
    endpoint: Endpoint,
    fault: Fault,
    driver: Any,
    ledger: Ledger,
    quick_sandbox: Sandbox,
    video_id: str,
) -> None:
    """The task does not exist: two look-ups say so, then it is sent again with the same id."""
    quick_sandbox.faults.add(fault)
    one_task(driver, ledger, endpoint, video_id)


@pytest.mark.parametrize("fault", by_name(BEFORE))
def test_lost_before_accepting_without_external_id(
    fault: Fault, driver: Any, ledger: Ledger, quick_sandbox: Sandbox, video_id: str
) -> None:
    """Lip-sync is never sent again by itself: that the list shows nothing proves nothing yet.

    The error says when it does; then the request is free, and the same call makes it, once.
    """
    quick_sandbox.faults.add(fault)
    fields = example(registry.get("lip-sync"), video_id)
    with pytest.raises(errors.SubmitOutcomeUnknown) as caught:
        driver.do(driver.client.lip_sync.create(**fields))
    assert caught.value.billed == "unknown"
    assert "Do not submit again" in str(caught.value)
    books = driver.client.session.ledger()
    assert caught.value.settles_at <= books.now() + 1.5
    with pytest.raises(errors.SubmitOutcomeUnknown):
        driver.do(driver.client.lip_sync.create(**fields, dedupe=1))
    eventually(lambda: books.now() > caught.value.settles_at)
    assert ledger.made == []
    task = driver.do(driver.client.lip_sync.create(**fields, dedupe=1))
    assert ledger.made == [task.task_id]
    assert ledger.billed() == 1


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_stall_after_accepting(
    endpoint: Endpoint, make_driver: Any, ledger: Ledger, quick_sandbox: Sandbox, video_id: str
) -> None:
    """Silence past the time-out: the task is found."""
    quick_sandbox.faults.add(Fault("stall", "create", after=True))
    driver = make_driver(sandbox=quick_sandbox, timeout=0.5)
    began = time.monotonic()
    one_task(driver, ledger, endpoint, video_id)
    assert time.monotonic() - began < 10


def test_stall_before_accepting(
    make_driver: Any, ledger: Ledger, quick_sandbox: Sandbox, video_id: str
) -> None:
    """Silence before the task is made: it is sent again, and made once."""
    quick_sandbox.faults.add(Fault("stall", "create"))
    driver = make_driver(sandbox=quick_sandbox, timeout=0.5)
    one_task(driver, ledger, registry.get("text-to-video"), video_id)


def test_a_late_first_request_is_refused_as_a_duplicate(
    make_driver: Any, ledger: Ledger, quick_sandbox: Sandbox, video_id: str
) -> None:
    """A request that arrives after it was sent again carries the same id, so nothing is made twice.

    The first request is held back for longer than the client waits, then carried out.
    """
    quick_sandbox.faults.add(Fault("stall", "create", seconds=0.9))
    driver = make_driver(sandbox=quick_sandbox, timeout=0.3)
    before = quick_sandbox.stats.codes[1201]
    one_task(driver, ledger, registry.get("text-to-video"), video_id)
    eventually(lambda: quick_sandbox.stats.codes[1201] == before + 3)  # two look-ups, and it
    assert len(ledger.made) == 1


@pytest.mark.parametrize("endpoint", TWO)
def test_full_house_then_free(
    endpoint: Endpoint, driver: Any, ledger: Ledger, quick_sandbox: Sandbox, video_id: str
) -> None:
    """1303 means not accepted: it waits in line and is made once."""
    message = "parallel task over resource pack limit"
    quick_sandbox.faults.add(
        Fault("refuse", "create", times=3, status=429, code=1303, message=message)
    )
    one_task(driver, ledger, endpoint, video_id)


def test_real_limit(make_driver: Any, start_sandbox: Callable[..., Sandbox]) -> None:
    """Three tasks on an account with one slot: all are made, never two at once."""
    sandbox = start_sandbox(limit=1)
    driver = make_driver(sandbox=sandbox)
    for _ in range(3):
        driver.do(driver.client.text_to_video.create(prompt="a boat"))
    assert sandbox.wait_idle(20)
    assert sandbox.stats.billed_tasks == 3
    assert sandbox.stats.peak_running["video"] == 1


@pytest.mark.parametrize("skew", [-600, 600])
def test_clock_ten_minutes_off(
    skew: int, make_driver: Any, start_sandbox: Callable[..., Sandbox]
) -> None:
    """A clock that is off is told once, and the call succeeds by the server's time."""
    from kling_core.wire.effects import Clock

    sandbox = start_sandbox()
    off = Clock(lambda: time.time() + skew, time.monotonic)
    driver = make_driver(sandbox=sandbox, clock=off)
    side = "ahead of" if skew > 0 else "behind"
    if skew < 0:  # 1800 s of life survive 10 minutes; an old token does not
        driver.client.session.clock.time = lambda: time.time() - 1900
    with pytest.warns(errors.KlingWarning, match=f"{side} Kling's"):
        task = driver.do(driver.client.text_to_video.create(prompt="a boat"))
    driver.do(task.wait(20))
    assert sandbox.stats.billed_tasks == 1
    assert sandbox.stats.codes[1003 if skew > 0 else 1004] == 1


def test_duplicate_external_id_is_adopted(
    driver: Any, ledger: Ledger, quick_sandbox: Sandbox
) -> None:
    """A second create with the same id is the first task."""
    name = f"twice-{driver.kind}"
    tasks = [
        driver.do(driver.client.text_to_video.create(prompt="a boat", external_task_id=name))
        for _ in range(2)
    ]
    assert tasks[0].task_id == tasks[1].task_id
    assert ledger.made == [tasks[0].task_id]


@pytest.mark.parametrize("known", [True, False], ids=["same-ledger", "other-ledger"])
def test_external_id_of_another_endpoint(
    known: bool, make_driver: Any, ledger: Ledger, quick_sandbox: Sandbox, tmp_path: Path
) -> None:
    """An id that a task of another endpoint has is refused, unbilled, and the error says why.

    By our ledger when that knows the task, else by Kling.
    """
    driver = make_driver(sandbox=quick_sandbox, home=tmp_path / "one")
    other = driver if known else make_driver(sandbox=quick_sandbox, home=tmp_path / "two")
    name = f"elsewhere-{driver.kind}-{known}"
    driver.do(driver.client.text_to_video.create(prompt="a boat", external_task_id=name))
    with pytest.raises(errors.DuplicateExternalId, match=r"[Cc]hoose another") as caught:
        other.do(other.client.image_generation.create(prompt="a boat", external_task_id=name))
    assert caught.value.billed == "no"
    assert len(ledger.made) == 1


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_refused_port_then_up(make_driver: Any, start_sandbox: Callable[..., Sandbox]) -> None:
    """Nobody listens at first: the create is tried again and made once."""
    keys = {"access_key": "A" * 32, "secret_key": "S" * 32}
    port = free_port()
    started = list[Sandbox]()
    driver = make_driver(**keys, base_url=f"http://127.0.0.1:{port}")
    driver.client.session.pace.retry_first = 0.4
    driver.client.session.pace.retry_most = 3.0
    thread = threading.Timer(0.2, lambda: started.append(start_sandbox(port=port, **keys)))
    thread.start()
    task = driver.do(driver.client.text_to_video.create(prompt="a boat"))
    thread.join()
    assert [t.task_id for t in started[0].tasks] == [task.task_id]


def test_refused_port_for_good(make_driver: Any) -> None:
    """Nobody listens: an error that nothing was sent."""
    driver = make_driver(api_key="k", base_url=f"http://127.0.0.1:{free_port()}")
    with pytest.raises(errors.ConnectionFailed) as caught:
        driver.do(driver.client.text_to_video.create(prompt="a boat"))
    assert caught.value.billed == "no"
    assert "KLING_BASE_URL" in str(caught.value)


# --- when even the look-up fails -----------------------------------------------------------


@pytest.mark.parametrize(
    "endpoint, fault",
    cases({name: AFTER[name] for name in ("reset-after", "broken-json")}, ENDPOINTS),
)
def test_the_recipe_in_the_error_finds_the_task(
    endpoint: Endpoint,
    fault: Fault,
    driver: Any,
    ledger: Ledger,
    quick_sandbox: Sandbox,
    video_id: str,
) -> None:
    """Answer and look-ups lost: the error gives two lines of Python, and each finds the task.

    The first takes the task over into the ledger, the other shows it by hand.
    """
    lost_reads = Fault("reset_before", "get", times=5)
    if not endpoint.external_task_id:  # lip-sync reads the list once before it sends
        lost_reads = Fault("reset_before", "list", times=5, skip=1)
    quick_sandbox.faults.add(fault, lost_reads)
    calls = getattr(driver.client, endpoint.name)
    with pytest.raises(errors.SubmitOutcomeUnknown) as caught:
        driver.do(calls.create(**example(endpoint, video_id)))
    assert caught.value.billed == "unknown"
    assert len(ledger.made) == 1
    resume, by_hand = re.findall(r"kling\.\w+\.\w+\([^)]*\)", caught.value.fix)
    assert resume == "kling.tasks.resume()"
    books = driver.client.session.ledger()
    assert books.by_task_id(endpoint.name, ledger.made[0]) is None
    settled = driver.do(eval(resume, {"kling": driver.client}))
    taken = [row.task_id for row in settled.running + settled.unsaved]  # others may have left some
    assert taken.count(ledger.made[0]) == 1
    assert books.by_task_id(endpoint.name, ledger.made[0]).state == "succeeded"
    found = driver.do(eval(by_hand, {"kling": driver.client}))
    task = found[0] if isinstance(found, list) else found
    assert task.task_id == ledger.made[0]
    assert ledger.billed() == 1


def test_always_refused_before_accepting_ends(
    driver: Any, ledger: Ledger, quick_sandbox: Sandbox
) -> None:
    """A host that always hangs up: after three tries an error that says what is open till when."""
    quick_sandbox.faults.add(Fault("reset_before", "create", times=3))
    with pytest.raises(errors.SubmitOutcomeUnknown, match="nothing was made") as caught:
        driver.do(driver.client.text_to_video.create(prompt="a boat"))
    assert caught.value.billed == "unknown"
    books = driver.client.session.ledger()
    eventually(lambda: books.now() > caught.value.settles_at)
    settled = driver.do(driver.client.tasks.resume(wait=False, download=False))
    assert caught.value.external_task_id in {row.external_task_id for row in settled.unsent}
    assert ledger.made == []


# --- reads and waiting ---------------------------------------------------------------------

READ_FAULTS = {
    "reset": Fault("reset_before", "get", times=2),
    "cut": Fault("cut_after", "get", bytes=30),
    "503": Fault("refuse", "get", status=503, code=5001),
    "1302": Fault("refuse", "get", status=429, code=1302),
    "html": Fault("html", "get", status=502),
    "broken-json": Fault("broken_json", "get"),
    "numbers-as-strings": Fault("numbers_as_strings", "get"),
    "extra-fields": Fault("extra_fields", "get"),
    "unknown-status": Fault("unknown_status", "get"),
}


@pytest.mark.parametrize("fault", by_name(READ_FAULTS))
def test_a_failed_read_never_fails_a_task(
    fault: Fault, driver: Any, ledger: Ledger, quick_sandbox: Sandbox
) -> None:
    """Waiting goes on through every broken answer."""
    task = driver.do(driver.client.text_to_video.create(prompt="a boat"))
    quick_sandbox.faults.add(fault)
    driver.do(task.wait(20))
    assert task.status == "succeeded"


def test_failed_task(driver: Any, ledger: Ledger, quick_sandbox: Sandbox) -> None:
    """A task that moderation stops is an error with Kling's words, and free."""
    with pytest.raises(errors.TaskFailed, match="risk control") as caught:
        driver.do(driver.client.text_to_video.run(prompt="a forbidden-content boat"))
    assert (caught.value.billed, caught.value.task_id) == ("no", ledger.made[0])
    assert ledger.billed() == 0
    assert "Change the prompt" in caught.value.fix


def test_wait_timeout_and_waiting_again(
    driver: Any, ledger: Ledger, quick_sandbox: Sandbox
) -> None:
    """A time-out ends the waiting, not the task."""
    quick_sandbox.faults.add(Fault("slow", "create", seconds=0.6))
    task = driver.do(driver.client.text_to_video.create(prompt="a boat"))
    with pytest.raises(errors.WaitTimeout, match="goes on") as caught:
        driver.do(task.wait(0.1))
    assert (caught.value.billed, caught.value.task_id) == ("yes", task.task_id)
    driver.do(task.wait(20))
    assert task.status == "succeeded"


# --- downloads -----------------------------------------------------------------------------


@pytest.fixture
def done(driver: Any, ledger: Ledger) -> Any:
    """A finished clip."""
    return driver.do(driver.do(driver.client.text_to_video.create(prompt="a boat")).wait())


def media_requests(sandbox: Sandbox) -> int:
    return sandbox.stats.requests["GET", "/media/{token}"]


MEDIA_FAULTS = {
    "truncated": Fault("truncate", "media", bytes=1000),
    "truncated-thrice": Fault("truncate", "media", bytes=1000, times=3),
    "reset": Fault("reset_before", "media"),
    "reset-after": Fault("reset_after", "media"),
    "cut": Fault("cut_after", "media", bytes=500),
    "expired": Fault("expire", "media"),
    "503": Fault("html", "media", status=503),
}


@pytest.mark.parametrize("fault", by_name(MEDIA_FAULTS))
def test_broken_download_goes_on(
    fault: Fault, done: Any, driver: Any, quick_sandbox: Sandbox, tmp_path: Path
) -> None:
    """Whatever ends the stream: the file is whole in the end, alone with its sidecar."""
    whole = driver.do(done.videos[0].download(tmp_path / "whole.mp4")).read_bytes()
    quick_sandbox.faults.add(fault)
    path = driver.do(done.videos[0].download(tmp_path / "broken" / "clip.mp4"))
    assert path.read_bytes() == whole
    assert sorted(p.name for p in path.parent.iterdir()) == ["clip.mp4", "clip.mp4.json"]
    assert quick_sandbox.stats.leaked_credentials == []


def test_resume_uses_range(
    done: Any, driver: Any, quick_sandbox: Sandbox, tmp_path: Path, monkeypatch: Any
) -> None:
    """The rest is asked for from where the file stopped, and only that is sent."""
    asked = list[str | None]()
    from starlette.responses import FileResponse

    serve = FileResponse.__call__

    async def watched(self: Any, scope: Any, receive: Any, send: Any) -> None:
        headers = dict(scope["headers"])
        asked.append(headers.get(b"range", b"").decode() or None)
        assert b"authorization" not in headers
        await serve(self, scope, receive, send)

    monkeypatch.setattr(FileResponse, "__call__", watched)
    quick_sandbox.faults.add(Fault("truncate", "media", bytes=1000))
    path = driver.do(done.videos[0].download(tmp_path / "clip.mp4"))
    assert asked == [None, "bytes=1000-"]
    assert path.stat().st_size > 1000


def test_resume_over_two_calls(
    done: Any, driver: Any, quick_sandbox: Sandbox, tmp_path: Path
) -> None:
    """A download that was given up is taken up by the next call, from the part that is there."""
    quick_sandbox.faults.add(
        Fault("truncate", "media", bytes=1000), Fault("reset_before", "media", times=5)
    )
    target = tmp_path / "clip.mp4"
    with pytest.raises(errors.DownloadError, match="could not be fetched") as caught:
        driver.do(done.videos[0].download(target))
    assert "intact" in str(caught.value)
    (part,) = tmp_path.iterdir()
    assert part.suffix == ".part"
    assert part.stat().st_size == 1000
    again = driver.do(driver.client.text_to_video.get(done.task_id))
    assert driver.do(again.videos[0].download(target)) == target
    assert sorted(p.name for p in tmp_path.iterdir()) == ["clip.mp4", "clip.mp4.json"]


def test_existing_files_are_kept(
    done: Any, driver: Any, quick_sandbox: Sandbox, tmp_path: Path
) -> None:
    """Another file of that name is left alone; the same file is not stored twice."""
    target = tmp_path / "clip.mp4"
    target.write_bytes(b"mine")
    first = driver.do(done.videos[0].download(target))
    assert (first.name, target.read_bytes()) == ("clip-2.mp4", b"mine")
    assert driver.do(done.videos[0].download(target)) == first
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "clip-2.mp4",
        "clip-2.mp4.json",
        "clip.mp4",
    ]


def test_second_download_asks_nobody(done: Any, driver: Any, quick_sandbox: Sandbox) -> None:
    """What was downloaded is not fetched again."""
    path = driver.do(done.videos[0].download())
    before = media_requests(quick_sandbox)
    assert driver.do(done.videos[0].download()) == path
    assert media_requests(quick_sandbox) == before


@pytest.mark.parametrize("place", ["a-file/in/the/way", "/proc/no/such/folder"])
def test_unwritable_folder(
    place: str, done: Any, driver: Any, quick_sandbox: Sandbox, tmp_path: Path
) -> None:
    """A folder that cannot be written: said before a byte is fetched; the task is intact."""
    (tmp_path / "a-file").write_text("")
    before = media_requests(quick_sandbox)
    with pytest.raises(errors.DownloadError, match="cannot be written") as caught:
        driver.do(done.videos[0].download(tmp_path / place))
    assert "intact" in caught.value.fix
    assert media_requests(quick_sandbox) == before
    assert driver.do(done.videos[0].download(tmp_path / "free.mp4")).exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_full_disk(done: Any, driver: Any, tmp_path: Path) -> None:
    """A device without room: one clear line, and another place works."""
    part = f"clip.mp4.{done.task_id}-0.part"
    (tmp_path / part).symlink_to("/dev/full")
    with pytest.raises(errors.DownloadError, match="the disk is full") as caught:
        driver.do(done.videos[0].download(tmp_path / "clip.mp4"))
    assert "Make room" in caught.value.fix
    assert driver.do(done.videos[0].download(tmp_path / "other.mp4")).exists()


def test_no_credential_ever_reached_the_media_host(quick_sandbox: Sandbox) -> None:
    """After all of the above: not once."""
    assert quick_sandbox.stats.leaked_credentials == []

"""Slow is not dead, silence is not no: what is said of a create that may be carried out yet.

In simulated time, with the pauses and moments that users have.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from contextlib import closing
from typing import Any

import pytest
import sqlalchemy as sa
from helpers.scripted import LOST, REFUSED, Port, Script, envelope, outcome, session, task
from helpers.slow_kling import SlowKling, client
from helpers.walk import example, in_memory

from kling_core import errors
from kling_core.declare import registry
from kling_core.declare.endpoint import Endpoint
from kling_core.editions.base import Find
from kling_core.editions.task_facts import read
from kling_core.editions.v1 import V1
from kling_core.flows.submit import resume, submit
from kling_core.ledger.ledger import Ledger
from kling_core.ledger.records import SETTLING, Row
from kling_core.ledger.schema import tasks
from kling_core.wire.effects import Call, Send, drive

pytestmark = pytest.mark.filterwarnings("ignore::kling_core.errors.KlingWarning")

ENDPOINTS = [pytest.param(endpoint, id=endpoint.name) for endpoint in registry.endpoints()]
KINDS = ["sync", "async"]
T2V, LIPS = registry.get("t2v"), registry.get("lip-sync")
SPEECH = {"video_id": "11", "text": "Hello", "voice_id": "oversea_male1"}
TEN_MINUTES = 600.0


def _media(kling: Any) -> Any:
    """Makes media in files, which can be sent again."""

    def of(kind: str) -> Any:
        data = in_memory(kind)
        if not isinstance(data, bytes):
            return data
        path = kling.session.settings.home / kind
        path.write_bytes(data)
        return path

    return of


def create(kling: Any, endpoint: Endpoint, **more: Any) -> Any:
    fields = example(endpoint, "11", _media(kling))
    return outcome(lambda one: getattr(one, endpoint.name).create(**fields, **more), kling)


def resumed(kling: Any, **how: Any) -> Any:
    return outcome(lambda one: one.tasks.resume(wait=False, download=False, **how), kling)


def only_row(kling: Any) -> Row:
    (row,) = kling.session.ledger().rows()
    return row


# --- every endpoint, both clients -----------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "timeout, late, lag", [(2, 1, 12), (2, 40, 0), (2, 599, 12), (120, 500, 0)]
)
@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_a_create_that_is_carried_out_late(
    endpoint: Endpoint, kind: str, timeout: float, late: float, lag: float
) -> None:
    """Nobody hears "nothing was made" of what is billed within ten minutes, and it is found.

    Until then it counts in the budget, and it is billed once.
    """
    script = Script()
    slow = SlowKling(script.clock, late=late, timeout=timeout, lag=lag)
    kling = client(kind, script, slow)
    began = script.clock.now
    said = create(kling, endpoint)
    if isinstance(said, errors.KlingError):
        assert said.billed == "unknown"
        assert "safe" not in str(said)
        assert said.settles_at > began + TEN_MINUTES
    while script.clock.now < began + late + lag + 4 * 150:
        row = only_row(kling)
        assert row.state in ("unknown", "submitted", "processing")
        assert kling.session.ledger().spent(began)[0] == (row.quote_usd or 0)
        settled = resumed(kling)
        assert (settled.unsent, settled.held) == ([], [])
        slow.come(37)
    assert len(slow.made) == 1
    assert only_row(kling).task_id == slow.made[0].task_id


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_a_create_that_is_never_carried_out(endpoint: Endpoint, kind: str) -> None:
    """It is in doubt for ten minutes, and says until when; then it is free, and may be sent."""
    script = Script()
    slow = SlowKling(script.clock, late=None, timeout=2)
    kling = client(kind, script, slow)
    began = script.clock.now
    said = create(kling, endpoint)
    assert isinstance(said, errors.SubmitOutcomeUnknown)
    row = only_row(kling)
    assert said.settles_at == row.doubt_until
    assert row.doubt_until is not None
    assert began + TEN_MINUTES < row.doubt_until <= script.clock.now + SETTLING
    script.clock.now = row.doubt_until - 60
    ((left, error),) = resumed(kling).doubtful
    assert (left.state, error.billed, error.settles_at) == ("unknown", "unknown", row.doubt_until)
    assert kling.session.ledger().spent(began)[0] == (row.quote_usd or 0)
    script.clock.now = row.doubt_until + 1
    (free,) = resumed(kling).unsent
    assert (free.state, free.error) == ("prepared", "never accepted: Kling knows of no such task")
    assert kling.session.ledger().spent(began) == (0, 0)
    slow.late, slow.answers = 0.0, True
    (running,) = resumed(kling, send=True).running
    assert [one.task_id for one in slow.made] == [running.task_id]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize("again", [5.0, 300.0])
def test_the_same_call_again_while_it_is_in_doubt(
    endpoint: Endpoint, kind: str, again: float
) -> None:
    """It is the same request: under its id it may be sent again, else it is looked for only."""
    script = Script()
    slow = SlowKling(script.clock, late=400, timeout=2)
    kling = client(kind, script, slow)
    assert isinstance(create(kling, endpoint), errors.SubmitOutcomeUnknown)
    slow.come(again)
    said = create(kling, endpoint, dedupe=1.0)
    assert isinstance(said, errors.SubmitOutcomeUnknown)
    assert only_row(kling).state == "unknown"
    slow.come(600)
    found = create(kling, endpoint, dedupe=1.0)
    assert [one.task_id for one in slow.made] == [found.task_id]


# --- who looks again -------------------------------------------------------------------------


def test_a_later_create_looks_at_what_is_in_doubt() -> None:
    """A budget of one clip: refused while the first may be made, free when it certainly is not."""
    script = Script()
    slow = SlowKling(script.clock, late=None, timeout=2)
    kling = client("sync", script, slow, budget="0.30")
    assert isinstance(create(kling, T2V), errors.SubmitOutcomeUnknown)
    slow.late, slow.answers = 0.0, True
    for seconds in (0, 100, 300):
        slow.come(seconds)
        with pytest.raises(errors.BudgetExceeded):
            kling.text_to_video.create(prompt="another")
    slow.come(300)
    assert kling.text_to_video.create(prompt="another").task_id == slow.made[0].task_id


def test_a_later_create_finds_what_was_carried_out_late() -> None:
    """Nobody resumes: whoever creates next has the first one found, and it is followed."""
    script = Script()
    slow = SlowKling(script.clock, late=40, timeout=2)
    kling = client("sync", script, slow)
    assert isinstance(create(kling, T2V), errors.SubmitOutcomeUnknown)
    slow.come(60)
    slow.late, slow.answers = 0.0, True
    kling.text_to_video.create(prompt="another")
    assert {row.state for row in kling.session.ledger().rows()} == {"processing"}


def test_a_later_create_is_not_held_up_where_nobody_answers() -> None:
    """What is in doubt is asked for once, and only of the first row, when Kling cannot be asked."""
    script = Script()
    slow = SlowKling(script.clock, late=None, timeout=2)
    kling = client("sync", script, slow)
    for prompt in ("a", "b", "c"):
        with pytest.raises(errors.SubmitOutcomeUnknown):
            kling.text_to_video.create(prompt=prompt)
    slow.come(60)
    dead = Script([LOST, envelope(task("7"))])
    dead.clock, kling.port = script.clock, Port(dead)
    assert kling.text_to_video.create(prompt="d").task_id == "7"
    assert dead.methods == ["GET", "POST"]


def test_a_look_up_that_fails_proves_nothing() -> None:
    """Long after the moment: what could not be asked for stays in doubt."""
    script = Script()
    kling = client("sync", script, SlowKling(script.clock, late=None, timeout=2))
    assert isinstance(create(kling, T2V), errors.SubmitOutcomeUnknown)
    script.clock.now += 86400
    dead = Script([LOST] * 5)
    dead.clock, kling.port = script.clock, Port(dead)
    ((row, error),) = kling.tasks.resume(wait=False).doubtful
    assert (row.state, error.billed) == ("unknown", "unknown")


def test_what_was_sent_once_is_looked_up_before_it_is_called_never_accepted() -> None:
    """Also when it is prepared meanwhile: later than anybody believed, it is there."""
    script = Script()
    slow = SlowKling(script.clock, late=2000, timeout=2)
    kling = client("sync", script, slow)
    assert isinstance(create(kling, T2V), errors.SubmitOutcomeUnknown)
    slow.come(800)
    assert [row.state for row in kling.tasks.resume(wait=False).unsent] == ["prepared"]
    slow.come(2000)
    (row,) = kling.tasks.resume(wait=False, send=True).running
    assert [row.task_id] == [one.task_id for one in slow.made]
    assert slow.posts == 3


@pytest.mark.parametrize("send", [False, True])
def test_resume_sends_what_is_in_doubt_again_only_under_its_id(send: bool) -> None:
    """With `send`, a clip goes out again under the id that nobody can have twice; speech never."""
    script = Script()
    slow = SlowKling(script.clock, late=300, timeout=2)
    kling = client("sync", script, slow)
    for endpoint in (T2V, LIPS):
        assert isinstance(create(kling, endpoint), errors.SubmitOutcomeUnknown)
    before = slow.posts
    settled = kling.tasks.resume(wait=False, send=send)
    assert {row.state for row, _ in settled.doubtful} == {"unknown"}
    assert len(settled.doubtful) == 2
    assert slow.posts - before == (3 if send else 0)
    slow.come(900)
    assert len(kling.tasks.resume(wait=False).running) == len(slow.made) == 2


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_what_a_killed_process_was_sending(endpoint: Endpoint) -> None:
    """Killed while the POST was out; resumed at once, the budget is asked, resumed again later."""
    script = Script()
    slow = SlowKling(script.clock, late=8, timeout=2)
    kling = client("sync", script, slow)
    ledger, began = kling.session.ledger(), script.clock.now
    request = getattr(kling, endpoint.name).request(**example(endpoint, "11", _media(kling)))
    flow, effect = submit(kling.session, request), None
    while not (isinstance(effect, Send) and effect.method == "POST"):
        answer = kling.port.send(effect) if isinstance(effect, Send) else None
        effect = flow.send(effect.work() if isinstance(effect, Call) else answer)
    slow.answer(effect)  # it is out, and its client is not there any more
    _forget(ledger, lease_is_over=not endpoint.external_task_id)
    (left,) = [row for row, _ in kling.tasks.resume(wait=False).doubtful]
    assert left.state == "unknown"
    assert ledger.spent(began)[0] == (left.quote_usd or 0)
    slow.come(10)
    (found,) = kling.tasks.resume(wait=False).running
    assert [one.task_id for one in slow.made] == [found.task_id]
    flow.close()  # whatever it would write now, the row has other owners
    assert ledger.row(found.id).task_id == found.task_id


def _forget(ledger: Ledger, *, lease_is_over: bool) -> None:
    """Give all rows to a process that has ended."""
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        pass
    with ledger._transaction() as db:
        db.execute(sa.update(tasks).values(owner=f"{ended.pid}-x"))
        if lease_is_over:
            db.execute(sa.update(tasks).values(lease_until=ledger.now() - 1))


# --- what proves, and what does not ----------------------------------------------------------


def refusal(code: int, status: int) -> Any:
    return envelope(code=code, message="no", status=status)


NOT_FOUND = envelope(code=1201, message="Task not found by id/external id: mine", status=400)


@pytest.mark.parametrize(
    "second", [REFUSED, refusal(1102, 429), refusal(1301, 400), refusal(1303, 429)], ids=repr
)
def test_a_refusal_says_nothing_of_an_earlier_post(second: Any) -> None:
    """The first POST is still out when the second is refused: it may have used the last units."""
    script = Script([LOST, NOT_FOUND, NOT_FOUND, *[second, NOT_FOUND, NOT_FOUND] * 4])
    live = session(script)
    with pytest.raises(errors.SubmitOutcomeUnknown) as caught:
        drive(submit(live, T2V.request(prompt="x", external_task_id="mine")), Port(script))
    assert caught.value.billed == "unknown"
    assert live.ledger().row("mine").state == "unknown"
    assert live.ledger().spent(0.0)[1] + (live.ledger().spent(0.0)[0] > 0) == 1


def test_an_earlier_post_is_found_after_a_refusal() -> None:
    """And when it is there by then, that is the task."""
    script = Script([LOST, NOT_FOUND, NOT_FOUND, refusal(1102, 429), envelope(task("5"))])
    row = drive(
        submit(session(script), T2V.request(prompt="x", external_task_id="mine")), Port(script)
    )
    assert row.task_id == "5"


def test_a_connection_that_was_never_made_is_no_doubt() -> None:
    """Nothing was sent in any try: nothing was made, and nothing waits to be believed."""
    script = Script([REFUSED] * 4)
    live = session(script)
    with pytest.raises(errors.ConnectionFailed) as caught:
        drive(submit(live, T2V.request(prompt="x", external_task_id="mine")), Port(script))
    row = live.ledger().row("mine")
    assert (caught.value.billed, row.state, row.doubt_until) == ("no", "prepared", None)


def test_a_clock_that_was_far_ahead_keeps_nothing_in_doubt_for_ever() -> None:
    """A moment that no exchange reaches is void, and counted anew from now."""
    script = Script()
    slow = SlowKling(script.clock, late=None, timeout=2)
    kling = client("sync", script, slow)
    script.clock.now += 8 * 3600
    assert isinstance(create(kling, T2V), errors.SubmitOutcomeUnknown)
    script.clock.now -= 8 * 3600
    ((row, _),) = kling.tasks.resume(wait=False).doubtful
    assert row.doubt_until == pytest.approx(script.clock.now + SETTLING, abs=60)
    slow.come(SETTLING + 60)
    assert len(kling.tasks.resume(wait=False).unsent) == 1


# --- without an id of ours -------------------------------------------------------------------


@pytest.mark.parametrize("late, lag", [(0.5, 10.0), (14.0, 0.0), (0.5, 0.0), (200.0, 60.0)])
@pytest.mark.parametrize("silent", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_a_lip_sync_whose_answer_is_lost(late: float, lag: float, silent: bool, kind: str) -> None:
    """The list lags, or the task does not name its video, or comes late: never "none"."""
    script = Script()
    slow = SlowKling(script.clock, late=late, timeout=1, lag=lag, silent=silent)
    kling = client(kind, script, slow)
    said = create(kling, LIPS)
    if silent or late + lag > 7:
        assert isinstance(said, errors.SubmitOutcomeUnknown)
        assert said.billed == "unknown"
    slow.come(late + lag)
    settled = resumed(kling)
    assert settled.unsent == []
    assert len(settled.running) == (0 if silent else 1)
    slow.come(SETTLING)
    assert len(resumed(kling).running) == 1
    assert len(slow.made) == slow.posts == 1


def rows(*tasks: tuple[str, dict[str, Any]]) -> Any:
    return envelope([task(one, task_info=info) for one, info in tasks])


OTHER_WAYS: dict[str, dict[str, Any]] = {
    "nothing": {},
    "null": {"parent_video": None},
    "text": {"parent_video": "a video"},
    "an id of another kind": {"parent_video": {"id": "vid-11-x"}},
    "only a url": {"parent_video": {"url": "https://x.test/11.mp4"}},
}


@pytest.mark.parametrize("info", OTHER_WAYS.values(), ids=OTHER_WAYS)
def test_a_task_that_names_its_video_in_another_way_may_be_ours(info: dict[str, Any]) -> None:
    """It is named in the error, not adopted, and never taken for nothing."""
    script = Script([rows(), LOST, rows(("5", info)), rows(("5", info))])
    live = session(script)
    with pytest.raises(errors.SubmitOutcomeUnknown, match="it may be task 5"):
        drive(submit(live, LIPS.request(**SPEECH)), Port(script))


@pytest.mark.parametrize(
    "info", [{"parent_video": {"id": 11}}, {"source": {"video_id": "11"}}], ids=str
)
def test_our_video_is_recognised_wherever_it_is_named(info: dict[str, Any]) -> None:
    """As a number, or under another key: what names our video is ours."""
    script = Script([rows(), LOST, rows(("5", info))])
    assert drive(submit(session(script), LIPS.request(**SPEECH)), Port(script)).task_id == "5"


def test_another_video_is_another_where_ids_can_be_read() -> None:
    """An earlier task of ours names its video as we do, so one that names another is not ours."""
    mine = ("1", {"parent_video": {"id": "11"}})
    other = ("5", {"parent_video": {"id": "99"}})
    after = rows(mine, other)
    script = Script([rows(), envelope(task("1")), rows(mine), LOST, after, after, after])
    live = session(script)
    drive(submit(live, LIPS.request(**SPEECH)), Port(script))
    with pytest.raises(errors.SubmitOutcomeUnknown) as caught:
        drive(submit(live, LIPS.request(**{**SPEECH, "text": "Bye"})), Port(script))
    assert "may be task" not in str(caught.value)
    (left,) = live.ledger().rows(states=("unknown",))
    script.clock.now += 700
    assert drive(resume(live, left, send=False), Port(script)).state == "prepared"


def test_two_that_are_in_doubt_do_not_take_each_others_task() -> None:
    """A second speech for the same clip while the first is open: one new task is nobody's yet."""
    ours = ("5", {"parent_video": {"id": "11"}})
    script = Script([rows(), LOST, rows(), rows(), rows(), LOST, rows(ours), rows(ours)])
    live = session(script)
    for text in ("Hello", "Bye"):
        with pytest.raises(errors.SubmitOutcomeUnknown):
            drive(submit(live, LIPS.request(**{**SPEECH, "text": text})), Port(script))
    assert [row.task_id for row in live.ledger().rows(states=("unknown",))] == [None, None]


def test_the_late_task_of_the_first_is_not_the_seconds() -> None:
    """The second hears its answer; the first one's task comes late and is the first one's."""
    one, two = (("5", {"parent_video": {"id": "11"}}), ("6", {"parent_video": {"id": "11"}}))
    script = Script([rows(), LOST, rows(), rows(), rows(), envelope(task("5")), rows(one, two)])
    live = session(script)
    with pytest.raises(errors.SubmitOutcomeUnknown):
        drive(submit(live, LIPS.request(**SPEECH)), Port(script))
    second = drive(submit(live, LIPS.request(**{**SPEECH, "text": "Bye"})), Port(script))
    (left,) = live.ledger().rows(states=("unknown",))
    first = drive(resume(live, left, send=False), Port(script))
    assert (second.task_id, first.task_id) == ("5", "6")


# --- suspended -------------------------------------------------------------------------------


@pytest.mark.parametrize("endpoint", [T2V, LIPS], ids=lambda endpoint: endpoint.name)
@pytest.mark.parametrize("state", ["submitted", "succeed"])
def test_who_was_suspended_finds_what_another_process_has_settled(
    endpoint: Endpoint, state: str
) -> None:
    """Asleep for longer than its lease with a POST out: the woken one returns the task."""
    given = SPEECH if endpoint is LIPS else {"prompt": "x", "external_task_id": "mine"}
    info = {"parent_video": {"id": "11"}}
    script = Script()
    live = session(script)

    def sleep_long(_: Any) -> Any:
        script.clock.now += 1000
        with closing(Ledger(live.ledger().place, live.account, clock=live.clock.time)) as other:
            (row,) = other.rows()
            assert other.take(row.id, lease=60)
            other.accepted(row.id, read(task("5", state, task_info=info)))
        return LOST

    seen = rows(("5", info)) if endpoint is LIPS else NOT_FOUND
    before = [rows()] if endpoint is LIPS else []
    script._answers = iter([*before, sleep_long, *[seen, seen] * 4])
    row = drive(submit(live, endpoint.request(**given)), Port(script))
    assert (row.task_id, row.state) == ("5", "succeeded" if state == "succeed" else state)


def test_an_old_answer_takes_nothing_back() -> None:
    """The answer of a create that comes when another process has seen the end: the end stays."""
    script = Script()
    live = session(script)

    def answered_late(_: Any) -> Any:
        (row,) = live.ledger().rows()
        done = read(task("5", "succeed", final_unit_deduction="1"))
        live.ledger().accepted(row.id, done)
        return envelope(task("5"))

    script._answers = iter([answered_late])
    row = drive(submit(live, T2V.request(prompt="x")), Port(script))
    assert (row.task_id, row.state) == ("5", "succeeded")


# --- the same call -----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_call_is_the_same_request_until_its_task_has_ended(kind: str) -> None:
    """However old it is; after the end the window decides."""
    script = Script()
    slow = SlowKling(script.clock, answers=True)
    kling = client(kind, script, slow)
    first = create(kling, T2V, dedupe=600)
    slow.come(7200)
    assert create(kling, T2V, dedupe=600).task_id == first.task_id
    done = task(first.task_id, "succeed")
    kling.session.ledger().observe("text_to_video", [read(done)])
    slow.come(500)
    assert create(kling, T2V, dedupe=600).task_id == first.task_id
    slow.come(200)
    assert create(kling, T2V, dedupe=600).task_id != first.task_id


# --- cancelled -------------------------------------------------------------------------------


def test_a_cancelled_create_that_has_not_connected_is_not_sent_later() -> None:
    """While it waits for the next try to connect: nothing is out, and nothing goes out."""
    script = Script()
    slow = SlowKling(script.clock, answers=True)
    kling = client("async", script, slow)
    tries = list[str]()

    async def main() -> None:
        paused, go = asyncio.Event(), asyncio.Event()

        async def unconnected(effect: Any) -> Any:
            tries.append(effect.method)
            return REFUSED

        async def pause(_: float) -> None:
            paused.set()
            await go.wait()

        kling.port.send, kling.port.sleep = unconnected, pause
        creating = asyncio.ensure_future(kling.text_to_video.create(prompt="x"))
        await paused.wait()
        creating.cancel()
        await asyncio.sleep(0)
        go.set()
        with pytest.raises(asyncio.CancelledError):
            await creating

    asyncio.run(main())
    assert tries == ["POST"]
    row = only_row(kling)
    assert (row.state, row.owner, row.doubt_until) == ("prepared", None, None)


# --- editions whose look-ups prove less --------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("by", ["nothing", "own_id"])
def test_where_no_look_up_proves_anything(
    by: Any, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was lost is in doubt for ever, says so, and is never sent again."""
    monkeypatch.setattr(V1, "find", lambda *_: Find(by, proves=False, resend=False))
    script = Script()
    slow = SlowKling(script.clock, late=None, timeout=2)
    kling = client(kind, script, slow)
    said = create(kling, T2V)
    assert isinstance(said, errors.SubmitOutcomeUnknown)
    assert (said.settles_at, "nothing was made" in said.fix) == (None, False)
    assert "kling.tasks.give_up" in said.fix
    for seconds in (1, 600, 86400):
        slow.come(seconds)
        ((row, error),) = resumed(kling, send=True).doubtful
        assert (row.state, error.settles_at) == ("unknown", None)
    assert slow.posts == 1


@pytest.mark.parametrize("kind", KINDS)
def test_where_an_own_id_can_be_had_twice(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is sent again while it is in doubt; when it certainly is not there, it may be."""
    monkeypatch.setattr(V1, "find", lambda *_: Find("own_id", proves=True, resend=False))
    script = Script()
    slow = SlowKling(script.clock, late=None, timeout=2)
    kling = client(kind, script, slow)
    assert isinstance(create(kling, T2V), errors.SubmitOutcomeUnknown)
    assert len(resumed(kling, send=True).doubtful) == 1
    assert isinstance(create(kling, T2V, dedupe=1.0), errors.SubmitOutcomeUnknown)
    assert slow.posts == 1
    slow.come(SETTLING + 1)
    slow.late, slow.answers = 0.0, True
    (running,) = resumed(kling, send=True).running
    assert ([one.task_id for one in slow.made], slow.posts) == ([running.task_id], 2)

"""Flows without network or clock: what they yield, and that both drivers do the same with it."""

from __future__ import annotations

import asyncio
import json
import signal
from contextlib import closing
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from helpers.ledgers import entry
from helpers.scripted import (
    LOST,
    REFUSED,
    Answer,
    AsyncPort,
    FakeClock,
    Port,
    Script,
    body_of,
    both,
    client_of,
    envelope,
    html,
    session,
    task,
)

from kling_core import errors
from kling_core.declare import registry
from kling_core.flows.prepared import prepare
from kling_core.flows.read import costs, page
from kling_core.flows.resume import settle
from kling_core.flows.session import Pace, Session
from kling_core.flows.submit import resume, submit
from kling_core.ledger.ledger import Ledger
from kling_core.wire.effects import Call, Guard, Send, Sleep, Tell, adrive, drive

T2V, LIPS = registry.get("t2v"), registry.get("lip-sync")
SPEECH = {"video_id": "11", "text": "Hello", "voice_id": "oversea_male1"}


# --- drivers -------------------------------------------------------------------------------


def _every_effect(log: list[Any]) -> Any:
    yield Sleep(1.5)
    yield Guard(True)
    value = yield Call(lambda: 40)
    yield Guard(False)
    yield Tell(log.append, "news")
    yield Tell(None, "nobody listens")
    return value + 2


def _failing(log: list[Any]) -> Any:
    try:
        yield Call(lambda: 1 / 0)
    except ZeroDivisionError:
        log.append("seen inside")
        raise
    finally:
        log.append("closed")


def _drive(kind: str, flow: Any) -> Any:
    if kind == "sync":
        return drive(flow, Port(Script()))
    return asyncio.run(adrive(flow, AsyncPort(Script())))


def test_drivers_perform_every_effect() -> None:
    """Sleeps are slept, local work is done, news are told, and the value comes back."""
    for kind in ("sync", "async"):
        script, log = Script(), list[Any]()
        flow = _every_effect(log)
        if kind == "sync":
            assert drive(flow, Port(script)) == 42
        else:
            assert asyncio.run(adrive(flow, AsyncPort(script))) == 42
        assert (script.sleeps, log) == ([1.5], ["news"])


def test_drivers_let_a_flow_see_an_exception() -> None:
    """What fails outside is raised inside the flow, which is closed, and then comes out."""
    for kind in ("sync", "async"):
        log = list[Any]()
        with pytest.raises(ZeroDivisionError):
            _drive(kind, _failing(log))
        assert log == ["seen inside", "closed"]


def test_async_listeners_may_be_coroutines() -> None:
    """A listener of the awaiting client is awaited."""
    heard = list[str]()

    async def listen(news: str) -> None:
        await asyncio.sleep(0)
        heard.append(news)

    def flow() -> Any:
        yield Tell(listen, "one")

    asyncio.run(adrive(flow(), AsyncPort(Script())))
    assert heard == ["one"]


# --- creates -------------------------------------------------------------------------------


def not_found() -> Answer:
    text = "Task not found by id/external id: mine"
    return envelope(code=1201, message=text, status=400)


SUBMITS: dict[str, list[Answer]] = {
    "plain": [envelope(task("1"))],
    "line": [envelope(code=1303, status=429)] * 3 + [envelope(task("1"))],
    "found": [LOST, envelope(task("1", "succeed"))],
    "found-late": [html(), not_found(), envelope(task("1"))],
    "resent": [LOST, not_found(), not_found(), envelope(task("1"))],
    "resent-then-duplicate": [
        LOST,
        not_found(),
        not_found(),
        envelope(code=1201, message="External_task_id mine already exists", status=400),
        envelope(task("1")),
    ],
    "look-up-lost-for-a-while": [LOST, LOST, html(), envelope(task("1"))],
    "unconnected": [REFUSED, REFUSED, envelope(task("1"))],
    "1203-is-not-found": [LOST, envelope(code=1203, status=404), envelope(task("1"))],
    "invalid": [envelope(code=1201, message="prompt is required", status=400)],
    "unknown": [LOST] * 6,
}
TRACES: dict[str, list[Any]] = {
    "plain": ["POST"],
    "line": ["POST", 1, "POST", 2, "POST", 4, "POST"],
    "found": ["POST", "GET"],
    "found-late": ["POST", "GET", 3, "GET"],
    "resent": ["POST", "GET", 3, "GET", 2, "POST"],
    "resent-then-duplicate": ["POST", "GET", 3, "GET", 2, "POST", "GET"],
    "look-up-lost-for-a-while": ["POST", "GET", 1, "GET", 2, "GET"],
    "unconnected": ["POST", 1, "POST", 2, "POST"],
    "1203-is-not-found": ["POST", "GET", 3, "GET"],
    "invalid": ["POST"],
    "unknown": ["POST", "GET", 1, "GET", 2, "GET", 4, "GET", 8, "GET"],
}


@pytest.mark.parametrize("name", SUBMITS)
def test_submit(name: str) -> None:
    """Each story of a create: what is sent, in which order, after which pauses."""
    script, result = both(
        lambda client: client.text_to_video.create(prompt="x", external_task_id="mine"),
        lambda: Script(list(SUBMITS[name])),
    )
    assert [entry[1] for entry in script.trace] == TRACES[name]
    posts = [body_of(effect) for effect in script.sent if effect.method == "POST"]
    assert all(post == posts[0] for post in posts)
    gets = {effect.url for effect in script.sent if effect.method == "GET"}
    assert gets <= {"http://kling.test/v1/videos/text2video/mine"}
    if name == "invalid":
        assert isinstance(result, errors.RequestRefused)
    elif name == "unknown":
        assert isinstance(result, errors.SubmitOutcomeUnknown)
    else:
        assert result.task_id == "1"


def test_an_external_id_is_made_before_the_first_byte() -> None:
    """Each create has a fresh id of its own, the same through all its tries."""
    ids = set[str]()
    for _ in range(3):
        script = Script([REFUSED, envelope(task("1"))])
        created = client_of("sync", script).text_to_video.create(prompt="x")
        (first, second) = (body_of(effect)["external_task_id"] for effect in script.sent)
        assert first == second == created.external_task_id
        ids.add(first)
    assert len(ids) == 3


def test_a_task_made_elsewhere_is_adopted_with_a_warning() -> None:
    """The id is taken at the first try: that task is returned, and this is said."""
    taken = envelope(code=1201, message="External_task_id mine already exists", status=400)
    script = Script([taken, envelope(task("1", "succeed"))])
    live = session(script)
    with pytest.warns(errors.KlingWarning, match="mine is that of task 1, made elsewhere"):
        row = drive(submit(live, T2V.request(prompt="x", external_task_id="mine")), Port(script))
    assert (row.task_id, row.state, script.methods) == ("1", "succeeded", ["POST", "GET"])


EXISTS = envelope(code=1201, message="External_task_id mine already exists", status=400)


def test_a_made_up_id_is_no_strangers() -> None:
    """Kling has a task with an id that we made up, but does not show it: the outcome is open."""
    script = Script([EXISTS, not_found(), not_found()])
    live = session(script)
    with pytest.raises(errors.SubmitOutcomeUnknown, match=r"already exists.*no such task"):
        drive(submit(live, T2V.request(prompt="x")), Port(script))
    assert [row.state for row in live.ledger().rows()] == ["unknown"]
    assert [entry[1] for entry in script.trace] == ["POST", "GET", 3, "GET"]


def test_a_given_id_that_was_sent_before_is_no_strangers() -> None:
    """The same holds for the caller's id when an earlier try may have arrived."""
    script = Script([LOST, not_found(), not_found(), EXISTS, not_found(), not_found()])
    live = session(script)
    with pytest.raises(errors.SubmitOutcomeUnknown):
        drive(submit(live, T2V.request(prompt="x", external_task_id="mine")), Port(script))
    assert live.ledger().row("mine").state == "unknown"


def test_a_given_id_of_a_stranger_is_refused() -> None:
    """At the first try it is a task of another endpoint: refused, and nothing billed."""
    script = Script([EXISTS, not_found(), not_found()])
    live = session(script)
    with pytest.raises(errors.DuplicateExternalId, match="choose another") as caught:
        drive(submit(live, T2V.request(prompt="x", external_task_id="mine")), Port(script))
    assert (caught.value.billed, live.ledger().row("mine").state) == ("no", "rejected")


def about(task_id: str, external: Any) -> Answer:
    return envelope(task(task_id, task_info={"external_task_id": external}))


@pytest.mark.parametrize("external", ["mine", "", None])
def test_an_external_id_that_is_not_set_is_no_other(external: Any) -> None:
    """Kling's samples leave it empty: the look-up by our id is believed."""
    script = Script([LOST, about("1", external)])
    request = T2V.request(prompt="x", external_task_id="mine")
    assert drive(submit(session(script), request), Port(script)).task_id == "1"
    assert script.methods == ["POST", "GET"]


def test_the_task_of_another_request_is_no_acceptance() -> None:
    """An answer that names another external id is not about this request: it is looked up."""
    script = Script([about("1", "theirs"), about("2", "mine")])
    request = T2V.request(prompt="x", external_task_id="mine")
    assert drive(submit(session(script), request), Port(script)).task_id == "2"
    assert script.methods == ["POST", "GET"]
    script = Script([about("1", "theirs"), about("1", "theirs")])
    live = session(script)
    with pytest.raises(errors.SubmitOutcomeUnknown, match="another request"):
        drive(submit(live, request), Port(script))
    assert (live.ledger().row("mine").state, script.methods) == ("unknown", ["POST", "GET"])


def test_an_unknown_outcome_names_both_troubles() -> None:
    """The lost answer and what kept the look-up from deciding; the code is the lost answer's."""
    lost = envelope(code=5001, message="maintenance", status=503)
    denied = envelope(code=1103, message="no permission", status=403)
    script = Script([lost, denied])
    request = T2V.request(prompt="x", external_task_id="mine")
    live = session(script)
    with pytest.raises(errors.SubmitOutcomeUnknown, match=r"maintenance.*no permission") as caught:
        drive(submit(live, request), Port(script))
    assert (caught.value.code, caught.value.http_status) == (5001, 503)
    assert script.methods == ["POST", "GET"]
    assert live.ledger().row("mine").state == "unknown"


def rows(*ids: str, parent: str = "11") -> Answer:
    info = {"parent_video": {"id": parent}}
    return envelope([task(one, task_info=info) for one in ids])


LISTS: dict[str, tuple[list[Answer], list[Any]]] = {
    "found": ([rows("1"), LOST, rows("1", "2")], ["GET", "POST", 3, "GET"]),
    "found-late": ([rows(), LOST, rows(), rows("2")], ["GET", "POST", 3, "GET", 3, "GET"]),
    "none": ([rows("1"), html(), rows("1"), rows("1")], ["GET", "POST", 3, "GET", 3, "GET"]),
    "two": ([rows("1"), LOST, rows("1", "2", "3")], ["GET", "POST", 3, "GET"]),
    "unreadable": (
        [rows("1"), LOST, *[LOST] * 5],
        ["GET", "POST", 3, "GET", 1, "GET", 2, "GET", 4, "GET", 8, "GET"],
    ),
    "refused": ([rows(), envelope(code=1102, status=429)], ["GET", "POST"]),
    "unconnected": ([rows(), REFUSED, rows("2")], []),
}


@pytest.mark.parametrize("name", [name for name in LISTS if name != "unconnected"])
def test_submit_without_external_id(name: str) -> None:
    """Lip-sync compares the list before and after; it is never sent twice on doubt.

    That the list shows nothing proves nothing yet: a slow service may carry it out later.
    """
    answers, trace = LISTS[name]
    script, result = both(
        lambda client: client.lip_sync.create(**SPEECH), lambda: Script(list(answers))
    )
    assert [entry[1] for entry in script.trace] == trace
    assert script.methods.count("POST") == 1
    match name:
        case "found" | "found-late":
            assert result.task_id == "2"
        case "refused":
            assert isinstance(result, errors.AccountError)
        case _:
            assert isinstance(result, errors.SubmitOutcomeUnknown)
            assert "kling.lip_sync.list()" in result.fix


def test_a_new_task_of_another_video_is_not_taken() -> None:
    """A task that names another clip, as far as we can read that, is not taken for ours.

    Nor for nothing: whoever names clips in a way of its own may mean ours.
    """
    script = Script([rows(), LOST, rows("5", parent="99"), rows("5", parent="99")])
    with pytest.raises(errors.SubmitOutcomeUnknown, match="may be task 5") as caught:
        client_of("sync", script).lip_sync.create(**SPEECH)
    assert caught.value.billed == "unknown"


def test_the_list_is_read_again_after_standing_in_line() -> None:
    """What others made of the same clip while all slots were busy is not taken for ours."""
    busy = envelope(code=1303, status=429)
    stranger = rows("7")
    script = Script([rows(), busy, stranger, LOST, stranger, stranger])
    with pytest.raises(errors.SubmitOutcomeUnknown, match="no answer") as caught:
        client_of("sync", script).lip_sync.create(**SPEECH)
    assert "may be task" not in str(caught.value)
    assert script.methods == ["GET", "POST", "GET", "POST", "GET", "GET"]


def test_a_full_list_decides_nothing() -> None:
    """When the list goes on beyond the pages that are read, a task may hide there: for ever."""
    full = [rows(*(str(n) for n in range(start, start + 500))) for start in range(0, 5000, 500)]
    script = Script([*full, LOST, *full * 3])
    kling = client_of("sync", script)
    with pytest.raises(errors.SubmitOutcomeUnknown):
        kling.lip_sync.create(**SPEECH)
    script.clock.now += 86400
    ((row, error),) = kling.tasks.resume(wait=False).doubtful
    assert (row.state, error.billed) == ("unknown", "unknown")


def test_a_list_of_several_pages_is_compared_whole() -> None:
    """What is new on the second page is found; nothing new on any is nothing, in the end."""
    first = rows(*(str(n) for n in range(500)))
    script = Script([first, rows("a"), LOST, first, rows("a", "b")])
    assert client_of("sync", script).lip_sync.create(**SPEECH).task_id == "b"
    script = Script([first, rows("a"), LOST, *[first, rows("a")] * 3])
    kling = client_of("sync", script)
    with pytest.raises(errors.SubmitOutcomeUnknown):
        kling.lip_sync.create(**SPEECH)
    script.clock.now += 700
    (row,) = kling.tasks.resume(wait=False).unsent
    assert (row.state, row.error) == ("prepared", "never accepted: Kling knows of no such task")


def test_nothing_is_sent_for_an_invalid_request() -> None:
    """All violations at once, and no request."""
    script, result = both(
        lambda client: client.text_to_video.create(
            prompt="x" * 2501, cfg_scale=2, duration=7, promt="y"
        ),
        Script,
    )
    assert isinstance(result, errors.InvalidRequest)
    assert {v.field for v in result.violations} >= {"prompt", "cfg_scale", "duration", "promt"}
    assert script.trace == []


def test_a_call_cannot_raise_the_clients_limit() -> None:
    """The lower of both limits holds, whichever of them it is."""
    request = T2V.request(prompt="x")
    for client, call in (("0.01", Decimal(100)), ("100", Decimal("0.01"))):
        script = Script()
        with pytest.raises(errors.BudgetExceeded, match=r"above the limit of \$0.01"):
            drive(submit(session(script, max_cost=client), request, max_cost=call), Port(script))
        assert script.trace == []


def test_nothing_is_sent_above_the_limit() -> None:
    """A quote above `max_cost`, or no quote at all, stops the create."""
    script, result = both(
        lambda client: client.text_to_video.create(prompt="x", max_cost="0.01"), Script
    )
    assert isinstance(result, errors.BudgetExceeded)
    assert "above the limit of $0.01" in str(result)
    assert script.trace == []


@pytest.mark.parametrize(
    "given, words",
    [
        ({"timeout": "10"}, "timeout '10' is not a number of seconds"),
        ({"timeout": True}, "timeout True is not a number of seconds"),
        ({"timeout": -1}, "timeout -1 is not a number of seconds"),
        ({"timeout": float("nan")}, "timeout nan is not a number of seconds"),
        ({"on_update": 5}, "on_update 5 cannot be called"),
        ({}, "out cannot be written: file exists"),
        ({"out": "out/deeper/"}, "out/deeper cannot be written: not a directory"),
    ],
    ids=str,
)
def test_what_would_stop_a_run_stops_it_before_it_is_paid(
    given: dict[str, Any], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """How to wait and where the files go is judged before anything is sent, in both clients."""
    monkeypatch.chdir(tmp_path)
    Path("out").write_text("in the way")
    script, error = both(lambda client: client.text_to_video.run(prompt="x", **given), Script)
    assert words in str(error)
    assert error.billed == "no"
    assert script.trace == []


def test_nobody_waits_by_what_is_no_time() -> None:
    """`wait` and `resume` judge it as `run` does, and before they look at anything."""
    for call in (
        lambda client: client.task(T2V, task()).wait("5"),
        lambda client: client.tasks.resume(timeout="5"),
        lambda client: client.task(T2V, task()).wait(on_update="tell"),
    ):
        script, error = both(call, Script)
        assert isinstance(error, errors.ConfigError)
        assert script.trace == []


def test_ids_and_numbers_of_another_kind() -> None:
    """An id is text and a count is a whole number; anything else is told so, and not asked."""
    for call, kind in (
        (lambda client: client.text_to_video.get(["5"]), errors.TaskNotFound),
        (lambda client: client.tasks.get({5}), errors.TaskNotFound),
        (lambda client: client.text_to_video.list("a"), errors.InvalidRequest),
        (lambda client: client.text_to_video.list(1, 2.5), errors.InvalidRequest),
        (lambda client: client.tasks.recent(-1), errors.InvalidRequest),
        (lambda client: client.tasks.find("x", limit="all"), errors.InvalidRequest),
    ):
        script, error = both(call, Script)
        assert isinstance(error, kind)
        assert "is not a" in str(error)
        assert script.trace == []


def test_an_interrupted_create_says_how_to_look(recwarn: Any) -> None:
    """What no guard holds, after the request went out, carries the recipe as a note.

    The row stays in doubt, and whoever resumes need not wait for a lease.
    """

    def interrupt(_: Any) -> Any:
        raise KeyboardInterrupt

    script = Script([interrupt])
    request = T2V.request(prompt="x", external_task_id="mine")
    live = session(script)
    with pytest.raises(KeyboardInterrupt) as caught:
        drive(submit(live, request), Port(script))
    assert "kling.text_to_video.get('mine')" in "".join(caught.value.__notes__)
    row = live.ledger().row("mine")
    assert (row.state, row.owner) == ("unknown", None)


def test_a_lip_sync_interrupted_before_it_is_sent_is_unsent() -> None:
    """Ctrl-C while the list is read, before the first POST: nothing is in doubt, nothing held."""

    def interrupt(_: Any) -> Any:
        raise KeyboardInterrupt

    script = Script([interrupt])
    live = session(script)
    with pytest.raises(KeyboardInterrupt):
        drive(submit(live, LIPS.request(**SPEECH)), Port(script))
    assert script.methods == ["GET"]
    (row,) = live.ledger().rows()
    assert (row.state, row.owner) == ("prepared", None)


def left_behind(live: Session, *names: str) -> Ledger:
    """A ledger with requests that were written down and never sent."""
    ledger = live.ledger()
    for name in names:
        request = T2V.request(prompt=name, external_task_id=name)
        ledger.prepare(prepare(live, request).entry(""), lease=60)
        ledger.release(name)
    return ledger


def test_what_is_sent_later_keeps_the_budget() -> None:
    """Of three requests left behind the budget has room for one; the others stay and are told."""
    script = Script([envelope(task("1"))])
    live = session(script, budget="0.30")
    ledger = left_behind(live, "a", "b", "c")
    settled = drive(settle(live, send=True), Port(script))
    assert script.methods == ["POST"]
    assert [row.task_id for row in settled.running] == ["1"]
    refused = {row.id: error for row, error in settled.doubtful}
    assert len(refused) == 2
    for row_id, error in refused.items():
        assert isinstance(error, errors.BudgetExceeded)
        assert (ledger.row(row_id).state, ledger.row(row_id).owner) == ("prepared", None)


def test_a_limit_keeps_nothing_from_being_looked_up() -> None:
    """What is too dear now is not sent; what may be out is looked up all the same."""
    script = Script([envelope(task("1", "processing"))])
    live = session(script, max_cost="0.01")
    ledger = left_behind(live, "a", "b")
    ledger.admit("a", limit=None, lease=60)
    ledger.doubtful("a", "no answer")
    settled = drive(settle(live, send=True), Port(script))
    assert script.methods == ["GET"]
    assert ledger.row("a").state == "processing"
    ((row, error),) = settled.doubtful
    assert (row.id, type(error)) == ("b", errors.BudgetExceeded)
    assert ledger.row("b").state == "prepared"


def test_an_old_id_is_sent_within_todays_budget() -> None:
    """A row of another day, created again under its id, costs what it costs today."""
    script = Script([envelope(task("1"))])
    live = session(script, budget="0.30")
    ledger = left_behind(live, "a", "b")
    script.clock.now += 5 * 86400
    drive(submit(live, T2V.request(prompt="a", external_task_id="a")), Port(script))
    with pytest.raises(errors.BudgetExceeded, match=r"\$0\.21 of today's \$0\.30 are committed"):
        drive(submit(live, T2V.request(prompt="b", external_task_id="b")), Port(script))
    left = ledger.row("b")
    assert (left.state, left.owner) == ("prepared", None)
    assert "are committed" in left.error


def _no_room(*_: Any, **__: Any) -> Any:
    raise errors.LedgerError("the disk is full", fix="Make room and try again.")


def test_a_lost_answer_and_a_full_disk(monkeypatch: Any) -> None:
    """In doubt, and that cannot be noted: still the recipe of a doubt, with the ledger's word."""
    script = Script([LOST, envelope(code=1103, message="no permission", status=403)])
    live = session(script)
    monkeypatch.setattr(Ledger, "_settle", _no_room)
    with pytest.raises(errors.SubmitOutcomeUnknown, match="no permission") as caught:
        drive(submit(live, T2V.request(prompt="x", external_task_id="mine")), Port(script))
    assert caught.value.billed == "unknown"
    assert "kling.text_to_video.get('mine')" in caught.value.fix
    assert "disk is full" in str(caught.value.__cause__)


def test_a_refusal_and_a_full_disk(monkeypatch: Any) -> None:
    """What Kling said is told, not that it could not be noted: nothing is billed."""
    script = Script([envelope(code=1301, message="policy", status=400)])
    live = session(script)
    monkeypatch.setattr(Ledger, "_settle", _no_room)
    with pytest.raises(errors.ContentPolicyError) as caught:
        drive(submit(live, T2V.request(prompt="x")), Port(script))
    assert caught.value.billed == "no"
    assert "disk is full" in str(caught.value.__cause__)


def test_a_comparison_that_the_ledger_cannot_make(monkeypatch: Any) -> None:
    """The answer is lost and the ledger fails before the list is compared: in doubt."""
    script = Script([rows(), LOST, rows()])
    live = session(script)
    monkeypatch.setattr(Ledger, "claims", _no_room)
    with pytest.raises(errors.SubmitOutcomeUnknown, match="the disk is full") as caught:
        drive(submit(live, LIPS.request(**SPEECH)), Port(script))
    assert caught.value.billed == "unknown"
    assert "kling.lip_sync.list()" in caught.value.fix


def test_a_look_up_that_cannot_decide_holds_no_interrupt_back() -> None:
    """Who waits in line behind it can press Ctrl-C at any time."""
    denied = envelope(code=1103, message="no permission", status=403)
    script = Script([LOST, denied, *[denied] * 9])
    live = session(script, slots=1)
    with pytest.raises(errors.SubmitOutcomeUnknown):
        drive(submit(live, T2V.request(prompt="x")), Port(script))
    before, held = signal.getsignal(signal.SIGINT), list[bool]()

    def listen(_: Any) -> None:
        held.append(signal.getsignal(signal.SIGINT) is not before)
        if script.methods.count("GET") > 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        drive(submit(live, T2V.request(prompt="y"), on_update=listen), Port(script))
    assert set(held) == {False}


def test_a_twin_that_is_refused_is_an_error() -> None:
    """Who waits for an identical create gets its refusal, not a task without an id."""
    script = Script()
    live = session(script)
    first = submit(live, T2V.request(prompt="x", external_task_id="mine"))
    effect = first.send(None)
    while not isinstance(effect, Send):
        effect = first.send(effect.work() if isinstance(effect, Call) else None)

    class Refusing(Port):
        def sleep(self, seconds: float) -> None:
            live.ledger().refused("mine", "1301 no such prompts")

    with closing(first), pytest.raises(errors.ContentPolicyError, match="such prompts") as caught:
        drive(submit(live, T2V.request(prompt="x"), dedupe=60), Refusing(script))
    assert (caught.value.code, caught.value.billed) == (1301, "no")
    assert script.methods == []


SAME: list[dict[str, Any]] = [
    {"prompt": "clip"},
    {"prompt": " clip\n", "duration": 5},
    {"prompt": "clip", "model_name": "kling-v2-5-turbo", "mode": "std", "aspect_ratio": "16:9"},
    {"prompt": "clip", "callback_url": "https://x.test", "external_task_id": "mine"},
]
OTHERS: list[dict[str, Any]] = [
    {"prompt": "a clip"},
    {"prompt": "clip", "duration": 10},
    {"prompt": "clip", "mode": "pro"},
]


def test_a_request_is_the_same_however_it_is_written() -> None:
    """Defaults spelled out and blanks around a text make no other request; what is sent stays."""
    live = session(Script())
    digests = list[str]()
    for fields in (*SAME, *OTHERS):
        request = T2V.request(**fields)
        prepared = prepare(live, request)
        digests.append(prepared.digest)
        assert json.loads(b"".join(prepared.body))["prompt"] == fields["prompt"]
    assert len(set(digests[: len(SAME)])) == 1
    assert len(set(digests)) == 1 + len(OTHERS)


def test_a_speech_is_the_same_with_what_follows_from_it() -> None:
    """The language of its voice and its mode need not be said."""
    live, lip_sync = session(Script()), registry.get("lip_sync")
    said = {"video_id": "7", "text": "Hello", "voice_id": "oversea_male1"}
    alike = ({}, {"voice_language": "en"})
    others = ({"voice_speed": 1.2}, {"text": "Hallo"})
    digests = [prepare(live, lip_sync.request(**{**said, **more})).digest for more in alike]
    assert len(set(digests)) == 1
    digests += [prepare(live, lip_sync.request(**{**said, **more})).digest for more in others]
    assert len(set(digests)) == 1 + len(others)


def test_a_picture_is_the_same_under_any_name(tmp_path: Path) -> None:
    """Media count by what is in them: another picture is another request, another name is not."""
    from helpers.media import picture

    live, i2v = session(Script()), registry.get("i2v")
    digests = list[str]()
    for name, data in (("a", picture()), ("b", picture()), ("c", picture(640, 480))):
        (tmp_path / name).write_bytes(data)
        request = i2v.request(image=tmp_path / name)
        digests.append(prepare(live, request).digest)
    assert digests[0] == digests[1] != digests[2]


def test_a_file_that_changes_is_an_invalid_request(tmp_path: Path) -> None:
    """A picture that was replaced between check and send is named, not sent by halves."""
    from helpers.media import picture

    photo = tmp_path / "photo.png"
    photo.write_bytes(picture())
    script = Script([lambda effect: envelope(task(str(len(b"".join(effect.body or ())))))])
    request = registry.get("i2v").request(image=photo)
    assert request.check().ok
    photo.write_bytes(picture(640, 480))
    with pytest.raises(errors.InvalidRequest, match="changed after it was checked"):
        drive(submit(session(script), request), Port(script))


# --- waiting -------------------------------------------------------------------------------


def test_wait_asks_less_often_as_the_task_ages() -> None:
    """Every 2 s at first, then a tenth of the age, at most every 15 s; seen at the next tick."""
    answers = [envelope(task("1", "processing"))] * 60 + [envelope(task("1", "succeed"))]
    script, _ = both(
        lambda client: client.task(T2V, task("1")).wait(),
        lambda: Script(answers),
        pace=Pace(line_tick=0.9),
    )
    assert script.methods == ["GET"] * 61
    assert set(script.sleeps) == {0.9}
    start = FakeClock().now
    pauses = [round(b - a, 3) for a, b in pairwise([start, *script.times])]
    assert pauses[:5] == [1.8] * 5
    assert pauses == sorted(pauses)
    assert pauses[-1] == 13.5


BROKEN = [LOST, REFUSED, html(), envelope(code=5001, status=503), envelope(code=1302, status=429)]


def test_wait_survives_broken_reads() -> None:
    """Lost answers, pages, 5xx and 1302 are only looks that told nothing."""
    answers = [*BROKEN, envelope(task("1", "succeed"))]
    script, found = both(
        lambda client: client.task(T2V, task("1")).wait(), lambda: Script(list(answers))
    )
    assert found.status == "succeeded"
    assert script.methods == ["GET"] * 6


@pytest.mark.parametrize("code, status", [(1000, 401), (1103, 403), (1201, 400)])
def test_wait_stops_at_what_will_not_pass(code: int, status: int) -> None:
    """A refused key or an unknown task does not go away by waiting."""
    script, error = both(
        lambda client: client.task(T2V, task("1")).wait(),
        lambda: Script([envelope(code=code, status=status)]),
    )
    assert isinstance(error, errors.APIError)
    assert len(script.sent) == 1


def test_wait_timeout_is_kept_to_the_second() -> None:
    """The last pause ends with the time-out; the error says that the task goes on."""
    answers = [envelope(task("1", "processing"))] * 20
    script, error = both(
        lambda client: client.task(T2V, task("1")).wait(10), lambda: Script(list(answers))
    )
    assert isinstance(error, errors.WaitTimeout)
    assert sum(script.sleeps) == pytest.approx(10)
    assert (error.billed, error.retryable, error.task_id) == ("yes", True, "1")
    assert "kling.text_to_video.get('1').wait()" in error.fix


@pytest.mark.parametrize(
    "message, about",
    [
        ("Failure to pass the risk control system", "Change the prompt or the image"),
        ("Image pixel is invalid", "300 by 300"),
        ("", "without a reason"),
        (None, "without a reason"),
    ],
)
def test_failed_task(message: str | None, about: str) -> None:
    """A failed task is an error with Kling's words, what to change, and whether it cost."""
    answer = envelope(task("1", "failed", task_status_msg=message, final_unit_deduction="0"))
    _, error = both(lambda client: client.task(T2V, task("1")).wait(), lambda: Script([answer]))
    assert isinstance(error, errors.TaskFailed)
    assert (message or "") in str(error)
    assert about in str(error)
    assert (error.billed, error.task_id) == ("no", "1")


def test_a_done_task_is_not_asked_for() -> None:
    """Waiting for what has ended asks nobody."""
    script, found = both(lambda client: client.task(T2V, task("1", "succeed")).wait(), Script)
    assert (script.trace, found.status) == ([], "succeeded")


# --- lists and the account -----------------------------------------------------------------


def test_pages_and_their_bounds() -> None:
    """Page and size go out as Kling names them; out of bounds is refused here."""
    script = Script([envelope([])])
    assert drive(page(session(script), T2V, 2, 500), Port(script)) == []
    assert script.sent[0].url.endswith("/v1/videos/text2video?pageNum=2&pageSize=500")
    for number, size in ((0, 30), (1001, 30), (1, 0), (1, 501)):
        with pytest.raises(errors.InvalidRequest, match="out of range"):
            drive(page(session(script), T2V, number, size), Port(script))


def test_iterate_gives_each_task_once() -> None:
    """Pages that overlap, because tasks were made meanwhile, give nothing twice."""
    pages = [
        envelope([task("5"), task("4")]),
        envelope([task("4"), task("3")]),
        envelope([task("2")]),
    ]
    kling = client_of("sync", script := Script(pages))
    assert [found.task_id for found in kling.text_to_video.iterate(size=2)] == list("5432")
    assert len(script.sent) == 3


def test_costs() -> None:
    """The account's packs; an error inside a good envelope is an error."""
    packs = {"code": 0, "msg": "SUCCEED", "resource_pack_subscribe_infos": [{"status": "online"}]}
    script = Script([envelope(packs), envelope({"code": 1200, "msg": "Missing Request Parameter"})])
    live = session(script)
    assert drive(costs(live, 1, 2, "P"), Port(script)) == [{"status": "online"}]
    assert script.sent[0].url.endswith(
        "/account/costs?start_time=1&end_time=2&resource_pack_name=P"
    )
    with pytest.raises(errors.APIError, match="Missing Request Parameter"):
        drive(costs(live, 1, 2), Port(script))


def test_odd_ids_are_quoted_in_paths() -> None:
    """An external id may hold anything; what leads elsewhere is never asked for.

    Nor is it called not found, which would be Kling's word.
    """
    script = Script([envelope(task("1"))])
    client_of("sync", script).text_to_video.get("a/b?c#d ä")
    assert script.sent[0].url.endswith("/text2video/a%2Fb%3Fc%23d%20%C3%A4")
    for word in ("", " ", ".", ".."):
        with pytest.raises(errors.InvalidRequest, match="not the id of a task"):
            client_of("sync", Script()).text_to_video.get(word)


def test_a_row_whose_id_cannot_be_asked_for_stays_in_doubt() -> None:
    """Nobody has said that its task does not exist, so it is not sent again."""
    script = Script()
    live = session(script)
    ledger = live.ledger()
    row, _ = ledger.prepare(entry(" "), lease=60)
    ledger.admit(row.id, limit=None, lease=60)
    ledger.doubtful(row.id, "its answer was lost")
    with pytest.raises(errors.SubmitOutcomeUnknown, match="not the id of a task"):
        drive(resume(live, ledger.row(" "), send=False), Port(script))
    assert (ledger.row(" ").state, script.methods) == ("unknown", [])


ODD = [" ", "\t", " a", "a ", ".", "..", "a/b", "a\\b", "50%", "a;b", "a\nb", "\x00", "\ud83d"]


@pytest.mark.parametrize("name", ODD)
def test_an_id_that_could_not_be_looked_up_is_refused(name: str) -> None:
    """Without the look-up a lost answer could be paid twice: nothing is sent with such an id."""
    script = Script()
    with pytest.raises(errors.InvalidRequest, match=r"looked up|valid string") as caught:
        client_of("sync", script).text_to_video.create(prompt="x", external_task_id=name)
    assert [v.field for v in caught.value.violations] == ["external_task_id"]
    assert script.methods == []


def test_a_flawed_picture_hides_no_other_problem() -> None:
    """What a picture leads to is judged although the picture itself is too small."""
    from helpers.media import picture

    check = (
        registry.get("image")
        .request(prompt="x", negative_prompt="y", model_name="kling-v1-5", image=picture(10, 10))
        .check()
    )
    assert {v.field for v in check.violations} == {"image", "image_reference", "negative_prompt"}

"""Waiting for rows in every state, and for slots that never come free: no wait is for nothing."""

from __future__ import annotations

from itertools import repeat
from typing import Any

import pytest
from helpers.ledgers import LEASE, answer, entry
from helpers.scripted import LOST, Answer, Port, Script, both, client_of, envelope, session, task
from hypothesis import given, settings
from hypothesis import strategies as st

from kling_core import errors
from kling_core.declare import registry
from kling_core.errors import KlingError
from kling_core.flows.session import Pace
from kling_core.flows.submit import EMPTY, EMPTY_HEAVY, EMPTY_LIGHT, submit
from kling_core.ledger.ledger import Ledger
from kling_core.ledger.records import UNANSWERED
from kling_core.task import Task
from kling_core.wire.effects import Send, drive

FULL = envelope(code=1303, message="parallel task over resource pack limit", status=429)
T2V, IMAGE = registry.get("t2v"), registry.get("image-generation")


def not_found() -> Answer:
    return envelope(code=1201, message="Task not found by id/external id: ours", status=400)


def in_state(state: str, *answers: Answer) -> Script:
    """A script whose ledger has the row `ours` as a process left it an hour ago."""
    script = Script(answers)
    ledger = session(script).ledger()
    ledger.prepare(entry("ours", endpoint="text_to_video"), lease=LEASE)
    if state == "prepared":
        ledger.release("ours")
    elif state == "waiting":
        for name in ("a", "b"):
            ledger.adopt(entry(name), answer(name))
        ledger.admit("ours", limit=1, lease=LEASE)
    else:
        ledger.admit("ours", limit=None, lease=LEASE)
    if state == "rejected":
        ledger.refused("ours", "1301 Failure to pass the risk control system")
    elif state == "unknown":
        ledger.doubtful("ours", "the answer was lost")
    elif state in ("processing", "succeeded", "failed", "expired"):
        ledger.accepted("ours", answer("1", "processing"))
    if state in ("succeeded", "failed"):
        ledger.observe("text_to_video", [answer("1", state, videos=1)])
    elif state == "expired":
        ledger.expired("ours")
    script.clock.now += 3600
    return script


def wait(client: Any) -> Any:
    """`kling.tasks.get("ours").wait()`, by either client."""
    if hasattr(client, "__aenter__"):

        async def awaited() -> Any:
            return await (await client.tasks.get("ours")).wait()

        return awaited()
    return client.tasks.get("ours").wait()


def waited(state: str, *answers: Answer) -> tuple[Script, Any]:
    return both(wait, lambda: in_state(state, *answers))


def test_a_refused_row_raises_its_refusal() -> None:
    """At once, in Kling's words, and not billed."""
    script, error = waited("rejected")
    assert script.trace == []
    assert isinstance(error, errors.ContentPolicyError)
    assert (error.code, error.billed) == (1301, "no")


@pytest.mark.parametrize("state", ["prepared", "waiting"])
def test_a_row_that_was_never_sent_says_so(state: str) -> None:
    """At once: nobody is going to send it, nothing is paid, and how it is sent."""
    script, error = waited(state)
    assert script.trace == []
    assert isinstance(error, KlingError)
    assert "never sent" in error.message
    assert "goes on" not in str(error)
    assert "resume(send=True)" in error.fix
    assert error.billed == "no"


def test_a_purged_row_says_so() -> None:
    """What Kling has purged is not waited for."""
    script, error = waited("expired")
    assert script.trace == []
    assert isinstance(error, errors.TaskNotFound)


@pytest.mark.parametrize("state", ["unknown", "submitting"])
def test_a_lost_answer_is_looked_up(state: str) -> None:
    """What Kling has is taken in and waited for; nothing is sent again."""
    found = envelope(task("1", "succeed", task_info={"external_task_id": "ours"}))
    script, result = waited(state, found)
    assert script.methods == ["GET"]
    assert result.status == "succeeded"
    assert result.task_id == "1"


def test_an_unknown_row_that_cannot_be_looked_up_stays_unknown() -> None:
    """The look-up fails: the outcome is unknown, and that is raised, not waited on."""
    script, error = waited("unknown", *[LOST] * 20)
    assert isinstance(error, errors.SubmitOutcomeUnknown)
    assert error.billed == "unknown"
    assert set(script.methods) == {"GET"}


@pytest.mark.parametrize("state", ["processing", "succeeded", "failed"])
def test_a_finished_task_takes_no_sleep(state: str) -> None:
    """Who waits looks first: what the ledger or Kling knows to have ended is there at once."""
    script, result = waited(
        state, envelope(task("1", "failed" if state == "failed" else "succeed"))
    )
    assert script.sleeps == []
    assert script.methods == (["GET"] if state == "processing" else [])
    if state == "failed":
        assert isinstance(result, errors.TaskFailed)
    else:
        assert result.status == "succeeded"


def test_several_finished_tasks_take_no_sleep() -> None:
    """One look is for all: who waits for one after the other sleeps for none."""
    script = Script(repeat(lambda effect: envelope(task(effect.url.rpartition("/")[2], "succeed"))))
    client = client_of("sync", script)
    ledger = client.session.ledger()
    for name in ("1", "2"):
        ledger.adopt(entry(f"row-{name}"), answer(name, "processing"))
    script.clock.now += 3600
    tasks = [client.tasks.get(f"row-{name}") for name in ("1", "2")]
    for one in tasks:
        one.wait()
    assert script.sleeps == []
    assert len(script.sent) == 2


def test_a_task_that_was_just_made_is_not_asked_for() -> None:
    """Its create said a moment ago that it runs."""
    script = Script([envelope(task("1")), envelope(task("1", "succeed"))])
    client = client_of("sync", script)
    client.text_to_video.create(prompt="a boat").wait()
    assert script.methods == ["POST", "GET"]
    assert script.sleeps


def test_what_another_process_sends_is_waited_for() -> None:
    """A row in the hands of a living process is no lost one: its task is waited for."""
    script = Script([envelope(task("1", "succeed"))])
    theirs = session(script).ledger()
    theirs.prepare(entry("ours"), lease=LEASE)
    theirs.admit("ours", limit=None, lease=LEASE)
    client = client_of("sync", script)
    heard: list[str] = []

    def listen(news: Any) -> None:
        heard.append(news.task_id)
        if len(heard) == 3:
            theirs.accepted("ours", answer("1", "processing"))

    found = client.tasks.get("ours").wait(on_update=listen)
    assert found.status == "succeeded"
    assert heard[:3] == [""] * 3


def test_a_timeout_of_what_is_not_at_kling_says_nothing_of_paying() -> None:
    """Whoever sends it goes on; whether it is paid nobody knows yet."""
    script = Script()
    theirs = session(script).ledger()
    theirs.prepare(entry("ours"), lease=LEASE)
    theirs.admit("ours", limit=None, lease=LEASE)
    with pytest.raises(errors.WaitTimeout) as caught:
        client_of("sync", script).tasks.get("ours").wait(3)
    assert "is paid" not in str(caught.value)
    assert caught.value.billed == "unknown"


def test_giving_up_ends_the_waits_of_others() -> None:
    """Who waits is told; who waits again after that takes it up again."""
    script = Script(repeat(envelope(task("1", "processing"))))
    client = client_of("sync", script)
    ledger: Ledger = client.session.ledger()
    ledger.adopt(entry("ours"), answer("1", "processing"))

    def listen(_: Any) -> None:
        client.tasks.give_up("ours")

    with pytest.raises(errors.WaitTimeout, match="was given up") as caught:
        client.tasks.get("ours").wait(on_update=listen)
    assert caught.value.billed == "yes"
    assert ledger.row("ours").given_up_at is not None
    with pytest.raises(errors.WaitTimeout, match="still processing"):
        client.tasks.get("ours").wait(3)
    assert ledger.row("ours").given_up_at is None


def test_resume_does_not_wait_for_what_was_given_up() -> None:
    """It would never come back."""
    script = Script()
    client = client_of("sync", script)
    client.session.ledger().adopt(entry("ours"), answer("1", "processing"))
    client.tasks.give_up("ours")
    settled = client.tasks.resume()
    assert settled.running == []
    assert script.trace == []


@pytest.mark.parametrize("state", ["unknown", "submitting"])
def test_resume_looks_up_what_was_given_up_and_sends_nothing(state: str) -> None:
    """Found, it is taken in after all; not found, not even `send=True` pays for it."""
    found = envelope(task("1", "processing", task_info={"external_task_id": "ours"}))
    script = in_state(state, found)
    client = client_of("sync", script)
    client.tasks.give_up("ours")
    settled = client.tasks.resume(wait=False, download=False)
    assert [row.task_id for row in settled.running] == ["1"]
    script = in_state(state, *[not_found()] * 40)
    client = client_of("sync", script)
    client.tasks.give_up("ours")
    settled = client.tasks.resume(wait=False, download=False, send=True)
    assert settled.doubtful == []
    assert set(script.methods) == {"GET"}


# --- slots that never come free ------------------------------------------------------------


@pytest.mark.parametrize("slots, count", [(5, 9), (1, 2)])
def test_a_request_above_the_setting_is_refused(slots: int, count: int) -> None:
    """Nothing is sent or written down; the message names both numbers and the way out."""
    script = Script()
    one = session(script, slots=slots)
    with pytest.raises(errors.InvalidRequest) as caught:
        drive(submit(one, IMAGE.request(prompt="a pear", n=count)), Port(script))
    assert f"needs {count} slots at once, and the account has {slots}" in str(caught.value)
    assert f"n<={slots}" in str(caught.value)
    assert script.trace == []
    assert one.ledger().rows() == []


def teach(ledger: Ledger, product: str, limit: int) -> None:
    """So many of ours run, and the next one is refused."""
    for number in range(limit):
        ledger.adopt(entry(f"r{number}", product=product), answer(f"{number}"))
    ledger.prepare(entry("refused", product=product), lease=LEASE)
    ledger.admit("refused", limit=None, lease=LEASE)
    ledger.back_in_line("refused", lease=LEASE, learn=True)
    ledger.observe("text_to_video", [answer(f"{n}", "succeed") for n in range(limit)])
    ledger.release("refused")


def test_a_request_above_a_firm_limit_is_refused() -> None:
    """Kling taught it while our own tasks filled the account; a guess refuses nothing."""
    script = Script([envelope(task("100"))])
    one = session(script)
    teach(one.ledger(), "image", 5)
    with pytest.raises(errors.InvalidRequest, match="needs 9 slots at once, and the account has 5"):
        drive(submit(one, IMAGE.request(prompt="a pear", n=9)), Port(script))
    assert script.trace == []
    guess = session(Script())
    teach(guess.ledger(), "image", 2)
    assert guess.ledger().learned("image") == 2
    assert guess.ledger().learned("image", firm=True) is None


def test_a_limit_that_is_learned_in_line_refuses_too() -> None:
    """A row that stands in line when the limit becomes known leaves it, unsent."""
    script = Script(repeat(envelope(answer("1", "processing").raw)))
    one = session(script)
    ledger = one.ledger()
    ledger.adopt(entry("runs", product="image", weight=5), answer("1"))
    for number in range(UNANSWERED):  # so that it has to wait at all
        ledger.prepare(entry(f"x{number}", product="image"), lease=LEASE)
        ledger.admit(f"x{number}", limit=None, lease=LEASE)
    heard: list[str] = []

    def told(news: Any) -> None:
        heard.append(str(news))
        for number in range(UNANSWERED):
            ledger.back_in_line(f"x{number}", lease=LEASE, learn=True)
            ledger.release(f"x{number}")

    flow = submit(one, IMAGE.request(prompt="a pear", n=9), on_update=told, row_id="heavy")
    with pytest.raises(errors.InvalidRequest, match="needs 9 slots at once, and the account has 5"):
        drive(flow, Port(script))
    assert heard
    assert "POST" not in script.methods
    assert (ledger.row("heavy").state, ledger.row("heavy").owner) == ("prepared", None)


@pytest.mark.parametrize("count, patience", [(9, EMPTY_HEAVY), (1, EMPTY_LIGHT)])
def test_full_although_nothing_of_ours_runs(count: int, patience: float) -> None:
    """After some refusals over some minutes the cause is raised; nothing is billed, all go on."""
    script = Script(repeat(FULL))
    one = session(script)
    begin = script.clock.now
    with pytest.raises(errors.ConcurrencyLimit) as caught:
        drive(submit(one, IMAGE.request(prompt="a pear", n=count)), Port(script))
    error = caught.value
    assert error.billed == "no"
    assert "another program" in error.cause
    assert ("fewer than the 9 slots" in error.cause) == (count == 9)
    assert len(script.sent) >= EMPTY
    took = script.clock.now - begin
    assert patience * one.pace.recheck <= took < patience * one.pace.recheck + 60
    (row,) = one.ledger().rows()
    assert (row.state, row.owner) == ("prepared", None)
    assert one.ledger().queue("image").waiting == ()


def test_full_of_ours_is_waited_for() -> None:
    """While something of ours holds a slot a 1303 is no reason to end, however often it comes."""
    posts: list[str] = []

    def kling(effect: Send) -> Any:
        if effect.method == "GET":
            return envelope(answer("1", "processing").raw)
        posts.append(effect.url)
        return FULL if len(posts) <= EMPTY + 1 else envelope(task("2"))

    script = Script(repeat(kling))
    one = session(script, pace=Pace(line_tick=10.0))
    one.ledger().adopt(entry("runs", product="image"), answer("1"))
    begin = script.clock.now
    row = drive(submit(one, IMAGE.request(prompt="a pear", n=2)), Port(script))
    assert row.task_id == "2"
    assert script.clock.now - begin > EMPTY_HEAVY * one.pace.recheck


def test_1302_does_not_go_on_for_ever() -> None:
    """Too many requests, said for minutes, is raised; nothing was made."""
    script = Script(repeat(envelope(code=1302, message="rate", status=429)))
    one = session(script)
    with pytest.raises(errors.RateLimited) as caught:
        drive(submit(one, T2V.request(prompt="a boat")), Port(script))
    assert caught.value.billed == "no"
    assert len(script.sent) == 20


@given(said=st.permutations(["submitted", "processing", "succeeded", "processing", "submitted"]))
@settings(max_examples=20, deadline=None)
def test_a_task_that_several_wait_for_never_goes_back(said: list[str]) -> None:
    """Each reads the ledger at another moment; what ended stays ended, whoever comes last."""
    with client_of("sync", Script()) as client:
        made = Task(client, T2V, answer("1", "submitted"))
        for state in said[: said.index("succeeded") + 1]:
            made.update(answer("1", state, videos=int(state == "succeeded")))
        for state in said[said.index("succeeded") + 1 :]:
            made.update(answer("1", state))
        assert (made.status, len(made.videos)) == ("succeeded", 1)

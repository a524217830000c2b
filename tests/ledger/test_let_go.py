"""What holds a slot and for how long; and rows that somebody gives up. Time is simulated."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from helpers import scripted
from helpers.ledgers import LEASE, Moved, OpenLedger, answer, as_version_1, entry
from helpers.scripted import Port, Script, envelope

from kling_core.commands import slots
from kling_core.errors import KlingError
from kling_core.flows import watch as watching
from kling_core.flows.give_up import give_up
from kling_core.ledger.ledger import Ledger
from kling_core.ledger.migrations import VERSION
from kling_core.ledger.records import HOLDS, TOO_LONG, Row
from kling_core.wire.effects import Send, drive

DAY = 24 * 3600.0


def sent(ledger: Ledger, **more: Any) -> Row:
    """A row whose POST is out."""
    row, _ = ledger.prepare(entry(**more), lease=LEASE)
    assert ledger.admit(row.id, limit=None, lease=LEASE).admitted
    return ledger.row(row.id)


def running(ledger: Ledger, task_id: str, **more: Any) -> Row:
    return ledger.accepted(sent(ledger, **more).id, answer(task_id))


def busy(ledger: Ledger) -> int:
    return ledger.queue("video").busy


def _unknown(ledger: Ledger) -> None:
    ledger.doubtful(sent(ledger, external_task_id=None).id, "the answer was lost")


def _abandoned(ledger: Ledger) -> None:
    sent(ledger, external_task_id=None)


def _not_found(ledger: Ledger) -> None:
    ledger.unclear(running(ledger, "1").id)


def _odd_word(ledger: Ledger) -> None:
    running(ledger, "1")
    ledger.observe("text_to_video", [answer("1", "suspended")])


HANGING = {
    "outcome unknown": _unknown,
    "being sent for ever": _abandoned,
    "not found": _not_found,
    "a word that nobody knows": _odd_word,
}


@pytest.mark.parametrize("name", HANGING)
def test_a_slot_is_let_go_of(ledger: Ledger, moved: Moved, name: str) -> None:
    """Of what may not run at all the slot is free after minutes; the row stays, and says why."""
    moved.stop()
    HANGING[name](ledger)
    assert busy(ledger) == 1
    (row,) = ledger.rows()
    holds = row.doubt_until - ledger.now() if row.unsettled and row.doubt_until else HOLDS
    assert holds <= 900, "minutes"
    moved.offset = holds - 1
    assert busy(ledger) == 1
    moved.offset = holds + 1
    assert busy(ledger) == 0
    assert ledger.holders()[1] == [row]
    assert row.state in ("unknown", "submitting", "submitted", "processing")
    told = "\n".join(slots.lines(ledger))
    assert "holds no slot" in told
    assert row.id[-8:] in told or row.task_id in told
    next_one, _ = ledger.prepare(entry(), lease=LEASE)
    assert ledger.admit(next_one.id, limit=1, lease=LEASE).admitted


def test_what_runs_keeps_its_slot(ledger: Ledger, moved: Moved) -> None:
    """Hours are no reason; but what has run for longer than anything ever did is stuck."""
    moved.stop()
    running(ledger, "1")
    moved.offset = TOO_LONG - 60
    ledger.observe("text_to_video", [answer("1", "processing")])
    assert busy(ledger) == 1
    moved.offset = TOO_LONG + 60
    assert busy(ledger) == 0


def test_found_again_it_holds_its_slot_again(ledger: Ledger, moved: Moved) -> None:
    """What Kling finds, or names by a known word, is no longer in doubt, also as it was before."""
    moved.stop()
    row = running(ledger, "1")
    ledger.observe("text_to_video", [answer("1", "processing")])
    ledger.unclear(row.id)
    moved.offset = HOLDS + 1
    assert busy(ledger) == 0
    ledger.observe("text_to_video", [answer("1", "processing")])
    assert busy(ledger) == 1
    ledger.observe("text_to_video", [answer("1", "on hold")])
    since = ledger.row(row.id).unclear_at
    moved.offset += 60
    ledger.observe("text_to_video", [answer("1", "on hold", updated_at=5)])
    assert ledger.row(row.id).unclear_at == since, "in doubt since the first odd word"
    ledger.observe("text_to_video", [answer("1", "succeed")])
    assert (ledger.row(row.id).state, ledger.row(row.id).unclear_at) == ("succeeded", None)


def test_who_waits_hears_of_doubtful_slots(ledger: Ledger) -> None:
    """The line says how many of the busy slots may be held for nothing."""
    from kling_core.flows.line import Waiting

    running(ledger, "1")
    _unknown(ledger)
    row, _ = ledger.prepare(entry(), lease=LEASE)
    place = ledger.admit(row.id, limit=2, lease=LEASE)
    assert (place.admitted, place.busy, place.doubtful) == (False, 2, 1)
    words = str(Waiting(place.ahead, place.busy, place.limit, doubtful=place.doubtful))
    assert words == (
        "waiting for a slot (2/2 busy, 1 of them in doubt: see kling tasks), next in line"
    )


# --- the watcher ---------------------------------------------------------------------------


class Elsewhere:
    """Answers about one task, that of another row, or none; counts who is asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.found: set[str] = set()
        self.other = False

    def __iter__(self) -> Iterator[Any]:
        while True:
            yield self.answer

    def answer(self, effect: Send) -> Any:
        task_id = effect.url.rpartition("/")[2]
        self.asked.append(task_id)
        if self.other:
            return envelope(answer("99", "processing").raw)
        if task_id in self.found:
            return envelope(answer(task_id, "processing").raw)
        return envelope(code=1201, status=400, message=f"Task not found by id: {task_id}")


@pytest.mark.parametrize("other", [False, True], ids=["not-found", "anothers-id"])
def test_the_watcher_lets_go_and_looks_now_and_then(other: bool) -> None:
    """A task that Kling does not find, or names by another id, is asked for every few minutes."""
    script, kling = Script(), Elsewhere()
    kling.other = other
    script._answers = iter(kling)
    session = scripted.session(script)
    ledger = session.ledger()
    ledger.adopt(entry("lost"), answer("10"))
    ledger.adopt(entry("well"), answer("11"))
    kling.found = {"11"}
    watch = watching.of(session, "text_to_video")
    watch.join("well")

    def minutes(number: int) -> list[str]:
        kling.asked.clear()
        for _ in range(number * 6):
            script.clock.now += 10
            drive(watch.step(), Port(script))
        return [task_id for task_id in kling.asked if task_id == "10"]

    assert len(minutes(11)) > 20
    assert "lost" not in {row.id for row in ledger.holders()[0]}
    assert 1 <= len(minutes(11)) <= 3
    assert ledger.row("lost").state == "submitted"
    kling.other, kling.found = False, {"10", "11"}
    minutes(6)
    assert (ledger.row("lost").state, ledger.row("lost").unclear_at) == ("processing", None)


# --- giving up -----------------------------------------------------------------------------


def test_what_is_given_up_holds_no_slot_and_is_still_paid(ledger: Ledger) -> None:
    """Its slot is free and nobody follows it; it counts in the budget; twice is no error."""
    row = running(ledger, "1")
    before = ledger.spent(0.0)
    assert before == (Decimal("0.21"), 0)
    gone = give_up(ledger, row)
    assert give_up(ledger, gone).given_up_at == gone.given_up_at
    assert busy(ledger) == 0
    assert ledger.spent(0.0) == before
    assert ledger.look("text_to_video", "watch x", longest=60).running == ()
    assert "may be billed ($0.21)" in slots.given_up(gone)
    ledger.observe("text_to_video", [answer("1", "succeed", videos=1)])
    assert ledger.row(row.id).state == "succeeded"
    assert len(ledger.kept(row.id)) == 1


def test_an_unknown_one_is_taken_in_when_it_is_found(ledger: Ledger) -> None:
    """A rescue that reads Kling's list finds the task of a row that was given up."""
    row = sent(ledger, name="ours")
    ledger.doubtful(row.id, "the answer was lost")
    give_up(ledger, ledger.row("ours"))
    assert busy(ledger) == 0
    assert ledger.adopt(entry("ours", request={}, digest=""), answer("7", "processing"))
    found = ledger.row("ours")
    assert (found.task_id, found.state, found.given_up_at) == ("7", "processing", None)
    assert busy(ledger) == 1


def test_what_cannot_be_given_up(ledger: Ledger, moved: Moved) -> None:
    """What was never sent or has ended holds nothing; what is being sent has an answer soon."""
    line, _ = ledger.prepare(entry(), lease=LEASE)
    with pytest.raises(KlingError, match="never sent") as caught:
        give_up(ledger, line)
    assert caught.value.billed == "no"
    row = running(ledger, "1")
    ledger.observe("text_to_video", [answer("1", "failed")])
    with pytest.raises(KlingError, match="has ended"):
        give_up(ledger, row)
    out = sent(ledger)
    with pytest.raises(KlingError, match="being sent") as caught:
        give_up(ledger, out)
    assert caught.value.billed == "unknown"


def test_what_a_dead_process_was_sending_is_unknown(open_ledger: OpenLedger, moved: Moved) -> None:
    """When its lease is over it can be given up; whether it was made stays unknown."""
    mine, other = open_ledger(), open_ledger()
    out = sent(mine)
    with pytest.raises(KlingError, match="being sent"):
        give_up(other, out)
    moved.offset = LEASE + 1
    gone = give_up(other, out)
    assert (gone.state, gone.owner, gone.given_up_at is not None) == ("unknown", None, True)


# --- the schema ----------------------------------------------------------------------------


def test_a_ledger_of_version_1_is_migrated(open_ledger: OpenLedger) -> None:
    """Rows that an older version wrote are there, and hold their slots."""
    old = open_ledger()
    running(old, "1")
    as_version_1(old)
    new = open_ledger()
    (row,) = new.rows()
    assert (row.task_id, row.unclear_at, row.given_up_at) == ("1", None, None)
    assert busy(new) == 1
    with new._transaction(read=True) as db:
        assert new._meta(db, "version") == str(VERSION)

"""Each method of the ledger, on SQLite and on PostgreSQL."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import time
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from helpers.ledgers import ACCOUNT, LEASE, Moved, OpenLedger, answer, entry

from kling_core.editions.task_facts import read
from kling_core.errors import BudgetExceeded, LedgerError
from kling_core.ledger.database import ALIVE
from kling_core.ledger.ledger import Ledger
from kling_core.ledger.money import Budget
from kling_core.ledger.records import UNANSWERED, Row
from kling_core.ledger.schema import tasks

DAY = Budget(Decimal("0.21"), day=Decimal("0.50"))

APART = multiprocessing.get_context("forkserver")
"""Processes that inherit nothing: a child of ours may inherit a lock that another thread holds."""
APART.set_forkserver_preload(["kling_core.ledger.ledger"])


def written(ledger: Ledger, **more: Any) -> Row:
    row, new = ledger.prepare(entry(**more), lease=LEASE)
    assert new
    return row


def running(ledger: Ledger, task_id: str, **more: Any) -> Row:
    row = written(ledger, **more)
    assert ledger.admit(row.id, limit=None, lease=LEASE).admitted
    return ledger.accepted(row.id, answer(task_id))


def test_a_request_is_written_down_as_it_was_given(ledger: Ledger) -> None:
    """Every field comes back, money as exact Decimals; nothing is sent or accepted yet."""
    given = entry(project="film", weight=3, parent_task_id="7", parent_output_id="7-v")
    row, new = ledger.prepare(given, lease=LEASE)
    assert new
    for name in ("id", "endpoint", "product", "weight", "project", "request", "media", "digest"):
        assert getattr(row, name) == getattr(given, name)
    assert (row.quote_units, row.quote_usd) == (Decimal("1.5"), Decimal("0.21"))
    assert (row.parent_task_id, row.parent_output_id) == ("7", "7-v")
    assert (row.state, row.owner, row.tries) == ("prepared", ledger.owner, 0)
    assert (row.task_id, row.sent_at, row.finished_at) == (None, None, None)


def test_the_same_id_is_written_once(ledger: Ledger) -> None:
    """A second request with the id gets the row that is there, and changes nothing."""
    row = written(ledger, name="mine")
    again, new = ledger.prepare(entry("mine", text="another"), lease=LEASE)
    assert not new
    assert again == row


def test_the_life_of_a_row(ledger: Ledger) -> None:
    """prepared, submitting, submitted, processing, succeeded: with times, costs and outputs."""
    row = written(ledger)
    assert ledger.admit(row.id, limit=5, lease=LEASE).admitted
    sent = ledger.row(row.id)
    assert (sent.state, sent.tries) == ("submitting", 1)
    assert sent.sent_at is not None
    taken = ledger.accepted(row.id, answer("11"))
    assert (taken.state, taken.task_id, taken.owner) == ("submitted", "11", None)
    assert ledger.observe("text_to_video", [answer("11", "processing")]) == [row.id]
    assert ledger.row(row.id).state == "processing"
    ended = answer("11", "succeed", videos=2, final_unit_deduction="1.5")
    assert ledger.observe("text_to_video", [ended]) == [row.id]
    assert ledger.observe("text_to_video", [ended]) == []
    done = ledger.row(row.id)
    assert (done.state, done.cost_units, done.cost_usd) == (
        "succeeded", Decimal("1.5"), Decimal("0.210"),
    )  # fmt: skip
    assert done.raw == ended.raw
    assert [kept.output_id for kept in ledger.kept(row.id)] == ["11-v0", "11-v1"]
    assert ledger.by_task_id("text_to_video", "11") == done
    assert ledger.by_task_id("lip_sync", "11") is None


def test_a_task_that_was_taken_in_goes_to_the_row_that_made_it(ledger: Ledger) -> None:
    """Its outputs go with it, money counts it once, and nothing is deleted."""
    row = written(ledger)
    ledger.admit(row.id, limit=None, lease=LEASE)
    seen = entry("seen-elsewhere", external_task_id=None, digest="", request={}, quote_usd=None)
    done = answer("14", "succeed", videos=1, final_unit_deduction="1.5")
    assert ledger.adopt(seen, done)
    ledger.keep("seen-elsewhere", 0, path=Path("a.mp4"), sha256="0", size=1, audit="")
    about = written(ledger, quote_usd=None).id
    ledger.release(about)
    assert ledger.claims(about).made == {}
    taken = ledger.accepted(row.id, done)
    assert (taken.task_id, taken.state) == ("14", "succeeded")
    assert [kept.path for kept in ledger.kept(row.id)] == ["a.mp4"]
    left = ledger.row("seen-elsewhere")
    assert (left.task_id, left.state, left.error) == (None, "rejected", f"the task of {row.id}")
    assert ledger.spent(0) == (Decimal("0.210"), 0)
    assert ledger.claims(about).made == {"14": None}


def test_two_requests_never_share_a_task(ledger: Ledger) -> None:
    """Kling giving one task to two requests is an error that names both; both rows stay."""
    first, second = running(ledger, "15"), written(ledger)
    with pytest.raises(LedgerError, match=first.id):
        ledger.accepted(second.id, answer("15"))
    assert ledger.row(second.id).state == "prepared"
    assert ledger.row(first.id).task_id == "15"


def test_an_unknown_status_is_still_running(ledger: Ledger) -> None:
    """A word that nobody knows keeps the row among the running ones."""
    row = running(ledger, "12")
    ledger.observe("text_to_video", [answer("12", "queued_for_review")])
    assert ledger.row(row.id).state == "processing"


def test_texts_that_no_database_holds(ledger: Ledger) -> None:
    """Half a surrogate pair and NUL, wherever they stand: the row is written, JSON unchanged."""
    odd = "caf\ud83d\x00"
    fields = {"image": f"/tmp/{odd}.png"}
    row, _ = ledger.prepare(entry(request={"fields": fields, "sent": {}}, text=odd), lease=LEASE)
    assert (row.request["fields"], row.text) == (fields, "caf??")
    ledger.refused(row.id, odd)
    assert ledger_state(ledger, row.id)[0] == "rejected"
    row = running(ledger, "11")
    video = {"id": odd, "url": f"http://x.test/{odd}"}
    news = answer("11", "failed", task_status_msg=odd, task_result={"videos": [video]})
    assert ledger.observe("text_to_video", [news]) == [row.id]
    row = ledger.row(row.id)
    assert (row.state, row.error, row.raw) == ("failed", "caf??", news.raw)
    assert ledger.observe("text_to_video", [news]) == []
    (kept,) = ledger.kept(row.id)
    assert (kept.output_id, kept.url) == ("caf??", "http://x.test/caf??")


def test_a_late_answer_changes_nothing(ledger: Ledger) -> None:
    """What another answer has overtaken is left out; what ends a task is always taken."""
    row = running(ledger, "11")
    young = answer("11", "processing", updated_at=2000)
    assert ledger.observe("text_to_video", [young]) == [row.id]
    assert ledger.observe("text_to_video", [answer("11", updated_at=1000)]) == []
    assert ledger.row(row.id).raw == young.raw
    done = answer("11", "succeed", videos=1, updated_at=1500)
    assert ledger.observe("text_to_video", [done]) == [row.id]
    assert ledger.observe("text_to_video", [answer("11", "processing", updated_at=9000)]) == []
    ended = ledger.row(row.id)
    assert (ended.state, ended.raw) == ("succeeded", done.raw)
    billed = read({**done.raw, "final_unit_deduction": "1"})
    assert ledger.observe("text_to_video", [billed]) == [row.id]
    assert ledger.row(row.id).cost_units == 1


def test_refused_doubtful_unsent_expired(ledger: Ledger) -> None:
    """Each end has its state and reason, and gives the row and its slot free."""
    for name, state in (
        ("refused", "rejected"),
        ("doubtful", "unknown"),
        ("unsent", "prepared"),
    ):
        row = written(ledger)
        ledger.admit(row.id, limit=None, lease=LEASE)
        getattr(ledger, name)(row.id, "because")
        now = ledger.row(row.id)
        assert (now.state, now.error, now.owner, now.lease_until) == (state, "because", None, None)
        assert (now.finished_at is not None) == (state == "rejected")
    gone = running(ledger, "13")
    ledger.expired(gone.id)
    assert ledger.row(gone.id).state == "expired"


def test_a_failed_task_is_free(ledger: Ledger) -> None:
    """Its reason is kept, and it does not count as spent."""
    row = running(ledger, "14")
    assert ledger.spent(0.0) == (Decimal("0.21"), 0)
    ledger.observe("text_to_video", [answer("14", "failed", task_status_msg="risk control")])
    assert ledger.row(row.id).error == "risk control"
    assert ledger.spent(0.0) == (Decimal(0), 0)
    ledger.observe("text_to_video", [answer("14", "failed", final_unit_deduction="0")])
    assert ledger.spent(0.0) == (Decimal(0), 0)


def test_a_failed_task_that_was_charged_counts(ledger: Ledger) -> None:
    """What Kling deducted is spent, whatever came of the task."""
    running(ledger, "15")
    ledger.observe("text_to_video", [answer("15", "failed", final_unit_deduction="1.5")])
    assert ledger.spent(0.0) == (Decimal("0.21"), 0)


# --- owners and leases ---------------------------------------------------------------------


def test_a_held_row_is_not_taken(open_ledger: OpenLedger, moved: Moved) -> None:
    """Another process gets the row only after its lease; then the first one has lost it."""
    mine, other = open_ledger(), open_ledger()
    row = written(mine)
    assert mine.admit(row.id, limit=None, lease=LEASE).admitted
    assert other.take(row.id, lease=LEASE) is None
    mine.beat(row.id, lease=2 * LEASE)
    moved.offset = LEASE + 1
    assert other.take(row.id, lease=LEASE) is None
    moved.offset = 2 * LEASE + 1
    taken = other.take(row.id, lease=LEASE)
    assert taken is not None
    assert taken.owner == other.owner
    mine.unsent(row.id, "too late")
    assert mine.admit(row.id, limit=None, lease=LEASE).lost
    assert ledger_state(other, row.id) == ("submitting", other.owner)


def ledger_state(ledger: Ledger, row_id: str) -> tuple[str, str | None]:
    row = ledger.row(row_id)
    return row.state, row.owner


def test_what_kling_has_is_nobodys_to_take(ledger: Ledger) -> None:
    """An accepted row has no owner and cannot be sent again."""
    row = running(ledger, "15")
    assert ledger.take(row.id, lease=LEASE) is None


def test_orphans(open_ledger: OpenLedger, moved: Moved) -> None:
    """Rows of dead processes are found when their lease is over, never before."""
    mine, other = open_ledger(), open_ledger()
    row = written(mine)
    mine.admit(row.id, limit=None, lease=LEASE)
    assert other.rows(states=("submitting",), orphans=True) == []
    assert other.orphans("video", idle=0.0) == []
    moved.offset = LEASE + 1
    assert [r.id for r in other.rows(states=("submitting",), orphans=True)] == [row.id]
    assert [r.id for r in other.orphans("video", idle=1.0)] == [row.id]
    assert other.orphans("video", idle=LEASE + 10) == []


def _hold(place: str, name: str) -> None:
    ledger = Ledger(place, ACCOUNT)
    ledger.prepare(entry(name), lease=LEASE)
    ledger.admit(name, limit=None, lease=LEASE)
    without = entry(f"{name}-2", external_task_id=None)
    ledger.prepare(without, lease=LEASE)
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_process_that_has_ended_holds_nothing(tmp_path: Path) -> None:
    """On one machine a dead owner is seen at once; without an id to look up its lease counts."""
    place = str(tmp_path / "ledger.db")
    ledger = Ledger(place, ACCOUNT)
    process = APART.Process(target=_hold, args=(place, "held"))
    process.start()
    process.join(30)
    assert [row.id for row in ledger.rows(orphans=True)] == ["held"]
    assert [row.id for row in ledger.orphans("video", idle=-1)] == ["held"]
    assert ledger.take("held-2", lease=LEASE) is None
    taken = ledger.take("held", lease=LEASE)
    assert taken is not None
    assert (taken.state, taken.owner) == ("submitting", ledger.owner)
    ledger.close()


def test_only_one_leads(open_ledger: OpenLedger, moved: Moved) -> None:
    """The lead is held, renewed, given back, and passes on when the leader is silent."""
    mine, other = open_ledger(), open_ledger()
    assert mine.lead("watch x", mine.owner, seconds=5)
    assert not other.lead("watch x", other.owner, seconds=5)
    assert mine.lead("watch x", mine.owner, seconds=5)
    mine.resign("watch x", mine.owner)
    assert other.lead("watch x", other.owner, seconds=5)
    mine.resign("watch x", mine.owner)  # not ours to give back
    assert not mine.lead("watch x", mine.owner, seconds=5)
    moved.offset = 6
    assert mine.lead("watch x", mine.owner, seconds=5)


# --- the line ------------------------------------------------------------------------------


def test_first_come_first_served(ledger: Ledger) -> None:
    """A free slot goes to the oldest row in line, whoever asks first."""
    first, second, third = (written(ledger) for _ in range(3))
    assert ledger.admit(first.id, limit=1, lease=LEASE).admitted
    for row, ahead in ((second, 0), (third, 1)):
        place = ledger.admit(row.id, limit=1, lease=LEASE)
        assert (place.admitted, place.ahead, place.busy, place.limit) == (False, ahead, 1, 1)
        assert ledger.row(row.id).state == "waiting"
    ledger.accepted(first.id, answer("21"))
    ledger.observe("text_to_video", [answer("21", "succeed")])
    assert not ledger.admit(third.id, limit=1, lease=LEASE).admitted
    assert ledger.admit(second.id, limit=1, lease=LEASE).admitted
    places = ledger.queue("video").places(1)
    assert [(name, place.ahead) for name, place in places.items()] == [(third.id, 0)]


def test_weights(ledger: Ledger) -> None:
    """A heavy row at the head is not overtaken; one that never fits keeps nobody waiting."""
    light = running(ledger, "31", product="image", weight=1)
    heavy = written(ledger, product="image", weight=4)
    later = written(ledger, product="image", weight=1)
    assert not ledger.admit(heavy.id, limit=4, lease=LEASE).admitted
    assert not ledger.admit(later.id, limit=4, lease=LEASE).admitted
    ledger.observe("text_to_video", [answer("31", "succeed")])
    assert ledger.row(light.id).state == "succeeded"
    place = ledger.admit(heavy.id, limit=3, lease=LEASE)
    assert (place.admitted, place.hopeless, place.needs, place.limit) == (False, True, 4, 3)
    assert ledger.admit(later.id, limit=3, lease=LEASE).admitted


def test_products_have_slots_of_their_own(ledger: Ledger) -> None:
    """A full video line does not hold images up."""
    running(ledger, "41")
    assert not ledger.admit(written(ledger).id, limit=1, lease=LEASE).admitted
    image = written(ledger, product="image")
    assert ledger.admit(image.id, limit=1, lease=LEASE).admitted


def test_the_dead_are_not_waited_for(open_ledger: OpenLedger, moved: Moved) -> None:
    """A row in line whose process is silent is passed by, and is first again when it comes back."""
    mine, other = open_ledger(), open_ledger()
    moved.stop()
    running(other, "51")
    dead = written(mine)
    moved.offset = 0.5
    alive = written(other)
    assert not mine.admit(dead.id, limit=1, lease=LEASE).admitted
    assert other.admit(alive.id, limit=2, lease=LEASE).ahead == 1
    moved.offset = ALIVE + 1
    assert other.admit(alive.id, limit=1, lease=LEASE).ahead == 0
    assert not mine.admit(dead.id, limit=1, lease=LEASE).admitted
    assert other.admit(alive.id, limit=1, lease=LEASE).ahead == 1


def test_a_limit_is_learned_and_forgotten(ledger: Ledger, moved: Moved) -> None:
    """1303 teaches the slots that were busy; a lower one counts; after an hour it is tried anew."""
    for number in range(3):
        running(ledger, f"6{number}")
    refused = written(ledger)
    ledger.admit(refused.id, limit=None, lease=LEASE)
    ledger.back_in_line(refused.id, lease=LEASE, learn=False)
    assert ledger.learned("video") is None
    ledger.admit(refused.id, limit=None, lease=LEASE)
    ledger.back_in_line(refused.id, lease=LEASE, learn=True)
    assert (ledger.learned("video"), ledger.learned("image")) == (3, None)
    assert ledger.row(refused.id).state == "waiting"
    assert not ledger.admit(refused.id, limit=9, lease=LEASE).admitted
    moved.offset = 3601
    assert ledger.learned("video") is None
    assert ledger.admit(refused.id, limit=9, lease=LEASE).admitted


def test_an_unknown_limit_is_felt_for(ledger: Ledger) -> None:
    """While nobody knows the limit, only a few creates are on their way at once."""
    rows = [written(ledger) for _ in range(UNANSWERED + 1)]
    admitted = [ledger.admit(row.id, limit=None, lease=LEASE).admitted for row in rows]
    assert admitted == [True] * UNANSWERED + [False]
    ledger.accepted(rows[0].id, answer("71"))
    assert ledger.admit(rows[-1].id, limit=None, lease=LEASE).admitted


# --- reading -------------------------------------------------------------------------------


def test_get_by_any_id(ledger: Ledger) -> None:
    """Our id, Kling's id, or a beginning or end of either that is unambiguous; else None."""
    one = running(ledger, "8800001", name="kc-abc1")
    running(ledger, "8800002", name="kc-abd2")
    for name in ("kc-abc1", "8800001", "kc-abc", "00001"):
        found = ledger.get(name)
        assert found is not None
        assert found.id == one.id
    for name in ("kc-ab", "88", "nothing", "", "%"):
        assert ledger.get(name) is None


def test_rows(ledger: Ledger, moved: Moved) -> None:
    """Newest first; by state, endpoint, words in any case, digest, age, number."""
    old = written(ledger, text="A Boat at 100 %", digest="d1")
    moved.offset = 10
    new = running(ledger, "91", text="a pear", endpoint="lip_sync")

    def ids(**which: Any) -> list[str]:
        return [row.id for row in ledger.rows(**which)]

    assert ids() == [new.id, old.id]
    assert ids(limit=1) == ids(states=("submitted",)) == ids(endpoint="lip_sync") == [new.id]
    assert ids(words="bOaT") == ids(digest="d1") == ids(words="100 %") == [old.id]
    assert ids(words="%pear") == []
    assert ids(since=ledger.now() - 5) == [new.id]


def test_twin(ledger: Ledger, moved: Moved) -> None:
    """The newest identical request that is open, however old, or succeeded within the time.

    One that was refused or failed is none.
    """

    def asked(digest: str, name: str) -> tuple[str, bool]:
        row, new = ledger.prepare(entry(name, digest=digest), lease=LEASE, dedupe=60)
        return row.id, new

    row = written(ledger, digest="same")
    assert asked("same", "second") == (row.id, False)
    assert asked("other", "third") == ("third", True)
    ledger.refused(row.id, "no")
    assert asked("same", "fourth") == ("fourth", True)
    moved.offset = 61
    assert asked("same", "fifth") == ("fourth", False)
    ledger.accepted("fourth", answer("71"))
    moved.offset = 5 * 86400
    assert asked("same", "fifth") == ("fourth", False)
    ledger.observe("text_to_video", [answer("71", "succeed")])
    moved.offset += 59
    assert asked("same", "fifth") == ("fourth", False)
    moved.offset += 2
    assert asked("same", "fifth") == ("fifth", True)
    ledger.accepted("fifth", answer("72", "failed"))
    assert asked("same", "sixth") == ("sixth", True)


def test_only_a_refused_row_is_written_again(ledger: Ledger) -> None:
    """A refused id is free for another try, as if it were new; an accepted one keeps its row."""
    row = written(ledger, name="again")
    ledger.admit("again", limit=None, lease=LEASE)
    ledger.remember("again", ["1"])
    ledger.refused(row.id, "1301")
    renewed, new = ledger.prepare(entry("again", text="better"), lease=LEASE)
    assert (new, renewed.text, renewed.state, renewed.error) == (True, "better", "prepared", "")
    assert (renewed.sent_at, renewed.finished_at) == (None, None)
    assert ledger.remembered("again") is None
    ledger.admit("again", limit=None, lease=LEASE)
    ledger.accepted("again", answer("92"))
    kept, new = ledger.prepare(entry("again", text="worse"), lease=LEASE)
    assert (new, kept.text) == (False, "better")


def test_release_lets_go_of_what_is_in_line(open_ledger: OpenLedger) -> None:
    """Only a row in line, and only by its owner: what may be out stays held."""
    mine, other = open_ledger(), open_ledger()
    waits, out = written(mine), written(mine)
    mine.admit(out.id, limit=None, lease=LEASE)
    other.release(waits.id)
    mine.release(out.id)
    assert [mine.row(r.id).owner for r in (waits, out)] == [mine.owner, mine.owner]
    mine.release(waits.id)
    assert (mine.row(waits.id).owner, mine.row(waits.id).lease_until) == (None, None)
    assert mine.queue("video").waiting == ()


def test_a_row_that_is_lost_does_not_go_back_in_line(open_ledger: OpenLedger, moved: Moved) -> None:
    """After a sleep longer than the lease: what another process found out stands, and no limit is
    learned from it.
    """
    mine, other = open_ledger(), open_ledger()
    row = written(mine)
    assert mine.admit(row.id, limit=None, lease=LEASE).admitted
    moved.offset = LEASE + 1
    assert other.take(row.id, lease=LEASE)
    other.accepted(row.id, answer("77"))
    mine.back_in_line(row.id, lease=LEASE, learn=True)
    assert (mine.row(row.id).state, mine.row(row.id).owner) == ("submitted", None)
    assert mine.learned("video") is None


def test_remember(ledger: Ledger) -> None:
    """The list before a POST without an id is kept; None when the row never came that far."""
    row = written(ledger)
    assert ledger.remembered(row.id) is None
    ledger.remember(row.id, ["1", "2"])
    assert ledger.remembered(row.id) == {"1", "2"}
    running(ledger, "93")
    sent = written(ledger, parent_output_id="v7")
    ledger.admit(sent.id, limit=None, lease=LEASE)
    assert ledger.claims(row.id) == ({"93": None}, ("v7",))
    assert ledger.claims(sent.id) == ({"93": None}, ())


def test_keep(ledger: Ledger, tmp_path: Path) -> None:
    """An output on disk has path, hash, size and audit; news leave them alone."""
    row = running(ledger, "94")
    ledger.observe("text_to_video", [answer("94", "succeed", videos=2)])
    ledger.keep(row.id, 1, path=tmp_path / "b.mp4", sha256="ff", size=9, audit="shorter")
    ledger.observe("text_to_video", [answer("94", "succeed", videos=2, more=1)])
    first, second = ledger.kept(row.id)
    assert (second.path, second.sha256, second.size) == (str(tmp_path / "b.mp4"), "ff", 9)
    assert second.audit == "shorter"
    assert second.saved_at is not None
    assert ledger.kept(missing=True) == [first]


def test_adopt(ledger: Ledger) -> None:
    """A task made elsewhere is taken in once, with its own date."""
    made = entry("text_to_video-95", request={}, quote_usd=None, quote_units=None)
    data = answer("95", "succeed", videos=1, final_unit_deduction="2")
    assert ledger.adopt(made, data, created_at=1_700_000_000.0)
    assert not ledger.adopt(made, data)
    row = ledger.by_task_id("text_to_video", "95")
    assert row is not None
    assert (row.state, row.created_at, row.cost_units) == ("succeeded", 1_700_000_000.0, Decimal(2))


def test_a_second_task_for_a_row_that_has_one(ledger: Ledger) -> None:
    """Both are named, also when the second was taken in with its outputs: neither is given away."""
    row = running(ledger, "96", name="mine")
    ledger.observe("text_to_video", [answer("96", "succeed", videos=1)])
    ledger.adopt(entry("seen", digest="", request={}), answer("97", "succeed", videos=1))
    with pytest.raises(LedgerError, match="mine has the task 96 already"):
        ledger.accepted(row.id, answer("97"))
    assert [ledger.row(name).task_id for name in ("mine", "seen")] == ["96", "97"]


@pytest.mark.parametrize("endpoint", ["lip_sync", "text_to_video"])
def test_a_task_with_the_id_of_another_request(ledger: Ledger, endpoint: str) -> None:
    """Taken in, it gets a row of its own: the request that has the id stays what it became."""
    own = running(ledger, "96", name="mine", endpoint=endpoint)
    refused = written(ledger, name="theirs", endpoint="lip_sync")
    ledger.admit(refused.id, limit=None, lease=LEASE)
    ledger.refused(refused.id, "1201 a task of another endpoint has this id")
    before = [ledger.row(own.id), ledger.row(refused.id)]
    for name, task_id in (("mine", "97"), ("theirs", "98")):
        assert ledger.adopt(entry(name, digest="", request={}), answer(task_id, "succeed", 1))
        assert not ledger.adopt(entry(name, digest="", request={}), answer(task_id, "succeed", 1))
        row = ledger.by_task_id("text_to_video", task_id)
        assert row is not None
        assert (row.endpoint, row.state) == ("text_to_video", "succeeded")
        assert [kept.output_id for kept in ledger.kept(row.id)] == [f"{task_id}-v0"]
    assert [ledger.row(own.id), ledger.row(refused.id)] == before


# --- money ---------------------------------------------------------------------------------


def test_the_days_budget(ledger: Ledger, moved: Moved) -> None:
    """What would pass it is refused with all numbers and not written; tomorrow it is free again."""
    for name in ("a", "b"):
        running(ledger, f"of-{name}", name=name)
    with pytest.raises(BudgetExceeded, match=r"cost \$0\.21, and \$0\.42 of today's \$0\.50"):
        ledger.prepare(entry("c"), lease=LEASE, budget=DAY)
    assert {row.id for row in ledger.rows()} == {"a", "b"}
    row, new = ledger.prepare(entry("a"), lease=LEASE, budget=DAY)
    assert (row.id, new) == ("a", False)  # what is there already costs nothing more
    moved.offset = 86400 + 1
    assert ledger.prepare(entry("c"), lease=LEASE, budget=DAY)[1]


def test_the_budget_is_judged_when_it_is_sent(ledger: Ledger, moved: Moved) -> None:
    """What was written down days ago counts for the day that sends it; what is refused then stays
    as it was, and what nobody is about to send counts for nothing.
    """
    for name in ("a", "b", "c"):
        written(ledger, name=name)
        ledger.unsent(name, "no connection")
    assert ledger.spent(0.0) == (Decimal(0), 0)
    moved.offset = 5 * 86400
    for name in ("a", "b"):
        assert ledger.admit(name, limit=None, lease=LEASE, budget=DAY).admitted
    with pytest.raises(BudgetExceeded, match=r"\$0\.42 of today's \$0\.50 are committed"):
        ledger.admit("c", limit=None, lease=LEASE, budget=DAY)
    left = ledger.row("c")
    assert (left.state, left.owner, left.sent_at) == ("prepared", None, None)
    ledger.unsent("a", "no connection")
    assert ledger.admit("c", limit=None, lease=LEASE, budget=DAY).admitted


def test_what_is_about_to_be_sent_counts(open_ledger: OpenLedger, moved: Moved) -> None:
    """Creates that stand in line count beside what was sent, until their process is gone."""
    mine, other = open_ledger(), open_ledger()
    for name in ("a", "b"):
        mine.prepare(entry(name), lease=LEASE, budget=DAY)
    with pytest.raises(BudgetExceeded):
        other.prepare(entry("c"), lease=LEASE, budget=DAY)
    assert other.spent(0.0) == (Decimal("0.42"), 0)
    moved.offset = LEASE + 1
    assert other.prepare(entry("c"), lease=LEASE, budget=DAY)[1]


def test_refused_ids_are_renewed_within_the_budget(ledger: Ledger) -> None:
    """Judged and written in one step: of three refused ids two are written again, not three."""
    for name in ("a", "b", "c"):
        written(ledger, name=name)
        ledger.refused(name, "1301")
    for name in ("a", "b"):
        assert ledger.prepare(entry(name), lease=LEASE, budget=DAY)[1]
    with pytest.raises(BudgetExceeded):
        ledger.prepare(entry("c"), lease=LEASE, budget=DAY)
    assert ledger.row("c").state == "rejected"


@pytest.mark.parametrize("month, day", [(10, 25), (3, 29)])
def test_the_day_begins_at_midnight_when_the_clock_changes(
    ledger: Ledger, moved: Moved, monkeypatch: Any, month: int, day: int
) -> None:
    """What was sent at half past midnight counts at noon, one hour more or less away."""
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    try:
        for hour, minute in ((0, 30), (12, 0)):
            then = datetime(2026, month, day, hour, minute).timestamp()  # noqa: DTZ001, local
            moved.offset += then - ledger.now()
            if not hour:
                moved.offset -= 3600
                running(ledger, "yesterday")
                moved.offset += 3600
                for task_id in ("1", "2"):
                    running(ledger, task_id)
        with pytest.raises(BudgetExceeded, match=r"\$0\.42 of today's \$0\.50"):
            ledger.prepare(entry(), lease=LEASE, budget=DAY)
    finally:
        monkeypatch.undo()
        time.tzset()


def test_the_budget_of_a_project(ledger: Ledger, moved: Moved) -> None:
    """It counts that project alone, for all time."""
    limit = Budget(Decimal("0.21"), project=Decimal("0.30"))
    ledger.prepare(entry(project="film"), lease=LEASE, budget=limit)
    moved.offset = 40 * 86400
    with pytest.raises(BudgetExceeded, match=r"\$0\.21 of the \$0\.30 for project 'film'"):
        ledger.prepare(entry(project="film"), lease=LEASE, budget=limit)
    assert ledger.prepare(entry(project="other"), lease=LEASE, budget=limit)[1]
    assert ledger.spent(0.0, project="film") == (Decimal("0.21"), 0)


# --- several processes ---------------------------------------------------------------------


def _spend(place: str, gate: Any, answers: Any) -> None:
    ledger = Ledger(place, ACCOUNT)
    gate.wait()
    for _ in range(10):
        try:
            ledger.prepare(entry(f"{os.getpid()}-{_}"), lease=LEASE, budget=DAY)
        except BudgetExceeded:
            answers.put(0)
        else:
            answers.put(1)


def _open(place: str, gate: Any, answers: Any) -> None:
    gate.wait()
    ledger = Ledger(place, ACCOUNT)
    ledger.prepare(entry(f"of-{os.getpid()}"), lease=LEASE)
    answers.put(1)


def _at_once(work: Any, place: str, count: int, each: int) -> int:
    """Run `work` in several processes that begin together; the sum of their answers."""
    gate, answers = APART.Barrier(count), APART.SimpleQueue()
    processes = [APART.Process(target=work, args=(place, gate, answers)) for _ in range(count)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    return sum(answers.get() for _ in range(count * each))


def test_two_processes_cannot_both_pass_the_limit(open_ledger: OpenLedger) -> None:
    """Of forty tries in four processes just the two that the budget allows are written down."""
    ledger = open_ledger()
    assert _at_once(_spend, ledger.place, 4, 10) == 2
    assert len(ledger.rows()) == 2


def test_first_openings_race(request: pytest.FixtureRequest, ledger_place: str) -> None:
    """Six processes that open a place which does not exist yet all succeed, several times."""
    for number in range(4):
        place = ledger_place
        if place.startswith("postgresql"):
            place = request.getfixturevalue("postgres_server").database()
        else:
            place = f"{place}-{number}"
        assert _at_once(_open, place, 6, 1) == 6
        ledger = Ledger(place, ACCOUNT)
        assert len(ledger.rows()) == 6
        ledger.close()


def _after_fork(ledger: Ledger, parents: str, answers: Any) -> None:
    row, _ = ledger.prepare(entry("of-the-child"), lease=LEASE)
    assert ledger.rows()
    answers.put(row.owner != parents and row.owner == ledger.owner)


def test_after_a_fork(open_ledger: OpenLedger) -> None:
    """A child that inherits an open ledger uses connections and a name of its own."""
    ledger = open_ledger()
    mine = written(ledger)
    context = multiprocessing.get_context("fork")
    answers = context.SimpleQueue()
    child = context.Process(target=_after_fork, args=(ledger, ledger.owner, answers))
    child.start()
    child.join(30)
    assert child.exitcode == 0
    assert answers.get() is True
    assert {row.id for row in ledger.rows()} == {mine.id, "of-the-child"}


def test_no_statement_deletes() -> None:
    """There is no way in the code to delete a row."""
    from kling_core.ledger import ledger as store

    folder = Path(store.__file__).parent
    for path in folder.glob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert "delete(" not in text
        assert "DELETE" not in text


def test_rows_of_the_schema_are_complete(ledger: Ledger) -> None:
    """A record holds every column of a row but the list before a POST."""
    row = written(ledger)
    with ledger._transaction(read=True) as db:
        stored = db.execute(sa.select(tasks).where(tasks.c.id == row.id)).mappings().one()
    assert set(stored) - {"known"} == set(Row.__slots__)
    assert json.loads(stored["request"]) == row.request

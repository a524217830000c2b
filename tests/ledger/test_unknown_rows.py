"""Rows of an endpoint or an edition that this version does not know, and outputs without a file.

They are kept, shown and counted; nothing is sent for them, and nothing of them is rewritten.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from helpers import scripted
from helpers.drivers import Driver, MakeDriver
from helpers.ledgers import (
    FOREIGN,
    LEASE,
    OpenLedger,
    answer,
    entry,
    foreign,
    from_elsewhere,
    with_text,
)
from helpers.sandboxes import FAST, PLENTY, one_frame_a_second
from helpers.scripted import Port, Script, client_of, envelope

from kling_core import Kling, KlingWarning, Sandbox, SubmitOutcomeUnknown
from kling_core.commands import rescue, show, tasks
from kling_core.declare import registry
from kling_core.errors import KlingError
from kling_core.flows import known_rows, late_costs, resume
from kling_core.flows import rescue as flow
from kling_core.flows.known_rows import NotKnownHere
from kling_core.flows.submit import LOOKED_AT
from kling_core.flows.wait import certain
from kling_core.ledger import costs, statements
from kling_core.ledger.ledger import Ledger
from kling_core.ledger.records import RUNNING, Row
from kling_core.ledger.schema import leases
from kling_core.ledger.schema import tasks as table
from kling_core.sandbox import Fault
from kling_core.wire.effects import drive

NAMED = "which this version of kling-suite does not know"


@pytest.fixture
def alone(start_sandbox: Any) -> Sandbox:
    """A sandbox whose lists hold nothing else."""
    return one_frame_a_second(start_sandbox(**PLENTY))


@pytest.fixture
def kling(alone: Sandbox, tmp_path: Path) -> Iterator[Kling]:
    place = {"home": tmp_path / "home", "output_dir": tmp_path / "clips"}
    with Kling(sandbox=alone, pace=replace(FAST), **place) as client:
        yield client


@pytest.fixture
def ledger(kling: Kling) -> Ledger:
    return kling.session.ledger()


class Stopped(Exception):
    """Whoever waits has seen enough."""


def stop_after(count: int) -> Callable[[Any], None]:
    """A listener that ends the waiting at the news of that number."""
    news: list[Any] = []

    def told(one: Any) -> None:
        news.append(one)
        if len(news) >= count:
            raise Stopped

    return told


# --- shown ---------------------------------------------------------------------------------


def test_they_are_listed_and_found(kling: Kling, ledger: Ledger) -> None:
    """By `recent`, `find` and `get`, with their state and what Kling said last."""
    before = from_elsewhere(ledger)
    recent = {task.row_id: task for task in kling.tasks.recent()}
    assert set(recent) == set(FOREIGN)
    assert {recent[name].endpoint.name for name in FOREIGN} == {"sound_effects", "text_to_video"}
    assert [task.row_id for task in kling.tasks.find("new-lost")] == ["new-lost"]
    done = kling.tasks.get("new-done")
    assert (done.status, done.task_id, done.done) == ("succeeded", "5500002", True)
    assert done.endpoint.command == "sound-effects"
    assert kling.tasks.get("new-running").status == "submitted"
    assert kling.tasks.get("5500001").status == "processing"
    assert [row.id for row in kling.tasks.get("new-line").tree()] == ["new-line"]
    assert foreign(ledger) == before


def test_what_kling_said_in_another_form(kling: Kling, ledger: Ledger) -> None:
    """The ledger's own state is shown where the answer says nothing that is understood here."""
    from_elsewhere(ledger)
    with ledger._transaction() as db:
        change = {"raw": '{"progress": {"phase": "mixing"}}', "state": "succeeded"}
        db.execute(sa.update(table).where(table.c.id == "new-running").values(change))
    task = kling.tasks.get("new-running")
    assert (task.status, task.task_id) == ("succeeded", "5500000")
    assert task.raw["progress"] == {"phase": "mixing"}


def test_they_are_told_as_all_others(kling: Kling, ledger: Ledger) -> None:
    """In tables, by `show`, and by the name of their endpoint, which only the ledger knows."""
    from_elsewhere(ledger)
    listed = tasks.tasks(kling, ledger.rows(), narrow=False)
    assert [line[3] for line in listed.rows].count("sound-effects") == 4
    told = dict(show.about(kling, ledger.row("new-done"), ledger.kept("new-done")).values)
    assert (told["endpoint"], told["route"]) == ("sound-effects", "/v9/sounds")
    assert "not go on with it" in told["not known"]
    known = dict(show.about(kling, ledger.row("new-edition"), []).values)
    assert "not go on with it" in known["not known"]
    assert tasks.recorded_as(ledger, "Sound-Effects") == "sound_effects"
    assert tasks.recorded_as(ledger, "text-to-video") is None
    assert tasks.recorded_as(ledger, "never-was") is None


def test_they_count(kling: Kling, ledger: Ledger) -> None:
    """In costs, in budgets, and for slots."""
    from_elsewhere(ledger)
    (line,) = costs.costs(ledger, "project", 0.0)
    assert (line.key, line.tasks, line.open, line.estimate) == ("foreign", 4, 3, Decimal("0.84"))
    assert ledger.spent(0.0, project="foreign") == (Decimal("0.84"), 0)
    assert {row.id for row in ledger.holders()[0]} == {"new-lost", "new-running", "new-edition"}
    assert ledger.queue("video").busy == 3


# --- left alone ----------------------------------------------------------------------------


@pytest.fixture
def driver(make_driver: MakeDriver, alone: Sandbox, tmp_path: Path) -> Driver:
    return make_driver(sandbox=alone, home=tmp_path / "home")


def lost(kling: Any, alone: Sandbox, prompt: str = "a boat", do: Any = lambda done: done) -> None:
    """A request of ours whose answer is lost, and that cannot be looked up now."""
    alone.faults.add(Fault("reset_after", kind="create"))
    alone.faults.add(Fault("refuse", kind="get", status=400, code=1300, times=None))
    with pytest.raises(SubmitOutcomeUnknown):
        do(kling.text_to_video.create(prompt=prompt))
    alone.faults.clear()


def ours(ledger: Ledger) -> list[Row]:
    return [row for row in ledger.rows() if row.id not in FOREIGN]


def test_resume_goes_on_with_the_others(driver: Driver, alone: Sandbox) -> None:
    """Each is named with its reason and left as it is; a lost answer of ours is found and saved."""
    ledger = driver.client.session.ledger()
    before = from_elsewhere(ledger)
    lost(driver.client, alone, do=driver.do)
    settled = driver.do(driver.client.tasks.resume(send=True))
    assert sorted(row.id for row, _ in settled.doubtful) == sorted(FOREIGN)
    for row, error in settled.doubtful:
        assert isinstance(error, NotKnownHere)
        assert error.message.startswith(f"task {row.task_id or row.id} is of ")
        assert error.message.endswith(NAMED)
        assert error.billed == ("no" if row.id == "new-line" else "unknown")
        assert "pip install -U kling-suite" in error.fix
    assert foreign(ledger) == before
    (mine,) = ours(ledger)
    assert (mine.state, [kept.on_disk for kept in ledger.kept(mine.id)]) == ("succeeded", [True])
    assert alone.stats.tasks_created == {"text_to_video": 1}


def test_waiting_says_it(driver: Driver, alone: Sandbox) -> None:
    """At once, whatever the state; nothing is asked for them."""
    ledger = driver.client.session.ledger()
    before = from_elsewhere(ledger)
    for name in ("new-line", "new-lost", "new-running"):
        task = driver.do(driver.client.tasks.get(name))
        with pytest.raises(NotKnownHere, match="endpoint sound_effects, " + NAMED):
            driver.do(task.wait())
    task = driver.do(driver.client.tasks.get("new-edition"))
    for ask in (task.wait, task.refresh):
        with pytest.raises(NotKnownHere, match="edition v9 of text_to_video, " + NAMED):
            driver.do(ask())
    with pytest.raises(NotKnownHere, match="edition v9 of text_to_video"):
        driver.do(driver.client.run_flow(certain(driver.client.session, before[3])))
    assert not alone.stats.requests
    assert foreign(ledger) == before


def test_rescue_names_it_and_fetches_the_others(driver: Driver, alone: Sandbox) -> None:
    """What is not saved of them is told, and not tried."""
    ledger = driver.client.session.ledger()
    before = from_elsewhere(ledger)
    task = driver.do(driver.client.image_generation.create(prompt="a pear"))
    driver.do(task.wait())
    with pytest.warns(KlingWarning, match=NAMED):
        paths = driver.do(driver.client.tasks.rescue())
    assert [path.suffix for path in paths] == [".png"]
    assert foreign(ledger) == before
    assert [kept.path for kept in ledger.kept("new-done")] == [None]


def test_the_rescue_of_the_front_ends(kling: Kling, ledger: Ledger) -> None:
    """It is an error of one task, and not counted as purged."""
    from_elsewhere(ledger)
    kling.image_generation.create(prompt="a pear").wait()
    told: list[Any] = []
    done = rescue.rescue(kling, None, told.append)
    assert (len(done.fetched), done.purged) == (1, 0)
    (error,) = done.errors
    assert isinstance(error, NotKnownHere)
    assert error in [news.error for news in told if isinstance(news, rescue.Found)]


def test_creates_go_their_way() -> None:
    """Any number of lost answers from elsewhere keeps none of ours from being looked up."""
    script = Script()
    client = client_of("sync", script)
    ledger = client.session.ledger()
    for number in range(2 * LOOKED_AT):
        ledger.prepare(entry(f"more-{number}", endpoint="sound_effects"), lease=-1)
        ledger.admit(f"more-{number}", limit=None, lease=-1)
        ledger.doubtful(f"more-{number}", "no answer")
        script.clock.now += 1
    before = ledger.rows()
    ledger.prepare(entry("mine"), lease=-1)
    ledger.admit("mine", limit=None, lease=-1)
    ledger.doubtful("mine", "no answer")
    script.clock.now += 3600
    script._answers = iter([envelope(scripted.task("7")), envelope(scripted.task("8"))])
    client.text_to_video.create(prompt="a boat")
    assert script.methods == ["GET", "POST"]
    assert ledger.row("mine").task_id == "7"
    assert ledger.these({row.id for row in before}) == before[::-1]


def test_who_waits_for_a_slot_leads_no_watch_of_theirs() -> None:
    """A program that knows the endpoint must be able to: it is the one that can ask."""
    script = Script()
    live = scripted.session(script, slots=3)
    ledger = live.ledger()
    before = from_elsewhere(ledger)
    script._answers = iter([envelope(scripted.task("1", "processing"))] * 3)
    kling: Any = client_of("sync", script)
    kling.session = live
    with pytest.raises(Stopped):  # all slots are held by what nobody here can ask for
        kling.submit(kling.text_to_video.request(prompt="a boat"), on_update=stop_after(3))
    with ledger._transaction(read=True) as db:
        names = db.execute(sa.select(leases.c.name)).scalars().all()
    assert not [name for name in names if "sound_effects" in name]
    assert script.methods == []
    assert foreign(ledger) == before


def test_deductions_are_asked_for_ours_only() -> None:
    """However many newer ones of theirs there are."""
    script = Script([envelope(scripted.task("1", "succeed", final_unit_deduction="1.5"))])
    live = scripted.session(script)
    ledger = live.ledger()
    ledger.prepare(entry("mine"), lease=LEASE)
    ledger.admit("mine", limit=None, lease=LEASE)
    ledger.accepted("mine", answer("1"))
    ledger.observe("text_to_video", [answer("1", "succeed", videos=1)])
    script.clock.now += 1
    before = from_elsewhere(ledger)
    assert [one[:2] for one in ledger.unsaid(0.0, 1)] == [("sound_effects", "5500002")]
    drive(late_costs.ask(live), Port(script))
    assert len(script.sent) == 1
    assert ledger.row("mine").cost_units == Decimal("1.5")
    assert foreign(ledger) == before


def test_a_watcher_asks_for_its_edition_only(open_ledger: OpenLedger) -> None:
    """Of an endpoint that is known, what goes by another edition is nobody's here."""
    ledger = open_ledger()
    from_elsewhere(ledger)
    assert ledger.rows(states=RUNNING, endpoint="text_to_video")
    assert ledger.look("text_to_video", "watch x", longest=60).running == ()


def test_a_name_that_is_no_endpoint(kling: Kling, ledger: Ledger) -> None:
    """Whatever a row has in the place of an endpoint, only endpoints are imported."""
    for number, name in enumerate(("checking", "..declare.registry", "", "a.b", "os")):
        ledger.prepare(entry(f"odd-{number}", endpoint=name), lease=-1)
        row = ledger.row(f"odd-{number}")
        assert kling.tasks.get(row.id).endpoint.name == name
        assert not known_rows.is_known(row)
        with pytest.raises(registry.UnknownEndpoint):
            registry.load(name)


# --- outputs without a file ----------------------------------------------------------------


def test_a_text_is_kept_in_the_ledger(open_ledger: OpenLedger) -> None:
    """It is never unsaved, never purged, and nobody rescues it."""
    ledger = open_ledger()
    row = with_text(ledger)
    (kept,) = ledger.kept(row.id)
    assert (kept.kind, kept.output_id, kept.path) == ("text", "t-1", None)
    assert (kept.data, kept.is_file, kept.on_disk) == ({"text": "a paper boat"}, False, False)
    assert ledger.kept(missing=True) == []
    assert ledger.unnamed() == []
    assert list(ledger.finished(0.0)) == list(flow.missing(ledger)) == resume.unsaved(ledger) == []
    assert ledger.count_unsaved(ledger.now() + 1) == 0


def test_a_text_beside_a_clip(open_ledger: OpenLedger) -> None:
    """Of the same task the clip is still missing."""
    ledger = open_ledger()
    row = with_text(ledger)
    clip = {"task": row.id, "number": 1, "kind": "video", "output_id": "v", "url": "http://x.test"}
    with ledger._transaction() as db:
        statements.NOTE_OUTPUT.run(db, {**clip, "data": None})
    assert [kept.number for _, kept in flow.missing(ledger)] == [1]
    assert ledger.count_unsaved(ledger.now() + 1) == 1


def test_a_text_is_shown(kling: Kling, ledger: Ledger) -> None:
    """What it says stands in `show`, in the JSON, and in the list as something that is kept."""
    row = with_text(ledger)
    kept = ledger.kept(row.id)
    told = dict(show.about(kling, row, kept).values)
    assert told["output 1"] == "text t-1\na paper boat"
    assert tasks.keeping(kling, row, kept) == "saved"
    voice = with_text(ledger, "voice", voice_id="v-9", status="ready")
    (output,) = ledger.kept(voice.id)
    assert show.content(output) == '{"voice_id": "v-9", "status": "ready"}'


# --- edition and route ---------------------------------------------------------------------


def test_where_a_create_goes(alone: Sandbox, tmp_path: Path) -> None:
    """The path of the endpoint, or that of a setting; that of the list it was found in."""
    place: dict[str, Any] = {"home": tmp_path / "home", "pace": replace(FAST)}
    moved = {"image_generation": "/v1/images/elsewhere"}
    with Kling(sandbox=alone, paths=moved, **place) as kling:
        ledger = kling.session.ledger()
        kling.text_to_video.create(prompt="a boat")
        with pytest.raises(KlingError):
            kling.image_generation.create(prompt="a pear")
        routes = {row.endpoint: (row.edition, row.route) for row in ledger.rows()}
    assert routes == {
        "text_to_video": ("v1", "/v1/videos/text2video"),
        "image_generation": ("v1", "/v1/images/elsewhere"),
    }
    with Kling(sandbox=alone, home=tmp_path / "other", pace=replace(FAST)) as kling:
        kling.run_flow(flow.collect(kling.session))
        (row,) = kling.session.ledger().rows()
        assert (row.edition, row.route) == ("v1", "/v1/videos/text2video")


def test_a_setting_that_has_changed_since(alone: Sandbox, tmp_path: Path) -> None:
    """What was written down and not sent goes where it is sent in the end."""
    place: dict[str, Any] = {"home": tmp_path / "home", "pace": replace(FAST)}
    with Kling(sandbox=alone, **place) as kling:
        ledger = kling.session.ledger()
        fields = {"prompt": "a boat", "external_task_id": "later"}
        ledger.prepare(
            entry("later", request={"fields": fields, "sent": fields}, route="/v1/old"), lease=-1
        )
        assert ledger.row("later").route == "/v1/old"
        kling.tasks.resume(send=True, download=False)
        row = ledger.row("later")
        assert (row.state, row.route) == ("succeeded", "/v1/videos/text2video")

"""A ledger that an earlier version wrote opens, with all that it knew; see `files/make.py`."""

from __future__ import annotations

import re
import runpy
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from helpers.ledgers import LEASE, Moved, answer, entry

from kling_core import Kling
from kling_core.declare import registry
from kling_core.errors import LedgerError
from kling_core.flows.recorded_request import digest, digests
from kling_core.ledger import costs, engine, lineage
from kling_core.ledger.ledger import Ledger
from kling_core.ledger.migrations import STEPS, VERSION
from kling_core.ledger.records import SETTLING
from kling_core.ledger.schema import META

FILES = Path(__file__).with_name("files")
MADE = runpy.run_path(str(FILES / "make.py"))
START, ACCOUNT = MADE["START"], MADE["ACCOUNT"]
EARLIER = range(1, VERSION)

STATES = {
    "text_to_video-elsewhere": "succeeded",
    "row-boat": "succeeded",
    "row-longer": "succeeded",
    "row-speaks": "processing",
    "row-photo": "submitted",
    "row-picture": "succeeded",
    "row-odd": "succeeded",
    "row-absurd": "succeeded",
    "row-never-quoted": "succeeded",
    "row-failed": "failed",
    "row-refused": "rejected",
    "row-purged": "expired",
    "row-plugged-in": "processing",
    "row-lost": "unknown",
    "row-back": "prepared",
    "row-tide": "prepared",
    "row-sending": "submitting",
    "row-waiting": "waiting",
}

Open = Callable[[], Ledger]


def _copied(version: int, folder: Path) -> Path:
    """The file of a version, for its owner alone as it was then."""
    place = folder / "old.db"
    shutil.copyfile(FILES / f"version_{version}.db", place)
    place.chmod(0o600)
    return place


def _onto_postgresql(version: int, file: Path, place: str) -> None:
    """The same in PostgreSQL: the tables as the steps of then make them, the rows of the file."""
    server = engine.postgresql(place)
    with closing(sqlite3.connect(file)) as old, server.begin() as new:
        for step in STEPS[:version]:
            step(new)
        for table in ("meta", "tasks", "outputs", "leases"):  # the sums are summed up anew
            rows = old.execute(f"SELECT * FROM {table}")
            names = [column[0] for column in rows.description]
            into = sa.insert(sa.table(table, *map(sa.column, names)))
            new.execute(into, [dict(zip(names, row, strict=True)) for row in rows])
    server.dispose()


@pytest.fixture(params=EARLIER)
def version(request: pytest.FixtureRequest) -> int:
    return request.param


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, version: int, tmp_path: Path) -> str:
    """A ledger as a version left it, in a file and in PostgreSQL."""
    file = _copied(version, tmp_path)
    if request.param == "sqlite":
        return str(file)
    database = request.getfixturevalue("postgres_server").database()
    _onto_postgresql(version, file, database)
    return database


@pytest.fixture
def ledger(place: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ledger]:
    """That ledger, opened by today's code on the day after."""
    clock = Moved()
    clock.stop()
    clock._stopped = START + 86400
    monkeypatch.setattr(Ledger, "_database_time", lambda _ledger, _db: clock())
    with closing(Ledger(place, ACCOUNT, clock=clock)) as opened:
        yield opened


# --- what is found in them -----------------------------------------------------------------


def test_every_task_and_its_state(ledger: Ledger) -> None:
    """None is lost, and none is taken for something else."""
    rows = {row.id: row for row in ledger.rows()}
    assert {name: row.state for name, row in rows.items()} == STATES
    assert rows["row-boat"].task_id == "880000001"
    assert rows["row-boat"].request["fields"]["prompt"] == "a paper boat in the rain"
    assert rows["row-refused"].error == "1200 the prompt is too long"
    assert rows["row-failed"].error == "risk control"
    assert rows["row-picture"].weight == 2
    assert rows["row-speaks"].external_task_id is None
    assert ledger.by_task_id("video_extension", "880000002") == rows["row-longer"]
    assert ledger.get("0000001") is None  # an end that two of them have
    assert ledger.get("row-tid") == rows["row-tide"]
    with ledger._transaction(read=True) as db:
        assert ledger._meta(db, "version") == str(VERSION)


def test_edition_and_route(ledger: Ledger) -> None:
    """All were of the first edition; a plug-in's path nobody knows."""
    rows = ledger.rows()
    assert {row.edition for row in rows} == {"v1"}
    declared = {one.name: one.path for one in registry.endpoints()}
    assert {row.endpoint: row.route for row in rows} == {
        row.endpoint: declared.get(row.endpoint, "") for row in rows
    }
    assert ledger.row("row-plugged-in").route == ""


def test_amounts(ledger: Ledger) -> None:
    """Exact as they were; what was taken for an amount and is none is not known."""
    found = {row.id.removeprefix("row-"): (row.quote_usd, row.cost_units) for row in ledger.rows()}
    quoted = Decimal("0.21")
    assert found["boat"] == (quoted, Decimal("1.5"))
    assert found["longer"] == (quoted, Decimal(1))
    assert found["failed"] == (quoted, Decimal(0))
    assert found["never-quoted"] == (None, Decimal(3))
    assert found["odd"] == found["absurd"] == found["photo"] == (quoted, None)
    assert ledger.row("row-odd").cost_usd is ledger.row("row-absurd").cost_usd is None
    assert ledger.row("row-longer").cost_usd == Decimal("0.14")


def test_costs_and_sums(ledger: Ledger) -> None:
    """What limits count and what `kling costs` tells, to the billionth."""
    assert [
        (line.key, line.tasks, line.open, line.unknown, line.unsaid, line.estimate, line.actual)
        for line in costs.costs(ledger, "project", START - 86400)
    ] == [
        ("", 9, 4, 1, 2, Decimal("1.68"), Decimal("0.35")),
        ("film", 5, 1, 0, 3, Decimal("0.84"), Decimal("0.42")),
    ]
    assert sum(line.tasks for line in costs.costs(ledger, "model", START - 86400)) == 14
    assert ledger.spent(START - 86400) == (Decimal("2.66"), 1)
    assert ledger.spent(0.0, project="film") == (Decimal("1.26"), 0)
    assert ledger.spent(START + 1799)[0] == Decimal("1.26")  # within what is summed up by quarters


def test_what_is_in_doubt(ledger: Ledger, version: int) -> None:
    """Schema 1 did not write it down: what was sent may become a task for eleven minutes more."""
    until = {row.id: row.doubt_until for row in ledger.rows() if row.doubt_until is not None}
    if version == 1:
        names = {"row-lost", "row-back", "row-sending", "row-waiting"}
        for name in names:
            row = ledger.row(name)
            assert until[name] == (row.lease_until or row.updated_at) + SETTLING
        assert set(until) == names
    else:
        assert {"row-lost", "row-sending"} <= set(until)
        assert not {"row-back", "row-waiting", "row-tide"} & set(until)


def test_outputs(ledger: Ledger) -> None:
    """What is on disk and where, how it differs, and what was never saved."""
    kept = {(one.task, one.number): one for one in ledger.kept()}
    assert len(kept) == 8
    assert kept["row-boat", 0].path == "/clips/boat-0.mp4"
    assert (kept["row-boat", 0].sha256, kept["row-boat", 0].size) == ("0" * 64, 1000)
    assert kept["row-longer", 0].audit == "9.6 s long, not 10 s"
    assert kept["row-longer", 1].output_id == "v-880000002-1"
    assert kept["row-picture", 0].kind == "image"
    assert all(one.is_file for one in kept.values())
    unsaved = [one.task.removeprefix("row-") for one in ledger.finished(0.0) if one.path is None]
    assert list(dict.fromkeys(unsaved)) == ["text_to_video-elsewhere", "longer", "picture", "odd",
                                            "absurd", "never-quoted"]  # fmt: skip
    assert [(one.task, one.number) for one in ledger.finished(0.0)][-2:] == [
        ("row-boat", 0),
        ("row-longer", 0),
    ]


def test_lineage(ledger: Ledger) -> None:
    """What was made of what, from any member of the family."""
    for asked in ("row-boat", "row-longer", "row-speaks"):
        family = lineage.tree(ledger, asked)
        assert [row.id for row in family] == ["row-boat", "row-longer", "row-speaks"]
    made = lineage.source(ledger, "v-880000001-0")
    assert made is not None
    assert made["task_id"] == "880000001"


@pytest.mark.parametrize(
    "name, endpoint, fields",
    [
        ("row-boat", "text_to_video", MADE["BOAT"]),
        ("row-tide", "text_to_video", MADE["TIDE"]),
        ("row-photo", "image_to_video", MADE["PHOTO"]),
    ],
)
def test_the_same_request_finds_its_twin(
    ledger: Ledger, name: str, endpoint: str, fields: dict[str, Any]
) -> None:
    """Whatever made it, by the digest that was written then; today's has a version."""
    request = registry.load(endpoint).request(**fields)
    twin = ledger.twin(digests(request), 10 * 86400)
    assert twin is not None
    assert twin.id == name
    assert digest(request).startswith("2:")
    assert not twin.digest.startswith("2:")
    assert ledger.twin((digest(request),), 10 * 86400) is None


def test_nothing_is_made_twice(place: str, tmp_path: Path) -> None:
    """The whole way of a create: what is open from then is taken for it, and nothing is sent."""
    sent: list[str] = []

    def kling_says(request: httpx.Request) -> httpx.Response:
        sent.append(request.method)
        return httpx.Response(404, json={"code": 1203, "message": "Task not found"})

    with (
        httpx.Client(transport=httpx.MockTransport(kling_says)) as client,
        Kling(
            access_key=MADE["KEY"],
            secret_key="secret",
            base_url=MADE["URL"],
            home=tmp_path / "home",
            ledger=place,
            http_client=client,
        ) as kling,
    ):
        task = kling.image_to_video.create(**MADE["PHOTO"], dedupe=60)
        assert (task.row_id, task.task_id) == ("row-photo", "880000004")
        assert len(kling.session.ledger().rows()) == len(STATES)
    assert "POST" not in sent


def test_it_goes_on(ledger: Ledger) -> None:
    """New tasks stand beside the old ones, and are summed up with them."""
    before = ledger.spent(0.0, project="film")[0]
    ledger.prepare(entry("new", project="film", route="/v1/videos/text2video"), lease=LEASE)
    ledger.admit("new", limit=None, lease=LEASE)
    ledger.accepted("new", answer("990000001"))
    ledger.observe("text_to_video", [answer("990000001", "succeed", videos=1)])
    ledger.observe("lip_sync", [answer("880000003", "succeed", videos=1)])
    assert ledger.row("row-speaks").state == "succeeded"
    assert ledger.spent(0.0, project="film")[0] == before + Decimal("0.21")
    assert ledger.rows(limit=1)[0].route == "/v1/videos/text2video"


# --- the steps -----------------------------------------------------------------------------


def _schema(connection: sqlite3.Connection) -> dict[str, Any]:
    """Tables with their columns, and the words of indexes and triggers, however they came about."""

    def words(sql: str) -> str:
        return re.sub(r"\s+", " ", sql.replace('"', ""))

    found: dict[str, Any] = {}
    rows = connection.execute("SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL")
    for kind, name, sql in rows.fetchall():
        if kind == "table":  # but for the number of the column, and the default of a later one
            columns = connection.execute(f"PRAGMA table_info({name})").fetchall()
            found[name] = {column[1]: (column[2], column[3], column[5]) for column in columns}
        else:
            found[name] = words(sql)
    return found


@pytest.mark.parametrize("version", EARLIER)
def test_a_step_is_the_same_for_ever(version: int) -> None:
    """The steps make what the versions made, table by table, index by index, trigger by trigger."""
    fresh = sa.create_engine("sqlite://")
    with fresh.begin() as db:
        for step in STEPS[:version]:
            step(db)
        made = _schema(db.connection.driver_connection)
    fresh.dispose()
    with closing(sqlite3.connect(FILES / f"version_{version}.db")) as stored:
        assert made == _schema(stored)


@pytest.mark.parametrize("version", EARLIER)
def test_old_and_new_ledgers_are_alike(version: int, tmp_path: Path) -> None:
    """One that was brought up to date has what a fresh one has."""
    old = _copied(version, tmp_path)
    Ledger(old, ACCOUNT).close()
    Ledger(tmp_path / "fresh.db", ACCOUNT).close()
    with (
        closing(sqlite3.connect(old)) as brought,
        closing(sqlite3.connect(tmp_path / "fresh.db")) as fresh,
    ):
        assert _schema(brought) == _schema(fresh)


def test_the_code_sees_what_the_steps_make(ledger_place: str) -> None:
    """The tables that questions are asked of are those that there are."""
    with (
        closing(Ledger(ledger_place, ACCOUNT)) as opened,
        opened._transaction(read=True) as db,
    ):
        found = sa.inspect(db)
        assert set(found.get_table_names()) == set(META.tables)
        for name, table in META.tables.items():
            there = {column["name"]: column["nullable"] for column in found.get_columns(name)}
            assert there == {column.name: column.nullable for column in table.columns}, name


def test_a_newer_file_is_left_alone(tmp_path: Path) -> None:
    """It is refused with the way out, and not a byte of what it holds is changed."""
    place = _copied(VERSION - 1, tmp_path)
    with closing(sqlite3.connect(place)) as db, db:
        db.execute("UPDATE meta SET value = ? WHERE key = 'version'", (str(VERSION + 1),))
        before = list(db.iterdump())
    with pytest.raises(LedgerError) as refused:
        Ledger(place, ACCOUNT)
    assert f"(schema {VERSION + 1}; this one knows {VERSION})" in refused.value.message
    assert refused.value.fix == "Update: pip install -U kling-suite. Nothing was changed."
    with closing(sqlite3.connect(place)) as db:
        assert list(db.iterdump()) == before

"""No question of everyday reads more of the ledger than it shows: the plans of SQLite say so."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from helpers.ledgers import ACCOUNT, LEASE, answer, entry
from sqlalchemy import event

from kling_core.flows import rescue, resume
from kling_core.ledger import costs
from kling_core.ledger.ledger import Ledger
from kling_core.ledger.money import Budget
from kling_core.ledger.records import RUNNING

LIMITS = Budget(Decimal("0.21"), day=Decimal(100), project=Decimal(100), tasks=100)


class Traced:
    """A ledger with some rows of each kind, and the statements that a question makes of it."""

    def __init__(self, place: Path) -> None:
        self.ledger = Ledger(place, ACCOUNT)
        self.place = place
        self.said: list[str] = []
        event.listen(self.ledger._engine, "connect", self._listen)
        self.ledger.close()
        for number in range(6):
            self.make(f"kc-abcdef-{number}", f"880000{number}", ended=number < 4)

    def _listen(self, connection: Any, _record: Any) -> None:
        connection.set_trace_callback(self.said.append)

    def make(self, name: str, task_id: str, *, ended: bool = True) -> None:
        ledger = self.ledger
        about = entry(name, parent_task_id="8800000", parent_output_id="8800000-v0", project="film")
        ledger.prepare(about, lease=LEASE, budget=LIMITS, dedupe=60)
        ledger.admit(name, limit=100, lease=LEASE, budget=LIMITS)
        ledger.accepted(name, answer(task_id))
        if ended:
            ledger.observe("text_to_video", [answer(task_id, "succeed", videos=1)])
            ledger.keep(name, 0, path=Path("/a.mp4"), sha256="0", size=1, audit="")

    def plans(self, question: Callable[[Ledger], Any]) -> list[str]:
        """How SQLite goes about what a question asks."""
        self.said.clear()
        question(self.ledger)
        asked = [s for s in self.said if s.split(None, 1)[0] in ("SELECT", "UPDATE", "INSERT")]
        assert asked
        with sqlite3.connect(self.place) as db:
            found = [row[3] for s in asked for row in db.execute(f"EXPLAIN QUERY PLAN {s}")]
        db.close()
        return found


@pytest.fixture(scope="module")
def traced(tmp_path_factory: Any) -> Iterator[Traced]:
    made = Traced(tmp_path_factory.mktemp("plans") / "ledger.db")
    yield made
    made.ledger.close()


def row(ledger: Ledger) -> Any:
    return ledger.row("kc-abcdef-1")


QUESTIONS: dict[str, Callable[[Ledger], Any]] = {
    "budget of the day": lambda ledger: ledger.spent(time.time() - 80_000),
    "budget of a project": lambda ledger: ledger.spent(0.0, project="film"),
    "limits": lambda ledger: ledger.afford(LIMITS, "film"),
    "costs by day": lambda ledger: costs.costs(ledger, "day", time.time() - 3e6),
    "costs by project": lambda ledger: costs.costs(ledger, "project", time.time() - 3e6),
    "costs by model": lambda ledger: costs.costs(ledger, "model", time.time() - 3e6),
    "a watcher's look": lambda ledger: ledger.look("text_to_video", "watch x", longest=60),
    "the line": lambda ledger: ledger.queue("video"),
    "how long it took": lambda ledger: ledger.spans("text_to_video"),
    "what the dead left": lambda ledger: ledger.orphans("video", idle=1.0),
    "busy endpoints": lambda ledger: ledger.busy_endpoints("video"),
    "versions": lambda ledger: ledger.versions(["kc-abcdef-1"]),
    "late deductions": lambda ledger: ledger.unsaid(time.time() - 3e6, 20),
    "late deductions of ours": lambda ledger: ledger.unsaid(
        time.time() - 3e6, 20, ("lip_sync", "text_to_video")
    ),
    "of a state": lambda ledger: ledger.rows(states=("failed", "succeeded"), limit=20),
    "what is open": lambda ledger: ledger.rows(states=resume.OPEN, orphans=True),
    "what runs": lambda ledger: ledger.rows(states=RUNNING),
    "of an endpoint": lambda ledger: ledger.rows(endpoint="lip_sync", limit=20),
    "of a project": lambda ledger: ledger.rows(project="film", limit=20),
    "since a moment": lambda ledger: ledger.rows(since=time.time() - 60, limit=20),
    "our id": lambda ledger: ledger.get("kc-abcdef-1"),
    "Kling's id": lambda ledger: ledger.get("8800001"),
    "the beginning of an id": lambda ledger: ledger.get("kc-abc"),
    "the end of an id": lambda ledger: ledger.get("00001"),
    "an unknown id": lambda ledger: ledger.get("never-was"),
    "of a task": lambda ledger: ledger.by_task_id("text_to_video", "8800001"),
    "a twin": lambda ledger: ledger.twin(("digest of kc-abcdef-1", "another"), 60),
    "the parent": lambda ledger: ledger.parent(row(ledger)),
    "the children": lambda ledger: ledger.children(row(ledger)),
    "the maker": lambda ledger: ledger.maker("8800001-v0"),
    "outputs of a task": lambda ledger: ledger.kept("kc-abcdef-1"),
    "outputs of some": lambda ledger: ledger.kept(of=["kc-abcdef-1", "kc-abcdef-2"]),
    "outputs not saved": lambda ledger: ledger.kept(missing=True),
    "finished and not saved": resume.unsaved,
    "never saved": lambda ledger: resume.unsaved(ledger, look=False),
    "purged": lambda ledger: ledger.count_unsaved(time.time() - 60),
    "to rescue": lambda ledger: list(rescue.missing(ledger)),
}


@pytest.mark.parametrize("question", QUESTIONS)
def test_no_question_scans(traced: Traced, question: str) -> None:
    """Only what an index holds of the sought alone (what was not saved) is gone through."""
    found = traced.plans(QUESTIONS[question])
    scans = [plan for plan in found if plan.startswith("SCAN") and "CONSTANT" not in plan]
    small = ("SCAN outputs USING INDEX outputs_unsaved", "SCAN anon_")
    assert [plan for plan in scans if not plan.startswith(small)] == []


def test_a_create_scans_nothing(traced: Traced) -> None:
    """With limits and dedupe, from the first row to the file."""
    found = traced.plans(lambda _: traced.make("kc-new", "7700000"))
    assert [p for p in found if p.startswith("SCAN") and "CONSTANT" not in p] == []


@pytest.mark.parametrize(
    "question",
    [
        lambda ledger: ledger.rows(limit=20),
        lambda ledger: ledger.get("zz"),
    ],
)
def test_the_newest_are_read_in_their_order(traced: Traced, question: Any) -> None:
    """From the newest on, until enough were seen; nothing is sorted before."""
    found = traced.plans(question)
    scans = [plan for plan in found if plan.startswith("SCAN")]
    assert scans
    assert set(scans) == {"SCAN tasks USING INDEX tasks_created"}
    assert "USE TEMP B-TREE FOR ORDER BY" not in found


def test_lists_of_several_states_are_in_order(tmp_path: Path) -> None:
    """Each state is asked for by itself, and the newest of all are given."""
    ledger = Ledger(tmp_path / "ledger.db", ACCOUNT)
    for number in range(12):
        name = f"row-{number:02}"
        ledger.prepare(entry(name), lease=LEASE)
        if number % 3 == 0:
            ledger.refused(name, "no")
        elif number % 3 == 1:
            ledger.doubtful(name, "lost")
    found = [row.id for row in ledger.rows(states=("unknown", "rejected", "rejected"), limit=5)]
    assert found == ["row-10", "row-09", "row-07", "row-06", "row-04"]
    assert len(ledger.rows(states=("unknown", "rejected"))) == 8
    ledger.close()


def test_ids_by_their_ends(ledger: Ledger) -> None:
    """Of any length and letters, in both stores; few letters among the newest."""
    for number, name in enumerate(("kc-ä_1%", "kc-b_1%", "x")):
        ledger.prepare(entry(name), lease=LEASE)
        ledger.admit(name, limit=9, lease=LEASE)
        ledger.accepted(name, answer(f"77{number}0{number}"))

    def named(word: str) -> str | None:
        found = ledger.get(word)
        return found.id if found else None

    assert [named(w) for w in ("kc-ä", "ä_1%", "ä_1", "-ä_1%")] == [
        "kc-ä_1%",
        "kc-ä_1%",
        None,
        "kc-ä_1%",
    ]
    assert [named(w) for w in ("_1%", "1%", "%", "x", "770", "7710", "101")] == [
        None, None, None, "x", "kc-ä_1%", "kc-b_1%", "kc-b_1%",
    ]  # fmt: skip
    assert [named(w) for w in ("KC-B", "kc-c", "77", "202")] == [None, None, None, "x"]


def test_any_number_of_outputs_to_rescue(ledger: Ledger, tmp_path: Path, monkeypatch: Any) -> None:
    """Read some at a time: none is left out or told twice, those never saved come first."""
    from kling_core.ledger import queries

    monkeypatch.setattr(queries, "BATCH", 3)
    saved = tmp_path / "there.mp4"
    saved.write_bytes(b"clip")
    for number in range(11):
        name = f"row-{(number * 7) % 11:02}"
        ledger.prepare(entry(name), lease=LEASE)
        ledger.admit(name, limit=99, lease=LEASE)
        done = answer(f"of-{name}", "succeed", videos=2)
        ledger.accepted(name, done)
        ledger.keep(name, 0, path=saved, sha256="0", size=4, audit="")
        if number % 2:
            ledger.keep(name, 1, path=tmp_path / "gone.mp4", sha256="0", size=4, audit="")
    made = [row.id for row in reversed(ledger.rows())]
    found = [(row.id, kept.number) for row, kept in rescue.missing(ledger)]
    assert found == [(name, 1) for name in made[0::2] + made[1::2]]
    assert [row.id for row in resume.unsaved(ledger)] == made[::-1]  # a file that is gone too
    never = [row.id for row in resume.unsaved(ledger, look=False)]
    assert never == made[0::2][::-1]
    assert {kept.task for kept in ledger.kept(of=made)} == set(made)
    assert ledger.count_unsaved(ledger.now() + 1) == 6
    assert ledger.count_unsaved(ledger.now() - 60) == 0

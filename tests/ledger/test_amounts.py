"""What Kling says of money, however odd, late or missing, and what counts until it says it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from helpers.ledgers import LEASE, Moved, answer, entry, way_to
from helpers.scripted import LOST, Port, Script, envelope, session, task

from kling_core import Kling, Sandbox
from kling_core.editions.task_facts import amount, decimal, read
from kling_core.errors import BudgetExceeded, KlingWarning
from kling_core.flows import late_costs, resume
from kling_core.ledger import costs
from kling_core.ledger.ledger import Ledger
from kling_core.ledger.money import Budget
from kling_core.ledger.records import Row
from kling_core.wire.effects import drive

DAY = Budget(Decimal("0.21"), day=Decimal("0.50"))
ODD = [
    -100,
    "-100",
    "-0.01",
    "1e999",
    "1E+999999999",
    "NaN",
    "sNaN",
    "Infinity",
    float("nan"),
    float("inf"),
    10**40,
    10**5000,
    "9" * 5000,
    1_000_000,
    "text",
    "1,5",
    True,
    [1],
    {"units": 1},
]


def nested() -> Any:
    """JSON as deep as nobody writes it."""
    value: Any = []
    for _ in range(200_000):
        value = [value]
    return value


def running(ledger: Ledger, task_id: str, **more: Any) -> Row:
    row, _ = ledger.prepare(entry(**more), lease=LEASE)
    assert ledger.admit(row.id, limit=None, lease=LEASE).admitted
    return ledger.accepted(row.id, answer(task_id))


@pytest.mark.parametrize("said", ODD, ids=lambda said: str(type(said).__name__))
def test_what_is_no_amount_is_unknown(said: Any) -> None:
    """Below 0, beyond reason, no number at all."""
    assert amount(said) is None
    told = read({"task_status": "succeed", "final_unit_deduction": said})
    assert told.units is None


def test_amounts() -> None:
    """Exact as they stand; to a billionth where more is written; nothing is nothing."""
    for said, wanted in (
        ("1.5", "1.5"),
        (1.5, "1.5"),
        (0, "0"),
        ("-0", "0"),
        ("0E-999999", "0"),
        (" 2 ", "2"),
        ("0.1234567894", "0.123456789"),
        ("1e2", "1E+2"),
    ):
        found = amount(said)
        assert found is not None
        assert str(found) == wanted
    assert read({"final_unit_deduction": ""}).odd_units == read({}).odd_units == ""
    assert decimal("1e19") == Decimal(10) ** 19
    assert decimal("1e20") is None
    assert decimal("-5") == -5


@pytest.mark.parametrize("said", [x for x in ODD if not isinstance(x, int) or x < 10**4000])
def test_an_odd_deduction_lifts_no_budget(ledger: Ledger, said: Any) -> None:
    """The quote counts on; it is said once; the tasks beside it are looked at as ever."""
    rows = [running(ledger, f"of-{n}") for n in range(2)]
    news = [
        answer("of-0", "succeed", final_unit_deduction=said),
        answer("of-1", "succeed", final_unit_deduction="1.5"),
    ]
    with pytest.warns(KlingWarning, match=r"of-0 cost .* which is no amount") as heard:
        assert ledger.observe("text_to_video", news) == [row.id for row in rows]
    assert len(heard) == 1
    assert ledger.observe("text_to_video", news) == []
    assert [ledger.row(row.id).state for row in rows] == ["succeeded", "succeeded"]
    assert [ledger.row(row.id).cost_units for row in rows] == [None, Decimal("1.5")]
    assert ledger.spent(0.0) == (Decimal("0.42"), 0)
    with pytest.raises(BudgetExceeded, match=r"\$0\.42 of today's"):
        ledger.prepare(entry(), lease=LEASE, budget=DAY)
    (line,) = costs.costs(ledger, "day", 0.0)
    assert (line.tasks, line.actual, line.unsaid) == (2, Decimal("0.21"), 1)


@pytest.mark.filterwarnings("ignore::kling_core.errors.KlingWarning")
def test_one_broken_answer_breaks_no_other(ledger: Ledger) -> None:
    """What cannot even be written down is said and left out; the others are taken in."""
    rows = [running(ledger, f"of-{n}") for n in range(3)]
    strange = {1: {"strange": nested()}}
    news = [answer(f"of-{n}", "succeed", **strange.get(n, {})) for n in range(3)]
    assert ledger.observe("text_to_video", news) == [rows[0].id, rows[2].id]
    assert [ledger.row(row.id).state for row in rows] == ["succeeded", "submitted", "succeeded"]


def test_what_is_not_said_is_unknown(ledger: Ledger, moved: Moved) -> None:
    """A missing deduction is no "actual $0.00"; a later answer corrects it, none takes it back."""
    moved.stop()
    row = running(ledger, "11", project="film")
    ledger.observe("text_to_video", [answer("11", "succeed")])
    (line,) = costs.costs(ledger, "project", 0.0)
    assert (line.key, line.estimate, line.actual, line.unsaid) == ("film", Decimal("0.21"), None, 1)
    ended = ledger.row(row.id).finished_at
    moved.offset = 3600
    said = answer("11", "succeed", final_unit_deduction="3")
    assert ledger.observe("text_to_video", [said]) == [row.id]
    (line,) = costs.costs(ledger, "project", 0.0)
    assert (line.actual, line.unsaid) == (Decimal("0.42"), 0)
    assert ledger.spent(0.0) == (Decimal("0.42"), 0)
    assert ledger.row(row.id).finished_at == ended
    ledger.observe("text_to_video", [answer("11", "succeed", more=1)])
    assert ledger.row(row.id).cost_units == 3


def test_nothing_deducted_is_not_believed_of_what_was_made(ledger: Ledger) -> None:
    """Said too soon, 0 would lift the budget: the quote counts, and the row shows Kling's word."""
    row = running(ledger, "12")
    ledger.observe("text_to_video", [answer("12", "succeed", final_unit_deduction="0")])
    assert ledger.row(row.id).cost_units == 0
    assert ledger.spent(0.0) == (Decimal("0.21"), 0)
    (line,) = costs.costs(ledger, "day", 0.0)
    assert (line.actual, line.unsaid) == (None, 1)


def test_what_was_never_accepted_costs_nothing(ledger: Ledger) -> None:
    """Neither written down nor waiting nor sent in vain nor refused; in doubt it counts."""
    names = ("written", "waiting", "in vain", "refused", "in doubt", "failed")
    for name in names:
        ledger.prepare(entry(name), lease=LEASE)
        if name != "written":
            ledger.admit(name, limit=0 if name == "waiting" else None, lease=LEASE)
    ledger.back_in_line("waiting", lease=LEASE, learn=False)
    ledger.unsent("in vain", "no connection")
    ledger.refused("refused", "1201")
    ledger.doubtful("in doubt", "lost")
    ledger.accepted("failed", answer("13", "failed"))
    (line,) = costs.costs(ledger, "day", 0.0)
    assert (line.tasks, line.open, line.estimate) == (2, 1, Decimal("0.42"))
    assert line.actual == 0  # what failed without a word of a deduction was free
    assert line.unknown == line.unsaid == 0


def test_costs_are_those_of_the_day_of_sending(ledger: Ledger, moved: Moved) -> None:
    """As the budget counts them: not of the day on which the request was written down."""
    ledger.prepare(entry("late"), lease=LEASE)
    ledger.unsent("late", "no connection")
    moved.offset = 3 * 86400
    assert ledger.admit("late", limit=None, lease=LEASE).admitted
    assert [c.tasks for c in costs.costs(ledger, "day", ledger.now() - 86400)] == [1]
    assert costs.costs(ledger, "day", ledger.now() + 1) == []


def test_a_task_made_elsewhere_long_ago_is_not_of_today(ledger: Ledger) -> None:
    """Whatever Kling writes as its time."""
    from kling_core.flows import adopt

    for number, made in enumerate((1_700_000_000, "1700000000000", "1e300", "NaN", -5, 10**25)):
        data = answer(str(number), "succeed", created_at=made, final_unit_deduction="1.5")
        assert adopt.adopt(ledger, way_to("text_to_video"), data)
    times = {row.task_id: row.created_at for row in ledger.rows()}
    assert times["0"] == times["1"] == 1_700_000_000
    assert all(abs(times[name] - ledger.now()) < 60 for name in ("2", "3", "4", "5"))


# --- asked again ---------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore::kling_core.errors.KlingWarning")
def test_resume_asks_for_what_was_not_said() -> None:
    """Only for what has ended without a word; what cannot be had now is left for the next time."""
    script = Script(
        [
            LOST,
            envelope(task("2", "succeed", final_unit_deduction="2")),
            envelope(task("1", "succeed")),
        ]
    )
    live = session(script)
    ledger = live.ledger()
    for number in range(3):
        script.clock.now += 1
        running(ledger, f"{number}", name=f"row-{number}")
        units = {"final_unit_deduction": "1"} if number == 0 else {}
        ledger.observe("text_to_video", [answer(f"{number}", "succeed", **units)])
    drive(late_costs.ask(live), Port(script))
    assert [ledger.row(f"row-{n}").cost_units for n in range(3)] == [1, None, None]
    settled = drive(resume.settle(live, send=False), Port(script))
    assert [entry[2].rpartition("/")[2] for entry in script.trace] == ["2", "2", "1"]
    assert [ledger.row(f"row-{n}").cost_units for n in range(3)] == [1, None, 2]
    assert settled.running == []


def test_a_look_corrects_the_ledger(
    make_driver: Any, quick_sandbox: Sandbox, tmp_path: Any
) -> None:
    """`refresh()` of a task that has ended writes down what Kling says now."""
    driver = make_driver(sandbox=quick_sandbox, home=tmp_path / "home")
    do = driver.do
    made = do(do(driver.client.text_to_video.create(prompt="a boat")).wait())
    assert made.cost.units == Decimal("1.5")
    with Kling(sandbox=quick_sandbox, home=tmp_path / "home") as other:
        ledger = other.tasks.ledger
        with ledger._transaction() as db:
            db.exec_driver_sql("UPDATE tasks SET cost_units = NULL, cost_usd = NULL, raw = '{}'")
        do(made.refresh())
        assert ledger.row(made.row_id).cost_units == Decimal("1.5")

"""`kling costs`: what was spent, as it was estimated and as Kling said."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from kling_core.cli import arguments, console, ledgers, results

if TYPE_CHECKING:
    from kling_core.ledger.rows import Costs

BY = ("day", "project", "model")

DAYS = 30
"""How far back it looks."""


def run(argv: list[str], *, sandbox: bool) -> int:
    """The command; see `kling costs --help`."""
    namespace = arguments.parse(_parser(), argv)
    with ledgers.open_client("costs", sandbox=sandbox or namespace.sandbox) as kling:
        since = kling.session.ledger().now() - namespace.days * 86400
        costs = kling.tasks.costs(by=namespace.by, since=since)
        budget = kling.session.settings.budget
    if namespace.json:
        console.show_json([_as_json(line) for line in costs])
    elif not costs:
        console.say(f"no tasks in the last {namespace.days} days")
    else:
        head = (namespace.by, "tasks", "estimate", "actual", "open", "no price")
        console.show_table(head, [*map(_line, costs), _line(_total(costs))])
        console.say("estimate: the quotes; actual: what Kling deducted, at the price of a unit")
    if budget is not None and not namespace.json:
        console.say(f"budget: {ledgers.money(budget)} a day")
    return 0


def _line(costs: Costs) -> tuple[str, ...]:
    return (
        costs.key or "(none)",
        str(costs.tasks),
        ledgers.money(costs.estimate),
        ledgers.money(costs.actual),
        str(costs.open or "-"),
        str(costs.unknown or "-"),
    )


def _total(costs: Sequence[Costs]) -> Costs:
    from kling_core.ledger.rows import Costs

    return Costs(
        key="total",
        tasks=sum(line.tasks for line in costs),
        estimate=sum((line.estimate for line in costs), Decimal(0)),
        actual=sum((line.actual for line in costs), Decimal(0)),
        open=sum(line.open for line in costs),
        unknown=sum(line.unknown for line in costs),
    )


def _as_json(costs: Costs) -> dict[str, object]:
    from dataclasses import asdict

    return asdict(costs)


def _parser() -> arguments.Parser:
    parser = arguments.Parser(
        prog="kling costs",
        usage="kling costs [options]",
        description="What the tasks of the ledger were expected to cost and did, in US dollars. "
        "Asks nobody;\nkling account shows what is left of the packs.",
    )
    add = parser.add_argument
    how = f"one line each: {', '.join(BY)} [default day]"
    add("--by", choices=BY, default="day", metavar="WHAT", help=how)
    add("--days", type=results.count, default=DAYS, metavar="N", help=f"look back [default {DAYS}]")
    add("--json", action="store_true", help="print the lines as JSON")
    ledgers.hidden_sandbox(parser)
    return parser

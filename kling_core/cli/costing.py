"""`kling costs`: what was spent, as it was estimated and as Kling said."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kling_core.cli import console, ledgers, results
from kling_core.commands import arguments, readable
from kling_core.commands import costs as spending

if TYPE_CHECKING:
    from kling_core.ledger.records import Costs


def run(argv: list[str], *, sandbox: bool) -> int:
    """The command; see `kling costs --help`."""
    namespace = arguments.parse(_parser(), argv)
    with ledgers.open_client("costs", sandbox=sandbox or namespace.sandbox) as kling:
        costs = spending.within(kling, namespace.by, namespace.days)
        budget = kling.session.settings.budget
    if namespace.json:
        console.show_json([_as_json(line) for line in costs])
    elif not costs:
        console.say(f"no tasks in the last {namespace.days} days")
    else:
        console.show_table(spending.table(namespace.by, costs))
        console.say(spending.EXPLAINED)
    if budget is not None and not namespace.json:
        console.say(f"budget: {readable.money(budget)} a day")
    return 0


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
    how = f"one line each: {', '.join(spending.BY)} [default day]"
    add("--by", choices=spending.BY, default="day", metavar="WHAT", help=how)
    add(
        "--days",
        type=results.count,
        default=spending.DAYS,
        metavar="N",
        help=f"look back [default {spending.DAYS}]",
    )
    add("--json", action="store_true", help="print the lines as JSON")
    ledgers.hidden_sandbox(parser)
    return parser

"""`kling costs`: what was spent, as it was estimated and as Kling said."""

from __future__ import annotations

from dataclasses import asdict

from kling_core.cli import console, ledgers
from kling_core.commands import arguments, costs
from kling_core.commands.option_types import count


def run(argv: list[str], *, sandbox: bool) -> int:
    """The command; see `kling costs --help`."""
    namespace = arguments.parse(_parser(), argv)
    with ledgers.open_client("costs", sandbox=sandbox or namespace.sandbox) as kling:
        spent = costs.within(kling, namespace.by, namespace.days)
    if namespace.json:
        console.show_json([asdict(line) for line in spent.lines])
        return 0
    if spent.lines:
        console.show_table(spent.table)
    for note in spent.notes:
        console.say(note)
    return 0


def _parser() -> arguments.Parser:
    parser = arguments.Parser(
        prog="kling costs",
        usage="kling costs [options]",
        description="What the tasks of the ledger were expected to cost and did, in US dollars. "
        "Asks nobody;\nkling account shows what is left of the packs.",
    )
    add = parser.add_argument
    how = f"one line each: {', '.join(costs.BY)} [default day]"
    add("--by", choices=costs.BY, default="day", metavar="WHAT", help=how)
    add(
        "--days",
        type=count,
        default=costs.DAYS,
        metavar="N",
        help=f"look back [default {costs.DAYS}]",
    )
    add("--json", action="store_true", help="print the lines as JSON")
    ledgers.hidden_sandbox(parser)
    return parser

"""`kling account`: the resource packs and what is left of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from kling_core.cli import console
from kling_core.commands import arguments
from kling_core.commands.account import DAYS, rows
from kling_core.commands.option_types import count
from kling_core.commands.table import Table


def run(argv: list[str], *, sandbox: bool) -> int:
    """The command; see `kling account --help`."""
    parser = arguments.Parser(
        prog="kling account",
        usage="kling account [options]",
        description="The account's resource packs. Free; what is left may lag by 12 hours.",
    )
    add = parser.add_argument
    add(
        "--days",
        type=count,
        default=DAYS,
        metavar="N",
        help=f"look back [default {DAYS}]",
    )
    add("--json", action="store_true", help="print the packs as JSON")
    add("--sandbox", action="store_true", help="use the embedded sandbox: no key, no cost")
    namespace = arguments.parse(parser, argv)
    now = datetime.now(UTC)
    with console.open_client(sandbox=sandbox or namespace.sandbox) as kling:
        packs = kling.account.costs(now - timedelta(days=namespace.days), now)
    if namespace.json:
        console.show_json(packs)
    elif not packs:
        console.say(f"no resource packs in the last {namespace.days} days")
    else:
        console.show_table(Table(("pack", "left", "of", "status", "until"), rows(packs)))
    return 0

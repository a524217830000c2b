"""`kling account`: the resource packs and what is left of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from kling_core.cli import arguments, console, results

DAYS = 90
"""How far back packs are looked for."""


def run(argv: list[str], *, sandbox: bool) -> int:
    """The command; see `kling account --help`."""
    parser = arguments.Parser(
        prog="kling account",
        usage="kling account [options]",
        description="The account's resource packs. Free; what is left may lag by 12 hours.",
    )
    add = parser.add_argument
    add("--days", type=results.count, default=DAYS, metavar="N", help=f"look back [default {DAYS}]")
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
        console.show_table(("pack", "left", "of", "status", "until"), rows(packs))
    return 0


def rows(packs: Sequence[Mapping[str, Any]]) -> list[tuple[str, ...]]:
    """The packs as rows of a table: name, left, of, status, until."""
    return [
        (
            str(pack.get("resource_pack_name") or pack.get("resource_pack_id") or "?"),
            _amount(pack.get("remaining_quantity")),
            _amount(pack.get("total_quantity")),
            str(pack.get("status") or "?"),
            _day(pack.get("invalid_time")),
        )
        for pack in packs
    ]


def _amount(value: Any) -> str:
    return f"{value:g}" if isinstance(value, (int, float)) else str(value or "?")


def _day(value: Any) -> str:
    if not isinstance(value, (int, float)) or value <= 0:
        return "-"
    return console.local(datetime.fromtimestamp(value / 1000, UTC))

"""`kling tasks`: what the ledger knows, newest first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kling_core.cli import console, ledgers
from kling_core.commands import arguments, as_json, slots, tasks
from kling_core.commands.option_types import count

if TYPE_CHECKING:
    from kling_core.ledger.ledger import Ledger


def run(argv: list[str], *, sandbox: bool) -> int:
    """The command; see `kling tasks --help`."""
    namespace, words = arguments.parse_words(_parser(), argv)
    with ledgers.open_client("tasks", sandbox=sandbox or namespace.sandbox) as kling:
        ledger = kling.session.ledger()
        found = tasks.chosen(
            kling,
            states=namespace.state,
            endpoint=_endpoint(ledger, namespace.endpoint),
            words=" ".join(words) or None,
            project=namespace.project,
            limit=namespace.limit,
        )
        if namespace.json:
            console.show_json([as_json.recorded(row) for row in found.rows])
            return 0
        if found.rows:
            console.show_table(tasks.tasks(kling, found.rows, narrow=not namespace.wide))
        held = slots.lines(ledger) if found.rows else []
        for line in filter(None, [found.note, *held]):
            console.say(line)
    return 0


def _endpoint(ledger: Ledger, name: str | None) -> str | None:
    from kling_core.declare import registry

    return (tasks.recorded_as(ledger, name) or registry.get(name).name) if name else None


def _parser() -> arguments.Parser:
    parser = arguments.Parser(
        prog="kling tasks",
        usage="kling tasks [options] [WORDS]",
        description="The tasks of the ledger, newest first; WORDS are looked for in the prompts. "
        "Asks nobody.\nkept: saved to disk, or the days left before Kling purges it.",
    )
    add = parser.add_argument
    add(
        "--state",
        action="append",
        choices=tasks.STATES,
        metavar="STATE",
        help=f"only these; may be repeated: {', '.join(tasks.STATES)}",
    )
    add("--endpoint", metavar="NAME", help="only those of this endpoint")
    add("--project", metavar="NAME", help="only those of this project")
    add(
        "--limit",
        type=count,
        default=20,
        metavar="N",
        help="at most N [20], 0 for all",
    )
    add("--wide", action="store_true", help="show prompts in full")
    add("--json", action="store_true", help="print the tasks as JSON")
    ledgers.hidden_sandbox(parser)
    return parser

"""`kling tasks`: what the ledger knows, newest first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kling_core.cli import console, ledgers, results
from kling_core.commands import arguments, slots, tasks

if TYPE_CHECKING:
    from kling_core.ledger.ledger import Ledger


def run(argv: list[str], *, sandbox: bool) -> int:
    """The command; see `kling tasks --help`."""
    namespace, words = arguments.parse_words(_parser(), argv)
    with ledgers.open_client("tasks", sandbox=sandbox or namespace.sandbox) as kling:
        ledger = kling.session.ledger()
        rows = ledger.rows(
            states=namespace.state,
            endpoint=_endpoint(ledger, namespace.endpoint),
            words=" ".join(words) or None,
            project=namespace.project,
            limit=namespace.limit or None,
        )
        if namespace.json:
            console.show_json([ledgers.described(row) for row in rows])
        elif not rows:
            console.say("no such tasks in the ledger; kling rescue looks at Kling for others")
        else:
            table = tasks.tasks(kling, rows, narrow=not namespace.wide)
            console.show_table(table)
            if len(rows) == namespace.limit:
                console.say("there may be more: --limit 0 shows all")
            for line in slots.lines(ledger):
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
    add("--limit", type=results.count, default=20, metavar="N", help="at most N [20], 0 for all")
    add("--wide", action="store_true", help="show prompts in full")
    add("--json", action="store_true", help="print the tasks as JSON")
    ledgers.hidden_sandbox(parser)
    return parser

"""`kling give-up`: let go of the slot of a task that hangs, and wait for it no longer."""

from __future__ import annotations

from kling_core.cli import console, ledgers
from kling_core.commands import arguments, as_json, slots
from kling_core.commands.find import find
from kling_core.flows.give_up import give_up


def run(argv: list[str], *, sandbox: bool) -> int:
    """The command; see `kling give-up --help`."""
    namespace, words = arguments.parse_words(_parser(), argv)
    if not words:
        raise arguments.UsageProblem("kling give-up needs the ids of tasks", fix="See kling tasks.")
    with ledgers.open_client("give-up", sandbox=sandbox or namespace.sandbox) as kling:
        ledger = kling.session.ledger()
        rows = [give_up(ledger, row) for row in [find(kling, word) for word in words]]
        for row in rows:
            console.say(slots.given_up(row))
        if namespace.json:
            console.show_json([as_json.recorded(row) for row in rows])
    return 0


def _parser() -> arguments.Parser:
    parser = arguments.Parser(
        prog="kling give-up",
        usage="kling give-up [options] ID...",
        description="Let go of the slot of a task that hangs, and wait for it no longer. Kling has "
        "no cancel: a task\nthat is there goes on and may be billed; it still counts in costs and "
        "budget, and is taken in\nwhen it is found later. An id is ours or Kling's, or a beginning "
        "or end of one.",
    )
    parser.add_argument("--json", action="store_true", help="print the tasks as JSON")
    ledgers.hidden_sandbox(parser)
    return parser

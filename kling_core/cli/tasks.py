"""`kling tasks`: what the ledger knows, newest first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kling_core.cli import arguments, console, ledgers, results

if TYPE_CHECKING:
    from kling_core.client import Kling
    from kling_core.ledger.rows import Kept, Row

STATES = (
    "prepared",
    "waiting",
    "submitting",
    "submitted",
    "processing",
    "succeeded",
    "failed",
    "rejected",
    "unknown",
    "expired",
)

HEAD = ("id", "state", "age", "endpoint", "model", "cost", "kept", "prompt")


def run(argv: list[str], *, sandbox: bool) -> int:
    """The command; see `kling tasks --help`."""
    namespace, words = arguments.parse_words(_parser(), argv)
    with ledgers.open_client("tasks", sandbox=sandbox or namespace.sandbox) as kling:
        ledger = kling.session.ledger()
        rows = ledger.rows(
            states=namespace.state,
            endpoint=_endpoint(namespace.endpoint),
            words=" ".join(words) or None,
            project=namespace.project,
            limit=namespace.limit or None,
        )
        if namespace.json:
            console.show_json([ledgers.described(row) for row in rows])
        elif not rows:
            console.say("no such tasks in the ledger; kling rescue looks at Kling for others")
        else:
            _show(kling, rows, narrow=not namespace.wide)
            if len(rows) == namespace.limit:
                console.say("there may be more: --limit 0 shows all")
    return 0


def _show(kling: Kling, rows: list[Row], *, narrow: bool) -> None:
    kept: dict[str, list[Kept]] = {}
    for output in kling.session.ledger().kept():
        kept.setdefault(output.task, []).append(output)
    now = kling.session.ledger().now()
    table = [
        (
            ledgers.short(row),
            row.state,
            ledgers.age(row, now),
            row.endpoint.replace("_", "-"),
            row.model_name or "-",
            ledgers.price(row),
            ledgers.keeping(kling, row, kept.get(row.id, [])),
            _prompt(row.text, narrow=narrow),
        )
        for row in rows
    ]
    console.show_table(HEAD, table)


def _prompt(text: str, *, narrow: bool) -> str:
    line = " ".join(text.split())
    return f"{line[:47]}…" if narrow and len(line) > 48 else line


def _endpoint(name: str | None) -> str | None:
    from kling_core.endpoints import registry

    return registry.get(name).name if name else None


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
        choices=STATES,
        metavar="STATE",
        help=f"only these; may be repeated: {', '.join(STATES)}",
    )
    add("--endpoint", metavar="NAME", help="only those of this endpoint")
    add("--project", metavar="NAME", help="only those of this project")
    add("--limit", type=results.count, default=20, metavar="N", help="at most N [20], 0 for all")
    add("--wide", action="store_true", help="show prompts in full")
    add("--json", action="store_true", help="print the tasks as JSON")
    ledgers.hidden_sandbox(parser)
    return parser

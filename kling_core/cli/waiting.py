"""`kling wait`: wait for tasks of the ledger and download what they made."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from kling_core.cli import arguments, ledgers, results
from kling_core.errors import KlingError
from kling_core.ledger.rows import ENDED, RUNNING

if TYPE_CHECKING:
    from kling_core.client import Kling
    from kling_core.ledger.rows import Row


def run(argv: list[str], *, sandbox: bool) -> int:
    """The command; see `kling wait --help`."""
    namespace, words = arguments.parse_words(_parser(), argv)
    if not words:
        raise arguments.UsageProblem("kling wait needs the ids of tasks", fix="See kling tasks.")
    with ledgers.open_client("wait", sandbox=sandbox or namespace.sandbox) as kling:
        if namespace.download:
            results.must_be_writable(namespace.out or kling.session.output_dir)
        rows = [ledgers.find(kling, word) for word in words]
        collector = ledgers.Collector(
            kling,
            out=namespace.out,
            timeout=namespace.timeout,
            download=namespace.download,
            as_json=namespace.json,
        )
        for row in rows:
            try:
                collector.collect(_certain(kling, row))
            except KlingError as error:
                collector.tell(error)
        return collector.finish()


def _certain(kling: Kling, row: Row) -> Row:
    """The row in a state that is certain: a lost answer is looked up, nothing is sent."""
    if row.state not in RUNNING + ENDED:
        from kling_core.submit import resume

        row = kling.run_flow(resume(kling.session, row, send=False))
    if row.state in ledgers.UNSENT:
        raise KlingError(
            f"task {row.id} was never sent",
            cause=row.error,
            fix="kling resume --send sends it.",
        )
    if row.state in ("rejected", "expired"):
        raise KlingError(
            f"task {row.task_id or row.id} is {row.state}: {row.error}", task_id=row.id
        )
    return row


def _parser() -> arguments.Parser:
    parser = arguments.Parser(
        prog="kling wait",
        usage="kling wait [options] ID...",
        description="Wait for tasks of the ledger and download what they made. An id is ours or "
        "Kling's,\nor a beginning or end of one; kling tasks shows them.",
    )
    add = parser.add_argument
    add("-o", "--out", type=Path, metavar="DIR", help=results.OUT)
    add("--timeout", type=results.seconds, metavar="S", help="stop waiting after S seconds each")
    add("--no-download", dest="download", action="store_false", help="wait only")
    add("--json", action="store_true", help="print the tasks as JSON")
    ledgers.hidden_sandbox(parser)
    return parser

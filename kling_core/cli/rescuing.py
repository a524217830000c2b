"""`kling rescue`: fetch every finished output that is not on disk, whoever made it."""

from __future__ import annotations

from pathlib import Path

from kling_core.cli import arguments, console, ledgers, results
from kling_core.errors import KlingError


def run(argv: list[str], *, sandbox: bool) -> int:
    """The command; see `kling rescue --help`."""
    namespace = arguments.parse(_parser(), argv)
    with ledgers.open_client("rescue", sandbox=sandbox or namespace.sandbox) as kling:
        from kling_core.ledger import recovery

        results.must_be_writable(namespace.out or kling.session.output_dir)
        new = kling.run_flow(recovery.collect(kling.session))
        console.say(f"{new} task{'s' * (new != 1)} at Kling that the ledger did not know")
        collector = ledgers.Collector(kling, out=namespace.out)
        fetched = purged = 0
        for row, kept in recovery.missing(kling.session.ledger()):
            task = ledgers.task_of(kling, row)
            if (ledgers.days_left(task) or 0) < 0:
                purged += 1
                continue
            try:
                print(task.files[kept.number].download(results.folder(namespace.out)), flush=True)
                fetched += 1
            except KlingError as error:
                collector.tell(error)
        console.say(f"{fetched} fetched" + (f", {purged} purged at Kling" if purged else ""))
        return collector.code


def _parser() -> arguments.Parser:
    parser = arguments.Parser(
        prog="kling rescue",
        usage="kling rescue [options]",
        description="Join Kling's lists of the last 30 days with the ledger, and fetch every "
        "finished output that is not\non disk; also of tasks made elsewhere, and after the ledger "
        "was lost. Free of charge.",
    )
    parser.add_argument("-o", "--out", type=Path, metavar="DIR", help=results.OUT)
    ledgers.hidden_sandbox(parser)
    return parser

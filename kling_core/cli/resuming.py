"""`kling resume`: take up everything that a crash, a closed laptop or Ctrl-C left behind."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from kling_core.cli import arguments, console, ledgers, results
from kling_core.submit import Waiting

if TYPE_CHECKING:
    from kling_core.client import Kling
    from kling_core.ledger.recovery import Settled
    from kling_core.ledger.rows import Row


def run(argv: list[str], *, sandbox: bool) -> int:
    """The command; see `kling resume --help`."""
    namespace = arguments.parse(_parser(), argv)
    with ledgers.open_client("resume", sandbox=sandbox or namespace.sandbox) as kling:
        if namespace.download:
            results.must_be_writable(namespace.out or kling.session.output_dir)
        settled = kling.tasks.resume(
            wait=False, download=False, send=namespace.send, on_update=_told
        )
        collector = ledgers.Collector(
            kling,
            out=namespace.out,
            timeout=namespace.timeout,
            download=namespace.download,
            as_json=namespace.json,
        )
        for row, error in settled.doubtful:
            console.say(f"{ledgers.short(row)}: {_words(row)}")
            collector.tell(error)
        _unsent(settled)
        left = [*_waited(settled, wait=namespace.wait)]
        left += _unsaved(kling) if namespace.download else []
        if not (left or settled.doubtful or settled.unsent):
            console.say("nothing was left behind")
        for row in left:
            collector.collect(row)
        return collector.finish()


def _waited(settled: Settled, *, wait: bool) -> list[Row]:
    if wait or not settled.running:
        return settled.running
    console.say(f"{len(settled.running)} running; collect them with: kling resume")
    return []


def _unsaved(kling: Kling) -> list[Row]:
    """Finished tasks with an output that was never saved, and that Kling still has."""
    ledger = kling.session.ledger()
    missing = dict.fromkeys(kept.task for kept in ledger.kept(missing=True))
    rows = [row for row in ledger.rows(states=("succeeded",)) if row.id in missing]
    left = {row.id: ledgers.days_left(ledgers.task_of(kling, row)) for row in rows}
    return [row for row in rows if (left[row.id] or 0) >= 0]


def _unsent(settled: Settled) -> None:
    for row in settled.unsent:
        reason = f" ({row.error})" if row.error not in ("", "never sent") else ""
        console.say(f"{ledgers.short(row)}: never sent{reason}: {_words(row)}")
    if settled.unsent:
        console.say("send them with: kling resume --send")


def _told(news: object) -> None:
    if isinstance(news, Waiting):
        console.say(str(news))


def _words(row: Row) -> str:
    return f"{row.endpoint.replace('_', '-')} {row.text!r}"


def _parser() -> arguments.Parser:
    parser = arguments.Parser(
        prog="kling resume",
        usage="kling resume [options]",
        description="Take up what was left behind: look up requests whose answer was lost, wait "
        "for what runs,\ndownload what is finished. Nothing is sent twice; what was never sent is "
        "named, and sent with --send.",
    )
    add = parser.add_argument
    add("--send", action="store_true", help="send what certainly reached nobody; it is paid then")
    add("--no-wait", dest="wait", action="store_false", help="settle and download, do not wait")
    add("--no-download", dest="download", action="store_false", help="settle and wait only")
    add("-o", "--out", type=Path, metavar="DIR", help=results.OUT)
    add("--timeout", type=results.seconds, metavar="S", help="stop waiting after S seconds each")
    add("--json", action="store_true", help="print the collected tasks as JSON")
    ledgers.hidden_sandbox(parser)
    return parser

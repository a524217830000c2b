"""`kling resume`: take up everything that a crash, a closed laptop or Ctrl-C left behind."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from kling_core.cli import arguments, console, ledgers, results
from kling_core.ledger import recovery
from kling_core.ledger.rows import Row

if TYPE_CHECKING:
    from kling_core.ledger.recovery import Settled


def run(argv: list[str], *, sandbox: bool) -> int:
    """The command; see `kling resume --help`."""
    namespace = arguments.parse(_parser(), argv)
    with ledgers.open_client("resume", sandbox=sandbox or namespace.sandbox) as kling:
        if namespace.download:
            results.must_be_writable(namespace.out or kling.session.output_dir)
        flow = recovery.settle(
            kling.session, send=namespace.send, patient=namespace.wait, listener=_told
        )
        settled = kling.run_flow(flow)
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
        left += settled.unsaved if namespace.download else []
        if not (left or settled.doubtful or settled.unsent or settled.held or settled.running):
            console.say("nothing was left behind")
        for row in left:
            collector.collect(row)
        return collector.finish()


def _waited(settled: Settled, *, wait: bool) -> list[Row]:
    if wait or not settled.running:
        return settled.running
    console.say(f"{len(settled.running)} running; collect them with: kling resume")
    return []


def _unsent(settled: Settled) -> None:
    for row in settled.unsent:
        reason = f" ({row.error})" if row.error not in ("", "never sent") else ""
        console.say(f"{ledgers.short(row)}: never sent{reason}: {_words(row)}")
    if settled.unsent:
        console.say("send them with: kling resume --send")
    for row in settled.held:
        doing = "being sent" if row.state == "submitting" else "in line to be sent"
        console.say(f"{ledgers.short(row)}: {doing} by another process: {_words(row)}")


def _told(news: object) -> None:
    """Before waiting for the lease of a row that was being sent when its process was killed."""
    if isinstance(news, Row) and news.state == "submitting" and news.lease_until:
        until = console.local(datetime.fromtimestamp(news.lease_until, UTC))
        console.say(f"{ledgers.short(news)}: being sent by a process that may have been killed;")
        console.say(f"it is looked up when its lease ends, at {until} at the latest")


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

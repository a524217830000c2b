"""`kling resume`: take up everything that a crash, a closed laptop or Ctrl-C left behind."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from kling_core.cli import console, ledgers, results
from kling_core.cli.exit_codes import Progress
from kling_core.commands import arguments
from kling_core.commands import resume as leftovers
from kling_core.commands.find import short
from kling_core.commands.option_types import OUT, seconds
from kling_core.flows import resume

if TYPE_CHECKING:
    from kling_core.flows.resume import Settled
    from kling_core.ledger.records import Row


def run(argv: list[str], *, sandbox: bool) -> int:
    """The command; see `kling resume --help`."""
    namespace = arguments.parse(_parser(), argv)
    with (
        Progress(sent=True),
        ledgers.open_client("resume", sandbox=sandbox or namespace.sandbox) as kling,
    ):
        if namespace.download:
            results.must_be_writable(namespace.out or kling.session.output_dir)
        flow = resume.settle(
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
            console.say(f"{short(row)}: {leftovers.named(row)}")
            collector.tell(error, row)
        for line in leftovers.unsent(settled):
            console.say(line)
        left = [*_waited(settled, wait=namespace.wait)]
        left += settled.unsaved if namespace.download else []
        if not left and leftovers.nothing(settled):
            console.say(leftovers.NOTHING)
        for row in left:
            collector.collect(row)
        return collector.finish()


def _waited(settled: Settled, *, wait: bool) -> list[Row]:
    if wait or not settled.running:
        return settled.running
    console.say(f"{len(settled.running)} running; collect them with: kling resume")
    return []


def _told(news: object) -> None:
    for line in leftovers.waiting_for_lease(news):
        console.say(line)


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
    add("-o", "--out", type=Path, metavar="DIR", help=OUT)
    add(
        "--timeout",
        type=seconds,
        metavar="S",
        help="stop waiting after S seconds each",
    )
    add("--json", action="store_true", help="print the collected tasks as JSON")
    ledgers.hidden_sandbox(parser)
    return parser

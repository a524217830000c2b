"""`kling rescue`: fetch every finished output that is not on disk, whoever made it."""

from __future__ import annotations

from pathlib import Path

from kling_core.cli import console, ledgers, results
from kling_core.cli.exit_codes import Progress
from kling_core.commands import arguments
from kling_core.commands.option_types import OUT
from kling_core.commands.rescue import Found, Rescue, opening, rescue, summary


def run(argv: list[str], *, sandbox: bool) -> int:
    """The command; see `kling rescue --help`."""
    namespace = arguments.parse(_parser(), argv)
    with (
        Progress(sent=True),
        ledgers.open_client("rescue", sandbox=sandbox or namespace.sandbox) as kling,
    ):
        results.must_be_writable(namespace.out or kling.session.output_dir)
        collector = ledgers.Collector(kling, out=namespace.out)

        def tell(news: Rescue | Found) -> None:
            if isinstance(news, Rescue):
                console.say(opening(news))
            elif news.error is not None and not news.purged:
                collector.tell(news.error)
            elif news.path is not None:
                console.show_path(news.path)
                console.flush()

        console.say(summary(rescue(kling, results.folder(namespace.out), tell)))
        return collector.code


def _parser() -> arguments.Parser:
    parser = arguments.Parser(
        prog="kling rescue",
        usage="kling rescue [options]",
        description="Join Kling's lists of the last 30 days with the ledger, and fetch every "
        "finished output that is not\non disk; also of tasks made elsewhere, and after the ledger "
        "was lost. Free of charge.",
    )
    parser.add_argument("-o", "--out", type=Path, metavar="DIR", help=OUT)
    ledgers.hidden_sandbox(parser)
    return parser

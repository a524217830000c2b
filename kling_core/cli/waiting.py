"""`kling wait`: wait for tasks of the ledger and download what they made."""

from __future__ import annotations

from pathlib import Path

from kling_core.cli import ledgers, results
from kling_core.cli.exit_codes import Progress
from kling_core.commands import arguments
from kling_core.commands.find import find
from kling_core.commands.option_types import OUT, seconds
from kling_core.commands.wait import certain
from kling_core.errors import KlingError


def run(argv: list[str], *, sandbox: bool) -> int:
    """The command; see `kling wait --help`."""
    namespace, words = arguments.parse_words(_parser(), argv)
    if not words:
        raise arguments.UsageProblem("kling wait needs the ids of tasks", fix="See kling tasks.")
    with (
        Progress(sent=True),
        ledgers.open_client("wait", sandbox=sandbox or namespace.sandbox) as kling,
    ):
        if namespace.download:
            results.must_be_writable(namespace.out or kling.session.output_dir)
        rows = [find(kling, word) for word in words]
        collector = ledgers.Collector(
            kling,
            out=namespace.out,
            timeout=namespace.timeout,
            download=namespace.download,
            as_json=namespace.json,
        )
        for row in rows:
            try:
                collector.collect(certain(kling, row))
            except KlingError as error:
                collector.tell(error, row)
        return collector.finish()


def _parser() -> arguments.Parser:
    parser = arguments.Parser(
        prog="kling wait",
        usage="kling wait [options] ID...",
        description="Wait for tasks of the ledger and download what they made. An id is ours or "
        "Kling's,\nor a beginning or end of one; kling tasks shows them.",
    )
    add = parser.add_argument
    add("-o", "--out", type=Path, metavar="DIR", help=OUT)
    add(
        "--timeout",
        type=seconds,
        metavar="S",
        help="stop waiting after S seconds each",
    )
    add("--no-download", dest="download", action="store_false", help="wait only")
    add("--json", action="store_true", help="print the tasks as JSON")
    ledgers.hidden_sandbox(parser)
    return parser

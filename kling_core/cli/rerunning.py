"""`kling rerun`: a recorded request again, as it was or with changes; a new task, paid anew."""

from __future__ import annotations

import argparse

from kling_core.cli import console, ledgers
from kling_core.cli.run import Wishes, carry_out, own_options
from kling_core.commands import arguments, given_text, resume
from kling_core.commands.find import find, short
from kling_core.commands.rerun import again
from kling_core.declare import registry


def run(argv: list[str], *, sandbox: bool) -> int:
    """The command; see `kling rerun --help`."""
    namespace, words = arguments.parse_words(_parser(), argv)
    if len(words) != 1:
        raise arguments.UsageProblem(
            f"kling rerun takes one task id; you gave {len(words)}", fix="See kling tasks."
        )
    wishes = Wishes.of(namespace, sandbox=sandbox)
    with ledgers.open_client("rerun", sandbox=wishes.sandbox) as kling:
        row = find(kling, words[0])
        endpoint = registry.load(row.endpoint)
        typed: list[str] = namespace.set or []
        changes = [given_text.changed(endpoint, change) for change in typed]
        request = again(kling, row, changes)
    if wishes.project is None and row.project:
        from dataclasses import replace

        wishes = replace(wishes, project=row.project)
    console.say(f"again: {short(row)}, {resume.named(row)}")
    return carry_out(request, wishes)


def _parser() -> arguments.Parser:
    parser = arguments.Parser(
        prog="kling rerun",
        usage="kling rerun ID [--set FIELD=VALUE ...] [options]",
        description="Give a recorded request again, with changes if you like. It is a new task, "
        "and paid anew;\n--dry-run shows it and its cost.",
    )
    _own_options(parser)
    return parser


def _own_options(parser: argparse.ArgumentParser) -> None:
    how = "change a field; an empty VALUE takes it out; may be repeated"
    parser.add_argument("--set", action="append", metavar="FIELD=VALUE", help=how)
    own_options(parser)

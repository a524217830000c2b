"""`kling list`: the tasks of the account at one endpoint."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from kling_core.cli import console
from kling_core.commands import arguments, as_json, readable
from kling_core.commands.option_types import count
from kling_core.commands.table import Table

if TYPE_CHECKING:
    from kling_core.task import Task


def run(argv: list[str], *, sandbox: bool) -> int:
    """The command; see `kling list --help`."""
    if argv[:1] in (["-h"], ["--help"]):
        raise arguments.HelpShown(_parser("kling list ENDPOINT").format_help())
    endpoint, rest = console.take_endpoint("list", argv, _own_options)
    namespace = arguments.parse(_parser(f"kling list {endpoint.command}"), rest)
    console.refuse_empty_sandbox("list", sandbox=sandbox or namespace.sandbox)
    with console.open_client(sandbox=False) as kling:
        tasks: list[Task] = getattr(kling, endpoint.name).list(namespace.page, namespace.size)
    if namespace.json:
        console.show_json([as_json.described(task) for task in tasks])
        return 0
    if not tasks:
        console.say(f"no tasks on page {namespace.page} of {endpoint.command}")
        return 0
    head = ("task", "status", "created", "outputs", "external id")
    console.show_table(Table(head, [_row(task) for task in tasks]))
    if len(tasks) == namespace.size:
        console.say(f"there may be more: --page {namespace.page + 1}")
    return 0


def _row(task: Task) -> tuple[str, ...]:
    made = str(len(task.outputs)) if task.status == "succeeded" else "-"
    return (
        task.task_id,
        task.status,
        readable.local(task.created_at) or "-",
        made,
        task.external_task_id or "-",
    )


def _parser(prog: str) -> arguments.Parser:
    parser = arguments.Parser(
        prog=prog,
        usage=f"{prog} [options]",
        description="One page of the account's tasks. Kling keeps 30 days, and promises no order.",
    )
    _own_options(parser)
    return parser


def _own_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "--page",
        type=count,
        default=1,
        metavar="N",
        help="page, 1 to 1000 [default 1]",
    )
    add(
        "--size",
        type=count,
        default=30,
        metavar="N",
        help="1 to 500 a page [default 30]",
    )
    add("--sandbox", action="store_true", help=argparse.SUPPRESS)
    add("--json", action="store_true", help="print the tasks as JSON")

"""`kling get`: look at a task, wait for it, collect what it made."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING

from kling_core.cli import console, results
from kling_core.cli.exit_codes import Progress
from kling_core.cli.progress import follow
from kling_core.commands import arguments
from kling_core.commands import readable as words
from kling_core.commands.option_types import seconds

if TYPE_CHECKING:
    from kling_core.task import Task


def run(argv: list[str], *, sandbox: bool) -> int:
    """The command; see `kling get --help`."""
    if argv[:1] in (["-h"], ["--help"]):
        raise arguments.HelpShown(_parser("kling get ENDPOINT").format_help())
    endpoint, rest = console.take_endpoint("get", argv, _own_options)
    namespace, words = arguments.parse_words(_parser(f"kling get {endpoint.command}"), rest)
    if len(words) != 1:
        raise arguments.UsageProblem(
            f"kling get {endpoint.command} takes one task id; you gave {len(words)}",
            fix="It is what `kling run --no-wait` printed, or your own external id.",
        )
    console.refuse_empty_sandbox("get", sandbox=sandbox or namespace.sandbox)
    with Progress() as progress, console.open_client(sandbox=False) as kling:
        start = time.monotonic()
        task: Task = getattr(kling, endpoint.name).get(words[0])
        progress.made = True
        out: Path | None = namespace.out
        if namespace.wait:
            results.must_be_writable(out or kling.session.output_dir)
            follow(task, namespace.timeout)
        if task.status == "failed":
            from kling_core.flows.wait import failure

            raise failure(task)
        saving = task.done and (namespace.wait or out is not None)
        paths = results.save(task, out) if saving else []
        results.show(task, paths, as_json=namespace.json)
        if saving:
            console.say(results.ending(task, time.monotonic() - start))
        elif not namespace.json:
            _state(task)
        console.flush()
    return 0


def _parser(prog: str) -> arguments.Parser:
    parser = arguments.Parser(
        prog=prog,
        usage=f"{prog} TASK [options]",
        description="Look at a task by its id or external id. Free of charge.",
    )
    _own_options(parser)
    return parser


def _own_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--wait", action="store_true", help="wait until it has ended, then download")
    add(
        "-o",
        "--out",
        type=Path,
        metavar="DIR",
        help="download to DIR [with --wait kling_outputs/DATE]",
    )
    add("--timeout", type=seconds, metavar="S", help="stop waiting after S seconds")
    add("--sandbox", action="store_true", help=argparse.SUPPRESS)
    add("--json", action="store_true", help="print the task as JSON")


def _state(task: Task) -> None:
    """The state on stdout, and what to do next for people."""
    console.show(task.status)
    if not task.complete:
        console.say(f"wait for it with: kling get {task.endpoint.command} {task.task_id} --wait")
        return
    for output in task.outputs:
        named = f" {output.id}" if output.id else ""
        length = f", {output.duration} s" if output.duration is not None else ""
        until = f", kept until {words.local(output.expires_at)}" if output.expires_at else ""
        console.say(f"{output.kind}{named}{length}{until}")
    console.say("download it with --out DIR")

"""`%kling rerun …`: a recorded request again, as it was or with changes; a new task, paid anew."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from kling_core.commands import resume
from kling_core.commands.arguments import Parser
from kling_core.commands.find import short
from kling_core.commands.rerun import again
from kling_core.declare import registry
from kling_jupyter import named_tasks
from kling_jupyter.commands import generate
from kling_jupyter.commands.base import Line
from kling_jupyter.display import say
from kling_jupyter.input_values import request_of
from kling_jupyter.parsing import grammar, variables
from kling_jupyter.settings import Settings

if TYPE_CHECKING:
    import argparse

    from kling_core.declare.endpoint import Request
    from kling_core.ledger.records import Row
    from kling_jupyter.jobs.job import Job
    from kling_jupyter.workspace import Workspace

__all__ = ["options", "run"]


def options(made: Parser) -> None:
    """Add the options of this command."""
    add = made.add_argument
    how = "change a field; an empty VALUE takes it out; may be repeated"
    add("--set", action="append", metavar="FIELD=VALUE", help=how)
    add("--name", type=variables.usable, metavar="VAR", help="variable for the job")
    add("--out", metavar="PLACE", help="folder or file of the outputs")
    add("--wait", action="store_true", default=None, help="wait for the files")
    add("--no-wait", dest="wait", action="store_false", help="return at once")
    add("--timeout", metavar="SECONDS", help="wait no longer than this")
    add("--project", metavar="NAME", help="what it belongs to [that of the task]")
    add("--dry-run", action="store_true", help="show the request and its cost, send nothing")
    add("--max-cost", metavar="USD", help="refuse anything dearer")
    add("--raw", action="store_true", help="take the values of --set exactly as typed")
    made.description = (
        "Give a recorded request again, with changes if you like: --set duration=10, "
        '--set prompt="a boat",\n--set image={photo}. It is a new task, and paid anew.'
    )
    made.words, made.usage = "words", "%%kling rerun TASK [--set FIELD=VALUE …] [options]"


def run(workspace: Workspace, line: Line) -> Job | None:
    """Say what is made again and what it costs, and make it; returns the job."""
    typed = grammar.flags(options, "rerun", line.rest)
    row = named_tasks.one(workspace, typed, line.names, "rerun")
    settings = Settings(
        name=typed.name,
        out=typed.out,
        wait=typed.wait,
        dry_run=typed.dry_run,
        max_cost=typed.max_cost,
        timeout=grammar.seconds(typed.timeout),
        project=typed.project or row.project or None,
    )

    request, notes = _changed(workspace, row, typed, line.names)
    request.require()
    if not settings.dry_run:
        say(f"again: {short(row)}, {resume.named(row)}, {generate.price(request)[0]}")
    return generate.carry_out(workspace, request, settings, notes)


def _changed(
    workspace: Workspace, row: Row, typed: argparse.Namespace, names: Mapping[str, Any]
) -> tuple[Request, list[str]]:
    """The request with its changes, and notes; a `{variable}` as a value is the object itself."""
    texts: list[str] = []
    objects: dict[str, Any] = {}
    notes: list[str] = []
    changes: list[str] = typed.set or []
    for change in changes:
        name, equals, value = change.partition("=")
        field = name.strip().removeprefix("--").replace("-", "_")
        if equals and value and not typed.raw:
            made, more = grammar.change(registry.load(row.endpoint), field, value, names)
            notes += more
            if not isinstance(made, str):
                objects[field] = made
                continue
            value = made
        texts.append(f"{name}{equals}{value}")
    request = again(workspace.client, row, texts, without=objects)
    if objects:
        changed = request_of(request.endpoint, {**request.given, **objects})
        request = changed if changed.parent is not None else changed.with_parent(request.parent)
    return request, notes

"""`%kling code …`: a recorded request as a `%kling` line, or as Python."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from kling_core.commands.arguments import Parser
from kling_core.commands.rerun import again
from kling_core.declare import registry
from kling_core.flows.recorded_request import NotReplayable, replay
from kling_jupyter import codegen, named_tasks
from kling_jupyter.commands.base import Line
from kling_jupyter.display import show
from kling_jupyter.html import tables
from kling_jupyter.parsing import grammar

if TYPE_CHECKING:
    from kling_core.declare.endpoint import Request
    from kling_core.ledger.records import Row
    from kling_jupyter.workspace import Workspace

__all__ = ["options", "run"]


def options(made: Parser) -> None:
    """Add the options of this command."""
    made.add_argument("--python", action="store_true", help="as Python, instead of a %%kling line")
    made.add_argument("--insert", action="store_true", help="put it into a new cell below")
    made.description = "What to type to give a recorded request again; nothing is sent."
    made.words, made.usage = "words", "%%kling code TASK [--python] [--insert]"


def run(workspace: Workspace, line: Line) -> None:
    """Show the code, or put it into the next cell."""
    typed = grammar.flags(options, "code", line.rest)
    row = named_tasks.one(workspace, typed, line.names, "code")
    request, notes = _recorded(workspace, row)
    sandbox = workspace.client.sandbox is not None
    text = codegen.python(request, sandbox=sandbox) if typed.python else codegen.magic(request)
    if typed.insert:
        workspace.shell.set_next_input(text, replace=False)
        show(workspace.shell, tables.of_lines(["the code is in the next cell", *notes]))
        return
    show(workspace.shell, tables.joined(tables.of_code(text), tables.of_lines(notes)))


def _recorded(workspace: Workspace, row: Row) -> tuple[Request, list[str]]:
    """The request, with a variable in the place of each media that cannot be read again."""
    recorded: Mapping[str, Any] = row.request.get("fields") or {}
    media = registry.load(row.endpoint).media_names
    missing: dict[str, codegen.Variable] = {}
    notes: list[str] = []
    for name in recorded:
        if name in media:
            try:
                replay(row, leave_out=set(recorded) - {name})
            except NotReplayable as error:
                missing[name] = codegen.Variable(name)
                notes.append(f"{error.message}: put it into a variable {name}")
    request = again(workspace.client, row, [], without=missing)
    return (request.replace(**missing) if missing else request), notes

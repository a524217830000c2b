"""`%kling help …`: all commands, or the options of one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kling_core.commands.arguments import HelpShown
from kling_core.declare import registry
from kling_jupyter.commands.base import ASKING, COMMANDS, Line, endpoint_of
from kling_jupyter.display import say
from kling_jupyter.parsing import grammar

if TYPE_CHECKING:
    from kling_jupyter.workspace import Workspace

__all__ = ["run"]


def run(workspace: Workspace, line: Line) -> None:
    """Say what there is. Raises `HelpShown`, which is how all help of one command is shown."""
    word, _ = grammar.first_word(line.rest)
    command = COMMANDS.get(word.lower())
    if not word or word.lower() == "help" or word in ASKING:
        say(_overview())
    elif command is not None:
        command.run(workspace, Line("--help", None, line.names))
    else:
        endpoint = endpoint_of(word, COMMANDS)
        raise HelpShown(grammar.parser(endpoint).format_help())


def _overview() -> str:
    """All commands, each in one line: the endpoints, then the others."""
    rows = [(e.command, ", ".join(e.aliases), e.summary) for e in registry.endpoints()]
    width = max(len(name) for name, _, _ in rows)
    lines = [
        "%kling COMMAND [options] prompt        or %%kling COMMAND [options], prompt below",
        "",
    ]
    for name, aliases, says in rows:
        short = f" (or {aliases})" if aliases else ""
        lines.append(f"  {name.ljust(width)}  {says.rstrip('.')}{short}")
    lines += [
        "",
        *(f"  {c.name.ljust(width)}  {c.summary}" for c in COMMANDS.values()),
        "",
        _EPILOG,
    ]
    return "\n".join(lines)


_EPILOG = """\
The prompt is everything from the first word that is no option, verbatim; {name} in it is the
variable of that name. The task is the result: clip = %kling text-to-video a lighthouse in fog
A task is named by its id, by a beginning or end of one, or by a variable: %kling show {clip}
Without a command: where you are connected, and what to type next."""

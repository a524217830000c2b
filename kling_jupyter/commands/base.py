"""What every command of `%kling` shares: the line that was typed, the table of all commands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from kling_core.commands.arguments import UsageProblem, nearest
from kling_core.declare import registry

if TYPE_CHECKING:
    from kling_core.declare.endpoint import Endpoint
    from kling_jupyter.workspace import Workspace

__all__ = ["ASKING", "COMMANDS", "Command", "Line", "endpoint_of", "keep"]


@dataclass(frozen=True, slots=True)
class Line:
    """What was typed after the command's word: the rest, the cell's body, and the variables."""

    rest: str
    cell: str | None
    names: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Command:
    """One command; its module has `run(workspace, line)` and is imported when it is used.

    For completion, help and reading alike what is loaded may have `options(made: Parser)`, which
    adds the command's options to a parser, and which `run` hands to `grammar.flags`. What the value
    of an option can be is told by its `choices`, or by its metavar: MODEL, TASK, ENDPOINT, VAR (a
    variable's name), FILE or PLACE (files and folders).

    `takes` tells in the same way what the words after the command are: "ENDPOINT", "TASK",
    "COMMAND", or "GENERATION" for an endpoint with its options; a command whose words may be of
    several kinds has them apart by a blank.
    """

    name: str
    module: str
    summary: str
    takes: str = ""

    def run(self, workspace: Workspace, line: Line) -> Any:
        """Run it; what it returns is the value of the cell. Raises `KlingError`, `HelpShown`."""
        return self.loaded().run(workspace, line)

    def loaded(self) -> Any:
        """What runs it and may have its options: its module, or its verb in that of the core's."""
        module = import_module(f"kling_jupyter.commands.{self.module}")
        verbs: Mapping[str, Any] = getattr(module, "VERBS", {})
        return verbs.get(self.name, module)


_CORE = "core_commands"
"""Where the verbs are that only show what the core finds."""

_LIST = (
    Command(
        "connect",
        "connect",
        "Use the sandbox (--sandbox), a region (--region cn), or the environment anew",
    ),
    Command(
        "get", "get", "Wait for an earlier task and show it: %kling get 8319…", "TASK ENDPOINT"
    ),
    Command("tasks", _CORE, "What the ledger knows, newest first: %kling tasks lighthouse"),
    Command("gallery", "gallery", "Clips and pictures as a page of posters that play"),
    Command("show", _CORE, "Everything about one task: request, cost, outputs, family", "TASK"),
    Command("compare", "compare", "Two tasks side by side, and in what they differ", "TASK"),
    Command("wait", "wait", "Wait for tasks, or for all, and show what they made", "TASK"),
    Command("resume", "resume", "Take up everything that a restart or an interrupt left behind"),
    Command(
        "give-up",
        _CORE,
        "Let go of the slot of a task that hangs, wait no longer",
        "TASK",
    ),
    Command("rescue", "rescue", "Fetch every finished output that is not on disk"),
    Command(
        "rerun", "rerun", "A recorded request again: %kling rerun {clip} --set duration=10", "TASK"
    ),
    Command("code", "code", "A recorded request as a %kling line, or as Python", "TASK"),
    Command("costs", _CORE, "What was spent, by day, project or model"),
    Command("doctor", _CORE, "Test settings, key, clock, network; costs nothing"),
    Command(
        "form",
        "form",
        "A form to fill in: %kling form image-to-video, or --from TASK",
        "ENDPOINT",
    ),
    Command(
        "quote",
        "quote",
        "What a generation would cost: %kling quote text-to-video -d 10 a boat",
        "GENERATION",
    ),
    Command(
        "models",
        _CORE,
        "Models, what each can do, and whether it is still served",
        "ENDPOINT",
    ),
    Command(
        "help",
        "help",
        "This text, or the options of one command: %kling help text-to-video",
        "COMMAND ENDPOINT",
    ),
    Command("brush", "brush", "Draw what moves, and where to: %kling brush photo.jpg", "FILE"),
    Command("camera", "camera", "Choose a camera move by sliders, and see it first", "FILE"),
)

COMMANDS: Mapping[str, Command] = {command.name: command for command in _LIST}
"""Every command that is no endpoint, by its word."""

ASKING = ("-h", "--help")
"""What asks for help in the place of a command or an endpoint."""


def endpoint_of(word: str, others: Mapping[str, Any] | None = None) -> Endpoint:
    """The endpoint of this name or alias; `others` are the commands that might stand there too.

    Raises `UsageProblem`, with what was probably meant.
    """
    if word.startswith("-"):
        what = "endpoint" if others is None else "command"
        raise UsageProblem(
            f"{word} stands where the {what} belongs", fix=f"Name the {what} first, then options."
        )
    try:
        return registry.get(word.lower())
    except registry.UnknownEndpoint as error:
        known = [e.command for e in registry.endpoints()]
        known += [alias for e in registry.endpoints() for alias in e.aliases]
        near = nearest(word.lower(), [*(others or ()), *known])
        meant = f"; did you mean {near}?" if near else ""
        what = "endpoint" if others is None else "command"
        raise UsageProblem(
            f"there is no {what} {word!r}{meant}", fix="%kling help lists them all."
        ) from error


class _Named(Protocol):
    def known_as(self, variable: str) -> None: ...


T = TypeVar("T", bound=_Named)


def keep(workspace: Workspace, name: str, widget: T) -> T:
    """Put the widget into the variable, and let it say so."""
    workspace.shell.user_ns[name] = widget
    widget.known_as(name)
    return widget

"""The commands of `%kling`: what each word at the beginning of the line does, one file each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from kling_core.commands.arguments import UsageProblem
from kling_jupyter import words
from kling_jupyter.commands.base import Command, Line, endpoint_of
from kling_jupyter.parsing import grammar

if TYPE_CHECKING:
    from kling_core.declare.endpoint import Endpoint
    from kling_jupyter.workspace import Studio

__all__ = ["ASKING", "COMMANDS", "Command", "Line", "endpoint", "run"]

_LIST = (
    Command(
        "connect",
        "connect",
        "Use the sandbox (--sandbox), a region (--region cn), or the environment anew",
    ),
    Command(
        "get", "get", "Wait for an earlier task and show it: %kling get 8319…", "TASK ENDPOINT"
    ),
    Command("tasks", "tasks", "What the ledger knows, newest first: %kling tasks lighthouse"),
    Command("gallery", "gallery", "Clips and pictures as a page of posters that play"),
    Command("show", "show", "Everything about one task: request, cost, outputs, family", "TASK"),
    Command("compare", "compare", "Two tasks side by side, and in what they differ", "TASK"),
    Command("wait", "wait", "Wait for tasks, or for all, and show what they made", "TASK"),
    Command("resume", "resume", "Take up everything that a restart or an interrupt left behind"),
    Command(
        "give-up", "give_up", "Let go of the slot of a task that hangs, wait no longer", "TASK"
    ),
    Command("rescue", "rescue", "Fetch every finished output that is not on disk"),
    Command(
        "rerun", "rerun", "A recorded request again: %kling rerun {clip} --set duration=10", "TASK"
    ),
    Command("code", "code", "A recorded request as a %kling line, or as Python", "TASK"),
    Command("costs", "costs", "What was spent, by day, project or model"),
    Command("doctor", "doctor", "Test settings, key, clock, network; costs nothing"),
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
        "models", "models", "Models, what each can do, and whether it is still served", "ENDPOINT"
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


def run(studio: Studio, line: str, cell: str | None, names: Mapping[str, Any]) -> Any:
    """Do what the line says. Raises `KlingError` of any kind, and `HelpShown`."""
    from kling_jupyter.commands import generate, status

    word, rest = grammar.first_word("" if line.lstrip().startswith("#") else line)
    asks = word.endswith("?")
    word = word.rstrip("?")
    if asks or word in ASKING:
        return COMMANDS["help"].run(studio, Line(word, None, names))
    command = COMMANDS.get(word.lower())
    if command is not None and "GENERATION" not in command.takes.split():
        rest = words.uncommented(rest)
    if not word or (command is not None and "GENERATION" not in command.takes.split()):
        _refuse_body(word, cell)
    if not word:
        return status.run(studio)
    if command is not None:
        return command.run(studio, Line(rest, cell, names))
    return generate.run(studio, endpoint_of(word, COMMANDS), Line(rest, cell, names))


def _refuse_body(word: str, cell: str | None) -> None:
    """Let no cell be dropped by a command that takes none. Raises `UsageProblem`."""
    if cell and cell.strip():
        typed = f"kling {word}".rstrip()
        raise UsageProblem(
            f"%%{typed} takes no cell, and this one is not empty",
            fix="A cell is the prompt of a generation, as in %%kling text-to-video, or of "
            f"%%kling quote. Write %{typed} with one %; --help says what it takes.",
        )


def endpoint(word: str) -> Endpoint:
    """The endpoint of this name or alias. Raises `UsageProblem`, with what was probably meant."""
    return endpoint_of(word)

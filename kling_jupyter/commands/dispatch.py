"""From a line of `%kling` to the command that it names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from kling_core.commands.arguments import UsageProblem
from kling_jupyter.commands.base import ASKING, COMMANDS, Line, endpoint_of
from kling_jupyter.parsing import grammar, quoting

if TYPE_CHECKING:
    from kling_jupyter.workspace import Workspace

__all__ = ["run"]


def run(workspace: Workspace, line: str, cell: str | None, names: Mapping[str, Any]) -> Any:
    """Do what the line says. Raises `KlingError` of any kind, and `HelpShown`."""
    from kling_jupyter.commands import generate, status

    word, rest = grammar.first_word("" if line.lstrip().startswith("#") else line)
    asks = word.endswith("?")
    word = word.rstrip("?")
    if asks or word in ASKING:
        return COMMANDS["help"].run(workspace, Line(word, None, names))
    command = COMMANDS.get(word.lower())
    if command is not None and "GENERATION" not in command.takes.split():
        rest = quoting.uncommented(rest)
    if not word or (command is not None and "GENERATION" not in command.takes.split()):
        _refuse_body(word, cell)
    if not word:
        return status.run(workspace)
    if command is not None:
        return command.run(workspace, Line(rest, cell, names))
    return generate.run(workspace, endpoint_of(word, COMMANDS), Line(rest, cell, names))


def _refuse_body(word: str, cell: str | None) -> None:
    """Let no cell be dropped by a command that takes none. Raises `UsageProblem`."""
    if cell and cell.strip():
        typed = f"kling {word}".rstrip()
        raise UsageProblem(
            f"%%{typed} takes no cell, and this one is not empty",
            fix="A cell is the prompt of a generation, as in %%kling text-to-video, or of "
            f"%%kling quote. Write %{typed} with one %; --help says what it takes.",
        )

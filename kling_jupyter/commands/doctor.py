"""`%kling doctor`: settings, output folder, ledger, clock, key and packs, and this notebook."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from kling_core.commands import doctor
from kling_core.commands.arguments import Parser
from kling_core.commands.table import Table
from kling_core.errors import ConfigError
from kling_jupyter import front_end
from kling_jupyter.commands.base import Line
from kling_jupyter.display import show
from kling_jupyter.errors import in_notebook
from kling_jupyter.html import tables
from kling_jupyter.parsing import grammar

if TYPE_CHECKING:
    from kling_jupyter.workspace import Workspace

__all__ = ["options", "run"]


def options(made: Parser) -> None:
    """Add the options of this command."""
    made.description = (
        "Test settings, output folder, ledger, clock, key and packs, and what this notebook can "
        "show.\nCosts nothing; secrets are never shown."
    )


def run(workspace: Workspace, line: Line) -> None:
    """Look, and show what was found."""
    grammar.flags(options, "doctor", line.rest)
    found = list(_symptoms(workspace))
    wrong = any(symptom.level == "wrong" for symptom in found)
    rows = [
        ((s.level.upper() if s.level == "wrong" else s.level), s.name, in_notebook(s.text))
        for s in found
    ]
    verdict = "something is wrong, see above" if wrong else "all is well"
    show(workspace.shell, tables.of_table(Table(("", "what", "finding"), rows), [verdict]))


def _symptoms(workspace: Workspace) -> Iterator[doctor.Symptom]:
    yield from doctor.examine(lambda: workspace.client)
    try:
        output_dir = workspace.output_dir
    except ConfigError:  # told above
        output_dir = workspace.folder
    yield from front_end.examine(workspace.shell, workspace.folder, output_dir)

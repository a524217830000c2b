"""`%kling models …`: models, effects and voices, and what they can do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kling_core.endpoints import registry
from kling_jupyter import commands, grammar, tables
from kling_jupyter.commands.base import Line
from kling_jupyter.display import show

if TYPE_CHECKING:
    from kling_jupyter.studio import Studio

__all__ = ["run"]


def run(studio: Studio, line: Line) -> None:
    """Show the tables."""
    word, _ = grammar.first_word(line.rest)
    chosen = [commands.endpoint(word)] if word else list(registry.endpoints())
    show(studio.shell, tables.models(chosen))

"""What the commands over many tasks share: choosing them by words, state, endpoint, project."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from kling_core.commands import tasks
from kling_core.commands.option_types import count
from kling_jupyter.commands.base import endpoint_of

if TYPE_CHECKING:
    from kling_core.commands.arguments import Parser
    from kling_jupyter.workspace import Workspace

__all__ = ["chosen", "options"]


def options(made: Parser) -> None:
    """Add the options that choose tasks."""
    add = made.add_argument
    add("--endpoint", metavar="ENDPOINT", help="only those of this endpoint")
    add("--project", metavar="NAME", help="only those of this project")
    add(
        "--limit",
        type=count,
        default=20,
        metavar="N",
        help="at most N [20], 0 for all",
    )


def chosen(workspace: Workspace, typed: argparse.Namespace) -> tasks.Chosen:
    """The chosen rows, newest first. Raises `UsageProblem` for an endpoint that does not exist."""
    ledger, named = workspace.client.session.ledger(), typed.endpoint
    return tasks.chosen(
        workspace.client,
        states=getattr(typed, "state", None),
        endpoint=(tasks.recorded_as(ledger, named) or endpoint_of(named).name) if named else None,
        words=getattr(typed, "words", None),
        project=typed.project,
        limit=typed.limit,
    )

"""What the commands over many tasks share: choosing them by words, state, endpoint, project."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from kling_core.advice import Advice, Text
from kling_core.cli import results
from kling_core.commands.tasks import recorded_as
from kling_jupyter.commands.base import endpoint_of

if TYPE_CHECKING:
    from kling_core.commands.arguments import Parser
    from kling_core.ledger.records import Row
    from kling_jupyter.workspace import Workspace

__all__ = ["more", "none", "options", "rows"]


def options(made: Parser) -> None:
    """Add the options that choose tasks."""
    add = made.add_argument
    add("--endpoint", metavar="ENDPOINT", help="only those of this endpoint")
    add("--project", metavar="NAME", help="only those of this project")
    add("--limit", type=results.count, default=20, metavar="N", help="at most N [20], 0 for all")


def rows(workspace: Workspace, typed: argparse.Namespace) -> list[Row]:
    """The chosen rows, newest first. Raises `UsageProblem` for an endpoint that does not exist."""
    ledger, named = workspace.client.session.ledger(), typed.endpoint
    return ledger.rows(
        states=getattr(typed, "state", None),
        endpoint=(recorded_as(ledger, named) or endpoint_of(named).name) if named else None,
        words=getattr(typed, "words", None),
        project=typed.project,
        limit=typed.limit or None,
    )


def none(typed: argparse.Namespace) -> str:
    """What to say when there are none: whether anything was left out by choice."""
    rescue = Advice("rescue by command")
    chosen = ("state", "words", "endpoint", "project")
    if any(getattr(typed, name, None) for name in chosen):
        return Text("no such tasks in the ledger; ", rescue, " looks at Kling for others")
    return Text(
        "the ledger is empty: nothing was made with this account here; ", rescue, " looks at Kling"
    )


def more(typed: argparse.Namespace, found: Sequence[Row]) -> list[str]:
    """A note when the limit may have cut the list."""
    return ["there may be more: --limit 0 shows all"] if len(found) == typed.limit else []

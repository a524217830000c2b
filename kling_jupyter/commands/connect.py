"""`%kling connect …`: which Kling this notebook talks to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from kling_core.commands import readable
from kling_core.commands.arguments import Parser, UsageProblem
from kling_core.errors import AuthError, ConnectionFailed, KlingError, UnreadableAnswer
from kling_jupyter.commands.base import Line
from kling_jupyter.display import say
from kling_jupyter.parsing import grammar

if TYPE_CHECKING:
    from kling_jupyter.workspace import Workspace

__all__ = ["options", "run"]


def options(made: Parser) -> None:
    """Add the options of this command."""
    made.add_argument("--sandbox", action="store_true", help="play here, without a key")
    made.add_argument("--region", metavar="REGION", help="global or cn")
    how = "refuse any call dearer than this; kept until it is changed, or lifted by none"
    made.add_argument("--max-cost", metavar="USD", help=how)


def run(workspace: Workspace, line: Line) -> None:
    """Make the new client and say where it talks to."""
    typed = grammar.flags(options, "connect", line.rest)
    if typed.sandbox and typed.region:
        raise UsageProblem("the sandbox has no region", fix="Give --sandbox or --region.")
    limit = typed.max_cost or workspace.max_cost
    limit = None if limit == "none" else limit
    workspace.connect(sandbox=True if typed.sandbox else None, region=typed.region, max_cost=limit)
    workspace.max_cost = limit
    say(workspace.described())
    allowed = workspace.client.session.settings.max_cost
    if allowed is not None:
        lifted = "--max-cost none lifts it" if limit else "it is that of the settings"
        say(f"A call may cost {readable.money(allowed)} at most; {lifted}.")
    if workspace.client.sandbox is None:
        for told in _packs(workspace):
            say(told)


def _packs(workspace: Workspace) -> list[str]:
    """What is left of the account's packs; asking is free and shows that the key works."""
    now = datetime.now(UTC)
    try:
        packs = workspace.client.account.costs(now - timedelta(days=90), now)
    except (AuthError, ConnectionFailed, UnreadableAnswer):
        raise
    except KlingError as error:
        return [f"The key works; the account's packs cannot be read: {error.message}"]
    return [
        f"{pack.get('resource_pack_name') or 'pack'}: {pack.get('remaining_quantity')} of "
        f"{pack.get('total_quantity')} units left"
        for pack in packs
        if pack.get("status") in (None, "online")
    ] or ["The key works; the account has no pack that is in use."]

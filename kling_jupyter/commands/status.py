"""`%kling` alone: where you are connected, what runs and what is left open, what to type next."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from kling_core.commands import readable, slots, tasks
from kling_core.commands.find import short
from kling_core.errors import ConfigError, LedgerError
from kling_core.flows import resume
from kling_core.ledger.records import RUNNING
from kling_jupyter.display import say
from kling_jupyter.errors import in_notebook

if TYPE_CHECKING:
    from kling_jupyter.workspace import Workspace

__all__ = ["run"]

_PATIENCE = 4.0
"""Seconds that the question for the balance may take."""

_NAMED = 5
"""Running tasks that are named; of more only the number is told."""


def run(workspace: Workspace) -> None:
    """Say it."""
    try:
        where = workspace.described()
    except ConfigError as error:
        if "there is no Kling credential" not in error.message:
            raise
        say("Not connected: no Kling credential was found.")
        say(_WAYS)
        return
    say(where)
    if workspace.client.sandbox is None:
        for line in _balance(workspace):
            say(line)
    try:
        for line in (
            *_running(workspace),
            *_slots(workspace),
            *_left(workspace),
            *_spent(workspace),
        ):
            say(line)
    except LedgerError as error:
        say(f"The ledger cannot be read: {error.said('magic')}")
    if workspace.last is not None:
        job = workspace.last
        ident = f"{job.task_id}, " if job.task_id else ""
        say(f"Last: {ident}{job.endpoint.command}, {job.status} (in _kling)")
    say(_NEXT)


def _balance(workspace: Workspace) -> Iterator[str]:
    """What is left of the packs in use, or why that cannot be told; asking is free."""
    from kling_core.commands import account
    from kling_core.commands.key_check import probe

    finding = probe(replace(workspace.client.session.settings, timeout=_PATIENCE))
    if finding.error is not None:
        what = "The key is refused" if finding.answered else "Kling does not answer"
        yield f"{what}: {finding.message}. %kling doctor says more."
        return
    online = [row for row in account.rows(finding.packs) if row[3] == "online"]
    for name, left, total, _, until in online:
        yield f"Balance: {left} of {total} units left in {name}, until {until}."
    if not online:
        yield "Balance: no pack is in use; creates are refused unless you pay otherwise."


def _running(workspace: Workspace) -> Iterator[str]:
    ledger = workspace.client.session.ledger()
    now = ledger.now()
    rows = [row for row in ledger.rows(states=RUNNING) if row.given_up_at is None]
    if not rows:
        return
    yield f"Running: {readable.plural(len(rows), 'task')}; %kling wait all shows them to their end"
    for row in rows[:_NAMED]:
        age, prompt = readable.span(now - row.created_at), tasks.prompt(row.text, narrow=True)
        yield f"  {short(row)}  {row.endpoint.replace('_', '-')}, {row.state}, {age}: {prompt}"
    if len(rows) > _NAMED:
        yield f"  and {len(rows) - _NAMED} more: %kling tasks --state processing"


def _slots(workspace: Workspace) -> Iterator[str]:
    """What holds the account's slots, when any of it is in doubt or was let go of."""
    told = slots.lines(workspace.client.session.ledger())
    yield from (in_notebook(line) for line in told if len(told) > 1)


def _left(workspace: Workspace) -> Iterator[str]:
    """What an earlier session left open, of which nobody takes care now."""
    ledger = workspace.client.session.ledger()
    never_saved = resume.unsaved(ledger, look=False)
    unsaved = [row for row in never_saved if row.task_id not in workspace.jobs]
    rows = ledger.rows(states=resume.OPEN, orphans=True)
    count = len([row for row in rows if row.given_up_at is None]) + len(unsaved)
    if count:
        yield f"Left open: {readable.plural(count, 'task')} to resume: %kling resume"


def _spent(workspace: Workspace) -> Iterator[str]:
    """Today's costs against the limits; nothing in the sandbox."""
    client = workspace.client
    settings = client.session.settings
    if client.sandbox is not None:
        return
    midnight = datetime.now().astimezone().replace(hour=0, minute=0, second=0, microsecond=0)
    spent, unknown = client.session.ledger().spent(midnight.timestamp())
    if spent or unknown:
        budget = f" of a budget of {readable.money(settings.budget)}" if settings.budget else ""
        more = f", and {readable.plural(unknown, 'task')} of unknown price" if unknown else ""
        yield f"Spent today: {readable.money(spent)}{budget}{more}."


_WAYS = """\
  %kling connect --sandbox      plays on this computer: no key, no cost
  %kling connect                after KLING_API_KEY, or KLING_ACCESS_KEY and KLING_SECRET_KEY,
                                are set in the environment"""

_NEXT = """\
Type next:
  %kling text-to-video a paper boat in the rain
  %kling quote text-to-video -d 10 a paper boat in the rain
  %kling gallery
  %kling models text-to-video
  %kling help"""

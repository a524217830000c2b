"""What a crash, a closed laptop or an interrupt left behind, in words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from kling_core.advice import Advice, Text
from kling_core.commands import readable
from kling_core.commands.find import short
from kling_core.ledger.records import Row

if TYPE_CHECKING:
    from kling_core.flows.resume import Settled

__all__ = ["NOTHING", "named", "nothing", "unsent", "waiting_for_lease"]

NOTHING = "nothing was left behind"


def nothing(settled: Settled) -> bool:
    """Whether there was nothing to take up."""
    return not (
        settled.running or settled.unsaved or settled.unsent or settled.held or settled.doubtful
    )


def unsent(settled: Settled) -> Iterator[str]:
    """A line for each request that reached nobody, or that another process holds."""
    for row in settled.unsent:
        how = "never accepted" if row.tries else "never sent"
        said = row.error.removeprefix(how).removeprefix(": ")
        yield f"{short(row)}: {how}{f' ({said})' if said else ''}: {named(row)}"
    if settled.unsent:
        yield Text("send them with: ", Advice("send by command"))
    for row in settled.held:
        doing = "being sent" if row.state == "submitting" else "in line to be sent"
        yield f"{short(row)}: {doing} by another process: {named(row)}"


def waiting_for_lease(news: object) -> list[str]:
    """What to say before the wait for the lease of a row whose process may have been killed.

    `news` is what the listener of `settle` is told; anything else needs no words.
    """
    if not (isinstance(news, Row) and news.state == "submitting" and news.lease_until):
        return []
    return [
        f"{short(news)}: being sent by a process that may have been killed;",
        f"it is looked up when its lease ends, at {readable.local(news.lease_until)} at the latest",
    ]


def named(row: Row) -> str:
    """A request in a few words: its endpoint and its prompt."""
    return f"{row.endpoint.replace('_', '-')} {row.text!r}"

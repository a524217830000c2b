"""From what was typed to a row of the ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kling_core.advice import Advice, Text
from kling_core.commands import readable
from kling_core.errors import TaskNotFound

if TYPE_CHECKING:
    from kling_core.client import Kling
    from kling_core.ledger.records import Row
    from kling_core.task import Task

__all__ = ["find", "restored", "short"]

_SHOWN = 4


def find(kling: Kling, word: str) -> Row:
    """The row with this id, ours or Kling's, or with this beginning or end of one.

    Raises `TaskNotFound`; its text tells an unknown id from one that several tasks share.
    """
    ledger = kling.session.ledger()
    found = ledger.like(word, limit=_SHOWN + 1)
    if len(found) == 1:
        return found[0]
    if found:
        raise TaskNotFound(_ambiguous(word, found), cause="", fix="Give more of the id.")
    raise TaskNotFound(
        f"the ledger knows no task {word!r}",
        cause="",
        fix=Text(
            "See ",
            Advice("tasks"),
            ". A task made elsewhere: ",
            Advice("get by command"),
            ", or ",
            Advice("rescue by command"),
            ".",
        ),
    )


def short(row: Row) -> str:
    """The end of Kling's id, as in the names of files; of ours before there is one."""
    return (row.task_id or row.id)[-8:]


def restored(kling: Kling, row: Row) -> Task:
    """The task of a row, with its request and the places of its files."""
    return kling.tasks.get(row.id)


def _ambiguous(word: str, rows: list[Row]) -> str:
    named = ", ".join(
        f"{row.task_id or row.id} "
        f"({row.endpoint.replace('_', '-')}, {readable.local(row.created_at)})"
        for row in rows[:_SHOWN]
    )
    more = ", …" if len(rows) > _SHOWN else ""
    count = "more than one task begins" if more else f"{len(rows)} tasks begin"
    return f"{count} or end with {word!r}: {named}{more}"

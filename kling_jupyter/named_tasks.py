"""Tasks as a line names them: an id, a beginning or end of one, or a variable in braces."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from kling_core.commands.arguments import UsageProblem
from kling_core.errors import TaskNotFound
from kling_jupyter.parsing import variables

if TYPE_CHECKING:
    import argparse

    from kling_core.ledger.records import Row
    from kling_jupyter.workspace import Studio

__all__ = ["ident", "one", "row", "value", "words"]

_BY_ID = ", or give the task's id"
_WORD = re.compile(r"\{[^{}]*\}|\S+")


def words(typed: argparse.Namespace) -> list[str]:
    """The words of a command that are no options; `{clip}` is one of them."""
    return _WORD.findall(str(getattr(typed, "words", None) or ""))


def one(studio: Studio, typed: argparse.Namespace, names: Mapping[str, Any], command: str) -> Row:
    """The row of the only task that a command takes. Raises `UsageProblem`, `TaskNotFound`."""
    given = words(typed)
    if len(given) != 1:
        raise UsageProblem(
            f"%kling {command} takes one task; you gave {len(given) or 'none'}",
            fix=f"%kling tasks lists them; %kling {command} {{clip}} takes one in a variable.",
        )
    return row(studio, given[0], names)


def row(studio: Studio, word: str, names: Mapping[str, Any]) -> Row:
    """The row of the task that this word names. Raises `UsageProblem`, `TaskNotFound`."""
    from kling_core.commands.find import find

    named = value(word, names, otherwise=_BY_ID)
    if isinstance(named, str):
        return find(studio.client, named)
    return _known(studio, word, _task(named, word))


def ident(studio: Studio, word: str, names: Mapping[str, Any]) -> str:
    """The id that this word names, known to the ledger or not. Raises as `row`."""
    named = value(word, names, otherwise=_BY_ID)
    return named if isinstance(named, str) else _known(studio, word, _task(named, word)).id


def value(word: str, names: Mapping[str, Any], *, otherwise: str = "") -> Any:
    """What stands in a whole `{variable}`, or the word itself.

    Raises `UsageProblem`, whose fix goes on with what one may do `otherwise`.
    """
    expression = variables.whole(word)
    if expression is None:
        return word
    try:
        return variables.evaluate(expression, names)
    except variables.Missing as error:
        raise UsageProblem(
            f"{word}: {error}", fix=f"Run the cell that makes it first{otherwise}."
        ) from None


def _task(value: Any, word: str) -> Any:
    """The task behind a value: itself, or that of an output or of a job."""
    from kling_core.flows.task_state import TaskState
    from kling_jupyter.jobs.job import Job

    for candidate in (value, getattr(value, "task", None)):
        if isinstance(candidate, TaskState):
            return candidate
    if isinstance(value, Job):
        raise UsageProblem(f"{word} has no task yet: the request is {value.status}")
    raise UsageProblem(
        f"{word} is of type {type(value).__name__} and no task",
        fix="Name a task, an output of one, or a text with an id.",
    )


def _known(studio: Studio, word: str, task: Any) -> Row:
    """The row of a task in the ledger of the present connection."""
    from kling_core.flows import adopt

    session = studio.client.session
    if task.session.account != session.account:
        raise TaskNotFound(
            f"the task in {word} ({task.task_id}) is not in this ledger; it was made with another "
            "connection",
            cause="",
            fix="Connect as you were then: %kling connect.",
        )
    ledger = session.ledger()
    return ledger.row(adopt.row_of(ledger, task))

"""Tasks as a line names them: an id, a beginning or end of one, or a variable in braces.

Those that the ledger does not know are asked of Kling.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from kling_core.commands.arguments import UsageProblem
from kling_core.errors import TaskNotFound
from kling_core.ledger.records import ENDED, RUNNING
from kling_jupyter.parsing import variables

if TYPE_CHECKING:
    import argparse

    from kling_core.client import Kling
    from kling_core.declare.endpoint import Endpoint
    from kling_core.ledger.records import Row
    from kling_core.task import Task
    from kling_jupyter.workspace import Workspace

__all__ = ["fetched", "ident", "one", "row", "value", "words"]

_BY_ID = ", or give the task's id"
_WORD = re.compile(r"\{[^{}]*\}|\S+")


def words(typed: argparse.Namespace) -> list[str]:
    """The words of a command that are no options; `{clip}` is one of them."""
    return _WORD.findall(str(getattr(typed, "words", None) or ""))


def one(
    workspace: Workspace, typed: argparse.Namespace, names: Mapping[str, Any], command: str
) -> Row:
    """The row of the only task that a command takes. Raises `UsageProblem`, `TaskNotFound`."""
    given = words(typed)
    if len(given) != 1:
        raise UsageProblem(
            f"%kling {command} takes one task; you gave {len(given) or 'none'}",
            fix=f"%kling tasks lists them; %kling {command} {{clip}} takes one in a variable.",
        )
    return row(workspace, given[0], names)


def row(workspace: Workspace, word: str, names: Mapping[str, Any]) -> Row:
    """The row of the task that this word names. Raises `UsageProblem`, `TaskNotFound`."""
    from kling_core.commands.find import find

    named = value(word, names, otherwise=_BY_ID)
    if isinstance(named, str):
        return find(workspace.client, named)
    return _known(workspace, word, _task(named, word))


def ident(workspace: Workspace, word: str, names: Mapping[str, Any]) -> str:
    """The id that this word names, known to the ledger or not. Raises as `row`."""
    named = value(word, names, otherwise=_BY_ID)
    return named if isinstance(named, str) else _known(workspace, word, _task(named, word)).id


def fetched(client: Kling, endpoint: Endpoint | None, task_id: str) -> Task:
    """The task with this id (ours or Kling's) or with an unambiguous beginning of it.

    What the ledger does not know is asked of Kling, which takes the endpoint. Raises
    `TaskNotFound`, and `UsageProblem` for a request that never became a task.
    """
    row = client.tasks.ledger.get(task_id)
    if row is not None and endpoint is not None and row.endpoint != endpoint.name:
        row = None
    if row is not None and row.task_id:
        return client.tasks.get(row.id)
    if row is not None:
        raise _no_task(row)
    if endpoint is None:
        raise UsageProblem(
            f"the ledger knows no task {task_id}, or more than one that begins so",
            fix=f"Name its endpoint too: %kling get text-to-video {task_id}",
        )
    return getattr(client, endpoint.name).get(task_id)


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

    for candidate in (value, getattr(value, "task", None)):
        if isinstance(candidate, TaskState):
            return candidate
    if hasattr(value, "kling_task"):  # a job
        raise UsageProblem(f"{word} has no task yet: the request is {value.status}")
    raise UsageProblem(
        f"{word} is of type {type(value).__name__} and no task",
        fix="Name a task, an output of one, or a text with an id.",
    )


def _no_task(row: Row) -> UsageProblem:
    if row.state in (*RUNNING, *ENDED):
        why = f": {row.error}" if row.error else ""
        return UsageProblem(f"{row.id} is {row.state}{why}", fix="There is no task to get.")
    if row.state in ("prepared", "waiting"):
        return UsageProblem(f"{row.id} was never sent", fix="`kling resume --send` sends it.")
    return UsageProblem(
        f"it is not certain whether {row.id} became a task", fix="`kling resume` finds out."
    )


def _known(workspace: Workspace, word: str, task: Any) -> Row:
    """The row of a task in the ledger of the present connection."""
    from kling_core.flows import adopt

    session = workspace.client.session
    if task.session.account != session.account:
        raise TaskNotFound(
            f"the task in {word} ({task.task_id}) is not in this ledger; it was made with another "
            "connection",
            cause="",
            fix="Connect as you were then: %kling connect.",
        )
    ledger = session.ledger()
    return ledger.row(adopt.row_of(ledger, task))

"""Earlier tasks by their ids: those that the ledger knows, and those that only Kling knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kling_core.commands.arguments import UsageProblem
from kling_core.ledger.records import ENDED, RUNNING

if TYPE_CHECKING:
    from kling_core.client import Kling
    from kling_core.declare.endpoint import Endpoint
    from kling_core.ledger.records import Row
    from kling_core.task import Task

__all__ = ["task"]


def task(client: Kling, endpoint: Endpoint | None, task_id: str) -> Task:
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


def _no_task(row: Row) -> UsageProblem:
    if row.state in (*RUNNING, *ENDED):
        why = f": {row.error}" if row.error else ""
        return UsageProblem(f"{row.id} is {row.state}{why}", fix="There is no task to get.")
    if row.state in ("prepared", "waiting"):
        return UsageProblem(f"{row.id} was never sent", fix="`kling resume --send` sends it.")
    return UsageProblem(
        f"it is not certain whether {row.id} became a task", fix="`kling resume` finds out."
    )

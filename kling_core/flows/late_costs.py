"""What Kling says later: the deduction of a task may come after its end."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from kling_core.declare import registry
from kling_core.errors import KlingError, LedgerError, TaskNotFound
from kling_core.flows import read
from kling_core.flows.task_state import RETENTION
from kling_core.ledger.ledger import Ledger
from kling_core.wire.effects import Call, Flow

if TYPE_CHECKING:
    from kling_core.editions.task_facts import TaskFacts
    from kling_core.flows.session import Session
    from kling_core.flows.task_state import TaskState
    from kling_core.ledger.progress import Unsaid

__all__ = ["ask", "look"]

MOST = 20
"""Tasks that are asked about at once."""


def look(task: TaskState) -> Flow[TaskFacts]:
    """Ask once for a task; what it says is written down where the ledger knows the task.

    What has answered at once says no more.
    """
    if not task.endpoint.has_tasks:
        return task.facts
    facts = yield from read.get(task.session, task.endpoint, task.task_id, through=task.way)
    if task.row_id is not None:
        with suppress(LedgerError):  # whoever looks wants to see, ledger or not
            ledger: Ledger = yield Call(task.session.ledger)
            yield Call(partial(ledger.observe, task.endpoint.name, [facts]))
    return facts


def ask(session: Session) -> Flow[None]:
    """Ask for the newest tasks that have ended and of which Kling did not say what it deducted.

    Trouble is nobody's here: what is not said stays unknown, and is asked for again.
    """
    ledger: Ledger = yield Call(session.ledger)
    since = ledger.now() - RETENTION.total_seconds()
    asked = [name for name in registry.names() if registry.load(name).has_tasks]
    unsaid = partial(ledger.unsaid, since, MOST, asked)
    left: Sequence[Unsaid] = yield Call(unsaid)
    for name, task_id, edition, route in left:
        try:
            declared = registry.load(name)
            way = read.way(session, declared, edition=edition, path=route)
            facts = yield from read.get(session, declared, task_id, through=way, attempts=1)
        except TaskNotFound:  # purged: it will never be said
            continue
        except KlingError:  # what troubles one question troubles the next
            return
        yield Call(partial(ledger.observe, name, [facts]))

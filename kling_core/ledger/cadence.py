"""When to ask next: by the age of what runs and by how long its like took before. No I/O."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kling_core.session import Pace

EARLY = 0.6
"""Before this share of the shortest time that its like ever took, a task is left alone."""

LATE = 1.2
"""After this multiple of the longest time, a task is overdue and asked for less often."""


@dataclass(frozen=True, slots=True)
class Running:
    """One running task: its age, and the shortest and longest time of its like; in seconds."""

    row_id: str
    task_id: str
    age: float
    span: tuple[float, float] | None = None


def pause(running: Iterable[Running], pace: Pace, *, line: bool) -> float:
    """Seconds between two looks at these tasks.

    `line` says that others wait for the slots they hold: the end of a task must be seen at once.
    """
    soonest = pace.line_tick if line else pace.poll_floor
    return min((_pause(task, pace, soonest) for task in running), default=pace.poll_ceiling)


def _pause(task: Running, pace: Pace, soonest: float) -> float:
    if task.span is None:
        patient = max(task.age / 10, soonest)
        return soonest if soonest < pace.poll_floor else min(patient, pace.poll_ceiling)
    first, last = task.span
    if task.age < EARLY * first:
        return max(EARLY * first - task.age, soonest)
    if task.age <= LATE * last:
        return soonest
    return min(max((task.age - last) / 10, pace.poll_floor), pace.poll_ceiling)

"""When to ask next: by the age of what runs and by how long its like took before. No I/O."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kling_core.flows.session import Pace

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


def rest(
    running: Iterable[Running], pace: Pace, *, since: float, line: bool, jitter: float = 1.0
) -> float:
    """Seconds until the next look at these tasks, 0 or less when it is time.

    `since` is how long ago the last look was. `line` says that others wait for the slots that the
    tasks hold: their end must be seen at once. `jitter` is a factor near 1.
    """
    soonest = pace.line_tick if line else pace.poll_floor
    rests = (
        jitter * _pause(task.age - ago, task.span, pace, soonest) - ago
        for task in running
        for ago in (min(task.age, since),)
    )
    return min(rests, default=pace.poll_ceiling)


def _pause(age: float, span: tuple[float, float] | None, pace: Pace, soonest: float) -> float:
    """Seconds between two looks at a task that was so old at the first of them."""
    if span is None:
        hurry = soonest < pace.poll_floor
        return soonest if hurry else min(max(age / 10, soonest), pace.poll_ceiling)
    first, last = span
    if age < EARLY * first:
        # Never for long: a task that was looked at late is remembered as a slow one.
        return min(max(EARLY * first - age, soonest), pace.poll_ceiling)
    if age <= LATE * last:
        return soonest
    return min(max((age - last) / 10, pace.poll_floor), pace.poll_ceiling)

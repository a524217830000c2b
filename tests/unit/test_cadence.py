"""When a running task is looked at next: pure arithmetic."""

from __future__ import annotations

import pytest

from kling_core.flows.session import Pace
from kling_core.flows.watch import Running, rest

PACE = Pace(poll_floor=2.0, poll_ceiling=15.0, line_tick=1.0)


@pytest.mark.parametrize(
    "age,span,line,seconds",
    [
        (0.0, None, False, 2.0),
        (100.0, None, False, 10.0),
        (1000.0, None, False, 15.0),
        (1000.0, None, True, 1.0),
        (0.0, (10.0, 20.0), False, 6.0),
        (8.0, (10.0, 20.0), False, 2.0),
        (100.0, (10.0, 20.0), False, 8.0),
        (0.0, (600.0, 900.0), False, 15.0),
        (0.0, (600.0, 900.0), True, 15.0),
    ],
)
def test_rest(age, span, line, seconds):
    """By age without a history, by the history with one, and never longer than the ceiling."""
    task = Running("row", "1", age, span)
    assert rest([task], PACE, since=0.0, line=line) == seconds


def test_the_most_urgent_decides():
    """Of several tasks the one that is due first sets the time."""
    tasks = [Running("a", "1", 0.0, (600.0, 900.0)), Running("b", "2", 590.0, (600.0, 900.0))]
    assert rest(tasks, PACE, since=0.0, line=False) == 2.0


def test_nothing_runs():
    """Without a running task there is time."""
    assert rest([], PACE, since=0.0, line=False) == PACE.poll_ceiling

"""How a ledger of any earlier schema becomes one of today's.

Each step is a file of its own, and frozen: it makes what the schema was then, in SQL of its own
that reads nothing of today's tables, so that it does the same for ever. A change is a new step.
"""

from __future__ import annotations

from collections.abc import Callable

import sqlalchemy as sa

from kling_core.ledger.migrations import step_1_tables, step_2_sums_and_doubt, step_3_editions

__all__ = ["STEPS", "VERSION"]

STEPS: tuple[Callable[[sa.Connection], None], ...] = (
    step_1_tables.run,
    step_2_sums_and_doubt.run,
    step_3_editions.run,
)
"""Step n makes a ledger of schema n of one of schema n - 1; 0 is an empty database."""

VERSION = len(STEPS)
"""The newest schema that this code knows."""

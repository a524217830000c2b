"""Fetching every finished output that is not on disk, whoever made it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kling_core.commands import readable
from kling_core.commands.tasks import days_left
from kling_core.errors import KlingError

if TYPE_CHECKING:
    from kling_core.client import Kling

__all__ = ["Rescue", "rescue"]


@dataclass(slots=True)
class Rescue:
    """What came of it: `new` tasks that the ledger did not know, and where the outputs are now.

    `fetched` holds our id of the task and the file; `purged` counts what Kling has no more.
    """

    new: int = 0
    fetched: list[tuple[str, Path]] = field(default_factory=list[tuple[str, Path]])
    purged: int = 0
    errors: list[KlingError] = field(default_factory=list[KlingError])

    @property
    def opening(self) -> str:
        """What was found at Kling, in words."""
        return f"{readable.plural(self.new, 'task')} at Kling that the ledger did not know"

    @property
    def summary(self) -> str:
        """What was fetched, in words."""
        purged = f", {self.purged} purged at Kling" if self.purged else ""
        return f"{len(self.fetched)} fetched{purged}"


def rescue(kling: Kling, out: str | None, tell: Callable[[Rescue, Any], object]) -> Rescue:
    """Join Kling's lists with the ledger and fetch what is missing, into `out` if there is one.

    `tell` gets the rescue as it stands and what is new: None when the lists are read, then the
    path of each file that came, or the `KlingError` of a list or a file that did not.
    """
    from kling_core.flows import resume
    from kling_core.flows.known_rows import is_known, refusal

    made = Rescue()
    made.new = kling.run_flow(resume.collect(kling.session, made.errors.append))
    tell(made, None)
    for error in tuple(made.errors):
        tell(made, error)
    ledger = kling.session.ledger()
    made.purged = ledger.count_unsaved(ledger.now() - resume.LISTED.total_seconds())
    for row, kept in resume.missing(ledger):
        task = kling.tasks.get(row.id)
        if not is_known(row):
            made.errors.append(refusal(row))
            tell(made, made.errors[-1])
            continue
        if (days_left(task) or 0) < 0 or kept.number >= len(task.files):
            made.purged += 1
            continue
        try:
            path = task.files[kept.number].download(out)
        except KlingError as error:
            made.errors.append(error)
            tell(made, error)
        else:
            made.fetched.append((row.id, path))
            tell(made, path)
    return made

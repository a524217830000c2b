"""Tasks that the ledger knows, followed in this cell: one, or many."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from kling_core import caller_warnings
from kling_core.commands import find, readable
from kling_core.commands.wait import certain
from kling_core.errors import KlingError
from kling_core.flows.download import must_be_writable
from kling_jupyter.commands import cell
from kling_jupyter.errors import KlingMagicError, StoppedWaiting, translated
from kling_jupyter.jobs.files import place

if TYPE_CHECKING:
    from kling_core.ledger.records import Row
    from kling_jupyter.jobs.job import Job
    from kling_jupyter.settings import Settings
    from kling_jupyter.workspace import Workspace

__all__ = ["follow_all"]


def follow_all(workspace: Workspace, rows: Sequence[Row], settings: Settings) -> list[Job]:
    """Follow tasks; one that fails does not keep the others. All run at once anyway.

    A request whose answer was lost is looked up first. Raises `KlingMagicError` in the end when
    any of them went wrong while the cell waited; only an interrupt ends it earlier.
    """
    must_be_writable(place(settings.out, workspace.folder, workspace.output_dir))
    jobs: list[Job] = []
    problems: list[tuple[Row, KlingError]] = []
    for row in rows:
        try:
            jobs.append(_follow(workspace, row, settings))
        except StoppedWaiting:
            raise
        except KlingError as error:
            problems.append((row, error))
    if len(rows) == 1 and problems:
        raise problems[0][1]
    if problems:
        raise _together(len(rows), problems)
    return jobs


def _follow(workspace: Workspace, row: Row, settings: Settings) -> Job:
    notes: list[str] = []
    with caller_warnings.heard_by(notes.append):
        row = certain(workspace.client, row)
        task = find.restored(workspace.client, row)
    return cell.follow(workspace, task, settings, notes)


def _together(count: int, problems: Sequence[tuple[Row, KlingError]]) -> KlingMagicError:
    told = [
        (row, error if isinstance(error, KlingMagicError) else translated(error))
        for row, error in problems
    ]
    return KlingMagicError(
        f"{len(problems)} of {readable.plural(count, 'task')} did not end well",
        title=told[0][1].title,
        lines=tuple(f"  {find.short(row)}: {error.message}" for row, error in told),
    )

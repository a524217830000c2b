"""Tasks that exist already, shown until they have ended; the one place where this is done."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from kling_core.cli.problems import in_shell
from kling_core.errors import KlingError
from kling_core.reports import finding, words
from kling_core.reports.certain import certain
from kling_jupyter.errors import KlingMagicError, StoppedWaiting
from kling_jupyter.running import Cell, collect, place, warnings_as_notes

if TYPE_CHECKING:
    from kling_core.ledger.rows import Row
    from kling_core.task import Task
    from kling_jupyter.grammar import Settings
    from kling_jupyter.studio import Studio

__all__ = ["follow", "follow_all"]


def follow(studio: Studio, row: Row, settings: Settings) -> Task:
    """Show a task until it has ended, and then its outputs; returns it.

    Raises what waiting and downloading raise, and `KlingError` for a request without a task.
    """
    row = certain(studio.client, row)
    cell = Cell(studio.shell, studio.folder)
    with warnings_as_notes(cell.notes), cell:
        task = finding.restored(studio.client, row)
        studio.keep(task, settings.name)
        collect(task, settings, studio.output_dir, cell)
    studio.just_shown = task
    return task


def follow_all(studio: Studio, rows: Sequence[Row], settings: Settings) -> list[Task]:
    """Follow several tasks; one that fails does not keep the others. All run at once anyway.

    Raises `KlingMagicError` in the end when any of them went wrong; only an interrupt ends it
    earlier.
    """
    from kling_core.downloading import must_be_writable

    must_be_writable(place(settings.out, studio.folder, studio.output_dir))
    tasks: list[Task] = []
    problems: list[tuple[Row, KlingError]] = []
    for row in rows:
        try:
            tasks.append(follow(studio, row, settings))
        except StoppedWaiting:
            raise
        except KlingError as error:
            problems.append((row, error))
    if len(rows) == 1 and problems:
        raise problems[0][1]
    if problems:
        raise _together(len(rows), problems)
    return tasks


def _together(count: int, problems: Sequence[tuple[Row, KlingError]]) -> KlingMagicError:
    lines = [f"  {finding.short(row)}: {in_shell(str(error))}" for row, error in problems]
    return KlingMagicError(
        f"{len(problems)} of {words.plural(count, 'task')} did not end well",
        title=type(problems[0][1]).__name__,
        lines=tuple(lines),
    )

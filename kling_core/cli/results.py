"""Tasks and prices on the command line: as text, as JSON, as files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kling_core.cli import console
from kling_core.cli.exit_codes import collect
from kling_core.commands import readable
from kling_core.commands.as_json import described
from kling_core.errors import DownloadError
from kling_core.flows import late_results
from kling_core.output_paths import names_a_file

if TYPE_CHECKING:
    from kling_core.rules.price import Quote
    from kling_core.task import Task


def save(task: Task, place: Path | None) -> list[Path]:
    """Download everything a task made into the folder `place`, or under that file name.

    None keeps it by project and date in the output folder. Whatever stops it, the message says how
    to collect the task. Raises `DownloadError`.
    """
    made = _downloadable(task)
    if not made and not task.complete:
        raise late_results.unnamed(task)
    how = f"collect it with: {collect(task.task_id)}"
    try:
        paths = [output.download(_target(place, i, len(made))) for i, output in enumerate(made)]
        return paths if place is not None else [_from_here(path) for path in paths]
    except DownloadError as error:
        error.fix = f"Task {task.task_id} is done and paid for; {how} --out DIR"
        raise
    except KeyboardInterrupt as stop:
        stop.__notes__ = [f"Stopped downloading. Task {task.task_id} is done and paid for; {how}"]
        raise


def _from_here(path: Path) -> Path:
    """A path as it is written in the current folder, when it lies below it."""
    try:
        return path.relative_to(Path.cwd())
    except (ValueError, OSError):
        return path


def folder(out: Path | None) -> str | None:
    """An --out that is a folder for sure, as downloads take it."""
    return None if out is None else f"{out}/"


def must_be_writable(place: Path) -> None:
    """Raise `DownloadError`, before anything is paid, when files cannot go to `place`."""
    from kling_core.flows import download

    try:
        download.must_be_writable(place)
    except DownloadError as error:
        error.fix = "Nothing was sent. Name another place with --out."
        raise


def show(task: Task, paths: Sequence[Path] = (), *, as_json: bool) -> None:
    """The result on stdout: one path a line, or what is no file; or the task as JSON."""
    if as_json:
        console.show_json(described(task))
        return
    for path in paths:
        console.show_path(path)
    for output in task.outputs:
        if not output.is_file:
            console.show_json(output.raw)


def cost_line(quote: Quote | None) -> str:
    """A quote in words."""
    return str(quote) if quote is not None else "no price is known for this"


def ending(task: Task, seconds: float) -> str:
    """The last line of a finished task: how long, how much, and the ids to build on."""
    parts = [f"done in {readable.clock(seconds)}"]
    cost = task.cost
    if cost is not None and cost.units is not None:
        parts.append(f"{cost.units} units")
    parts.append(f"task {task.task_id}")
    parts += [f"video id {video.id}" for video in task.videos if video.id]
    return ", ".join(parts)


def _downloadable(task: Task) -> list[Any]:
    return [*task.videos, *task.images, *task.audios]


def _target(place: Path | None, index: int, total: int) -> str | Path | None:
    if place is None or not names_a_file(place):
        return folder(place)
    return place if total == 1 else place.with_stem(f"{place.stem}-{index + 1}")

"""Downloads as a flow: fetched, judged, on the disk, named, and only then kept.

The order is what keeps ledger and files agreed through a power cut: the bytes are on the disk
before the file has its name, its name is before the ledger says that it is kept. Nothing here
carries a credential, and nothing here can fail a task.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from kling_core.caller_warnings import notify
from kling_core.file_lock import Hold, fitted, give_name, sync, sync_folder
from kling_core.flows.fetch import Part, fetch
from kling_core.output_paths import disk_error, must_be_writable, ready
from kling_core.wire.effects import Call, Flow, Sleep

if TYPE_CHECKING:
    from kling_core.flows.task_state import Output
    from kling_core.ledger.ledger import Ledger
    from kling_core.ledger.records import Row

__all__ = ["disk_error", "download", "must_be_writable"]

SAID = 10.0
"""Seconds of waiting for another one's download after which the wait is told."""

STALLED = 60.0
"""Seconds for which another one's download may bring nothing before it is not waited for."""


def download(output: Output, to: str | os.PathLike[str] | None = None) -> Flow[Path]:
    """Fetch one output, see `SyncOutput.download`."""
    try:
        return (yield from _download(output, to))
    except OSError as error:
        place = Path(str(error.filename or to or output.filename))
        raise disk_error(error, place, output.task.task_id) from error


def _download(output: Output, to: str | os.PathLike[str] | None) -> Flow[Path]:
    from kling_core.flows import adopt, save

    session = output.task.session
    ledger = yield Call(session.ledger)
    row: Row = yield Call(partial(ledger.row, adopt.row_of(ledger, output.task)))
    output.task.words = output.task.words or row.text  # the same name, whoever downloads
    if to is None:
        kept: Path | None = yield Call(partial(_kept, ledger, row, output))
        if kept is not None:
            output.saved["path"] = kept
            return kept
        to = save.place(row, output.filename, session.output_dir)
    target: Path = yield Call(partial(ready, to, output.filename, output.task.task_id))
    held = yield from _hold(output, target, partial(_kept, ledger, row, output))
    if isinstance(held, Path):
        return held
    try:
        digest = yield from fetch(output, held.part, target)
        before: Path | None = yield Call(partial(_recorded, ledger, row, output))
        path: Path = yield Call(partial(_finish, held.part.path, target, before))
    finally:
        held.hold.release()
    output.saved.update(path=path, at=path.absolute())  # the process may go elsewhere
    keep = partial(save.keep, ledger, row, output, path, digest, sizes=not session.sandbox)
    yield Call(keep)
    return path


class _Held(NamedTuple):
    part: Part
    hold: Hold


def _hold(output: Output, target: Path, kept: partial[Path | None]) -> Flow[_Held | Path]:
    """A part of our own; or the file, when another thread or process fetched this very output.

    Whoever holds it may be suspended for days: when nothing comes of it, it is fetched beside.
    """
    session = output.task.session
    notes = session.settings.home / "parts"
    begin = since = session.clock.monotonic()
    name, number, size, told = f"{_word(output.task.task_id)}-{output.index}", 1, -1, False
    while True:
        part = Part(target, name if number == 1 else f"{name}-{number}", notes)
        hold: Hold | None = yield Call(partial(Hold.take, part.path))
        if hold is not None:
            return _Held(part, hold)
        now, was = session.clock.monotonic(), size
        size = yield Call(part.size)
        if size != was:
            since = now
        elif now - since >= STALLED:
            notify(
                f"{part.path.name} is held by another process, which has brought nothing for "
                f"{now - since:.0f} s (is it suspended?): the file is fetched beside it"
            )
            number, size, since, told = number + 1, -1, now, True
            continue
        if not told and now - begin >= SAID:
            told = True
            notify(f"{target.name} is being fetched by another process; waiting for that")
        yield Sleep(session.pace.line_tick)
        done: Path | None = yield Call(kept)
        # Kept in another folder it is not where the caller wants it.
        if done is not None and done.parent == target.parent.resolve():
            return done


def _word(text: str) -> str:
    return re.sub(r"\W", "", text)  # an id is Kling's word, and becomes part of a name


def _recorded(ledger: Ledger, row: Row, output: Output) -> Path | None:
    """Where the ledger says that the output was kept, whatever became of the file."""
    kept = (one for one in ledger.kept(row.id) if one.number == output.index and one.path)
    return next((Path(one.path) for one in kept if one.path), None)


def _kept(ledger: Ledger, row: Row, output: Output) -> Path | None:
    """Where the output is already, whole: the file still has the size that was recorded."""
    for kept in ledger.kept(row.id):
        if kept.number == output.index and kept.path and kept.on_disk:
            return Path(kept.path)
    return None


def _finish(part: Path, target: Path, before: Path | None = None) -> Path:
    """Get the whole file onto the disk, and its name; a different file of that name is left alone.

    But for what is left of this very output where it was kept `before`: a file that was emptied or
    cut short holds nothing that the whole one does not.
    """
    sync(part)
    for candidate in _names(target):
        try:
            give_name(part, candidate)
        except FileExistsError:
            if _same(part, candidate):
                sync(candidate)  # whoever wrote it may not have
                part.unlink()
            elif before == candidate.resolve() and _is_rest(candidate, part):
                part.replace(candidate)
            else:
                continue
        sync_folder(candidate.parent)
        return candidate
    raise AssertionError("unreachable: there is always another name")


def _names(target: Path) -> Iterator[Path]:
    yield target
    number = 2
    while True:
        yield fitted(target.with_suffix(""), f"-{number}{target.suffix}")
        number += 1


def _same(one: Path, other: Path) -> bool:
    import filecmp

    return other.is_file() and filecmp.cmp(one, other, shallow=False)


def _is_rest(rest: Path, whole: Path) -> bool:
    """Whether a file is but the beginning of another one, or empty."""
    if not rest.is_file() or rest.stat().st_size >= whole.stat().st_size:
        return False
    with rest.open("rb") as one, whole.open("rb") as other:
        while chunk := one.read(1 << 20):
            if other.read(len(chunk)) != chunk:
                return False
    return True

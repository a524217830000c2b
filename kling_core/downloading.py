"""Downloads as a flow: into `.part`, resumed, checked for length, renamed when whole.

A dead link is answered by asking the task for a fresh one. Nothing here carries a credential, and
nothing here can fail a task.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from kling_core import calls, places
from kling_core.errors import DownloadError, KlingError
from kling_core.flow import Call, Flow, Save, Saved, Sleep
from kling_core.holding import Hold, give_name

if TYPE_CHECKING:
    from kling_core.ledger.rows import Row
    from kling_core.ledger.store import Ledger
    from kling_core.outputs import Output

ATTEMPTS = 6
"""How often a broken download is taken up again."""

_GONE = {401, 403, 404, 410}


def download(output: Output, to: str | Path | None = None) -> Flow[Path]:
    """Fetch one output, see `SyncOutput.download`."""
    try:
        return (yield from _download(output, to))
    except OSError as error:
        place = Path(str(error.filename or to or output.filename))
        raise disk_error(error, place, output.task.task_id) from error


def _download(output: Output, to: str | Path | None) -> Flow[Path]:
    from kling_core.ledger import adoption, keeping

    session = output.task.session
    ledger = yield Call(session.ledger)
    row: Row = yield Call(partial(ledger.row, adoption.row_of(ledger, output.task)))
    output.task.words = output.task.words or row.text  # the same name, whoever downloads
    if to is None:
        kept: Path | None = yield Call(partial(_kept, ledger, row, output))
        if kept is not None:
            output.saved["path"] = kept
            return kept
        to = keeping.place(row, output.filename, session.output_dir)
    target: Path = yield Call(partial(_target, output, to))
    part = target.with_name(f"{target.name}.{_word(output.task.task_id)}-{output.index}.part")
    hold: Hold | None = yield Call(partial(Hold.take, part))
    while hold is None:  # another thread or process is fetching this very output
        yield Sleep(session.pace.line_tick)
        done: Path | None = yield Call(partial(_kept, ledger, row, output))
        if done is not None and done.parent == target.parent.resolve():
            return done
        hold = yield Call(partial(Hold.take, part))
    try:
        path, digest = yield from _fetch(output, part, target)
    finally:
        hold.release()
    output.saved["path"] = path
    keep = partial(keeping.keep, ledger, row, output, path, digest, sizes=not session.sandbox)
    yield Call(keep)
    return path


def _word(text: str) -> str:
    return re.sub(r"\W", "", text)


def _fetch(output: Output, part: Path, target: Path) -> Flow[tuple[Path, str | None]]:
    """Stream into the part until it is whole, and give it its name; its hash when it is known."""
    session = output.task.session
    url, failures = output.url, 0
    while True:
        offset: int = yield Call(partial(_size, part))
        saved: Saved = yield Save(url, part, offset, session.may_fetch)
        if saved.refused:
            yield Call(partial(part.unlink, missing_ok=True))
            raise _refused(output, saved.refused)
        if saved.disk is not None:
            raise disk_error(saved.disk, target, output.task.task_id)
        problem: str = yield Call(partial(_problem, saved, part))
        if not problem:
            break
        failures += 1
        if failures >= ATTEMPTS:
            raise DownloadError(
                f"{output.filename} could not be fetched: {problem}",
                http_status=saved.status or None,
                task_id=output.task.task_id,
                fix="The task is intact and paid for: download it again later.",
            )
        if saved.status in _GONE:
            url = yield from _fresh_url(output, url)
        elif saved.status == 416:
            yield Call(partial(part.unlink, missing_ok=True))
        else:
            yield Sleep(session.backoff(failures - 1))
    return (yield Call(partial(_finish, part, target))), saved.sha256


def _refused(output: Output, reason: str) -> DownloadError:
    return DownloadError(
        f"{output.filename} is not fetched from where the task says: {reason}",
        task_id=output.task.task_id,
        retryable=False,
        fix="The task is intact and paid for. If Kling serves results from a new domain, the "
        "owner of this server can allow it with KLING_MEDIA_HOSTS.",
    )


def _kept(ledger: Ledger, row: Row, output: Output) -> Path | None:
    """Where the output is already, whole: the file still has the size that was recorded."""
    for kept in ledger.kept(row.id):
        path = Path(kept.path) if kept.path else None
        if kept.number == output.index and path and path.is_file():
            return path if path.stat().st_size == kept.size else None
    return None


def _target(output: Output, to: str | Path) -> Path:
    """The file to write, its folder made; raises `DownloadError` when that is impossible."""
    place = places.expanded("out", to)
    target = place / output.filename if _is_folder(place, to) else place
    _make_folder(target.parent, target, output.task.task_id)
    return target


def must_be_writable(to: str | Path) -> None:
    """Make sure that a download can go to this file or folder, before anything is paid.

    Raises `DownloadError`, which then says that nothing was sent.
    """
    place = places.expanded("out", to)
    try:
        _make_folder(place if _is_folder(place, to) else place.parent, place, None)
    except DownloadError as error:
        error.billed, error.fix = "no", "Nothing was sent. Name another place."
        raise


def _is_folder(place: Path, to: str | Path) -> bool:
    return place.is_dir() or str(to).endswith(("/", os.sep)) or not place.suffix


def _make_folder(folder: Path, target: Path, task_id: str | None) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK):
            raise PermissionError(errno.EACCES, "permission denied", str(folder))
    except OSError as error:
        raise disk_error(error, target, task_id) from error


def _size(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def _problem(saved: Saved, part: Path) -> str:
    """Why the file is not whole yet; empty when it is."""
    if saved.status not in (200, 206):
        return saved.failure or f"the media host answered HTTP {saved.status}"
    size = _size(part)
    if saved.failure:
        return saved.failure
    if saved.total is not None and size != saved.total:
        if size > saved.total:
            part.unlink(missing_ok=True)
        return f"{size:,} of {saved.total:,} bytes came"
    return "" if size else "the file is empty"


def _fresh_url(output: Output, old: str) -> Flow[str]:
    """Ask the task for a new link; the old one stays when the task cannot be read."""
    task = output.task
    try:
        data = yield from calls.get(task.session, task.endpoint, task.task_id)
    except KlingError:
        yield Sleep(task.session.backoff(0))
        return old
    task.update(data)
    fresh = task.outputs[output.index].url if output.index < len(task.outputs) else old
    if fresh == old:
        yield Sleep(task.session.backoff(0))
    return fresh


def _finish(part: Path, target: Path) -> Path:
    """Give the whole file its name; a different file of that name is left alone."""
    for candidate in _names(target):
        try:
            give_name(part, candidate)
        except FileExistsError:
            if not _same(part, candidate):
                continue
            part.unlink()
        return candidate
    raise AssertionError("unreachable: there is always another name")


def _names(target: Path) -> Iterator[Path]:
    yield target
    number = 2
    while True:
        yield target.with_stem(f"{target.stem}-{number}")
        number += 1


def _same(one: Path, other: Path) -> bool:
    import filecmp

    return other.is_file() and filecmp.cmp(one, other, shallow=False)


def disk_error(error: OSError, target: Path, task_id: str | None) -> DownloadError:
    """What an error of the file system means for a download."""
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    why = "the disk is full" if full else (error.strerror or str(error)).lower()
    room = "Make room there, or name" if full else "Name"
    return DownloadError(
        f"{target} cannot be written: {why}",
        task_id=task_id,
        fix=f"{room} another place: clip.download('elsewhere/'). The task is intact and paid for.",
    )

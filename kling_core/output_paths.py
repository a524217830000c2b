"""Where files go: a file or a folder, tried before anything is paid for it."""

from __future__ import annotations

import errno
import os
import re
from contextlib import suppress
from pathlib import Path

from kling_core.advice import Advice, Text
from kling_core.errors import DownloadError

__all__ = [
    "anchored",
    "disk_error",
    "is_address",
    "located",
    "must_be_writable",
    "names_a_file",
    "ready",
]

SUFFIXES = frozenset(
    (
        *(".mp4", ".mov", ".m4v", ".webm", ".mkv", ".avi"),
        *(".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif", ".heic"),
        *(".mp3", ".wav", ".m4a", ".aac", ".ogg", ".opus", ".flac"),
    )
)
"""Endings that make a name the name of a file; any other name, `v1.5` too, is that of a folder."""

# One slash, as `Path` makes one of two; two letters at least, for one is a drive.
_ADDRESS = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]+):/", re.ASCII)
_TRIED = 4096
"""Bytes that are written to see that there is room: a block."""


def names_a_file(to: str | os.PathLike[str]) -> bool:
    """Whether a place is a file: it is there as one, or it ends as pictures, clips or sounds do.

    What ends with a slash is a folder, and so is what is one already.
    """
    text = os.fspath(to)
    if text.endswith(("/", os.sep)):
        return False
    place = located(to)
    try:
        if place.is_dir():
            return False
        return place.suffix.lower() in SUFFIXES or place.is_file()
    except OSError:  # such as a name that is too long: whoever writes there is told
        return place.suffix.lower() in SUFFIXES


def located(to: str | os.PathLike[str]) -> Path:
    """A place as a path, from `~` and `file://` too; raises `DownloadError` for what is none."""
    text = os.fspath(to)
    try:
        path = Path(_unlinked(text)).expanduser()
        os.fsencode(path)
        str(path.absolute()).encode()  # the ledger has to hold it too
    except UnicodeEncodeError:
        why = "names cannot hold its letters here (see PYTHONUTF8 and LANG)"
    except (ValueError, RuntimeError) as error:
        why = str(error)
    else:
        return path
    fix = "Name a folder of this disk."
    raise DownloadError(
        f"{text!r} is no place for files: {why}", retryable=False, billed="no", fix=fix
    )


def anchored(folder: Path, place: Path) -> Path:
    """A relative place as it is meant from a folder on; what is an address stays one."""
    return place if is_address(place) else folder / place


def is_address(place: Path) -> bool:
    """Whether it was `s3://…` or the like before it was made a path."""
    return _ADDRESS.match(str(place)) is not None


def _unlinked(text: str) -> str:
    """The path that a `file://` address means; any other text as it is."""
    if "\0" in text:
        raise ValueError("it holds a NUL character")
    found = _ADDRESS.match(text)
    if found is None:
        return text
    if found["scheme"].lower() != "file":
        raise ValueError(f"files cannot be put to {found['scheme']}:// addresses")
    from urllib.parse import urlsplit
    from urllib.request import url2pathname

    parts = urlsplit(text)
    if parts.netloc not in ("", "localhost"):
        raise ValueError(f"{parts.netloc} is another computer")
    return url2pathname(parts.path)


def ready(to: str | os.PathLike[str], filename: str, task_id: str | None) -> Path:
    """The file to write, its folder made; raises `DownloadError` when that is impossible."""
    try:
        place = located(to)
        target = place if names_a_file(to) else place / filename
    except DownloadError as error:
        error.billed, error.task_id = "yes", task_id
        error.fix += " The task is intact and paid for."
        raise
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if not os.access(target.parent, os.W_OK):
            raise PermissionError(errno.EACCES, "permission denied", str(target.parent))
        with suppress(FileNotFoundError):
            target.lstat()  # a name that is too long is told before the file is fetched for it
    except OSError as error:
        raise disk_error(error, target, task_id) from error
    return target


def must_be_writable(to: str | os.PathLike[str]) -> None:
    """Make sure that a download can go to this file or folder, before anything is paid.

    The folder is made, something is written there, and a file's own name is tried: what the file
    system refuses (a length, a letter, a full disk) is not told by its looks. Raises
    `DownloadError`, which then says that nothing was sent.
    """
    try:
        place = located(to)
        try:
            _try(place, file=names_a_file(to))
        except OSError as error:
            raise disk_error(error, place, None) from error
    except DownloadError as error:
        error.billed, error.fix = "no", "Nothing was sent. Name another place."
        raise


def _try(place: Path, *, file: bool) -> None:
    import tempfile

    folder = place.parent if file else place
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".kling-") as trial:
        trial.write(bytes(_TRIED))
        trial.flush()
        os.fsync(trial.fileno())  # only now does a full disk say so
    if file and not os.path.lexists(place):
        os.close(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644))
        place.unlink()


def disk_error(error: OSError, target: Path, task_id: str | None) -> DownloadError:
    """What an error of the file system means for a download."""
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    why = "the disk is full" if full else (error.strerror or str(error)).lower()
    step = Advice("make room" if full else "name another place")
    return DownloadError(
        f"{target} cannot be written: {why}",
        task_id=task_id,
        fix=Text(step, " The task is intact and paid for."),
    )

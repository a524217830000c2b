"""Holding a file against other threads and processes, naming it, and getting it onto the disk.

What a program has written is in the system's memory for some seconds yet, and a power cut takes it:
the bytes of a file, and the names in a folder, each by itself. Only what `sync` and `sync_folder`
have returned from may be called kept.
"""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None


@dataclass(slots=True)
class Hold:
    """An exclusive hold on a file; the operating system drops it when its process dies."""

    _descriptor: int | None

    @classmethod
    def take(cls, path: Path) -> Hold | None:
        """Hold `path`, which is made when it is missing; None while somebody else holds it.

        Where the system has no such locks, nobody is kept out.
        """
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        if not (_lock(descriptor) and _still_there(path, descriptor)):
            os.close(descriptor)
            return None
        facts, hold = os.fstat(descriptor), cls(descriptor)
        if fcntl is None:  # nothing is locked, and what is open could not be renamed
            hold.release()
            hold = cls(None)
        if facts.st_size and facts.st_nlink > 1:
            # It has its name by a process that was killed then; it must not be written to.
            path.unlink(missing_ok=True)
            hold.release()
            return cls.take(path)
        return hold

    def release(self) -> None:
        """Let others have it."""
        if self._descriptor is not None:
            os.close(self._descriptor)


def give_name(file: Path, name: Path) -> None:
    """Rename a file at a moment that no other thread or process shares.

    Raises `FileExistsError` when the name is taken; killed in the middle, it leaves no name to
    anything but the whole file.
    """
    try:
        os.link(file, name)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        _rename(file, name)
    else:
        file.unlink(missing_ok=True)


def _rename(file: Path, name: Path) -> None:
    if fcntl is None:
        file.rename(name)  # which replaces nothing where this system has no such locks
        return
    turn = fitted(name, ".naming", start=".")
    hold = Hold.take(turn)
    if hold is None:
        raise FileExistsError(errno.EEXIST, "just being given away", str(name))
    try:
        if os.path.lexists(name):
            raise FileExistsError(errno.EEXIST, "exists", str(name))
        file.rename(name)
    finally:
        turn.unlink(missing_ok=True)  # while it is held: who has it open sees that it is gone
        hold.release()


def fitted(name: Path, ending: str, *, start: str = "", room: int = 0) -> Path:
    """The file beside `name` that has its name between `start` and `ending`, as far as that fits.

    What is too long for the file system, with `room` for so many bytes more, is cut, and told
    apart from others by a few letters of its hash. The same name always gives the same.
    """
    import hashlib

    longest = _longest(name.parent) - room
    plain = start + name.name + ending
    if len(os.fsencode(plain)) <= longest:
        return name.with_name(plain)
    mark = "~" + hashlib.sha256(os.fsencode(name.name)).hexdigest()[:8]
    letters = name.name
    while letters and len(os.fsencode(start + letters + mark + ending)) > longest:
        letters = letters[:-1]
    return name.with_name(start + letters + mark + ending)


def _longest(folder: Path) -> int:
    """How many bytes a name in this folder may have."""
    try:
        return os.pathconf(folder, "PC_NAME_MAX")
    except (AttributeError, OSError, ValueError):  # Windows, a folder that is not there
        return 255


def sync(file: Path) -> None:
    """Get what was written to a file onto the disk, whoever wrote it."""
    # Windows flushes only what is open for writing.
    descriptor = os.open(file, os.O_RDWR | getattr(os, "O_BINARY", 0))
    try:
        _flush(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(folder: Path) -> None:
    """Get the names in a folder onto the disk, and its own name, up to the mount.

    Who made the folders may have been killed before saying so, hence all of them. Systems that
    know no such thing keep names safe by themselves, or not at all.
    """
    place = folder.resolve()
    device = place.stat().st_dev
    for step in (place, *place.parents):
        try:
            if step.stat().st_dev != device:
                return
            descriptor = os.open(step, os.O_RDONLY)
        except OSError:  # Windows opens no folders; others may forbid this one
            return
        try:
            _flush(descriptor)
        except OSError as error:
            # All others only say that folders are not flushed here.
            if error.errno in (errno.EIO, errno.ENOSPC, errno.EDQUOT):
                raise
        finally:
            os.close(descriptor)


def write_whole(file: Path, content: bytes) -> None:
    """Write a small file so that it has all of its content or is not there, and is on the disk."""
    # Always the same name: what a killed process leaves is overwritten by whoever comes next.
    temporary = fitted(file, ".part", start=".")
    try:
        with temporary.open("wb") as writing:
            writing.write(content)
            writing.flush()
            _flush(writing.fileno())
        temporary.replace(file)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(file.parent)


def _flush(descriptor: int) -> None:
    full = getattr(fcntl, "F_FULLFSYNC", None)
    if full is not None and fcntl is not None:  # macOS, where fsync stops at the drive's own memory
        try:
            fcntl.fcntl(descriptor, full)
        except OSError:  # a file system that does not know it
            pass
        else:
            return
    os.fsync(descriptor)


def _lock(descriptor: int) -> bool:
    if fcntl is None:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        return True
    return True


def _still_there(path: Path, descriptor: int) -> bool:
    """Whether the name still means this file, and not one that took its place meanwhile."""
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except OSError:
        return False

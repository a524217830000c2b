"""Holding a file against other threads and processes, and naming it without hurting another."""

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
    turn = name.with_name(f".{name.name}.naming")
    hold = Hold.take(turn)
    if hold is None:
        raise FileExistsError(errno.EEXIST, "just being given away", str(name))
    try:
        if os.path.lexists(name):
            raise FileExistsError(errno.EEXIST, "exists", str(name))
        file.rename(name)
    finally:
        turn.unlink(missing_ok=True)
        hold.release()


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

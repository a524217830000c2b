"""Holding a file against other threads and processes while it is being fetched."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(slots=True)
class Hold:
    """An exclusive hold on a file; the operating system drops it when its process dies."""

    _descriptor: int

    @classmethod
    def take(cls, path: Path) -> Hold | None:
        """Hold `path`, which is made when it is missing; None while somebody else holds it.

        Where the system has no such locks, nobody is kept out.
        """
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        if _lock(descriptor) and _still_there(path, descriptor):
            return cls(descriptor)
        os.close(descriptor)
        return None

    def release(self) -> None:
        """Let others have it."""
        os.close(self._descriptor)


def _lock(descriptor: int) -> bool:
    try:
        import fcntl
    except ImportError:  # Windows
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _still_there(path: Path, descriptor: int) -> bool:
    """Whether the name still means this file, and not one that took its place meanwhile."""
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except OSError:
        return False

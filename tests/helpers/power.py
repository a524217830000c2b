"""A disk that forgets at a power cut what was not synced: a trace of file operations, replayed.

While `recorded` runs, every operation on names and every fsync below a folder is a moment at which
the power may go. A file keeps the bytes that it had at its last fsync, a folder the names that it
had at its own; what was never synced is gone. File systems may keep more than they must, so each
moment is looked at in three ways, see `WORLDS`.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

Tree = dict[str, bytes | None]
"""What is on the disk, by path from its root on: the bytes of a file, None for a folder."""

WORLDS = ("nothing unsynced", "the names", "everything")
"""What survives beside what was synced."""

_NAMING = ("open", "link", "unlink", "rename", "replace", "mkdir", "rmdir")


@dataclass(frozen=True)
class Moment:
    """The disk right after one operation; `kept` tells what the ledger had committed by then."""

    after: str
    kept: Any
    trees: dict[str, Tree]


@dataclass
class Disk:
    """What is below a folder, and what of it is safe."""

    root: Path
    moments: list[Moment] = field(default_factory=list[Moment])
    kept: Any = None
    _names: dict[int, dict[str, int]] = field(default_factory=dict[int, dict[str, int]])
    _bytes: dict[int, bytes] = field(default_factory=dict[int, bytes])

    def __post_init__(self) -> None:
        self.root.mkdir(exist_ok=True)
        self._names[self.root.stat().st_ino] = {}

    def cut(self, after: str) -> None:
        """Here the power may go."""
        trees = {
            "nothing unsynced": self._safe(self.root.stat().st_ino, ""),
            "the names": self._now(lambda path: self._bytes.get(path.stat().st_ino, b"")),
            "everything": self._now(Path.read_bytes),
        }
        self.moments.append(Moment(after, self.kept, trees))

    def synced(self, descriptor: int) -> None:
        """What is open here is safe as it is now."""
        facts = os.fstat(descriptor)
        place = _place(descriptor)
        if stat.S_ISDIR(facts.st_mode):
            self._names[facts.st_ino] = {p.name: p.stat().st_ino for p in place.iterdir()}
        else:
            self._bytes[facts.st_ino] = place.read_bytes()

    def forget(self, path: Any) -> None:
        """A name goes, and with the last one its file, whose number may be used again."""
        facts = os.lstat(path)
        if facts.st_nlink == 1:
            held = any(facts.st_ino in names.values() for names in self._names.values())
            if not held:
                self._bytes.pop(facts.st_ino, None)

    def _safe(self, folder: int, above: str) -> Tree:
        tree: Tree = {}
        for name, inode in self._names.get(folder, {}).items():
            path = f"{above}{name}"
            if inode in self._names or self._is_folder(path):
                tree[path] = None
                tree |= self._safe(inode, f"{path}/")
            else:
                tree[path] = self._bytes.get(inode, b"")
        return tree

    def _is_folder(self, path: str) -> bool:
        return (self.root / path).is_dir()

    def _now(self, content: Callable[[Path], bytes]) -> Tree:
        found = sorted(self.root.rglob("*"))
        return {
            str(path.relative_to(self.root)): None if path.is_dir() else content(path)
            for path in found
        }

    def become(self, tree: Tree) -> None:
        """The power is back: this is what is on the disk."""
        for found in self.root.iterdir():
            shutil.rmtree(found) if found.is_dir() else found.unlink()
        for path, content in sorted(tree.items()):
            place = self.root / path
            if content is None:
                place.mkdir(parents=True, exist_ok=True)
            else:
                place.write_bytes(content)


def _place(descriptor: int) -> Path:
    return Path(f"/proc/self/fd/{descriptor}").readlink()


@contextmanager
def recorded(root: Path) -> Iterator[Disk]:
    """Record what this process does below `root`."""
    disk = Disk(root)
    inside = str(root)

    def watched(name: str, real: Any) -> Any:
        def call(*given: Any, **options: Any) -> Any:
            names = [os.path.abspath(one) for one in given[:2] if isinstance(one, (str, Path))]  # noqa: PTH100
            ours = any(one.startswith(inside) for one in names)
            if ours and name in ("unlink", "replace", "rename"):
                target = given[0] if name == "unlink" else given[1]
                if os.path.lexists(target):
                    disk.forget(target)
            result = real(*given, **options)
            if ours:
                disk.cut(f"{name} {Path(given[0]).name}")
            return result

        return call

    def fsync(descriptor: int, real: Any = os.fsync) -> None:
        real(descriptor)
        if str(_place(descriptor)).startswith(inside):
            disk.synced(descriptor)
            disk.cut("fsync")

    with pytest.MonkeyPatch.context() as patch:
        for name in _NAMING:
            patch.setattr(os, name, watched(name, getattr(os, name)))
        patch.setattr(os, "fsync", fsync)
        yield disk

"""Media given as data, put into files, so that code and ledger can name them by path."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kling_core.declare import kinds
from kling_jupyter.codegen import Variable

if TYPE_CHECKING:
    from kling_core.declare.endpoint import Request
    from kling_core.media.item import Kind

    Change = Callable[[Any, Kind, str], Any]

__all__ = ["each_medium", "media_in_files"]


def media_in_files(request: Request, folder: Path, *, start: Path | None = None) -> Request:
    """The request with its media as text: paths, URLs, and variables by their names.

    Data (bytes, pictures, arrays) is written into `folder` under a name that tells its content,
    once. Paths below `start` are written as from there. What cannot be read stays as it is.
    """
    from kling_core.media.inputs import Unreadable, read

    def text(value: Any, kind: Kind, field: str) -> Any:
        if isinstance(value, Variable):
            return value
        try:
            media = read(value, kind, field=field)
        except Unreadable:
            return value
        if media.url is not None:
            return media.url
        if media.path is not None:
            return value if isinstance(value, str) else _from(media.path, start)
        with media.open() as stream:
            data = stream.read()
        return _from(_saved(media.name, media.sha256() or "", data, folder), start)

    return each_medium(request, text)


def each_medium(request: Request, change: Change) -> Request:
    """The request with `change(value, kind, place)` in the place of every medium in it.

    A place is written as checks write it: `image`, `image_list.0`, `dynamic_masks.0.mask`.
    """

    def put(leaf: kinds.Leaf) -> Any:
        medium = leaf.kind
        wanted = isinstance(medium, kinds.Medium)
        return change(leaf.value, medium.role, leaf.place) if wanted else leaf.value

    given = kinds.changed(request.params(), request.adopt(dict(request.given)), put)
    return type(request)(**given).with_parent(request.parent)


def _from(path: Path, start: Path | None) -> str:
    if start is not None and path.is_relative_to(start.resolve()):
        return path.relative_to(start.resolve()).as_posix()
    return str(path)


_SUFFIXES = {"JPEG": ".jpg", "MP4": ".m4a", "unknown": ".bin", "text": ".txt"}


def _saved(name: str, digest: str, data: bytes, folder: Path) -> Path:
    """The file that holds the data, written now unless it is there already."""
    from kling_core.media.formats import HEAD, sniff

    kind = sniff(data[:HEAD])
    stem = re.sub(r"[^\w-]+", "-", Path(name).stem).strip("-")[:40] or "input"
    suffix = _SUFFIXES.get(kind, f".{kind.lower().replace(' ', '-')}")
    path = folder.resolve() / f"{stem}-{digest[:10]}{suffix}"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f".{path.name}.part")
        part.write_bytes(data)
        part.replace(path)  # the name tells the content: nothing half written may have it
    return path

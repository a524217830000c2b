"""Names of files as people and hosts write them, and the file that is meant.

macOS puts a narrow no-break space (U+202F) before AM and PM of its screenshots, and stores letters
with their accents apart; whoever types such a name, or a model that repeats it, does not. Hosts
hand attachments on as file:// addresses.
"""

from __future__ import annotations

import difflib
import os
import re
import unicodedata
from pathlib import Path
from urllib.parse import unquote_to_bytes

__all__ = ["did_you_mean", "existing", "expanded", "of_uri"]


def expanded(text: str | os.PathLike[str]) -> Path:
    """The path with `~` expanded; of a user who is not there it is a name like any other."""
    path = Path(text)
    try:
        return path.expanduser()
    except (RuntimeError, ValueError):  # ValueError: of what no user is called, such as a NUL
        return path


def of_uri(text: str) -> str | None:
    """The path of a file:// address, None for what is none; raises `ValueError` for elsewhere."""
    if text[:6].lower() not in ("file:/", "file:\\"):
        return None
    rest = text[5:].replace("\\", "/")
    host = ""
    if rest.startswith("//"):
        host, _, rest = rest[2:].partition("/")
        rest = f"/{rest}"
    path = os.fsdecode(unquote_to_bytes(rest))
    # Old addresses write a drive's colon as a bar.
    if re.match(r"/[A-Za-z][:|](/|$)", path):  # a drive of Windows
        path = f"{path[1]}:{path[3:]}"
    elif host.lower() not in ("", "localhost"):
        if os.name != "nt":
            raise ValueError(f"the file is on another computer, {host}")
        path = f"//{host}{path}"
    return path


def existing(path: Path) -> Path:
    """The path itself if there is such a file; else the one whose name looks the same, if only one.

    What looks the same: other blanks, and accents that are apart. In the folders above it, too.
    """
    try:
        if path.exists() or path.name in ("", "..") or path.parent == path:
            return path
        folder = existing(path.parent)
        if (folder / path.name).exists():
            return folder / path.name
        wanted = _look(path.name)
        twins = [name for name in os.listdir(folder) if _look(name) == wanted]  # noqa: PTH208
    except (OSError, ValueError):  # whoever opens it is told why
        return path
    return folder / twins[0] if len(twins) == 1 else path


def did_you_mean(path: Path) -> str:
    """What else is in the folder by a name like this; empty when nothing is."""
    folder = path.parent
    try:
        names = sorted(entry.name for entry in os.scandir(folder))
    except (OSError, ValueError):
        return f" (there is no folder {folder})" if not _is_folder(folder) else ""
    stem = path.stem.lower()
    longer = [name for name in names if len(stem) > 2 and name.lower().startswith(stem)]
    close = difflib.get_close_matches(path.name, names, n=1) or longer[:1]
    if not close:
        return ""
    # Two names that look alike are told apart by their escapes.
    alike = _look(close[0]) == _look(path.name)
    return f"; did you mean {ascii(close[0]) if alike else close[0]}?"


def _is_folder(folder: Path) -> bool:
    try:
        return folder.is_dir()
    except (OSError, ValueError):
        return False


def _look(name: str) -> str:
    """What a name looks like: composed letters, one kind of blank, no invisible signs."""
    plain = unicodedata.normalize("NFC", name)
    return "".join(
        " " if unicodedata.category(c) == "Zs" else c
        for c in plain
        if unicodedata.category(c) != "Cf"
    )

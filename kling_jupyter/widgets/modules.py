"""JavaScript modules joined into one, for a widget's `_esm` is a single text.

The files import each other as modules do, so that an editor and node read them; a front end gets
them in one scope, each once, in the order in which they need each other.
"""

from __future__ import annotations

import re
from pathlib import Path

__all__ = ["script", "style"]

_FOLDER = Path(__file__).parent
_IMPORT = re.compile(r'^import \{[^}]*\} from "\./([\w.]+)";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?!default)", re.MULTILINE)


def script(name: str) -> str:
    """The module of this file name and all that it imports, as one module."""
    order: list[str] = []
    _visit(name, order)
    return "\n".join(_EXPORT.sub("", _IMPORT.sub("", _text(part))) for part in order)


def style(*names: str) -> str:
    """The style sheets of these file names, joined."""
    return "\n".join(_text(name) for name in names)


def _visit(name: str, order: list[str]) -> None:
    if name in order:
        return
    for needed in _IMPORT.findall(_text(name)):
        _visit(needed, order)
    order.append(name)


def _text(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")

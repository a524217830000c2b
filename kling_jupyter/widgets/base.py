"""What all widgets share: their files beside them, and callbacks that never fail in silence.

A widget is a `Widget` with `_esm = script("card")` and `_css = style("card")`: `card.js` with all
that it imports, and `theme.css` with `card.css` after it. Its root element has the class `kling`.

The files of JavaScript import each other as modules do, so that an editor and node read them; an
`_esm` is a single text, so they are joined, each once, in the order in which they need each other.
"""

# ipywidgets and anywidget have no complete types; everything untyped about them stays here.
# pyright: reportUnknownMemberType=false, reportUntypedBaseClass=false
# pyright: reportUnknownVariableType=false, reportMissingTypeStubs=false

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import anywidget
import traitlets

__all__ = ["Widget", "script", "style"]


_IMPORT = re.compile(r'^import \{[^}]*\} from "\./(\w+)\.js";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?!default)", re.MULTILINE)


def script(name: str) -> str:
    """The module of this name and all that it imports, as one module."""
    order: list[str] = []
    _visit(name, order)
    texts = (_text(f"{part}.js") for part in order)
    return "\n".join(_EXPORT.sub("", _IMPORT.sub("", text)) for text in texts)


def style(*names: str) -> str:
    """The style sheets of these names, joined, with what all widgets share before them."""
    return "\n".join(_text(f"{name}.css") for name in ("theme", *names))


def _visit(name: str, order: list[str]) -> None:
    if name in order:
        return
    for needed in _IMPORT.findall(_text(f"{name}.js")):
        _visit(needed, order)
    order.append(name)


def _text(file: str) -> str:
    return Path(__file__).with_name(file).read_text(encoding="utf-8")


class Widget(anywidget.AnyWidget):
    """An anywidget whose messages are answered by `received`.

    `trouble` is for the page to show: front ends drop what a callback raises, so the error of one
    is put there. Callbacks come in any thread.
    """

    trouble = traitlets.Unicode("").tag(sync=True)

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)
        answer: Callable[..., None] = self._answer
        self.on_msg(answer)

    def received(self, message: Mapping[str, Any], buffers: Sequence[bytes]) -> None:
        """Answer a message of the page; a widget that takes any has its own."""

    def _answer(self, _: object, message: Mapping[str, Any], buffers: Sequence[bytes]) -> None:
        try:
            self.received(message, buffers)
        except Exception as error:  # noqa: BLE001 - whatever it is, the page must tell it
            self.trouble = f"{type(error).__name__}: {error}"

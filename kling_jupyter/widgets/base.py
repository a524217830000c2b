"""What all widgets share: their files beside them, and callbacks that never fail in silence.

A widget is a `Widget` with `_esm = modules.script("card.js")` and `_css = style("card")`: its
modules joined, and `theme.css` with `card.css` after it. Its root element has the class `kling`.
"""

# ipywidgets and anywidget have no complete types; everything untyped about them stays here.
# pyright: reportUnknownMemberType=false, reportUntypedBaseClass=false
# pyright: reportUnknownVariableType=false, reportMissingTypeStubs=false

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import anywidget
import traitlets

__all__ = ["Widget", "style"]


def style(name: str) -> str:
    """The style sheet of a widget, with what all share before it."""
    return f"{_text('theme.css')}\n{_text(f'{name}.css')}"


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

"""Variables for the widgets that commands make."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from kling_jupyter.workspace import Studio

__all__ = ["keep"]


class _Named(Protocol):
    def known_as(self, variable: str) -> None: ...


T = TypeVar("T", bound=_Named)


def keep(studio: Studio, name: str, widget: T) -> T:
    """Put the widget into the variable, and let it say so."""
    studio.shell.user_ns[name] = widget
    widget.known_as(name)
    return widget

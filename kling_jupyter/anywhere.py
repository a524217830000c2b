"""The studio of the place where code runs: a notebook, with or without magics, or marimo."""

from __future__ import annotations

import sys
from typing import Any

from kling_jupyter.workspace import Studio

__all__ = ["has_magics", "shell", "studio"]


class _Bare:
    """As much of a shell as a studio needs where there is none."""

    kernel = None
    display_pub = None

    def __init__(self) -> None:
        self.user_ns: dict[str, Any] = {}
        self.user_ns_hidden: dict[str, Any] = {}


def studio() -> Studio:
    """The studio of `%kling` where the extension is loaded; else one of its own."""
    running = shell()
    if running is None:
        return Studio(_Bare())
    magics = running.magics_manager.registry.get("KlingMagics")
    return magics.studio if magics is not None else Studio(running)


def shell() -> Any:
    """IPython's shell that runs here, None where there is none, as in marimo."""
    ipython = sys.modules.get("IPython")
    return ipython.get_ipython() if ipython is not None else None


def has_magics() -> bool:
    """Whether the extension is loaded, so that `%kling` can be typed."""
    return "kling_jupyter.magics" in sys.modules

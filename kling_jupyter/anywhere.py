"""The studio of the place where code runs: a notebook, with or without magics, or marimo."""

from __future__ import annotations

import sys
from typing import Any

from kling_jupyter.studio import Studio

__all__ = ["studio"]


class _Bare:
    """As much of a shell as a studio needs where there is none."""

    kernel = None
    display_pub = None

    def __init__(self) -> None:
        self.user_ns: dict[str, Any] = {}
        self.user_ns_hidden: dict[str, Any] = {}


def studio() -> Studio:
    """The studio of `%kling` where the extension is loaded; else one of its own."""
    ipython = sys.modules.get("IPython")
    shell: Any = ipython.get_ipython() if ipython is not None else None
    if shell is None:
        return Studio(_Bare())
    magics = shell.magics_manager.registry.get("KlingMagics")
    return magics.studio if magics is not None else Studio(shell)

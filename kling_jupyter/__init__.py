"""Kling in notebooks: `%load_ext kling_jupyter`, then `%kling help`.

The magics are a front end: arguments go in, `kling_core` does the work, outputs are shown.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kling_jupyter.widgets.form import KlingForm

__all__ = ["form", "load_ipython_extension", "unload_ipython_extension"]


def form(endpoint: str, **fields: Any) -> KlingForm:
    """The form of an endpoint as a widget, with some fields filled in; marimo shows it too.

    `form("text_to_video", prompt="the sea")`. What it makes is in its `job`. Raises
    `UnknownEndpoint`.
    """
    from kling_jupyter.widgets.form import KlingForm

    return KlingForm(endpoint, **fields)


def load_ipython_extension(shell: Any) -> None:
    """Give the shell `%kling` and `%%kling`; loading again changes nothing."""
    from kling_jupyter import magics

    magics.load(shell)


def unload_ipython_extension(shell: Any) -> None:
    """Take `%kling` away again; tasks go on at Kling."""
    from kling_jupyter import magics

    magics.unload(shell)

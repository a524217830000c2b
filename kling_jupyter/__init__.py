"""Kling in notebooks: `%load_ext kling_jupyter`, then `%kling help`.

The magics are a front end: arguments go in, `kling_core` does the work, outputs are shown.
"""

from __future__ import annotations

from typing import Any

__all__ = ["load_ipython_extension", "unload_ipython_extension"]


def load_ipython_extension(shell: Any) -> None:
    """Give the shell `%kling` and `%%kling`; loading again changes nothing."""
    from kling_jupyter import magics

    magics.load(shell)


def unload_ipython_extension(shell: Any) -> None:
    """Take `%kling` away again; tasks go on at Kling."""
    from kling_jupyter import magics

    magics.unload(shell)

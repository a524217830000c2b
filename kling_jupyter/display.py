"""The one output of a cell, replaced as things go on, and the front end that shows it.

From other threads only `display_id` updates are sent: they reach the right cell in every kernel
and are saved with the notebook.
"""

from __future__ import annotations

import sys
import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from kling_core.text import one_line, safe

__all__ = [
    "Bundle",
    "Live",
    "Shell",
    "has_magics",
    "has_pages",
    "is_live",
    "say",
    "shell",
    "show",
]

Shell = Any
"""IPython's `InteractiveShell`, whose own types are too partial for a strict checker."""

Bundle = dict[str, str]
"""An output by MIME type: `text/html` and `text/plain`."""


def shell() -> Shell | None:
    """IPython's shell that runs here, None where there is none, as in marimo."""
    # Not imported for the question: where it is not there, no shell of it runs.
    ipython = sys.modules.get("IPython")
    return ipython.get_ipython() if ipython is not None else None


def has_magics() -> bool:
    """Whether the extension is loaded, so that `%kling` can be typed."""
    return "kling_jupyter.magics" in sys.modules


def has_pages(shell: Shell) -> bool:
    """Whether a notebook shows the outputs; False in a terminal."""
    return getattr(shell, "kernel", None) is not None


def is_live(shell: Shell) -> bool:
    """Whether somebody sits before the notebook, so that an output may change after its cell.

    Programs that run notebooks (nbclient, papermill) say that they take no input.
    """
    kernel = getattr(shell, "kernel", None)
    return kernel is not None and bool(getattr(kernel, "_allow_stdin", True))


def show(shell: Shell, bundle: Bundle, metadata: Mapping[str, Any] | None = None) -> None:
    """Show an output once: as HTML in a notebook, as text in a terminal."""
    Live(shell).finish(bundle, metadata)


def say(text: str) -> None:
    """Print lines of plain text."""
    sys.stdout.write(f"{safe(text)}\n")


class Live:
    """One output of a cell. In a terminal, a line that overwrites itself, then the last text.

    `pages` tells whether a notebook shows it.
    """

    def __init__(self, shell: Shell) -> None:
        self.pages = has_pages(shell)
        # Kept, for %%capture of another cell puts its own in this place while it runs.
        self._publisher = shell.display_pub
        self._id = ""
        self._width = 0

    def update(self, bundle: Mapping[str, Any], metadata: Mapping[str, Any] | None = None) -> None:
        """Show how things stand."""
        if self.pages:
            self._publish(bundle, metadata)
        elif sys.stderr.isatty():  # a file would keep every state of the line
            line = one_line(str(bundle["text/plain"]).partition("\n")[0])
            self._overwrite(line)

    def finish(self, bundle: Mapping[str, Any], metadata: Mapping[str, Any] | None = None) -> None:
        """Show what stays; `metadata` is that of the HTML."""
        if self.pages:
            self._publish(bundle, {"text/html": dict(metadata)} if metadata else {})
            return
        self._overwrite("")
        say(bundle["text/plain"])

    def print(self, lines: Iterable[str]) -> None:
        """In a terminal: print lines that stay above what changes."""
        for line in lines:
            self._overwrite("")
            say(line)

    def _publish(self, bundle: Mapping[str, Any], metadata: Mapping[str, Any] | None) -> None:
        known, self._id = self._id, self._id or uuid.uuid4().hex
        self._publisher.publish(
            data={kind: safe(v) if kind == "text/plain" else v for kind, v in bundle.items()},
            metadata=dict(metadata or {}),
            transient={"display_id": self._id},
            update=bool(known),
        )

    def _overwrite(self, line: str) -> None:
        if self._width or line:
            sys.stderr.write(f"\r{line.ljust(self._width)}" + ("" if line else "\r"))
            sys.stderr.flush()
            self._width = len(line)

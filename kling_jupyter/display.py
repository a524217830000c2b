"""The one output of a cell, replaced as things go on, and the front end that shows it.

Only `display_id` updates are used from other threads: they reach the right cell in every kernel
and are saved with the notebook.
"""

from __future__ import annotations

import contextvars
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from typing import Any

from IPython.display import display  # pyright: ignore[reportUnknownVariableType]

from kling_jupyter.figure import Bundle

__all__ = ["Live", "Shell", "has_pages", "say", "show", "ticking"]

Shell = Any
"""IPython's `InteractiveShell`, whose own types are too partial for a strict checker."""


def has_pages(shell: Shell) -> bool:
    """Whether a notebook shows the outputs; False in a terminal."""
    return getattr(shell, "kernel", None) is not None


def show(shell: Shell, bundle: Bundle, metadata: Mapping[str, Any] | None = None) -> None:
    """Show an output once: as HTML in a notebook, as text in a terminal."""
    Live(shell).finish(bundle, metadata)


def say(text: str) -> None:
    """Print lines of plain text."""
    sys.stdout.write(f"{text}\n")


class Live:
    """One output of a cell. In a terminal, a line that overwrites itself, then the last text.

    `pages` tells whether a notebook shows it.
    """

    def __init__(self, shell: Shell) -> None:
        self.pages = has_pages(shell)
        self._handle: Any = None
        self._width = 0

    def update(self, bundle: Bundle) -> None:
        """Show how things stand."""
        if self.pages:
            self._publish(bundle, None)
        elif sys.stderr.isatty():
            line = bundle["text/plain"].partition("\n")[0]
            self._overwrite(line)

    def finish(self, bundle: Bundle, metadata: Mapping[str, Any] | None = None) -> None:
        """Show what stays."""
        if self.pages:
            self._publish(bundle, metadata)
            return
        self._overwrite("")
        say(bundle["text/plain"])

    def print(self, lines: Iterable[str]) -> None:
        """In a terminal: print lines that stay above what changes."""
        for line in lines:
            self._overwrite("")
            say(line)

    def _publish(self, bundle: Bundle, metadata: Mapping[str, Any] | None) -> None:
        facts = {"text/html": dict(metadata)} if metadata else {}
        if self._handle is None:
            self._handle = display(bundle, raw=True, display_id=True, metadata=facts)
        else:
            self._handle.update(bundle, raw=True, metadata=facts)

    def _overwrite(self, line: str) -> None:
        if self._width or line:
            sys.stderr.write(f"\r{line.ljust(self._width)}" + ("" if line else "\r"))
            sys.stderr.flush()
            self._width = len(line)


@contextmanager
def ticking(tick: Callable[[float], None], every: float = 1.0) -> Generator[None]:
    """Call `tick` with the seconds gone by, every so often, until the block ends."""
    start, ended = time.monotonic(), threading.Event()

    def run() -> None:
        while not ended.wait(every):
            tick(time.monotonic() - start)

    # The kernel finds the cell of an output by the context, which a new thread has not.
    context = contextvars.copy_context()
    thread = threading.Thread(target=context.run, args=(run,), name="kling-progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()

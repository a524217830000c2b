"""What a form has made, in one output below it: cards while it runs, then figures that stay.

The output is made with the form and replaced by its id, for what a callback displays anew is lost
in some kernels and lands in the wrong cell in others.
"""

# ipywidgets has no complete types.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportMissingTypeStubs=false

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from kling_jupyter.display import Live, Shell

if TYPE_CHECKING:
    from kling_jupyter.jobs.job import Job
    from kling_jupyter.jobs.views import Ending, News
    from kling_jupyter.widgets.card import Card

__all__ = ["Results"]

_VIEW = "application/vnd.jupyter.widget-view+json"


class Results:
    """The output below a form; the newest result stands on top."""

    def __init__(self, shell: Shell) -> None:
        self._shell = shell
        self._live: Live | None = None
        self._entries: list[_Entry] = []
        self._lock = threading.RLock()

    def show(self) -> None:
        """Make the output in the cell that runs now, below what it has shown."""
        with self._lock:
            self._live = Live(self._shell)
            self.publish()

    def add(self, job: Job) -> None:
        """Let a job appear there."""
        from kling_jupyter.widgets.card import Card

        entry = _Entry(self, Card(job.news(), job.stop))
        with self._lock:
            self._entries.insert(0, entry)
        job.view(entry)
        self.publish()

    def publish(self) -> None:
        """Show everything as it is."""
        with self._lock:
            if self._live is None:
                return
            html = "".join(entry.html for entry in self._entries)
            plain = "\n".join(entry.plain for entry in self._entries)
            data: dict[str, Any] = {"text/html": html, "text/plain": plain}
            if any(entry.card is not None for entry in self._entries):
                data[_VIEW] = self._box()._repr_mimebundle_()[_VIEW]
            self._live.update(data)

    def _box(self) -> Any:
        import ipywidgets

        return ipywidgets.VBox(
            [
                entry.card if entry.card is not None else ipywidgets.HTML(entry.html)
                for entry in self._entries
            ]
        )


class _Entry:
    """One job there: a card, then what it has left."""

    def __init__(self, results: Results, card: Card) -> None:
        self._results = results
        self._shown = card
        self.card: Card | None = card
        self.html = self.plain = ""

    def tell(self, news: News) -> None:
        """Show how the job stands."""
        self._shown.tell(news)
        self.plain = f"{news.words} {news.back}".strip()

    def end(self, news: News, ending: Ending) -> None:
        """Show what the job has left."""
        self.html, self.plain = ending.bundle["text/html"], ending.bundle["text/plain"]
        self.card = None
        self._results.publish()
        self._shown.end(news, ending)

"""What a job tells whoever shows it, and the view of one that is only printed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from kling_jupyter.display import Bundle, Live, Shell
from kling_jupyter.html import task_figure

__all__ = ["Ending", "LiveView", "News", "Phase", "Printed", "View", "span"]

Phase = Literal["submitting", "waiting", "running", "downloading", "succeeded", "failed", "stopped"]


@dataclass(frozen=True, slots=True)
class News:
    """How a job stands.

    `words` say the state; `seconds` have gone by since it began, and `usual` is the shortest and
    the longest time that its like took before. `facts` are model, length, price and id. `back` is
    what to type to get the task later, empty before there is one.
    """

    phase: Phase
    words: str
    seconds: float
    usual: tuple[float, float] | None
    facts: tuple[str, ...]
    notes: tuple[str, ...]
    command: str
    prompt: str
    back: str


@dataclass(frozen=True, slots=True)
class Ending:
    """What a job leaves: the output that stays, its metadata, and the files in their order."""

    bundle: Bundle
    metadata: Mapping[str, Any]
    files: Sequence[tuple[str, Path]] = ()
    """Each file with its kind: video, image or audio."""


class View(Protocol):
    """Something that shows a job. Called from any thread, one call at a time."""

    def tell(self, news: News) -> None:
        """Show how it stands."""

    def end(self, news: News, ending: Ending) -> None:
        """Show what stays; nothing is told after it."""


LiveView = Callable[[Shell, News, Callable[[], None]], View]
"""Makes the live view of a job in the cell that runs now; it may call the last to stop the job."""


class Printed:
    """A line of text that changes, in a terminal or in a notebook that nobody looks at."""

    def __init__(self, shell: Shell) -> None:
        self.live = Live(shell)
        self._said = 0
        self._state = ""

    def tell(self, news: News) -> None:
        """Show state, seconds and facts, and print notes once."""
        notes = news.notes[self._said :]
        if not self.live.pages:
            self.live.print(task_figure.noted(notes))
            self._said = len(news.notes)
        changed, self._state = news.words != self._state, news.words
        words = [news.words, f"{news.seconds:.0f} s", *_usually(news), *news.facts]
        self.live.update(task_figure.of_state(words, notes, announce=changed))

    def end(self, news: News, ending: Ending) -> None:
        """Leave the last word."""
        bundle = ending.bundle
        if self._said:
            bundle = {**bundle, "text/plain": _without(bundle["text/plain"], news.notes)}
        self.live.finish(bundle, ending.metadata)


def span(usual: tuple[float, float]) -> str:
    """A time from the shortest to the longest, in words: 58 s, 1:02 to 1:15."""
    low, high = (_clock(seconds) for seconds in usual)
    return low if low == high else f"{low} to {high}"


def _usually(news: News) -> list[str]:
    return [f"usually {span(news.usual)}"] if news.usual and news.phase == "running" else []


def _clock(seconds: float) -> str:
    whole = round(seconds)
    return f"{whole} s" if whole < 60 else f"{whole // 60}:{whole % 60:02}"


def _without(plain: str, notes: Sequence[str]) -> str:
    """The text less the notes that have been printed before."""
    said = set(task_figure.noted(notes))
    return "\n".join(line for line in plain.split("\n") if line not in said)

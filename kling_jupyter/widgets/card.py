"""The card of a job: how it stands while it runs, and its files for pages that were reloaded.

When the job ends, the card's output is replaced by static HTML. A page that was reloaded meanwhile
does not take part in that, so its card stays, and plays the files through the kernel.
"""

# ipywidgets has no complete types.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, cast

import traitlets

from kling_jupyter.display import Bundle, Live, Shell
from kling_jupyter.html import task_figure
from kling_jupyter.jobs.views import Ending, News, span
from kling_jupyter.widgets.base import Widget, script, style

__all__ = ["Card", "CellCard", "PlacedCard"]

CHUNK = 1 << 20
"""Bytes of a file in one message to the page."""

_VIEW = "application/vnd.jupyter.widget-view+json"


class Card(Widget):
    """How a job stands; its button calls `stop`.

    `elapsed` in seconds; the page's own clock goes on from there.
    `usual` is a time in words with `usual_most`, its longest, in seconds; 0 when nothing is known.
    """

    _esm = script("card")
    _css = style("card")

    command = traitlets.Unicode("").tag(sync=True)
    prompt = traitlets.Unicode("").tag(sync=True)
    phase = traitlets.Unicode("submitting").tag(sync=True)
    words = traitlets.Unicode("").tag(sync=True)
    elapsed = traitlets.Float(0.0).tag(sync=True)
    usual = traitlets.Unicode("").tag(sync=True)
    usual_most = traitlets.Float(0.0).tag(sync=True)
    facts = traitlets.List(traitlets.Unicode()).tag(sync=True)
    notes = traitlets.List(traitlets.Unicode()).tag(sync=True)
    error = traitlets.List(traitlets.Unicode()).tag(sync=True)
    keep = traitlets.Unicode("").tag(sync=True)
    poster = traitlets.Unicode("").tag(sync=True)
    files = traitlets.List(traitlets.Dict()).tag(sync=True)

    def __init__(self, news: News, stop: Callable[[], None]) -> None:
        super().__init__(**_values(news))
        self._stop = stop
        self._paths: list[Path] = []
        self._pages = 0
        self._ended = False

    def tell(self, news: News) -> None:
        """Show how the job stands."""
        with self.hold_sync():
            for name, value in _values(news).items():
                setattr(self, name, value)

    def end(self, news: News, ending: Ending, keep: str = "") -> None:
        """Show what the job has left; its files are played through the kernel.

        `keep` is what to type to have them in the saved notebook.
        """
        self._paths = [path for _, path in ending.files]
        with self.hold_sync():
            self.tell(news)
            self.keep = keep
            if ending.files:
                kind, path = ending.files[0]
                self.poster = task_figure.still(kind, path, 640)[0]
                self.files = [
                    {"kind": kind, "name": path.name, "size": path.stat().st_size}
                    for kind, path in ending.files
                ]
            else:
                self.error = ending.bundle["text/plain"].split("\n")
        self._ended = True

    def close(self) -> None:
        """Close the card, and its layout, which is a widget too."""
        layout = cast("Any", self.layout)
        super().close()
        if layout is not None:
            layout.close()

    def received(self, message: Mapping[str, Any], buffers: Sequence[bytes]) -> None:  # noqa: ARG002
        """Stop, send a file, or count the pages that show the card.

        Once the job has ended and no page shows the card any more, nobody needs it.
        """
        match message.get("kind"):
            case "stop":
                self._stop()
            case "play":
                self._play(int(message["file"]), str(message["for"]))
            case "here":
                self._pages += 1
            case "gone":
                self._pages -= 1
                if self._ended and self._pages <= 0:
                    self.close()
            case _:
                pass

    def _play(self, number: int, asker: str) -> None:
        path = self._paths[number]
        with path.open("rb") as file:
            size = path.stat().st_size
            count = max(1, -(-size // CHUNK))
            for i in range(count):
                head = {"kind": "chunk", "for": asker, "file": number, "at": i, "of": count}
                self.send(head, [file.read(CHUNK)])


class CellCard:
    """A card in the output of a cell, and what replaces it."""

    def __init__(self, shell: Shell, news: News, stop: Callable[[], None]) -> None:
        self._live = Live(shell)
        self.card = Card(news, stop)
        self._named: str | None = None

    def tell(self, news: News) -> None:
        """Show how the job stands; once its task is known, what is saved names it."""
        self.card.tell(news)
        if self._named != news.back:
            self._named = news.back
            self._live.update(*self._bundle(_fallback(news)))

    def end(self, news: News, ending: Ending) -> None:
        """Replace the card, unless only it can play what lies outside the notebook's folder."""
        if _served(ending):
            self._live.finish(ending.bundle, ending.metadata)
            self.card.end(news, ending, keep=news.back)
        else:
            self._live.update(*self._bundle(ending.bundle, ending.metadata))
            self.card.end(news, ending)

    def _bundle(
        self, other: Bundle, metadata: Mapping[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """The card, and what stands in its place where there are no widgets."""
        made = cast("tuple[dict[str, Any], dict[str, Any]]", self.card._repr_mimebundle_())  # pyright: ignore[reportPrivateUsage]
        data, facts = made
        html = {"text/html": dict(metadata)} if metadata else {}
        return {**other, _VIEW: data[_VIEW]}, {**facts, **html}


class PlacedCard:
    """A card that stands somewhere else: in a form, or where its holder shows it."""

    def __init__(self, card: Card) -> None:
        self.card = card

    def tell(self, news: News) -> None:
        """Show how the job stands."""
        self.card.tell(news)

    def end(self, news: News, ending: Ending) -> None:
        """Show what the job has left."""
        self.card.end(news, ending)


def _served(ending: Ending) -> bool:
    """Whether the static output can play every file; Colab serves none to its pages."""
    if "google.colab" in sys.modules:
        return False
    named: Sequence[str] = ending.metadata.get("kling", {}).get("files", ())
    return not any(Path(name).is_absolute() for name in named)


def _values(news: News) -> dict[str, Any]:
    return {
        "command": news.command,
        "prompt": news.prompt,
        "phase": news.phase,
        "words": news.words,
        "elapsed": news.seconds,
        "usual": span(news.usual) if news.usual else "",
        "usual_most": news.usual[1] if news.usual else 0.0,
        "facts": list(news.facts),
        "notes": list(news.notes),
    }


def _fallback(news: News) -> Bundle:
    """What an untrusted notebook and a front end without widgets show."""
    at = f"{news.words} at {datetime.now().astimezone():%Y-%m-%d %H:%M}"
    way = [f"get it with {news.back}"] if news.back else []
    return task_figure.of_state([at, *news.facts, *way], news.notes)

"""One task of the ledger: its outputs as players, or in words why there are none."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from kling_core.commands import readable, tasks
from kling_core.commands.find import short
from kling_core.commands.show import content
from kling_core.flows.known_rows import is_known
from kling_jupyter.errors import in_notebook
from kling_jupyter.html import task_figure
from kling_jupyter.html.styles import LINE, LINK, QUIET

if TYPE_CHECKING:
    from kling_core.client import Kling
    from kling_core.ledger.records import Kept, Row

__all__ = ["TaskPlayers", "players_of"]

_SIDE = 320
"""Width of a poster in pixels; with `_BYTES` of JPEG, twenty clips stay far below 0.6 MB."""

_BYTES = 9_000
_LONGEST = 400


@dataclass(frozen=True, slots=True)
class TaskPlayers:
    """A row with what is shown of it.

    `saved` are its outputs that are on disk; `days` those until Kling purges them, None when that
    is not known; `age` is in seconds.
    """

    row: Row
    kept: Sequence[Kept]
    days: int | None
    age: float

    @property
    def saved(self) -> list[Kept]:
        return [kept for kept in self.kept if tasks.on_disk(kept)]

    @property
    def label(self) -> str:
        """Its prompt in one line, else what made it; for people who do not see the picture."""
        text = " ".join(self.row.text.split())
        return (text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…") or self.command

    @property
    def command(self) -> str:
        """The endpoint as it is typed."""
        return self.row.endpoint.replace("_", "-")

    @property
    def absent(self) -> str:
        """Why outputs are not shown and what to do; empty when all are on disk."""
        row, ident = self.row, short(self.row)
        if row.state in ("failed", "rejected", "expired"):
            return f"{row.state}: {row.error}" if row.error else row.state
        lost = [kept for kept in self.kept if kept.is_file and not tasks.on_disk(kept)]
        if not is_known(row) and (lost or not self.kept):
            return f"{row.state}: this version of kling-suite does not know its endpoint"
        if row.state in tasks.UNSENT:
            return f"{row.state}, never sent: %kling resume --send"
        if row.state != "succeeded":
            how = "resume" if row.state in ("unknown", "submitting") else f"wait {ident}"
            return f"{row.state}, {readable.span(self.age)} so far: %kling {how}"
        if not lost:
            return "" if self.kept else f"Kling has not named its result yet: %kling wait {ident}"
        path = lost[0].path
        gone = "whole" if path and Path(path).is_file() else "there"
        was = f"{path} is not {gone} any more" if path else "not on disk"
        if self.days is not None and self.days < 0:
            return f"{was}, and Kling has purged it after 30 days"
        left = f", {self.days} d left" if self.days is not None else ""
        return f"{was}{left}: %kling wait {ident}"

    @property
    def keeping(self) -> str:
        """Where it is kept: saved, and for how many days more at Kling; empty when it has none."""
        if self.row.state != "succeeded" or not self.kept:
            return ""
        if len(self.saved) < len([kept for kept in self.kept if kept.is_file]):
            if self.days is None:
                return "not saved"
            return "purged" if self.days < 0 else f"not saved, {self.days} d left"
        return "saved" if self.days is None or self.days < 0 else f"saved, {self.days} d at Kling"

    def facts(self) -> list[str]:
        """State, what made it, cost, keeping, age: in words."""
        row = self.row
        known = [
            "" if row.state == "succeeded" else row.state,
            self.command,
            row.model_name,
            row.project,
            tasks.price(row),
            self.keeping,
            f"{readable.span(self.age)} ago",
        ]
        return [fact for fact in known if fact]

    def players(self, folder: Path, style: str) -> str:
        """Its outputs as HTML, each with this style, and what is to be said of those that miss."""
        saved = self.saved
        limit = _BYTES // max(len(saved), 1) if len(saved) > 1 else _BYTES
        shown = [_player(kept, folder, self.label, style, max(limit, 2_500)) for kept in saved]
        shown += [_said(kept, style) for kept in self.kept if not kept.is_file]
        if self.absent:
            text = html.escape(in_notebook(self.absent))
            shown.append(
                f'<div style="{style};background:none;height:auto;aspect-ratio:auto;'
                f"box-sizing:border-box;padding:12px;border:1px dashed {LINE};"
                f'overflow-wrap:anywhere">{text}</div>'
            )
        return "".join(shown)

    def links(self, folder: Path) -> str:
        """Its files by name, each a link when the notebook can serve it."""
        return " · ".join(_link(Path(kept.path or ""), folder) for kept in self.saved)


def players_of(kling: Kling, row: Row, kept: Sequence[Kept], now: float) -> TaskPlayers:
    """A row with its outputs, to be shown; `now` by the ledger's clock."""
    days = tasks.days_left(kling.tasks.get(row.id)) if row.state == "succeeded" else None
    return TaskPlayers(row, kept, days, max(now - row.created_at, 0.0))


def _player(kept: Kept, folder: Path, label: str, style: str, limit: int) -> str:
    path, label = Path(kept.path or ""), html.escape(label)
    below = task_figure.relative(path, folder)
    link = html.escape(quote(below)) if below is not None else None
    if kept.kind == "audio":
        return (
            f'<audio controls preload="none" src="{link}" aria-label="{label}" '
            'style="width:100%"></audio>'
            if link
            else ""
        )
    data, _, _ = task_figure.still(kept.kind, path, _SIDE, limit)
    if kept.kind == "image" or link is None:  # a clip that no page reaches shows its poster
        if not data:
            return f'<div style="{style}">{label}</div>'
        picture = f'<img src="{data}" alt="{label}" style="{style}">'
        return f'<a href="{link}">{picture}</a>' if link else picture
    poster = f' poster="{data}"' if data else ""
    return (
        f'<video controls preload="none" playsinline src="{link}"{poster} '
        f'aria-label="{label}" style="{style}"></video>'
    )


def _said(kept: Kept, style: str) -> str:
    """An output that is no file, in words."""
    return (
        f'<div style="{style};background:none;height:auto;aspect-ratio:auto;'
        f'overflow-wrap:anywhere">{html.escape(content(kept))}</div>'
    )


def _link(path: Path, folder: Path) -> str:
    below = task_figure.relative(path, folder)
    if below is None:
        return f'<span style="{QUIET};overflow-wrap:anywhere">{html.escape(str(path))}</span>'
    link = html.escape(quote(below))
    return f'<a href="{link}" style="{LINK};overflow-wrap:anywhere">{html.escape(path.name)}</a>'

"""Posters: many tasks as a gallery that plays.

Static HTML with inline styles: it stays in the saved notebook, needs no kernel and no script, and
survives a front end that does not trust the notebook.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kling_core.commands import readable, tasks
from kling_core.commands.find import short
from kling_core.commands.table import Table
from kling_core.declare import registry
from kling_jupyter.html.players import TaskPlayers, players_of
from kling_jupyter.html.styles import FONT, QUIET

if TYPE_CHECKING:
    from kling_core.client import Kling
    from kling_core.ledger.records import Row
    from kling_jupyter.display import Bundle

__all__ = ["Gallery", "of_rows"]

_GRID = "display:grid;grid-template-columns:repeat(auto-fill,minmax(230px,1fr));gap:16px 12px"
_BOX = (
    "display:block;width:100%;aspect-ratio:16/9;object-fit:contain;background:#111;"
    "border-radius:4px"
)
_SEVERAL = "display:grid;grid-template-columns:1fr 1fr;gap:4px"


class Gallery:
    """A gallery as a value, for code without magics; it is made when it is shown.

    `words` are looked for in the prompts; `endpoint` and `project` leave out others; `limit` is the
    most of them, 0 for all. `folder` is the notebook's, the present one by default: what lies below
    it is linked.
    """

    def __init__(
        self,
        kling: Kling,
        words: str = "",
        *,
        endpoint: str | None = None,
        project: str | None = None,
        limit: int = 20,
        folder: str | Path = "",
    ) -> None:
        self._kling = kling
        self._folder = Path(folder).absolute()
        self._chosen: dict[str, Any] = {
            "words": words or None,
            "endpoint": registry.get(endpoint).name if endpoint else None,
            "project": project,
            "limit": limit or None,
        }

    def _repr_mimebundle_(self, **_: Any) -> Bundle:
        rows = self._kling.session.ledger().rows(**self._chosen)
        return of_rows(self._kling, rows, self._folder)

    def _repr_html_(self) -> str:
        return self._repr_mimebundle_()["text/html"]

    def __repr__(self) -> str:
        return self._repr_mimebundle_()["text/plain"]


def of_rows(kling: Kling, rows: Sequence[Row], folder: Path) -> Bundle:
    """The tasks in this order; `folder` is the notebook's, files below it are linked."""
    kept, now = tasks.kept_by_task(kling, rows), kling.session.ledger().now()
    shown = [players_of(kling, row, kept.get(row.id, ()), now) for row in rows]
    items = "".join(_item(one, folder) for one in shown)
    heading = _heading(rows)
    free = "" if kling.sandbox is None else ", free in the sandbox"
    return {
        "text/plain": "\n".join([heading + free, *_listed(shown, folder).lines()]),
        "text/html": (
            f'<section class="kling-gallery" style="margin:4px 8px;{FONT}">'
            f'<h3 style="margin:0 0 8px;font-size:1.15em">{html.escape(heading + free)}</h3>'
            f'<ul style="list-style:none;margin:0;padding:0;{_GRID}">{items}</ul></section>'
        ),
    }


def _heading(rows: Sequence[Row]) -> str:
    """How many there are, and what they cost as far as that is known."""
    free = ("rejected", "failed", *tasks.UNSENT)
    expected = (row.quote_usd for row in rows if row.cost_usd is None and row.state not in free)
    paid = [*(row.cost_usd for row in rows), *expected]
    cost = sum((amount for amount in paid if amount is not None), Decimal(0))
    return f"{readable.plural(len(rows), 'task')}, {readable.money(cost)}"


def _item(one: TaskPlayers, folder: Path) -> str:
    players = one.players(folder, _BOX)
    if len(one.saved) > 1:
        players = f'<div style="{_SEVERAL}">{players}</div>'
    facts = " · ".join(map(html.escape, one.facts()))
    links = one.links(folder)
    prompt = html.escape(one.label)
    clamp = "display:-webkit-box;-webkit-box-orient:vertical;-webkit-line-clamp:3;overflow:hidden"
    return (
        '<li style="margin:0;min-width:0"><figure style="margin:0">'
        f"{players}"
        f'<figcaption style="margin-top:4px;text-align:left">'
        f'<div style="{clamp};overflow-wrap:anywhere">{prompt}</div>'
        f'<div style="{QUIET};font-size:.92em">{facts}<br>{html.escape(short(one.row))}'
        f"{' · ' if links else ''}{links}</div></figcaption></figure></li>"
    )


def _listed(shown: Sequence[TaskPlayers], folder: Path) -> Table:
    from kling_jupyter.html import task_figure

    def where(one: TaskPlayers) -> str:
        files = [Path(kept.path or "") for kept in one.saved]
        return ", ".join(task_figure.relative(f, folder) or str(f) for f in files) or one.absent

    rows = [
        (
            short(one.row),
            one.command,
            tasks.price(one.row),
            tasks.prompt(one.row.text, narrow=True),
            where(one),
        )
        for one in shown
    ]
    return Table(("id", "endpoint", "cost", "prompt", "file"), rows)

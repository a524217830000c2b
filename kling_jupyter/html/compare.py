"""Two tasks side by side: their outputs at one height, and the fields in which they differ."""

from __future__ import annotations

import difflib
import html
import re
from pathlib import Path
from typing import TYPE_CHECKING

from kling_core.commands import compare
from kling_core.commands.find import short
from kling_core.commands.table import Table
from kling_jupyter.html.players import TaskPlayers, players_of
from kling_jupyter.html.styles import FONT, LINE, QUIET

if TYPE_CHECKING:
    from kling_core.client import Kling
    from kling_core.commands.compare import Difference
    from kling_core.ledger.records import Row
    from kling_jupyter.display import Bundle

__all__ = ["of_rows"]

_BOX = "display:block;width:100%;height:260px;object-fit:contain;background:#111;border-radius:4px"
_CELL = "text-align:left;vertical-align:top;white-space:pre-wrap;overflow-wrap:anywhere"
_NAME = f"text-align:left;vertical-align:top;white-space:nowrap;font-weight:normal;{QUIET}"
_MARK = "background:rgba(255,190,0,.35);color:inherit;font-weight:600;border-radius:2px"
_SAME = "The requests are the same."


def of_rows(kling: Kling, first: Row, second: Row, folder: Path) -> Bundle:
    """The two; `folder` is the notebook's, files below it are linked."""
    ledger = kling.session.ledger()
    now = ledger.now()
    pair = [players_of(kling, row, ledger.kept(row.id), now) for row in (first, second)]
    differ = compare.between(first, second)
    outcomes = compare.outcomes(first, second)
    figures = "".join(_figure(one, folder) for one in pair)
    names = [short(one.row) for one in pair]
    note = "" if differ else f'<p style="margin:4px 0">{_SAME}</p>'
    return {
        "text/plain": _plain(names, [*differ, *outcomes], same=not differ),
        "text/html": (
            f'<section class="kling-comparison" style="margin:4px 8px;{FONT}">'
            f'<div style="display:flex;flex-wrap:wrap;gap:12px">{figures}</div>{note}'
            f"{_table(names, differ, outcomes)}</section>"
        ),
    }


def _figure(one: TaskPlayers, folder: Path) -> str:
    prompt = html.escape(one.label)
    return (
        '<figure style="margin:0;flex:1 1 300px;min-width:0">'
        f"{one.players(folder, _BOX)}"
        f'<figcaption style="margin-top:4px;text-align:left"><strong>{short(one.row)}</strong> '
        f'{prompt}<div style="{QUIET}">{html.escape(" · ".join(one.facts()))}</div>'
        "</figcaption></figure>"
    )


def _table(names: list[str], differ: list[Difference], outcomes: list[Difference]) -> str:
    heads = "".join(
        f'<th scope="col" style="{_CELL};border-bottom:1px solid {LINE}">{html.escape(name)}</th>'
        for name in names
    )
    rows = [_row(line.name, *_marked(line.first, line.second)) for line in differ]
    rows += [_row(o.name, html.escape(o.first), html.escape(o.second)) for o in outcomes]
    caption = "In what they differ" if differ else "What became of them"
    return (
        f'<table style="margin:8px 0;{FONT}"><caption style="text-align:left;font-weight:600;'
        f'color:inherit;caption-side:top">{caption}</caption><thead><tr><td></td>{heads}</tr>'
        f"</thead><tbody>{''.join(rows)}</tbody></table>"
    )


def _row(name: str, first: str, second: str) -> str:
    return (
        f'<tr><th scope="row" style="{_NAME}">{html.escape(name)}</th>'
        f'<td style="{_CELL}">{first}</td><td style="{_CELL}">{second}</td></tr>'
    )


def _marked(first: str, second: str) -> tuple[str, str]:
    """Two values with the words that differ marked."""
    ours, theirs = (re.findall(r"\s+|\w+|[^\w\s]", text) for text in (first, second))
    shown: tuple[list[str], list[str]] = ([], [])
    # Of long texts it would else take frequent words for noise.
    matcher = difflib.SequenceMatcher(None, ours, theirs, autojunk=False)
    for kind, a, b, c, d in matcher.get_opcodes():
        for target, piece in zip(shown, ("".join(ours[a:b]), "".join(theirs[c:d])), strict=True):
            text = html.escape(piece)
            plain = kind == "equal" or not piece.strip()
            target.append(text if plain else f'<mark style="{_MARK}">{text}</mark>')
    return "".join(shown[0]), "".join(shown[1])


def _plain(names: list[str], lines: list[Difference], *, same: bool) -> str:
    table = Table(("", *names), [tuple(" ".join(v.split()) for v in line) for line in lines])
    return "\n".join([*([_SAME] if same else []), *table.lines()])

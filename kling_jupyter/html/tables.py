"""Tables and texts: the reports of the core as HTML and as text."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from kling_core.text import safe
from kling_jupyter.errors import in_notebook
from kling_jupyter.html.styles import FONT, LINE, QUIET

if TYPE_CHECKING:
    from kling_core.commands.show import Facts
    from kling_core.commands.table import Table
    from kling_jupyter.display import Bundle

__all__ = ["joined", "of_code", "of_facts", "of_lines", "of_table"]


def of_table(table: Table, notes: Sequence[str] = (), warnings: Sequence[str] = ()) -> Bundle:
    """A table, with warnings before it and notes after it; columns of numbers to the right."""
    before = [f"warning: {in_notebook(warning)}" for warning in warnings]
    after = [in_notebook(note) for note in notes]
    shown = table.lines() if table.rows else []
    title = [table.title] if table.title else []
    return {
        "text/plain": safe("\n".join([*before, *title, *shown, *after])),
        "text/html": _paragraphs(before) + (_table(table) if table.rows else "") + _quiet(after),
    }


def of_lines(lines: Sequence[str]) -> Bundle:
    """Plain lines, each a paragraph."""
    said = [in_notebook(line) for line in lines]
    return {"text/plain": safe("\n".join(said)), "text/html": _paragraphs(said)}


def of_code(text: str) -> Bundle:
    """Code as it is typed."""
    return {
        "text/plain": text,
        "text/html": f'<pre style="margin:4px 8px;white-space:pre-wrap"><code>'
        f"{html.escape(text)}</code></pre>",
    }


def of_facts(facts: Facts) -> Bundle:
    """A heading, named values, and the family of a task."""
    rows = [(name, in_notebook(value).splitlines()) for name, value in facts.values]
    width = max(len(name) for name, _ in rows)
    plain = [facts.heading]
    for name, (first, *more) in rows:
        plain += [f"  {name:{width}}  {first}", *(f"  {'':{width}}  {line}" for line in more)]
    if facts.family:
        plain += ["  family", *(f"    {line}" for line in facts.family)]
    cells = "".join(
        f'<tr><th scope="row" style="{_LEFT};white-space:nowrap;{QUIET};font-weight:normal">'
        f'{html.escape(name)}</th><td style="{_LEFT};overflow-wrap:anywhere">'
        f"{'<br>'.join(map(html.escape, lines))}</td></tr>"
        for name, lines in rows
    )
    family = "\n".join(facts.family)
    tree = (
        f'<p style="margin:8px 8px 0;{FONT}">Family</p>'
        f'<pre style="margin:0 8px">{html.escape(family)}</pre>'
        if family
        else ""
    )
    return {
        "text/plain": safe("\n".join(plain)),
        "text/html": (
            f'<table style="margin:4px 8px;{FONT}">'
            f'<caption style="{_CAPTION}">{html.escape(facts.heading)}</caption>'
            f"<tbody>{cells}</tbody></table>{tree}"
        ),
    }


def joined(*bundles: Bundle) -> Bundle:
    """Several outputs as one, in this order."""
    return {
        "text/plain": "\n".join(b["text/plain"] for b in bundles if b["text/plain"]),
        "text/html": "".join(b["text/html"] for b in bundles),
    }


_LEFT = "text-align:left;vertical-align:top"
_CAPTION = "text-align:left;font-weight:600;color:inherit;caption-side:top"
# With what stands for none, so that a column of numbers stays one.
_NUMBER = re.compile(r"~?-?\$?[\d,.]+|[-?–]|")


def _table(table: Table) -> str:
    columns = list(zip(*table.rows, strict=True))
    sides = ["right" if all(map(_NUMBER.fullmatch, c)) and any(c) else "left" for c in columns]
    heads = "".join(
        f'<th scope="col" style="text-align:{side};border-bottom:1px solid {LINE}">'
        f"{html.escape(head)}</th>"
        if head
        else "<td></td>"
        for head, side in zip(table.head, sides, strict=True)
    )
    rows = "".join(
        "<tr>"
        + "".join(
            f'<td style="text-align:{side};vertical-align:top">{html.escape(cell)}</td>'
            for cell, side in zip(row, sides, strict=True)
        )
        + "</tr>"
        for row in table.rows
    )
    title = f'<caption style="{_CAPTION}">{html.escape(table.title)}</caption>'
    return (
        f'<table style="margin:4px 8px;{FONT}">{title if table.title else ""}'
        f"<thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"
    )


def _paragraphs(lines: Iterable[str]) -> str:
    return "".join(
        f'<p style="margin:2px 8px;{FONT};white-space:pre-wrap">{html.escape(line)}</p>'
        for line in lines
    )


def _quiet(lines: Iterable[str]) -> str:
    return "".join(
        f'<p style="margin:2px 8px;{FONT};{QUIET}">{html.escape(line)}</p>' for line in lines
    )

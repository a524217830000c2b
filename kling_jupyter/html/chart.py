"""Costs by day as bars: a small SVG that stays in the notebook, beside the table of its numbers."""

from __future__ import annotations

import html
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import ROUND_CEILING, Decimal
from typing import TYPE_CHECKING

from kling_core.commands import costs as spending
from kling_core.commands import readable
from kling_jupyter.html.styles import FONT

if TYPE_CHECKING:
    from kling_core.ledger.records import Costs

__all__ = ["of_costs"]

_WIDTH, _HEIGHT, _LEFT, _TOP, _BOTTOM = 640, 180, 56, 12, 28
_MOST = 40
"""Bars that fit; of more lines only the last are drawn."""

_ESTIMATE = "currentColor"
_ACTUAL = "var(--jp-brand-color1,var(--vscode-charts-blue,#1a73e8))"


def of_costs(by: str, costs: Sequence[Costs]) -> str:
    """The plot as HTML: for each line its estimate as an outline, its actual cost filled.

    Days without tasks are drawn as gaps, so that the axis is one of time.
    """
    bars = _by_day(costs) if by == "day" else [(c.key or "(none)", c) for c in costs]
    bars = bars[-_MOST:]
    sums = (max(c.estimate, c.actual or Decimal(0)) for _, c in bars if c)
    top = _ceiling(max(sums, default=Decimal(0)))
    step = (_WIDTH - _LEFT) / len(bars)
    drawn = "".join(_bar(i, step, name, line, top) for i, (name, line) in enumerate(bars))
    total = spending.total(costs)
    said = (
        f"Costs by {by}: {readable.money(total.estimate)} estimated, "
        f"{_told(total)} actual. The table below has the numbers."
    )
    return (
        f'<figure style="margin:4px 8px;{FONT}">'
        f'<svg role="img" aria-label="{html.escape(said)}" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
        f'style="display:block;width:100%;max-width:{_WIDTH}px;height:auto" '
        'xmlns="http://www.w3.org/2000/svg" fill="currentColor" font-size="11" '
        f'font-family="system-ui,sans-serif">{_axis(top)}{drawn}</svg>'
        f'<figcaption style="text-align:left"><span style="display:inline-block;width:10px;'
        f'height:10px;border:1.5px solid {_ESTIMATE}"></span> estimate &nbsp; '
        f'<span style="display:inline-block;width:10px;height:10px;background:{_ACTUAL};'
        f'border:1.5px solid {_ACTUAL}"></span> actual</figcaption></figure>'
    )


def _by_day(costs: Sequence[Costs]) -> list[tuple[str, Costs | None]]:
    """Every day from the first to the last, those without tasks too."""
    known = {line.key: line for line in costs}
    first, last = date.fromisoformat(costs[0].key), date.fromisoformat(costs[-1].key)
    days = [(first + timedelta(days=n)).isoformat() for n in range((last - first).days + 1)]
    return [(day, known.get(day)) for day in days]


def _axis(top: Decimal) -> str:
    lines: list[str] = []
    for part in (Decimal(0), Decimal("0.5"), Decimal(1)):
        y = _y(top * part, top)
        lines.append(
            f'<line x1="{_LEFT}" x2="{_WIDTH}" y1="{y:.1f}" y2="{y:.1f}" stroke="currentColor" '
            f'stroke-opacity="{0.5 if part == 0 else 0.15}"/>'
            f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{readable.money(top * part)}'
            "</text>"
        )
    return "".join(lines)


def _bar(number: int, step: float, name: str, line: Costs | None, top: Decimal) -> str:
    left, wide = _LEFT + number * step + step * 0.15, min(step * 0.7, 48)
    middle = left + wide / 2
    label = name[5:] if len(name) == 10 and name[4:5] == "-" else name
    every = max(1, round(44 / step))  # a label is about 44 px wide
    text = (
        f'<text x="{middle:.1f}" y="{_HEIGHT - 10}" text-anchor="middle">'
        f"{html.escape(_cut(label, step * every))}</text>"
        if number % every == 0
        else ""
    )
    if line is None:
        return text
    base = _y(Decimal(0), top)
    estimate, actual = _y(line.estimate, top), _y(line.actual or Decimal(0), top)
    tip = (
        f"{html.escape(name)}: {readable.plural(line.tasks, 'task')}, "
        f"{readable.money(line.estimate)} "
        f"estimated, {_told(line)} actual"
    )
    return (
        f"<g><title>{tip}</title>"
        f'<rect x="{left:.1f}" y="{actual:.1f}" width="{wide:.1f}" height="{base - actual:.1f}" '
        f'style="fill:{_ACTUAL}"/>'
        f'<rect x="{left:.1f}" y="{estimate:.1f}" width="{wide:.1f}" '
        f'height="{base - estimate:.1f}" fill="none" style="stroke:{_ESTIMATE}" '
        f'stroke-width="1.5"/></g>{text}'
    )


def _told(line: Costs) -> str:
    return "not yet known" if line.actual is None else readable.money(line.actual)


def _y(amount: Decimal, top: Decimal) -> float:
    return _HEIGHT - _BOTTOM - float(amount / top) * (_HEIGHT - _BOTTOM - _TOP)


def _ceiling(amount: Decimal) -> Decimal:
    """A round number at or above the amount: 1, 2 or 5 of its size; at least 10 cents."""
    amount = max(amount, Decimal("0.1"))
    size = Decimal(10) ** amount.adjusted()
    digit = (amount / size).to_integral_value(ROUND_CEILING)
    nice = next(n for n in (1, 2, 5, 10) if n >= digit)
    return size * nice


def _cut(text: str, room: float) -> str:
    most = max(int(room / 6.5), 3)
    return text if len(text) <= most else f"{text[: most - 1]}…"

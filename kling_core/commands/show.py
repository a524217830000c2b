"""Everything that the ledger knows of one task, in words."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kling_core.advice import Advice, Text
from kling_core.commands import readable
from kling_core.commands.find import short
from kling_core.commands.tasks import keeping, on_disk
from kling_core.flows.known_rows import is_known, kept_nowhere
from kling_core.flows.task_state import said_in
from kling_core.text import at

if TYPE_CHECKING:
    from kling_core.client import Kling
    from kling_core.ledger.records import Kept, Row

__all__ = ["Facts", "about", "content", "cost", "took"]

_NOT_KNOWN = "a newer version or a plug-in made it; this version can show it, and not go on with it"


@dataclass(frozen=True, slots=True)
class Facts:
    """One task: a heading, named values, and its family as the lines of a tree.

    A value may have several lines; `family` is empty for a task without relatives.
    """

    heading: str
    values: tuple[tuple[str, str], ...]
    family: tuple[str, ...]


def about(kling: Kling, row: Row, kept: Sequence[Kept]) -> Facts:
    """Everything about a row and its outputs."""
    sent = dict(row.request.get("sent") or {})
    values = [
        *_row(row, kling.session.ledger().now()),
        *([("request", json.dumps(sent, ensure_ascii=False))] if sent else []),
        *(("media", f"{name}: sha256 {digest}") for name, digest in row.media.items()),
        *((f"output {o.number + 1}", Text.lines(_output(kling, row, o))) for o in kept),
    ]
    family = str(kling.tasks.get(row.id).tree()).splitlines()
    heading = f"{short(row)}: {row.state}" + (f", {row.error}" if row.error else "")
    return Facts(heading, tuple(values), tuple(family if len(family) > 1 else ()))


def cost(row: Row) -> str:
    """What it cost, against what was quoted."""
    quoted = readable.amount(row.quote_units, row.quote_usd) or "no price known"
    actual = readable.amount(row.cost_units, row.cost_usd)
    if not actual:
        return f"quoted {quoted}; Kling has not said yet"
    if row.quote_units is None or row.cost_units is None:
        return f"{actual}; quoted: {quoted}"
    if row.cost_units == row.quote_units:
        return f"{actual}, as quoted"
    return f"{actual}, quoted {quoted}: {row.cost_units - row.quote_units:+f} units"


def took(row: Row) -> float | None:
    """Seconds from sending to the end; None when it has not ended."""
    if row.finished_at is None or row.sent_at is None:
        return None
    return row.finished_at - row.sent_at


def _row(row: Row, now: float) -> list[tuple[str, str]]:
    seconds = took(row)
    after = f", after {readable.clock(seconds)}" if seconds is not None else ""
    tries = f", {row.tries} times" if row.tries > 1 else ""
    facts = [
        ("id", row.id),
        ("Kling's id", row.task_id or "-"),
        ("endpoint", row.endpoint.replace("_", "-")),
        ("route", row.route),
        ("not known", _NOT_KNOWN if not is_known(row) else ""),
        ("model", row.model_name or "-"),
        ("project", row.project),
        ("made", readable.local(row.created_at)),
        ("sent", f"{readable.local(row.sent_at)}{tries}" if row.sent_at else "not yet"),
        ("in doubt", _doubt(row, now)),
        ("given up", readable.local(row.given_up_at)),
        ("ended", readable.local(row.finished_at) + after),
        ("cost", cost(row)),
    ]
    return [(name, value) for name, value in facts if value]


def _doubt(row: Row, now: float) -> str:
    """When it will be certain what became of a request whose answer was lost; else empty."""
    if row.state != "unknown" or row.doubt_until is None:
        return ""
    if kept_nowhere(row):
        return "what answers at once cannot be looked up: it counts as made until it is given up"
    if row.doubt_until <= now:
        looks = " looks it up; if Kling does not show it now, nothing was made"
        return Text(Advice("resume by command"), looks)
    when = at(row.doubt_until, now)
    return Text(
        f"until {when}: ",
        Advice("resume by command"),
        " looks again; if it is not there then, nothing was made.\nUntil then it counts as made",
    )


def content(output: Kept) -> str:
    """What an output says that is no file: its text, or else all that Kling says of it."""
    return said_in(output.data)


def _output(kling: Kling, row: Row, output: Kept) -> list[str]:
    named = f" {output.output_id}" if output.output_id else ""
    lines = [f"{output.kind}{named}"]
    if not output.is_file:
        lines.append(content(output))
    elif on_disk(output):
        lines += [f"{output.path} ({output.size:,} bytes)", f"sha256 {output.sha256}"]
    else:
        was = f"was at {output.path}, " if output.path else ""
        kept = keeping(kling, row, [output])
        lines.append(Text(f"{was}not on disk, {kept}: ", Advice("wait", short(row))))
    if output.audit:
        lines.append(f"not what was asked for: {output.audit}")
    return lines

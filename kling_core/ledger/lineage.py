"""Families of tasks: what was extended or lip-synced from what."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from kling_core.declare import registry
from kling_core.ledger.ledger import Ledger
from kling_core.ledger.records import Row
from kling_core.text import one_line


@dataclass(frozen=True, slots=True)
class Tree:
    """A task and everything that was made from it; prints as a tree.

    `asked` is True for the task whose `tree()` this is.
    """

    row: Row
    children: tuple[Tree, ...] = ()
    asked: bool = False

    def __iter__(self) -> Iterator[Row]:
        """All rows of the family, parents before children."""
        yield self.row
        for child in self.children:
            yield from child

    def __str__(self) -> str:
        row = self.row
        words = f" {row.text[:40]!r}" if row.text else ""
        here = " *" if self.asked else ""
        lines = [one_line(f"{row.task_id or row.id} {row.endpoint} {row.state}{words}{here}")]
        for number, child in enumerate(self.children, 1):
            first, rest = ("└─ ", "   ") if number == len(self.children) else ("├─ ", "│  ")
            below = str(child).splitlines()
            lines += [first + below[0], *(rest + line for line in below[1:])]
        return "\n".join(lines)


def tree(ledger: Ledger, row_id: str) -> Tree:
    """The whole family of a row, from its oldest known ancestor down."""
    top = ledger.row(row_id)
    seen = {top.id}
    # Parents are ids that Kling gave: a circle of them must not hang us.
    while (parent := ledger.parent(top)) is not None and parent.id not in seen:
        top = parent
        seen.add(top.id)
    return _grow(ledger, top, row_id, set())


def source(ledger: Ledger, output_id: str) -> dict[str, str] | None:
    """What is known of the video with this id, for the rules and the price of what continues it.

    None when no task of the ledger made it. See `Request.with_parent`.
    """
    row = ledger.maker(output_id)
    return None if row is None else made_by(row, output_id)


def made_by(row: Row, output_id: str = "") -> dict[str, str]:
    """What a task's row tells of a video that it made, see `source`."""
    # As it was sent; where an edition nests it, as it was given.
    made: Mapping[str, Any] = {
        **(row.request.get("fields") or {}),
        **(row.request.get("sent") or {}),
    }
    declared = registry.known(row.endpoint)
    if declared is not None and (mode := declared.request.params().get("mode")) is not None:
        made = {"mode": mode.default, **made}  # what was left out is what we assume
    known = {name: str(made[name]) for name in ("mode", "duration") if made.get(name)}
    lengths = (output.duration for output in row.facts.outputs if output.id == output_id)
    length = next(lengths, None)
    known |= {"duration": str(length)} if length is not None else {}
    known |= {"model_name": row.model_name} if row.model_name else {}
    return known | {"task_id": row.task_id or ""}


def _grow(ledger: Ledger, row: Row, asked: str, seen: set[str]) -> Tree:
    seen.add(row.id)
    children = [child for child in ledger.children(row) if child.id not in seen]
    grown = tuple(_grow(ledger, child, asked, seen) for child in children)
    return Tree(row, grown, row.id == asked)

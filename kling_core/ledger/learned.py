"""What a 1303 teaches of the account's limit, how sure that is, and when to look above it. No I/O.

A refusal proves only that what ran, ours and that of others, left no room for one more. So a limit
that was learned while few of ours ran, or fewer than Kling once took at a time, is a guess: soon
one create is tried above it. Taken, it raises the limit, and the next one may be tried at once;
refused, which costs nothing, it doubles the rest before the next try. A guess that held through all
of these is firm.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, replace
from typing import Any

__all__ = ["FIRST", "FORGOTTEN", "LONGEST", "Learned"]

FORGOTTEN = 3600.0
"""Seconds after which a limit of which nothing was heard is no longer believed."""

LONGEST = 3000.0
"""Seconds between two tries above a limit that is firm; shorter than `FORGOTTEN`."""

FIRST = 10.0
"""Seconds after which a limit that is a guess is tried for the first time."""

FEW = 5
"""Slots of the smallest pack that is sold; fewer of ours than that hardly filled an account."""


@dataclass(frozen=True, slots=True)
class Learned:
    """A limit, and what it rests on.

    Attributes:
        limit: slots that may be busy at once.
        at: when something was last heard of it; seconds since 1970.
        rest: seconds between two tries above it.
        due: when the next try may be made.
        most: slots that Kling once granted at a time, as far as is known.
        probing: the row that was sent above the limit, while its answer is out.
    """

    limit: int
    at: float
    rest: float = FIRST
    due: float = 0.0
    most: int = 0
    probing: str | None = None

    @classmethod
    def read(cls, text: str | None, now: float) -> Learned | None:
        """A limit as it was written down; None when that is too long ago, or by a wrong clock."""
        if text is None:
            return None
        facts: dict[str, Any] = json.loads(text)
        known = cls(**facts)
        return known if abs(now - known.at) < FORGOTTEN else None

    def text(self) -> str:
        """The limit as it is written down."""
        return json.dumps(asdict(self))

    @property
    def firm(self) -> bool:
        """Whether it is more than a guess."""
        return self.rest >= LONGEST

    def may_probe(self, now: float) -> bool:
        """Whether one create may be sent above it; a time out of reach is that of a wrong clock."""
        return now >= self.due or self.due > now + LONGEST

    def probed(self, row_id: str, now: float) -> Learned:
        """A create was sent above it: no other one until that is answered, or the rest is over."""
        return replace(self, probing=row_id, due=now + self.rest)

    def accepted(self, row_id: str, busy: int, now: float) -> Learned:
        """Kling took a create; only that of a try teaches something: there is more."""
        if row_id != self.probing:
            return self
        limit = max(self.limit, busy)
        most = max(self.most, busy)
        return Learned(limit, now, FIRST, due=now, most=most)

    @classmethod
    def refused(
        cls,
        known: Learned | None,
        row_id: str,
        *,
        own: int,
        busy: int,
        running: int,
        now: float,
    ) -> Learned:
        """After a 1303 for a row of `own` slots, while `busy` others of ours were held.

        Of those Kling was at work on `running`, as far as is known.
        """
        most = max(running, known.most if known else 0)
        bound = math.inf if known is None else known.limit
        # It proves no more than that `own` did not fit beside them; fewer might have.
        limit = int(max(1, min(bound, busy + own - 1)))
        if known is None or limit < known.limit:
            rest = LONGEST if busy >= max(FEW, most) else FIRST
            return cls(limit, now, rest, due=now + rest, most=most)
        if row_id != known.probing and now < known.at + known.rest:
            return replace(known, most=most)  # the same news, moments later
        rest = min(2 * known.rest, LONGEST)
        # Once it is firm, what was granted in other times makes it no guess again.
        return cls(limit, now, rest, due=now + rest, most=limit if rest >= LONGEST else most)

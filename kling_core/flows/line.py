"""Standing in line for a slot: one look at the ledger serves all who wait in this process."""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from kling_core.flows.session import Session
from kling_core.ledger.ledger import Ledger
from kling_core.ledger.records import Place, Queue
from kling_core.wire.effects import Call, Flow

__all__ = ["Line", "Waiting", "of"]


@dataclass(frozen=True, slots=True)
class Waiting:
    """News of a create that waits for a slot: how many are ahead, and what is busy.

    After a 1302 or 1303 `reason` is Kling's message and `seconds` how long the next try is put off.
    `doubtful` of the busy slots are held by what may not run at all.
    """

    ahead: int
    busy: int
    limit: int | None
    seconds: float = 0.0
    reason: str = ""
    doubtful: int = 0

    def __str__(self) -> str:
        place = f", {self.ahead} ahead" if self.ahead else ", next in line"
        doubt = f", {self.doubtful} of them in doubt: see kling tasks" if self.doubtful else ""
        slots = f" ({self.busy}/{self.limit} busy{doubt})" if self.limit else ""
        return f"waiting for a slot{slots}{place}"


class Line:
    """The line of one product, as this process saw it last."""

    def __init__(self, session: Session, ledger: Ledger, product: str) -> None:
        self.session = session
        self.ledger = ledger
        self.product = product
        self._looking = threading.Lock()
        self._looked = -math.inf
        self._tended = -math.inf
        self._doubted = -math.inf
        self._places: Mapping[str, Place] = {}

    def look(self, *, now: bool = False) -> Flow[None]:
        """See how the line stands; too soon after the last look nothing is done, unless `now`."""
        clock, tick = self.session.clock, self.session.pace.line_tick
        # Not a whole tick: whoever comes at its own tick may come a moment early.
        soon = clock.monotonic() - self._looked < 0.9 * tick
        if (soon and not now) or not self._looking.acquire(blocking=False):
            return
        try:
            queue: Queue = yield Call(partial(self.ledger.queue, self.product))
            self._places = queue.places(self.session.settings.slots)
            self._looked = clock.monotonic()
        finally:
            self._looking.release()

    def tend(self) -> bool:
        """Whether it is time to see to what holds the slots; True for one of the process a tick."""
        now = self.session.clock.monotonic()
        if now - self._tended < 0.9 * self.session.pace.line_tick:
            return False
        self._tended = now
        return True

    def doubts(self, idle: float) -> bool:
        """Whether it is time to look up what is in doubt; True once in `idle` seconds."""
        now = self.session.clock.monotonic()
        if now - self._doubted < idle:
            return False
        self._doubted = now
        return True

    def place(self, row_id: str) -> Place | None:
        """Where a row stood at the last look, None when it was not seen."""
        return self._places.get(row_id)


def of(session: Session, product: str) -> Line:
    """The line for a product's slots, shared by all flows of this session and process."""
    ledger = session.ledger()
    return session.shared("line", product, partial(Line, session, ledger, product))

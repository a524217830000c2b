"""Following all running tasks of an account at once: one watcher, few requests.

A watcher is whoever holds the lease row of an endpoint. Below three running tasks it asks for each;
from three on it reads list pages, which carry up to 500 tasks a request. Everybody else only reads
the ledger. Kling promises no order of its lists, so tasks that a page does not show are looked for
on the following pages in the following rounds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from kling_core import calls, errors
from kling_core.endpoints import registry
from kling_core.flow import Call, Flow
from kling_core.ledger.store import Ledger
from kling_core.session import Session

PAGE = 500
"""Tasks on a list page, the most that Kling gives."""

SINGLE = 3
"""From this many running tasks on, list pages are cheaper than single questions."""

_PASSING = (
    errors.ConnectionFailed,
    errors.ServerError,
    errors.RateLimited,
    errors.UnreadableAnswer,
)


@dataclass(slots=True)
class Watcher:
    """One flow's part in the watching: it leads now and then, and remembers where it looked."""

    session: Session
    ledger: Ledger
    name: str
    first_page: dict[str, int] = field(default_factory=dict[str, int])

    def round(self, endpoint: str, *, seconds: float) -> Flow[bool]:
        """Ask once for all running tasks of `endpoint` if the lead is ours; True when it was.

        `seconds` is how long the lead is held. Passing troubles of the network are swallowed.
        """
        lease = f"watch {endpoint}"
        leads: bool = yield Call(partial(self.ledger.lead, lease, self.name, seconds=seconds))
        if not leads:
            return False
        running: list[tuple[str, str]] = yield Call(partial(self.ledger.following, endpoint))
        try:
            if len(running) < SINGLE:
                yield from self._singly(endpoint, running)
            else:
                yield from self._by_pages(endpoint, running)
        except _PASSING:
            return True
        return True

    def any_round(self, product: str) -> Flow[None]:
        """Watch every endpoint of a product that has running tasks; for those who wait in line."""
        names: list[str] = yield Call(partial(self.ledger.busy_endpoints, product))
        for name in names:
            yield from self.round(name, seconds=2 * self.session.pace.line_tick + 1)

    def resign(self, endpoint: str) -> Flow[None]:
        """Let somebody else lead at once."""
        yield Call(partial(self.ledger.resign, f"watch {endpoint}", self.name))

    def _singly(self, endpoint: str, running: Sequence[tuple[str, str]]) -> Flow[None]:
        declared = registry.load(endpoint)
        for row_id, task_id in running:
            try:
                data = yield from calls.get(self.session, declared, task_id, attempts=1)
            except errors.TaskNotFound:
                yield Call(partial(self.ledger.expired, row_id))
                continue
            yield Call(partial(self.ledger.observe, endpoint, [data]))

    def _by_pages(self, endpoint: str, running: Sequence[tuple[str, str]]) -> Flow[None]:
        declared = registry.load(endpoint)
        wanted = {task_id for _, task_id in running}
        size = min(PAGE, len(wanted) + 20)
        start = self.first_page.get(endpoint, 1)
        seen: list[dict[str, Any]] = []
        for number in range(start, start + math.ceil(len(wanted) / PAGE)):
            rows = yield from calls.page(self.session, declared, number, size, attempts=1)
            seen += [row for row in rows if str(row.get("task_id")) in wanted]
            if len(rows) < size:
                start = 0  # the list ends here: begin anew
                break
        found = {str(row.get("task_id")) for row in seen}
        yield Call(partial(self.ledger.observe, endpoint, seen))
        missing = [pair for pair in running if pair[1] not in found]
        self.first_page[endpoint] = start + 1 if missing and start else 1
        if 0 < len(missing) < SINGLE:
            yield from self._singly(endpoint, missing)

"""One create under way: its body, its ids, and how often what was tried."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from kling_core.declare.endpoint import Endpoint
from kling_core.editions.base import Find
from kling_core.editions.task_facts import TaskFacts
from kling_core.flows.line import Waiting
from kling_core.flows.read import READ_ATTEMPTS, Way
from kling_core.flows.session import Session
from kling_core.ledger.database import LONGEST
from kling_core.ledger.ledger import Ledger
from kling_core.ledger.money import Budget
from kling_core.wire.body import JSONBody

if TYPE_CHECKING:
    from typing import Self

    from kling_core.flows.prepared import Prepared

__all__ = ["Attempt"]

MARGIN = 30.0
"""Seconds by which a lease outlives the longest exchange it protects."""


@dataclass(slots=True)
class Attempt:
    """What is known of one create while it is sent, and what was tried already.

    `budget` holds its limits when it is admitted. `out` says that a POST of it went out whose
    outcome is not known; `until` when it is believed that Kling, which shows none, has no task.
    `said` is how Kling accepted it without naming a task that we can ask for: then there is one.
    `blind` says that the look-up is not there at all, so that it shows nothing.
    """

    session: Session
    ledger: Ledger
    way: Way
    body: JSONBody
    id: str
    external_task_id: str | None
    ours: bool = True
    """Whether nobody else can have this id: we made it up, or may have sent it before."""
    known: frozenset[str] | None = None
    source_video: str | None = None
    source_url: str | None = None
    reads: int = READ_ATTEMPTS
    """How often a look-up is sent; once where somebody else waits for it."""
    connects: int = 0
    waits: int = 0
    turned_away: int = 0
    weight: int = 1
    empty: int = 0
    empty_since: float = 0.0
    pause: Waiting | None = None
    resends: int = 0
    resigned: bool = False
    budget: Budget | None = None
    out: bool = False
    until: float | None = None
    said: Mapping[str, Any] | None = None
    blind: bool = False
    listener: Callable[[Any], Any] | None = field(default=None)

    @classmethod
    def of(cls, session: Session, ledger: Ledger, prepared: Prepared, *, tried: bool) -> Self:
        """The attempt at a prepared request; `tried` when its row has been sent before."""
        return cls(
            session,
            ledger,
            prepared.way,
            prepared.body,
            prepared.row_id,
            prepared.own_id,
            ours=tried or not prepared.named,
            source_video=prepared.source_video,
            source_url=prepared.source_url,
            weight=prepared.weight,
        )

    @property
    def endpoint(self) -> Endpoint:
        """The endpoint that it is for."""
        return self.way.endpoint

    @property
    def find(self) -> Find:
        """How its task is looked for."""
        return self.way.edition.find(self.endpoint, self.external_task_id)

    @property
    def resendable(self) -> bool:
        """Whether it may be sent again while it is in doubt: not what was accepted."""
        return self.find.resend and self.said is None

    @property
    def provable(self) -> bool:
        """Whether a look-up that shows no task will prove, in the end, that there is none."""
        return self.find.proves and self.said is None and not self.blind

    def read(self, envelope: Mapping[str, Any]) -> TaskFacts:
        """What an answer that accepts the create says: its task, or what was made at once."""
        if self.endpoint.has_tasks:
            return self.way.edition.accepted(envelope)
        return self.way.edition.answered(self.endpoint, envelope, self.id)

    def decides(self, facts: TaskFacts) -> bool:
        """Whether an acceptance names its task or, of what answers at once, all that was made."""
        return bool(facts.task_id) and (self.endpoint.has_tasks or facts.complete)

    @property
    def turn(self) -> str:
        """The lease that creates without an id of ours take turns with: whose lists are one."""
        edition = self.way.edition
        whose = f"by {edition.name}" if edition.lists_account else self.endpoint.name
        return f"create {whose}"

    @property
    def lease(self) -> float:
        """Seconds for which a row is ours without a sign of life: longer than any exchange."""
        return min(2 * self.session.settings.timeout + MARGIN, LONGEST - MARGIN)

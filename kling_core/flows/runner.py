"""What is needed of a client: to run a flow, to submit, to make tasks.

Both clients are such runners; whoever is handed one knows nothing else of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol, TypedDict, TypeVar, Unpack

if TYPE_CHECKING:
    from kling_core.config import Money
    from kling_core.declare.endpoint import Endpoint, Request
    from kling_core.editions.task_facts import Said
    from kling_core.flows.line import Waiting
    from kling_core.flows.session import Session
    from kling_core.wire.effects import Flow

__all__ = ["AsyncRunner", "Maker", "Runner", "Wishes"]

T = TypeVar("T")
TaskT = TypeVar("TaskT", covariant=True)  # noqa: PLC0105, a task of either client


class Wishes(TypedDict, total=False):
    """How a request is submitted, beside its fields.

    `max_cost`, `project` and `dedupe` as in `Resource.create`. `on_update` is told the place in
    line while all slots are taken. To `dedupe`, requests of different `take` are different ones.
    `row_id` names it in the ledger from the first moment.
    """

    max_cost: Money | None
    project: str | None
    dedupe: float | None
    take: int
    row_id: str | None
    on_update: Callable[[Waiting], Any] | None


class Maker(Protocol[TaskT]):
    """What a flow needs of a client, of either kind, to hold its tasks."""

    @property
    def session(self) -> Session:
        """What all its flows share."""
        ...

    def task(self, endpoint: Endpoint, data: Said, **known: Any) -> TaskT:
        """A task object for data that the server gave."""
        ...


class Runner(Maker[TaskT], Protocol[TaskT]):
    """A client that blocks; `TaskT` is the kind of task that it makes."""

    def run_flow(self, flow: Flow[T]) -> T:
        """Run one flow to its end."""
        ...

    def submit(self, request: Request, **wishes: Unpack[Wishes]) -> TaskT:
        """Submit a typed request."""
        ...


class AsyncRunner(Maker[TaskT], Protocol[TaskT]):
    """A client that is awaited."""

    async def run_flow(self, flow: Flow[T]) -> T:
        """Run one flow to its end."""
        ...

    async def submit(self, request: Request, **wishes: Unpack[Wishes]) -> TaskT:
        """Submit a typed request."""
        ...

"""Tasks: one accepted request, as we and Kling know it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from kling_core.caller_warnings import notify
from kling_core.editions.task_facts import STATUSES, Answer, OutputKind, amount, decimal
from kling_core.flows import wait as waiting
from kling_core.outputs import (
    AsyncAudio,
    AsyncImage,
    AsyncVideo,
    Audio,
    Image,
    Output,
    Video,
)
from kling_core.text import one_line

if TYPE_CHECKING:
    from decimal import Decimal
    from typing import Self

    from kling_core.client import AsyncKling, Kling
    from kling_core.declare.endpoint import Endpoint, Request
    from kling_core.flows.session import Session
    from kling_core.ledger.lineage import Tree
    from kling_core.rules.price import Quote


@dataclass(frozen=True, slots=True)
class Cost:
    """What a task really cost, as the server said: `units` of the pack, and its raw words."""

    units: Decimal | None
    raw: Mapping[str, Any]


class TaskState:
    """What is known of a task; nothing here talks to the network.

    Attributes:
        endpoint: the declaration of the endpoint that made it.
        request: the request that made it, None when it was found by its id.
        external_task_id: our id, None when there is none.
        raw: what the server said last.
        words: its prompt or text where the request is not at hand; names its files.
    """

    _kinds: ClassVar[Mapping[OutputKind, type[Output]]]

    def __init__(
        self,
        session: Session,
        endpoint: Endpoint,
        data: Mapping[str, Any],
        *,
        request: Request | None = None,
        external_task_id: str | None = None,
        row_id: str | None = None,
        words: str = "",
    ) -> None:
        self.session = session
        self.endpoint = endpoint
        self.request = request
        self.raw = data
        self._external_task_id = external_task_id
        self.row_id = row_id
        self.words = words
        self._outputs: list[Output] | None = None

    def __copy__(self) -> Self:
        twin = object.__new__(type(self))
        twin.__dict__.update(self.__dict__)
        return twin

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            f"task {self.task_id} belongs to a client of this process and is not pickled; send "
            f"its id, and take it up with kling.tasks.get({self.task_id!r})"
        )

    @property
    def answer(self) -> Answer:
        """What the server said last, read leniently."""
        return Answer(self.raw)

    @property
    def task_id(self) -> str:
        """Kling's id, a string of digits."""
        return self.answer.task_id

    @property
    def external_task_id(self) -> str | None:
        return self.answer.external_task_id or self._external_task_id

    @property
    def status(self) -> str:
        """submitted, processing, succeeded or failed; an unknown word is given as it came."""
        return self.answer.status

    @property
    def status_message(self) -> str:
        """Why it failed, in Kling's words; may be empty."""
        return self.answer.message

    @property
    def done(self) -> bool:
        """True when it has succeeded or failed."""
        return self.answer.ended

    @property
    def complete(self) -> bool:
        """True when there is nothing to wait for: it has failed, or names everything it made.

        Kling says that a task has succeeded some seconds before it says where the results are.
        """
        if not self.done or self.status == "failed":
            return self.done
        return bool(self.outputs) and all(output.url for output in self.outputs)

    @property
    def created_at(self) -> datetime | None:
        return _moment(self.raw.get("created_at") or self.raw.get("create_time"))

    @property
    def updated_at(self) -> datetime | None:
        return _moment(self.raw.get("updated_at") or self.raw.get("update_time"))

    @property
    def parent_video(self) -> Mapping[str, Any] | None:
        """Of an extension or lip-sync: `id`, `url` and `duration` of the source video."""
        return self.answer.parent_video or None

    @property
    def quote(self) -> Quote | None:
        """What it was expected to cost; None without the request or a price."""
        return self.request.quote() if self.request is not None else None

    @property
    def cost(self) -> Cost | None:
        """What it really cost; None until the server has said so."""
        said = self.raw.get("final_unit_deduction")
        billing: list[Any] = self.raw.get("billing") or []
        if said in (None, "") and not billing:
            return None
        keys = ("final_unit_deduction", "final_balance_deduction", "billing")
        return Cost(amount(said), {k: self.raw[k] for k in keys if k in self.raw})

    @property
    def outputs(self) -> list[Output]:
        """Everything it made, in the server's order; empty until it has succeeded."""
        if self._outputs is None:
            found = enumerate(self.answer.outputs)
            self._outputs = [self._kinds[kind](kind, self, i, row) for i, (kind, row) in found]
        return self._outputs

    def update(self, data: Mapping[str, Any]) -> None:
        """Take in what the server says now.

        An answer without this task's id says nothing, nor does one that a newer one has overtaken:
        several may wait for one task, each with a row that it read at another moment.
        """
        answer = Answer(data)
        if self.task_id and (answer.task_id != self.task_id or answer.overtaken(self.answer)):
            return
        saved = [output.saved for output in self.outputs]
        self.raw = data
        self._outputs = None
        for output, places in zip(self.outputs, saved, strict=False):
            output.saved.update(places)
        status = self.status
        if status not in STATUSES.values():
            notify(f"task {self.task_id} has the unknown status {status!r}; taken as still running")

    def as_parent(self) -> dict[str, Any]:
        """What an extension or lip-sync of this task's video should know of it."""
        fields: Mapping[str, Any] = self.request.check().fields if self.request else {}
        known = {k: fields[k] for k in ("model_name", "mode") if k in fields}
        if self.request is not None and self.request.parent:
            known = {**self.request.parent, **known}
        return {**known, "task_id": self.task_id}

    def __repr__(self) -> str:
        name = type(self).__name__
        return one_line(f"<{name} {self.task_id} {self.endpoint.name} {self.status}>")


class Task(TaskState):
    """A task of the blocking client."""

    _kinds: ClassVar = {"video": Video, "image": Image, "audio": Audio}

    def __init__(
        self, client: Kling, endpoint: Endpoint, data: Mapping[str, Any], **k: Any
    ) -> None:
        super().__init__(client.session, endpoint, data, **k)
        self.client = client

    def wait(
        self,
        timeout: float | None = None,
        on_update: Callable[[Self], Any] | None = None,
    ) -> Self:
        """Block until the task has ended; returns itself.

        `timeout` in seconds, None for ever; `on_update` is called with the task after each look.
        Ctrl-C only stops waiting: the task goes on, is paid for, and can be waited for again.

        Raises `TaskFailed`, or `WaitTimeout` when the time is over.
        """
        self.client.run_flow(waiting.wait(self, timeout, on_update))
        return self

    def tree(self) -> Tree:
        """The family of this task that the ledger knows: parents, children, siblings; printable."""
        return _tree(self)

    def refresh(self) -> Self:
        """Ask once for the state; returns itself."""
        from kling_core.flows import late_costs

        self.update(self.client.run_flow(late_costs.look(self)))
        return self

    @property
    def videos(self) -> list[Video]:
        return [o for o in self.outputs if isinstance(o, Video)]

    @property
    def images(self) -> list[Image]:
        return [o for o in self.outputs if isinstance(o, Image)]

    @property
    def files(self) -> list[Video | Image | Audio]:
        """Everything it made, ready to download, in the server's order."""
        return [o for o in self.outputs if isinstance(o, (Video, Image, Audio))]

    @property
    def audios(self) -> list[Audio]:
        return [o for o in self.outputs if isinstance(o, Audio)]


class AsyncTask(TaskState):
    """A task of the awaiting client."""

    _kinds: ClassVar = {"video": AsyncVideo, "image": AsyncImage, "audio": AsyncAudio}

    def __init__(
        self, client: AsyncKling, endpoint: Endpoint, data: Mapping[str, Any], **k: Any
    ) -> None:
        super().__init__(client.session, endpoint, data, **k)
        self.client = client

    async def wait(
        self,
        timeout: float | None = None,
        on_update: Callable[[Self], Any] | None = None,
    ) -> Self:
        """Wait until the task has ended, see `Task.wait`; `on_update` may be a coroutine."""
        await self.client.run_flow(waiting.wait(self, timeout, on_update))
        return self

    async def tree(self) -> Tree:
        """The family of this task, see `Task.tree`."""
        import asyncio

        return await asyncio.to_thread(_tree, self)

    async def refresh(self) -> Self:
        """Ask once for the state; returns itself."""
        from kling_core.flows import late_costs

        self.update(await self.client.run_flow(late_costs.look(self)))
        return self

    @property
    def videos(self) -> list[AsyncVideo]:
        return [o for o in self.outputs if isinstance(o, AsyncVideo)]

    @property
    def images(self) -> list[AsyncImage]:
        return [o for o in self.outputs if isinstance(o, AsyncImage)]

    @property
    def files(self) -> list[AsyncVideo | AsyncImage | AsyncAudio]:
        """Everything it made, ready to download, in the server's order."""
        return [o for o in self.outputs if isinstance(o, (AsyncVideo, AsyncImage, AsyncAudio))]

    @property
    def audios(self) -> list[AsyncAudio]:
        return [o for o in self.outputs if isinstance(o, AsyncAudio)]


def _tree(task: TaskState) -> Tree:
    from kling_core.flows import adopt
    from kling_core.ledger import lineage

    ledger = task.session.ledger()
    return lineage.tree(ledger, adopt.row_of(ledger, task))


def _moment(value: Any) -> datetime | None:
    """Times below 1e11 are seconds, else milliseconds (seen from resellers and from Kling)."""
    number = decimal(value)
    if number is None:
        return None
    seconds = float(number) if number < 100_000_000_000 else float(number) / 1000
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None

"""Tasks, one accepted request each, and the videos, images and sounds that they made."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from kling_core.declare import registry
from kling_core.flows import download as downloading
from kling_core.flows import wait as waiting
from kling_core.flows.task_state import Output, TaskState

if TYPE_CHECKING:
    from typing import Self

    from kling_core.config import Money
    from kling_core.declare.endpoint import Endpoint, Request
    from kling_core.editions.task_facts import Said
    from kling_core.flows.runner import AsyncRunner, Runner
    from kling_core.ledger.lineage import Tree


class SyncOutput(Output):
    """An output of the blocking client."""

    task: Task

    def download(self, to: str | Path | None = None) -> Path:
        """Fetch the file and return its path.

        `to` is a file, or a folder (existing, or written with a slash at its end); None is the
        client's `output_dir`. The file appears under its name only when it is whole; a broken
        download goes on where it stopped; an existing file is never overwritten.

        Raises `DownloadError` when it cannot be fetched or written; the task is intact then.
        """
        return self.task.client.run_flow(downloading.download(self, to))


class AsyncOutput(Output):
    """An output of the awaiting client."""

    task: AsyncTask

    async def download(self, to: str | Path | None = None) -> Path:
        """Fetch the file and return its path, see `SyncOutput.download`."""
        return await self.task.client.run_flow(downloading.download(self, to))


class Video(SyncOutput):
    """A video."""

    def extend(
        self, prompt: str | None = None, *, max_cost: Money | None = None, **fields: Any
    ) -> Task:
        """Continue this clip by 4 to 5 s; returns the new task.

        Only clips of kling-v1, v1-5 and v1-6 can be extended; others are refused before anything
        is sent. `max_cost` as in `create`.
        """
        request = _made_of(self, "video_extension", video_id=self.id, prompt=prompt, **fields)
        return self.task.client.submit(request, max_cost=max_cost)

    def lip_sync(
        self, text: str | None = None, *, max_cost: Money | None = None, **fields: Any
    ) -> Task:
        """Make the person in this clip speak `text` (with `voice_id=`) or `audio=`."""
        request = _made_of(self, "lip_sync", video_id=self.id, text=text, **fields)
        return self.task.client.submit(request, max_cost=max_cost)


class Image(SyncOutput):
    """An image."""


class Audio(SyncOutput):
    """A sound."""


class AsyncVideo(AsyncOutput):
    """A video."""

    async def extend(
        self, prompt: str | None = None, *, max_cost: Money | None = None, **fields: Any
    ) -> AsyncTask:
        """Continue this clip, see `Video.extend`."""
        request = _made_of(self, "video_extension", video_id=self.id, prompt=prompt, **fields)
        return await self.task.client.submit(request, max_cost=max_cost)

    async def lip_sync(
        self, text: str | None = None, *, max_cost: Money | None = None, **fields: Any
    ) -> AsyncTask:
        """Make the person in this clip speak, see `Video.lip_sync`."""
        request = _made_of(self, "lip_sync", video_id=self.id, text=text, **fields)
        return await self.task.client.submit(request, max_cost=max_cost)


class AsyncImage(AsyncOutput):
    """An image."""


class AsyncAudio(AsyncOutput):
    """A sound."""


def _made_of(clip: Output, endpoint: str, /, **fields: Any) -> Request:
    """The request of an endpoint that goes on with a clip, which it knows as its parent."""
    return registry.load(endpoint).request(**fields).with_parent(clip.as_parent())


class Task(TaskState):
    """A task of the blocking client."""

    _kinds: ClassVar = {"video": Video, "image": Image, "audio": Audio}
    _other: ClassVar = SyncOutput

    def __init__(self, client: Runner[Task], endpoint: Endpoint, data: Said, **k: Any) -> None:
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
    _other: ClassVar = AsyncOutput

    def __init__(
        self, client: AsyncRunner[AsyncTask], endpoint: Endpoint, data: Said, **k: Any
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

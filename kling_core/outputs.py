"""Outputs: the videos, images and sounds that a task made."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kling_core.editions.task_facts import OutputKind, decimal, text
from kling_core.flows import download as downloading
from kling_core.text import one_line

if TYPE_CHECKING:
    from decimal import Decimal

    from kling_core.client import Money
    from kling_core.task import AsyncTask, Task, TaskState

RETENTION = timedelta(days=30)
"""How long Kling keeps results (Kling API reference, tasks, 2026-09)."""


@dataclass(frozen=True, eq=False, repr=False)
class Output:
    """One thing that a task made.

    Attributes:
        kind: "video", "image" or "audio".
        id: Kling's id of the output; not the task's id. Empty for images.
        url: where Kling keeps it, until `expires_at`; hot-link protected: download it.
        watermark_url: the watermarked copy, when one was asked for.
        duration: length in seconds, None for images and when Kling did not say.
        index: its place among the outputs of the task, from 0.
        raw: what the server said.
    """

    kind: OutputKind
    task: TaskState
    index: int
    raw: Mapping[str, Any]
    saved: dict[str, Path] = field(default_factory=dict[str, Path])

    @property
    def id(self) -> str:
        return text(self.raw, "id", "audio_id")

    @property
    def url(self) -> str:
        return text(self.raw, "url", "url_mp3", "mp3_url", "url_wav")

    @property
    def watermark_url(self) -> str | None:
        return text(self.raw, "watermark_url") or None

    @property
    def duration(self) -> Decimal | None:
        return decimal(text(self.raw, "duration", "duration_mp3", "mp3_duration"))

    @property
    def expires_at(self) -> datetime | None:
        """When Kling purges it: 30 days after the task was made."""
        made = self.task.updated_at or self.task.created_at
        return made + RETENTION if made else None

    @property
    def expired(self) -> bool:
        """True when the purge date has passed."""
        return self.expires_at is not None and self.expires_at < datetime.now(UTC)

    @property
    def path(self) -> Path | None:
        """Where it was downloaded to by this object, None before."""
        known = (self.saved.get(name) for name in ("path", "at"))
        return next((path for path in known if path is not None and path.exists()), None)

    def as_parent(self) -> dict[str, Any]:
        """What an extension or lip-sync of this output should know of it, its real length too."""
        length = {"duration": str(self.duration)} if self.duration is not None else {}
        return {**self.task.as_parent(), **length}

    @property
    def filename(self) -> str:
        """A name that tells what it is: `<words of the prompt>-<end of the task's id>.mp4`."""
        count = len(self.task.outputs)
        number = f"-{self.index + 1}" if count > 1 else ""
        ending = re.sub(r"\W", "", self.task.task_id)[-8:]
        return f"{slug(self.task)}-{ending}{number}{self.suffix}"

    @property
    def suffix(self) -> str:
        """The file suffix, by the URL or else by the kind."""
        found = re.search(r"\.(mp4|mov|png|jpe?g|webp|mp3|wav)$", self.url.partition("?")[0])
        return found[0] if found else {"video": ".mp4", "image": ".png", "audio": ".mp3"}[self.kind]

    def __repr__(self) -> str:
        length = f", {self.duration} s" if self.duration is not None else ""
        name = f"{type(self).__name__} {self.id or self.index}"
        return one_line(f"<{name} of task {self.task.task_id}{length}>")


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
        client = self.task.client
        request = client.video_extension.request(video_id=self.id, prompt=prompt, **fields)
        return client.submit(request.with_parent(self.as_parent()), max_cost=max_cost)

    def lip_sync(
        self, text: str | None = None, *, max_cost: Money | None = None, **fields: Any
    ) -> Task:
        """Make the person in this clip speak `text` (with `voice_id=`) or `audio=`."""
        client = self.task.client
        request = client.lip_sync.request(video_id=self.id, text=text, **fields)
        return client.submit(request.with_parent(self.as_parent()), max_cost=max_cost)


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
        client = self.task.client
        request = client.video_extension.request(video_id=self.id, prompt=prompt, **fields)
        return await client.submit(request.with_parent(self.as_parent()), max_cost=max_cost)

    async def lip_sync(
        self, text: str | None = None, *, max_cost: Money | None = None, **fields: Any
    ) -> AsyncTask:
        """Make the person in this clip speak, see `Video.lip_sync`."""
        client = self.task.client
        request = client.lip_sync.request(video_id=self.id, text=text, **fields)
        return await client.submit(request.with_parent(self.as_parent()), max_cost=max_cost)


class AsyncImage(AsyncOutput):
    """An image."""


class AsyncAudio(AsyncOutput):
    """A sound."""


def slug(task: TaskState) -> str:
    """A few words of the prompt for a file name, else the endpoint's name.

    As far as this system's names hold its letters, and short enough for what stands beside it.
    """
    given = task.request.given if task.request is not None else {}
    words = given.get("prompt") or given.get("text") or given.get("effect_scene") or task.words
    known = "".join(letter if _holds(letter) else " " for letter in str(words)[:400].lower())
    plain = re.sub(r"[^\w]+", "-", known, flags=re.UNICODE).strip("-_")[:40]
    while len(os.fsencode(plain)) > _SLUG:
        plain = plain[:-1]
    return plain.rstrip("-") or task.endpoint.command


_SLUG = 96
"""Bytes of the words in a name: with all that is added it stays below 143, the least there is."""


def _holds(letter: str) -> bool:
    try:
        os.fsencode(letter)
        letter.encode()
    except UnicodeEncodeError:
        return False
    return True

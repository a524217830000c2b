"""What a contract makes of an accepted request, a `Job`, and what a job has to work with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Literal, Protocol

from kling_core.sandbox.catalog import Retired
from kling_core.sandbox.fields import Body, Source

Product = Literal["video", "image", "try_on"]
Quality = Literal["std", "test"]


@dataclass(frozen=True)
class Clip:
    """A video the sandbox made and still keeps."""

    video_id: str
    path: Path
    seconds: float
    endpoint: str
    model_name: str
    mode: str
    url: str


@dataclass(frozen=True)
class Output:
    """One finished file; `seconds` is its length, `None` for a picture."""

    path: Path
    seconds: float | None = None


class Bench(Protocol):
    """What a job works with, in a worker thread."""

    quality: Quality
    fps: int

    def path(self, suffix: str) -> Path:
        """A fresh file name in the sandbox's storage."""
        ...

    def cancelled(self) -> bool:
        """Whether the sandbox is stopping."""
        ...

    def image(self, source: Source, *, ratio: bool = True) -> bytes:
        """An input image, fetched when it is a URL, its pixels checked."""
        ...

    def mask(self, source: Source) -> bytes:
        """A mask, fetched when it is a URL; it must be a picture, of any size."""
        ...

    def video(self, source: Source) -> Clip:
        """An input video, fetched; a clip without an id."""
        ...

    def audio(self, source: Source) -> bytes:
        """An input sound, fetched, its length checked."""
        ...


@dataclass(frozen=True)
class Job:
    """One accepted request: what it occupies, costs and takes, and how its outputs are made."""

    product: Product
    model_name: str
    nominal_seconds: float
    units: Decimal
    make: Callable[[Bench], list[Output]]
    mode: str = ""
    slots: int = 1
    prompts: tuple[str, ...] = ()
    warnings: list[str] = field(default_factory=list[str])
    parent: Clip | None = None


@dataclass(frozen=True)
class Shop:
    """What a contract may know about the sandbox while it reads a request."""

    retired: Retired
    find_clip: Callable[[str], Clip | None]


@dataclass(frozen=True)
class Contract:
    """The wire contract of one endpoint."""

    read: Callable[[Body, Shop], Job]
    external_task_id: bool = True
    watermark: bool = True
    task_info_on_create: bool = True


def generation_seconds(model_name: str, mode: str, seconds: float) -> float:
    """How long the service takes for a clip: 60 s for 5 s in std mode, more or less by model.

    Turbo models were seen at 28 s for a short clip; the others are plausible, not documented.
    """
    model_factor = 0.5 if "turbo" in model_name else 1.5 if "master" in model_name else 1.0
    mode_factor = {"pro": 1.5, "4k": 2.0}.get(mode, 1.0)
    return 12.0 * seconds * model_factor * mode_factor

"""What a contract makes of an accepted request, a `Job`, and what a job has to work with."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, Protocol

from kling_core.sandbox.fields import Source

Quality = Literal["std", "test"]


def new_id() -> str:
    """A decimal id of 18 digits, like the service's."""
    return str(10**17 + secrets.randbelow(9 * 10**17))


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
    """One thing that was made; `seconds` is its length, `None` for what has none.

    `path` is its file, if it is one; `kind` what it is, where its contract makes several kinds;
    `data` what else is said of it.
    """

    path: Path | None = None
    seconds: float | None = None
    kind: str = ""
    data: Mapping[str, Any] = field(default_factory=dict[str, Any])


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

    model_name: str
    nominal_seconds: float
    units: Decimal
    make: Callable[[Bench], list[Output]]
    mode: str = ""
    slots: int = 1
    prompts: tuple[str, ...] = ()
    warnings: list[str] = field(default_factory=list[str])
    parent: Clip | None = None


def generation_seconds(model_name: str, mode: str, seconds: float) -> float:
    """How long the service takes for a clip: 60 s for 5 s in std mode, more or less by model.

    Turbo models were seen at 28 s for a short clip; the others are plausible, not documented.
    """
    model_factor = 0.5 if "turbo" in model_name else 1.5 if "master" in model_name else 1.0
    mode_factor = {"pro": 1.5, "4k": 2.0}.get(mode, 1.0)
    return 12.0 * seconds * model_factor * mode_factor

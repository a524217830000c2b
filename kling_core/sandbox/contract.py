"""What the sandbox serves, as tables: a contract is the calls of one endpoint, and who pays."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from kling_core.sandbox.catalog import Retired
from kling_core.sandbox.fields import Body
from kling_core.sandbox.jobs import Clip, Job, Output
from kling_core.sandbox.sessions import Sessions
from kling_core.sandbox.tasks import SandboxTask, UrlOf

POOLS: Final[Mapping[str, str]] = {"video": "limit", "image": "image_limit", "try_on": "limit"}
"""The pools of slots, and which option of the sandbox says how many each has."""

PACKS: Final[Mapping[str, str]] = {"video": "units", "image": "image_units"}
"""The packs that pay, and which option says how many units each has."""


@dataclass(frozen=True)
class Shop:
    """What a contract may know about the sandbox while it reads a request."""

    retired: Retired
    find_clip: Callable[[str], Clip | None]
    sessions: Sessions
    model: str = ""
    """The name in the path, where a path has one."""


Read = Callable[[Body, Shop], Job]
"""Reads a request strictly: what is to be made, or a `Refusal`."""


@dataclass(frozen=True)
class Task:
    """A POST that makes a task, which is looked up as the contract's shape has it.

    `{model}` in the path stands for any name; the reader gets it as `shop.model`. `watermark` is
    the key of that option, empty where there is none.
    """

    path: str
    read: Read
    own_id: bool = True
    watermark: str = "watermark_info"
    info: bool = True
    """Whether the acceptance repeats our own id."""


@dataclass(frozen=True)
class Answer:
    """A POST that answers with what was made, and bills it; nobody can ask for it again.

    `reply` makes the answer's `data`, where it is not the shape's own description of a task.
    """

    path: str
    read: Read
    reply: Callable[[SandboxTask, UrlOf], Any] | None = None


@dataclass(frozen=True)
class Presets:
    """A GET, by pages, of things that are there for everybody, such as official elements."""

    path: str
    things: tuple[Output, ...]


@dataclass(frozen=True)
class Delete:
    """A POST that deletes a thing that a task of the contract made, named by `key`."""

    path: str
    key: str


Call = Task | Answer | Presets | Delete


@dataclass(frozen=True)
class Contract:
    """The wire contract of one endpoint: one call or several, which may share a session's id.

    `pool` is the pool of slots that its running tasks take from (`None` takes none), `pack` pays,
    `makes` is the kind of its outputs, where an output does not say its own.
    """

    name: str
    calls: Sequence[Call]
    shape: str = "v1"
    pool: str | None = "video"
    pack: str = "video"
    makes: str = "video"

    def __post_init__(self) -> None:
        if self.pool not in (None, *POOLS) or self.pack not in PACKS:
            raise ValueError(f"{self.name}: no pool {self.pool!r} or no pack {self.pack!r}")


NOBODYS = Contract("", ())
"""In the place of a contract, for what belongs to no endpoint."""

"""How a generation is run: what is typed beside the fields of its request."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Settings"]


@dataclass(frozen=True, slots=True)
class Settings:
    """How to run a generation: the options that are no fields of the request.

    `name` is the variable for the job, `out` the folder or file of the outputs, `wait` whether the
    cell waits, None to leave that to the front end; `timeout` in seconds, `max_cost` in US dollars
    as it was typed.
    """

    name: str | None = None
    out: str | None = None
    wait: bool | None = None
    dry_run: bool = False
    max_cost: str | None = None
    raw: bool = False
    timeout: float | None = None
    project: str | None = None

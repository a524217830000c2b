"""What the server is allowed to do, decided once at its start."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kling_core.config import money
from kling_core.declare import registry
from kling_core.errors import ConfigError
from kling_core.media.safe_urls import Resolve, lookup
from kling_core.setting_values import place
from kling_core.text import did_you_mean

if TYPE_CHECKING:
    from mcp.server.mcpserver import Context
    from mcp.server.mcpserver.tools import Tool

__all__ = ["USUAL", "Settings", "toolset_names", "toolsets", "variable"]

USUAL = ("video", "image", "tasks", "account")
"""The toolsets that are on when none is named."""

_OURS = ("tasks", "account", "raw")
"""Those that are no endpoint's; `raw` holds get and list of every endpoint, one tool each."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The server's settings; those of the client (keys, budget, …) are the core's own.

    Attributes:
        client: keywords of `AsyncKling`, such as `sandbox=True`; the environment fills the rest.
        client_of: for HTTP: the keywords for the caller of a request, None for those in `client`.
        permit: for HTTP: raises when the caller of a request may not use a tool.
        accounts: how many callers' accounts are kept open at once.
        toolsets: which groups of tools are offered.
        confirm_over: US dollars from which on a call must be confirmed; None never asks.
        confirm_total: US dollars a day that may be spent by calls that nobody was asked about;
            None for any sum.
        wait_seconds: how long a create waits for its task when the caller does not say.
        window: seconds after its end for which the same call means the same task.
        allowed_dirs: folders from which media may be read, beside the output folder.
        local_files: whether paths of this machine may come in and go out; never over HTTP.
        callbacks: whether the tools take a `callback_url`.
        media_hosts: domains of Kling's results beside the known ones.
        resolve: looks a host name up, for tests.
    """

    client: Mapping[str, Any] = field(default_factory=dict[str, Any])
    client_of: Callable[[Any], Mapping[str, Any] | None] | None = None
    permit: Callable[[Context[Any, Any], Tool], None] | None = None
    accounts: int = 64
    toolsets: tuple[str, ...] = USUAL
    confirm_over: Decimal | None = Decimal(1)
    confirm_total: Decimal | None = Decimal(5)
    wait_seconds: int = 45
    window: float = 600.0
    allowed_dirs: tuple[Path, ...] = ()
    local_files: bool = True
    callbacks: bool = False
    media_hosts: tuple[str, ...] = ()
    resolve: Resolve = lookup

    @classmethod
    def from_environment(cls, **changes: Any) -> Settings:
        """The settings of `KLING_MCP_…` variables, with changes on top; None changes nothing.

        Raises `ConfigError` for a variable that cannot be understood.
        """
        found: dict[str, Any] = {}
        if said := variable("KLING_MCP_TOOLSETS"):
            found["toolsets"] = toolsets(said)
        for name in ("confirm_over", "confirm_total"):
            if said := variable(full := f"KLING_MCP_{name.upper()}"):
                never = said.lower() in ("never", "off", "no")
                found[name] = None if never else money(full, said)
        if said := variable("KLING_MCP_WAIT"):
            found["wait_seconds"] = _seconds("KLING_MCP_WAIT", said)
        if said := variable("KLING_ALLOWED_DIRS"):
            parts = [part for part in said.split(os.pathsep) if part.strip()]
            found["allowed_dirs"] = tuple(place("KLING_ALLOWED_DIRS", part) for part in parts)
        if said := variable("KLING_MEDIA_HOSTS"):
            found["media_hosts"] = tuple(said.lower().replace(",", " ").split())
        if said := variable("KLING_MCP_CALLBACKS"):
            found["callbacks"] = said.lower() in ("1", "true", "yes", "on")
        return cls(**found | {name: value for name, value in changes.items() if value is not None})


def toolset_names() -> tuple[str, ...]:
    """Every toolset: those that the endpoints declare, the usual ones first, and ours."""
    declared = {endpoint.toolset for endpoint in registry.endpoints()} - {*_OURS}
    usual = [name for name in USUAL if name in declared]
    return (*usual, *sorted(declared - {*usual}), *_OURS)


def toolsets(words: str) -> tuple[str, ...]:
    """The toolsets named in a list with commas; `all` is every one.

    Raises `ConfigError` for an unknown name.
    """
    chosen = [word.strip().lower() for word in words.split(",") if word.strip()]
    names = toolset_names()
    for word in chosen:
        if word not in (*names, "all"):
            known = ", ".join((*names, "all"))
            hint = did_you_mean(word, names)
            raise ConfigError(f"there is no toolset {word!r}{hint}", fix=f"The toolsets: {known}.")
    if not chosen:
        raise ConfigError("no toolset is named", fix=f"Name some of {', '.join(names)}.")
    return tuple(name for name in names if "all" in chosen or name in chosen)


def variable(name: str) -> str:
    """The value of a variable; blank, or a placeholder that a host has left in, counts as none."""
    value = os.environ.get(name, "").strip()
    return "" if value.startswith("${") else value


def _seconds(name: str, value: str) -> int:
    if not value.isdecimal() or int(value) > 600:
        raise ConfigError(f"{name}={value!r} is not a number of seconds up to 600", fix="Write 45.")
    return int(value)

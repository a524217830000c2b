"""Every tool, in its toolset; made of the declarations, so a new endpoint needs no edit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kling_core.declare import registry
from kling_mcp.settings import toolset_names
from kling_mcp.tools import account, catalogue, create, files, raw, recover, tasks

if TYPE_CHECKING:
    from kling_mcp.settings import Settings
    from kling_mcp.tool import Tool

__all__ = ["tools"]


def tools(settings: Settings) -> list[Tool]:
    """The tools of the chosen toolsets, always in the same order."""
    endpoints = registry.endpoints()
    groups: dict[str, list[Tool]] = {
        "tasks": [
            tasks.get_task(),
            tasks.list_tasks(),
            tasks.wait_tasks(),
            *([files.download()] if settings.local_files else []),
            files.preview(),
            recover.recover_tasks(settings),
        ],
        "account": [catalogue.quote(settings), catalogue.models(), account.costs()],
        "raw": [one for e in endpoints for one in (raw.get(e), raw.list_(e))],
    }
    chosen = [name for name in toolset_names() if name in settings.toolsets]
    return [tool for name in chosen for tool in [*_creates(name, settings), *groups.get(name, [])]]


def _creates(toolset: str, settings: Settings) -> list[Tool]:
    return [create.tool(e, settings) for e in registry.endpoints() if e.toolset == toolset]

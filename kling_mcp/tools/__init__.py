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
    declared = [
        *(create.tool(e, settings) for e in endpoints),
        tasks.get_task(),
        tasks.list_tasks(),
        tasks.wait_tasks(),
        *([files.download()] if settings.local_files else []),
        files.preview(),
        recover.recover_tasks(settings),
        catalogue.quote(settings),
        catalogue.models(),
        account.costs(),
        *(make(e) for e in endpoints if e.has_tasks for make in (raw.get, raw.list_)),
        *(raw.presets(e) for e in endpoints if e.presets),
    ]
    chosen = [tool for tool in declared if tool.toolset in settings.toolsets]
    return sorted(chosen, key=lambda tool: toolset_names().index(tool.toolset))

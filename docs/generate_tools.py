"""The tools as they are listed: as a page of the docs, and as one JSON file each.

`python -m docs.generate_tools FILE FOLDER` writes both; a test compares them with the tools.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from kling_core.declare import registry
from kling_mcp.settings import USUAL, Settings, toolset_names
from kling_mcp.tools import tools

__all__ = ["kept", "listed", "page", "tokens", "write"]


def listed(toolsets: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    """The tools of these toolsets, or of all, as the protocol lists them."""
    return [
        {
            "name": tool.name,
            "title": tool.title,
            "description": tool.description,
            "inputSchema": tool.parameters,
            "outputSchema": tool.output_schema,
            "annotations": tool.annotations.model_dump(by_alias=True, exclude_none=True)
            if tool.annotations
            else {},
        }
        for tool in tools(Settings(toolsets=toolsets or toolset_names()))
    ]


def tokens(entries: Any) -> int:
    """About how many tokens a model reads: a quarter of the characters, as is the custom."""
    return len(json.dumps(entries, ensure_ascii=False, separators=(",", ":"))) // 4


def page() -> str:
    """The table of all tools as Markdown."""
    lines = [
        "# Tools",
        "",
        "Written by `make generate` from the declarations in `kling_core/endpoints/`.",
        "",
        f"About {tokens(listed(USUAL)):,} tokens as usual, {tokens(listed()):,} with all on.",
    ]
    for toolset in toolset_names():
        usual = "" if toolset in USUAL else " (off unless asked for)"
        lines += ["", f"## {toolset}{usual}", "", "| tool | what it does | tokens |"]
        lines += ["| --- | --- | --- |"]
        lines += [_row(tool) for tool in listed((toolset,))]
    return "\n".join(lines) + "\n"


def _row(tool: dict[str, Any]) -> str:
    words = tool["description"].replace("|", "\\|")
    return f"| `{tool['name']}` | {words} | {tokens(tool)} |"


def kept(tool: dict[str, Any]) -> dict[str, Any]:
    """A tool as its file has it; those that differ in an endpoint's name only share one file."""
    for verb in ("get", "list"):
        name = tool["name"].removeprefix(f"kling_{verb}_")
        if name in registry.names():
            text = json.dumps(tool, ensure_ascii=False)
            return json.loads(text.replace(name, "ENDPOINT").replace(name.replace("_", " "), "…"))
    return tool


def write(file: Path, folder: Path) -> None:
    """Write the page, and the JSON files of all tools; files of tools that are no more go."""
    file.write_text(page(), encoding="utf-8")
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.json"):
        old.unlink()
    for tool in map(kept, listed()):
        text = json.dumps(tool, ensure_ascii=False, indent=1) + "\n"
        (folder / f"{tool['name']}.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]), Path(sys.argv[2]))

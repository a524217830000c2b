"""`kling-mcp config HOST`: what an MCP client needs in its settings, ready to paste.

No secret is ever printed: keys stand as references to the environment, or as words to replace.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["BUDGET", "HOSTS", "Host", "run", "snippet"]

PLACEHOLDER = "PUT YOUR KLING API KEY HERE"
"""For a host that knows no references; the spaces make the library refuse it in clear words."""

BUDGET = "10"
"""US dollars a day in every printed configuration: a limit that is seen, and that is changed there.
What is left unsaid would be no limit at all."""

_COMMAND = ("uvx", "--from", "kling-suite", "kling-mcp")


@dataclass(frozen=True, slots=True)
class Host:
    """An MCP client: the name of its table of servers, its settings file, its way with secrets."""

    title: str
    table: str
    file: str
    secret: Callable[[str], str]
    inputs: bool = False
    remote: bool = True


HOSTS = {
    "claude": Host(
        "Claude Desktop",
        "mcpServers",
        "claude_desktop_config.json (Settings, Developer, Edit Config)",
        lambda _: PLACEHOLDER,
        remote=False,
    ),
    "claude-code": Host(
        "Claude Code",
        "mcpServers",
        ".mcp.json in the project, or: claude mcp add-json kling '<the object of \"kling\">'",
        lambda name: f"${{{name}}}",
    ),
    "cursor": Host(
        "Cursor",
        "mcpServers",
        ".cursor/mcp.json in the project, or ~/.cursor/mcp.json",
        lambda name: f"${{env:{name}}}",
    ),
    "vscode": Host(
        "VS Code",
        "servers",
        ".vscode/mcp.json in the workspace",
        lambda name: f"${{input:{name.lower().replace('_', '-')}}}",
        inputs=True,
    ),
}
"""The clients that are known, by the names that the command takes."""


def snippet(
    name: str, *, sandbox: bool = False, command: Sequence[str] = _COMMAND, url: str | None = None
) -> dict[str, Any]:
    """The settings of one client; `url` for a server that runs over HTTP elsewhere."""
    host = HOSTS[name]
    secret = "KLING_MCP_TOKEN" if url else "KLING_API_KEY"
    server: dict[str, Any]
    if url:
        server = {"type": "http", "url": url}
        server["headers"] = {"Authorization": f"Bearer {host.secret(secret)}"}
    else:
        server = {"command": command[0], "args": [*command[1:], *(["--sandbox"] * sandbox)]}
        keys = {} if sandbox else {secret: host.secret(secret)}
        server["env"] = {**keys, "KLING_BUDGET": BUDGET}
    found: dict[str, Any] = {}
    if host.inputs and (url or not sandbox):
        asked = {"type": "promptString", "id": secret.lower().replace("_", "-"), "password": True}
        words = "The token of the Kling server" if url else "Kling API key"
        found["inputs"] = [{**asked, "description": words}]
    return {**found, host.table: {"kling": server}}


def run(argv: Sequence[str]) -> int:
    """The command: JSON on stdout, and where it goes on stderr. Returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="kling-mcp config",
        description="Print what an MCP client needs in its settings. Secrets are never printed.",
    )
    parser.add_argument("host", choices=list(HOSTS), metavar="HOST", help=", ".join(HOSTS))
    parser.add_argument("--sandbox", action="store_true", help="without a key, to try it out")
    parser.add_argument(
        "--absolute", action="store_true", help="by the path of this installation, without uvx"
    )
    parser.add_argument("--url", help="for a server that runs with --http, such as https://…/mcp")
    chosen = parser.parse_args(argv)
    host = HOSTS[chosen.host]
    if chosen.url and not host.remote:
        parser.error(
            f"{host.title} takes servers by address in its settings under Connectors, not in a file"
        )
    command = (_here(),) if chosen.absolute else _COMMAND
    settings = snippet(chosen.host, sandbox=chosen.sandbox, command=command, url=chosen.url)
    sys.stdout.write(f"{json.dumps(settings, indent=2)}\n")
    sys.stdout.flush()  # before the words on stderr, where both are seen together
    sys.stderr.write("\n".join(["", *_notes(chosen.host, url=chosen.url)]) + "\n")
    return 0


def _notes(name: str, *, url: str | None) -> list[str]:
    host = HOSTS[name]
    notes = [f"For {host.title}: {host.file}."]
    if url:
        return [*notes, "What a day may cost is set where the server runs, by KLING_BUDGET."]
    notes.append(
        f"KLING_BUDGET is what a day may cost at most, in US dollars: change {BUDGET} there."
    )
    found = shutil.which("uvx")
    path = f'"{found}"' if found else "what `which uvx` prints (Windows: where uvx.exe)"
    notes.append(
        f'If the client says "spawn uvx ENOENT", it does not see your PATH: write {path} in the '
        f"place of uvx, or use --absolute, which names {_here()}."
    )
    if host.secret("X") == PLACEHOLDER:
        notes.append("Put your key in the place of the capital words, or in the config file of")
        notes[-1] += " `kling doctor` and leave KLING_API_KEY out."
    return notes


def _here() -> str:
    """The script of this installation."""
    beside = Path(sys.executable).with_name("kling-mcp")
    for path in (Path(sys.argv[0]), beside, beside.with_suffix(".exe")):
        if path.stem == "kling-mcp" and path.is_file():
            return str(path.absolute())
    return shutil.which("kling-mcp") or str(beside)

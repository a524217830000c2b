"""The console script `kling-mcp`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from kling_core import streams
from kling_core.errors import KlingError

if TYPE_CHECKING:
    from kling_mcp.settings import Settings

__all__ = ["main"]

COMMANDS = """\
commands:
  kling-mcp                run the server over stdio
  kling-mcp --http         run it over streamable HTTP, at 127.0.0.1
  kling-mcp doctor         test settings, folders, clock, key and packs; free
  kling-mcp config HOST    print what an MCP client needs: claude, claude-code, cursor, vscode
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the server; `argv` is that of the process when left out. Returns the exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    streams.settle()  # before anything is opened: a closed stream's number must not be taken
    left = _forget_placeholders()
    try:
        if words[:1] == ["doctor"]:
            from kling_mcp import doctor

            return doctor.run(words[1:], left)
        if words[:1] == ["config"]:
            from kling_mcp import client_config

            return client_config.run(words[1:])
        return _serve(_parser().parse_args(words), left)
    except KlingError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def _forget_placeholders() -> list[str]:
    """Drop the settings that a host has left as `${user_config.x}`; returns their names.

    A budget that was meant to be there is that of every printed configuration.
    """
    names = [n for n, v in os.environ.items() if n.startswith("KLING_") and "${" in v]
    for name in names:
        del os.environ[name]
    if "KLING_BUDGET" in names:
        from kling_mcp.client_config import BUDGET

        os.environ["KLING_BUDGET"] = BUDGET
    return sorted(names)


def _parser() -> argparse.ArgumentParser:
    from kling_core.version import VERSION
    from kling_mcp.settings import USUAL, toolset_names

    others = ", ".join(name for name in toolset_names() if name not in USUAL)
    parser = argparse.ArgumentParser(
        prog="kling-mcp",
        description="The MCP server for Kling AI.",
        epilog=COMMANDS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"kling-suite {VERSION}")
    parser.add_argument(
        "--sandbox",
        action="store_true",
        help="the embedded stand-in: no key, no cost, nothing leaves this machine",
    )
    parser.add_argument(
        "--toolsets", metavar="NAMES", help=f"{','.join(USUAL)} (usual), {others}; or all"
    )
    http = parser.add_argument_group("over HTTP")
    http.add_argument("--http", action="store_true", help="streamable HTTP in place of stdio")
    http.add_argument("--host", help="address to listen at (127.0.0.1)")
    http.add_argument("--port", type=int, help="port to listen at (8000); 0 takes a free one")
    http.add_argument(
        "--allowed-hosts", metavar="NAMES", help="names by which clients reach it, with commas"
    )
    http.add_argument(
        "--allowed-origins",
        metavar="URLS",
        help="web pages that may call it from a browser, with commas; none when left out",
    )
    http.add_argument(
        "--caller-keys",
        action="store_true",
        help="every caller brings a Kling key; the server's own is never used",
    )
    return parser


def _serve(namespace: argparse.Namespace, left: list[str]) -> int:
    from kling_mcp.settings import Settings, toolsets

    if left:
        # On stderr: stdout is the protocol's.
        print(f"not filled in by the host, so not set: {', '.join(left)}", file=sys.stderr)
        if "KLING_BUDGET" in left:
            budget = os.environ["KLING_BUDGET"]
            print(f"a day may cost ${budget} at most, until KLING_BUDGET is set", file=sys.stderr)
    settings = Settings.from_environment(
        client={"sandbox": True} if namespace.sandbox else None,
        toolsets=toolsets(namespace.toolsets) if namespace.toolsets else None,
    )
    if namespace.http:
        return _serve_http(namespace, settings)
    for name in ("host", "port", "allowed_hosts", "allowed_origins", "caller_keys"):
        if getattr(namespace, name) not in (None, False):
            print(f"error: --{name.replace('_', '-')} needs --http", file=sys.stderr)
            return 2
    from kling_mcp import stdio
    from kling_mcp.protocol.tasks_extension import KlingTasks, TasksExtension
    from kling_mcp.server import build

    stdio.run(build(settings, extensions=[TasksExtension(KlingTasks())]))
    return 0


def _serve_http(namespace: argparse.Namespace, settings: Settings) -> int:
    from kling_mcp.http.app import Listening, serve
    from kling_mcp.protocol.tasks_extension import KlingTasks, TasksExtension

    names, pages = namespace.allowed_hosts, namespace.allowed_origins
    listening = Listening.from_environment(
        host=namespace.host,
        port=namespace.port,
        allowed_hosts=tuple(names.replace(",", " ").split()) if names else None,
        allowed_origins=tuple(pages.replace(",", " ").split()) if pages else None,
        caller_keys=namespace.caller_keys or None,
    )
    serve(settings, listening, extensions=[TasksExtension(KlingTasks())])
    return 0


if __name__ == "__main__":
    sys.exit(main())

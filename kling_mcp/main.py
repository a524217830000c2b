"""The console script `kling-mcp`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from kling_core.errors import KlingError

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the server; `argv` is that of the process when left out. Returns the exit code."""
    namespace = _parser().parse_args(argv)
    try:
        return _serve(namespace)
    except KlingError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    from kling_core.version import VERSION

    parser = argparse.ArgumentParser(
        prog="kling-mcp", description="The MCP server for Kling AI, over stdio."
    )
    parser.add_argument("--version", action="version", version=f"kling-suite {VERSION}")
    parser.add_argument(
        "--sandbox",
        action="store_true",
        help="the embedded stand-in: no key, no cost, nothing leaves this machine",
    )
    parser.add_argument(
        "--toolsets",
        metavar="NAMES",
        help="video,image,tasks,account (usual), raw; or all",
    )
    return parser


def _serve(namespace: argparse.Namespace) -> int:
    from kling_mcp.settings import Settings, toolsets

    settings = Settings.from_environment(
        client={"sandbox": True} if namespace.sandbox else None,
        toolsets=toolsets(namespace.toolsets) if namespace.toolsets else None,
    )
    from kling_mcp import stdio
    from kling_mcp.server import build

    stdio.run(build(settings))
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Agents for tests: the server in memory or as a process, and a client of either era."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import wraps
from pathlib import Path
from typing import Any

import jsonschema
from mcp import Client
from mcp.client.stdio import StdioServerParameters, stdio_client

from helpers.sandboxes import FAST
from kling_core import Sandbox
from kling_mcp.server import Server, build
from kling_mcp.settings import Settings, toolset_names

ERAS = ("auto", "legacy")
"""Client modes: the newest protocol, and the handshake of 2025-11-25 and before."""


async def until(condition: Callable[[], Any]) -> None:
    """Wait for something that another process does."""
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110, the other process sets no event of ours
            await asyncio.sleep(0.02)


def no_lookup(host: str) -> list[str]:
    """No test asks a name server."""
    raise AssertionError(f"{host} was looked up")


def in_loop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run an asynchronous test in a loop of its own."""

    @wraps(test)
    def run(*arguments: Any, **named: Any) -> None:
        asyncio.run(test(*arguments, **named))

    return run


def settings(sandbox: Sandbox, folder: Path, **changes: Any) -> Settings:
    """Settings whose ledger and files are below `folder`."""
    own = changes.pop("client", {})
    client = {
        "sandbox": sandbox,
        "home": folder / "home",
        "output_dir": folder / "clips",
        "pace": replace(FAST),
        **own,
    }
    usual = {"toolsets": toolset_names(), "confirm_over": None, "resolve": no_lookup}
    return Settings(client=client, **{**usual, **changes})


def server(sandbox: Sandbox, folder: Path, **changes: Any) -> Server:
    """A server in memory."""
    return build(settings(sandbox, folder, **changes))


def parameters(
    sandbox: Sandbox, folder: Path, *arguments: str, **environment: str
) -> StdioServerParameters:
    """How the server is started as a process of its own, for the account of the sandbox."""
    return StdioServerParameters(
        command=sys.executable,
        args=["-m", "kling_mcp.main", *arguments],
        env={
            "PATH": os.environ["PATH"],
            "KLING_ACCESS_KEY": sandbox.access_key,
            "KLING_SECRET_KEY": sandbox.secret_key,
            "KLING_BASE_URL": sandbox.url,
            "KLING_HOME": str(folder / "home"),
            "KLING_OUTPUT_DIR": str(folder / "clips"),
            "KLING_MCP_CONFIRM_OVER": "never",
            **environment,
        },
    )


@asynccontextmanager
async def over_stdio(
    start: StdioServerParameters, *, mode: str = "auto", errors: Path | None = None, **options: Any
) -> AsyncIterator[Client]:
    """A client of a server process; what that says on stderr goes to a file."""
    with Path(errors or os.devnull).open("w", encoding="utf-8") as log:
        async with Client(stdio_client(start, errlog=log), mode=mode, **options) as client:
            yield client


async def made(client: Client, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """The facts of a call that must succeed."""
    result = await client.call_tool(name, arguments)
    assert not result.is_error, result.content[0]
    tools = {tool.name: tool for tool in (await client.list_tools()).tools}
    jsonschema.validate(result.structured_content, tools[name].output_schema)
    assert "base64" not in json.dumps(result.structured_content)
    return result.structured_content

"""The front ends as one: each is asked by its dry run, or by the create itself."""

from __future__ import annotations

import asyncio
import json
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest
from mcp import Client

from helpers.sandboxes import FAST
from helpers.shell import Shell
from kling_core import AsyncKling, Kling, errors
from kling_core.cli.main import main
from kling_core.declare import registry
from kling_mcp.server import build
from kling_mcp.settings import Settings, toolset_names

Told = tuple[str, str]
"""The kind of refusal, and its words; two empty texts for what is sent."""

GOOD: Told = ("", "")


class Python:
    """The client of either kind, which may be called from Python."""

    def __init__(self, kind: type[Kling | AsyncKling]) -> None:
        self.kind, self.path = kind, ""

    def __call__(self, endpoint: str, fields: dict[str, Any], *, dry: bool) -> Told:
        try:
            asyncio.run(self._ask(endpoint, fields, dry=dry))
        except errors.KlingError as error:
            return type(error).__name__, str(error)
        return GOOD

    async def _ask(self, endpoint: str, fields: dict[str, Any], *, dry: bool) -> None:
        client = self.kind(pace=replace(FAST))
        try:
            calls = getattr(client, endpoint)
            if not dry:
                made = calls.create(**fields)
                await made if asyncio.iscoroutine(made) else None
                return
            shown = client.preview(calls.request(**fields))
            self.path = shown.path
            if shown.refusal is not None:
                raise shown.refusal
        finally:
            ended = client.close()
            await ended if ended is not None else None


class CommandLine:
    """`kling run`, in this process."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self.capsys, self.path = capsys, ""

    def __call__(self, endpoint: str, fields: dict[str, Any], *, dry: bool) -> Told:
        line = ["run", endpoint.replace("_", "-"), "--dry-run" if dry else "--no-wait"]
        line += [word for name, value in fields.items() for word in (f"--{name}", str(value))]
        code = main(line)
        said = self.capsys.readouterr().err
        self.path = said.partition("POST ")[2].partition("\n")[0]
        _, _, wrong = said.partition("error: ")
        return (f"exit {code}", wrong) if code else GOOD


class Magic:
    """`%kling`, in a shell of its own."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self.capsys, self.path = capsys, ""

    def __call__(self, endpoint: str, fields: dict[str, Any], *, dry: bool) -> Told:
        free = registry.get(endpoint).positional
        words = [f"--{name} {value}" for name, value in fields.items() if name != free]
        line = " ".join([endpoint.replace("_", "-"), *["--dry-run"] * dry, *words])
        with Kling(pace=replace(FAST)) as kling, closing(Shell(kling)) as shell:
            error = shell.ip.run_cell(f"%kling {line} {fields[free]}").error_in_exec
        said = self.capsys.readouterr().out
        self.path = said.partition("POST http://")[2].partition("\n")[0].partition("/")[2]
        self.path = f"/{self.path}" if self.path else ""
        return (type(error).__name__, str(error)) if error is not None else GOOD


class Tool:
    """The tool of an agent: by its own dry run, or by the tool that quotes."""

    def __init__(self, *, quote: bool) -> None:
        self.quote, self.path = quote, ""

    def __call__(self, endpoint: str, fields: dict[str, Any], *, dry: bool) -> Told:
        return asyncio.run(self._ask(endpoint, fields, dry=dry))

    async def _ask(self, endpoint: str, fields: dict[str, Any], *, dry: bool) -> Told:
        client = {"pace": replace(FAST)}
        settings = Settings(client=client, toolsets=toolset_names(), confirm_over=None)
        tool, arguments = f"kling_{endpoint}", {**fields, "wait_seconds": 0}
        if dry and self.quote:
            tool, arguments = "kling_quote", {"endpoint": endpoint, "arguments": fields}
        elif dry:
            arguments["dry_run"] = True
        async with Client(build(settings)) as agent:
            facts = (await agent.call_tool(tool, arguments)).structured_content or {}
        told = facts.get("message") or json.dumps(facts.get("violations"))
        return (facts["error"], told) if "error" in facts else GOOD


FACES = ("sync", "async", "command line", "magic", "tool", "tool that quotes")


def face(name: str, capsys: pytest.CaptureFixture[str]) -> Any:
    """The front end of this name."""
    return {
        "sync": lambda: Python(Kling),
        "async": lambda: Python(AsyncKling),
        "command line": lambda: CommandLine(capsys),
        "magic": lambda: Magic(capsys),
        "tool": lambda: Tool(quote=False),
        "tool that quotes": lambda: Tool(quote=True),
    }[name]()

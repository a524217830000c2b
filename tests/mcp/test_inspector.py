"""The official inspector: its strict reading of the schemas, and its client over every road."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from helpers import node
from helpers.agents import parameters, settings
from helpers.every_tool import CLIP, CREATE, arguments, others
from helpers.web import served

from kling_core import Sandbox
from kling_core.declare import registry
from kling_mcp.http import app
from kling_mcp.settings import USUAL

ROADS = [("http", "modern"), ("http", "legacy"), ("stdio", "modern"), ("stdio", "legacy")]


@dataclass
class Inspector:
    """The inspector, with a server to look at."""

    commands: node.Commands
    target: list[str]
    era: str
    home: Path

    def strict(self) -> str:
        """List the tools by its strict reading; what it has to say against them."""
        options = ["--method", "tools/list", "--strict", "--protocol-era", self.era]
        done = node.run(node.INSPECTOR, "--cli", *options, *self.target, HOME=str(self.home))
        assert done.returncode == 0, done.stderr
        return done.stderr

    def do(self, *words: str) -> Any:
        """One command over the connection that it holds."""
        said = self.commands.do("--format", "json", *words)
        return json.loads(said) if said.startswith(("{", "[")) else said

    def call(self, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """The facts of a tool's result, which must be a success."""
        said = self.do("tools/call", name, "--tool-args-json", json.dumps(arguments))
        assert not said.get("isError"), said
        return said["structuredContent"]


@pytest.fixture(params=ROADS, ids="-".join)
def road(request: pytest.FixtureRequest) -> tuple[str, str]:
    """Transport and era."""
    return request.param


@pytest.fixture
def inspector(road: tuple[str, str], quick_sandbox: Sandbox, tmp_path: Path) -> Iterator[Inspector]:
    """The inspector on one road, connected."""
    transport, era = road
    (tmp_path / "daemon").mkdir(mode=0o700)
    private = {
        "HOME": str(tmp_path),
        "MCP_INSPECTOR_DAEMON_DIR": str(tmp_path / "daemon"),
        "MCP_INSPECTOR_DAEMON_TOKEN": "t" * 43,
        "MCP_INSPECTOR_SECRET_STORE": "file",
        "MCP_ALLOW_DEFAULT_CONNECTION": "1",
    }
    with ExitStack() as stack:
        commands = stack.enter_context(node.commands(**private))
        if transport == "http":
            own = settings(quick_sandbox, tmp_path, toolsets=USUAL)
            url = stack.enter_context(served(app.app(own, app.Listening())))
            made = Inspector(commands, [f"{url}/mcp", "--transport", "http"], era, tmp_path)
            made.do("connect", *made.target, "--era", era)
        else:
            start = parameters(quick_sandbox, tmp_path)
            known = [w for n, v in (start.env or {}).items() for w in ("-e", f"{n}={v}")]
            made = Inspector(commands, [*known, "--", start.command, *start.args], era, tmp_path)
            made.do("connect", "--era", era, *made.target)
        try:
            yield made
        finally:
            made.do("daemon", "stop")


def test_inspector(inspector: Inspector, road: tuple[str, str]):
    """List strictly, call, read, complete."""
    assert "error" not in inspector.strict().lower()
    shown = inspector.do("connections/show")
    assert inspector.era in json.dumps(shown)
    listed = [tool["name"] for tool in inspector.do("tools/list")["tools"]]

    told = {CREATE: inspector.call(CREATE, CLIP)}
    for tool in others(listed):
        told[tool] = inspector.call(tool, arguments(tool, told, wait=0))
    clip = told[CREATE]
    assert clip["state"] == "succeeded"

    assert inspector.do("resources/list")["resources"][0]["uri"] == "kling://models"
    models = inspector.do("resources/read", "kling://models")
    assert len(json.loads(models["contents"][0]["text"])["endpoints"]) == len(registry.names())
    (file,) = inspector.do("resources/read", clip["outputs"][0]["resource"])["contents"]
    assert file["mimeType"] == "video/mp4"
    prompts = inspector.do("prompts/list")["prompts"]
    assert [prompt["name"] for prompt in prompts] == ["animate_photo", "product_clip", "storyboard"]
    completed = inspector.do(
        *("prompts/complete", "--complete-ref-type", "ref/prompt"),
        *("--complete-ref", "animate_photo", "--complete-arg-name", "model"),
        *("--complete-arg-value", "v2-6"),
    )
    assert "kling-v2-6" in completed["values"]

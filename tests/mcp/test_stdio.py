"""The server as a process: both eras, a clean stdout, messages for people who start it wrongly."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from helpers.agents import ERAS, in_loop, over_stdio, parameters
from helpers.every_tool import call_all
from mcp.client.stdio import StdioServerParameters

from docs import generate_tools
from kling_core import Sandbox
from kling_core.declare import registry
from kling_mcp.settings import USUAL

TOOLS = 17
COMMAND = [sys.executable, "-m", "kling_mcp.main"]


@pytest.mark.parametrize("mode", ERAS)
@in_loop
async def test_a_session(mode: str, quick_sandbox: Sandbox, tmp_path: Path):
    """List, create with progress, wait, look, read, complete: as an agent would."""
    log = tmp_path / "log"
    start = parameters(quick_sandbox, tmp_path)
    heard: list[str] = []

    async def progress(_: float, __: float | None, message: str | None) -> None:
        heard.append(message or "")

    async with over_stdio(start, mode=mode, errors=log) as client:
        assert client.server_info.name == "kling"
        assert "kling_wait_tasks" in (client.instructions or "")
        assert len((await client.list_tools()).tools) == TOOLS
        made = await client.call_tool(
            "kling_text_to_video",
            {"prompt": "a boat", "wait_seconds": 0},
            progress_callback=progress,
        )
        task_id = made.structured_content["task_id"]
        waited = await client.call_tool("kling_wait_tasks", {"task_ids": [task_id]})
        assert waited.structured_content["tasks"][0]["state"] == "succeeded"
        shown = await client.call_tool("kling_preview", {"task_id": task_id})
        assert [block.type for block in shown.content] == ["text", "image", "resource_link"]
        read = await client.read_resource(f"kling://tasks/{task_id}")
        assert json.loads(read.contents[0].text)["outputs"][0]["path"]
        bad = await client.call_tool("kling_text_to_video", {"prompt": "x", "duration": 7})
        assert bad.is_error
    assert heard
    assert log.read_text(encoding="utf-8") == ""


@pytest.mark.parametrize("mode", ERAS)
@in_loop
async def test_each_tool(mode: str, quick_sandbox: Sandbox, tmp_path: Path):
    """Every tool is called once, and speaks of no other channel than the protocol's."""
    log = tmp_path / "log"
    start = parameters(quick_sandbox, tmp_path, "--toolsets", "all")
    async with over_stdio(start, mode=mode, errors=log) as client:
        told = await call_all(client, wait=0)  # what is waited for here takes the real pace
    assert set(told) == {tool["name"] for tool in generate_tools.listed()}
    assert Path(told["kling_download"]["outputs"][0]["path"]).is_relative_to(tmp_path / "clips")
    assert log.read_text(encoding="utf-8") == ""


@pytest.mark.parametrize("toolset", [*USUAL, "raw"])
@in_loop
async def test_toolsets(toolset: str, quick_sandbox: Sandbox, tmp_path: Path):
    """Only what was asked for is listed, and nothing else can be called."""
    start = parameters(quick_sandbox, tmp_path, "--toolsets", toolset)
    async with over_stdio(start) as client:
        names = [tool.name for tool in (await client.list_tools()).tools]
        assert ("kling_get_lip_sync" in names) == (toolset == "raw")
        assert ("kling_lip_sync" in names) == (toolset == "video")
        assert ("kling_quote" in names) == (toolset == "account")
        assert len(names) == {"raw": 2 * len(registry.names())}.get(toolset, len(names))


@in_loop
async def test_sandbox_of_its_own(tmp_path: Path):
    """`--sandbox` needs no key; its results go to a folder of their own."""
    start = StdioServerParameters(
        command=sys.executable,
        args=["-m", "kling_mcp.main", "--sandbox", "--toolsets", "image,tasks"],
        env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "KLING_HOME": str(tmp_path / "home")},
    )
    async with over_stdio(start) as client:
        made = await client.call_tool("kling_image_generation", {"prompt": "a boat"})
        saved = await client.call_tool(
            "kling_download", {"task_id": made.structured_content["task_id"]}
        )
    path = Path(saved.structured_content["outputs"][0]["path"])
    assert path.is_relative_to(tmp_path)
    assert "sandbox" in path.parts


def run(*arguments: str, text: str = "", **environment: str) -> Any:
    """The server with a few lines on stdin; it ends when they do."""
    return subprocess.run(
        [*COMMAND, *arguments],
        input=text,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={"PATH": "/usr/bin:/bin", "KLING_HOME": "/nonexistent", **environment},
    )


HELLO = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    },
}


@in_loop
async def test_without_a_key(tmp_path: Path):
    """It starts all the same, and the first call that needs a key says the three ways."""
    start = StdioServerParameters(
        command=sys.executable,
        args=COMMAND[1:],
        env={"PATH": "/usr/bin:/bin", "KLING_HOME": str(tmp_path)},
    )
    async with over_stdio(start) as client:
        facts = (await client.call_tool("kling_account_costs", {})).structured_content
        models = await client.call_tool("kling_models", {})
    assert facts["error"] == "config_error"
    assert "KLING_API_KEY" in facts["fix"]
    assert not models.is_error


def test_nothing_but_messages_on_stdout():
    """Rubbish on stdin is no reason to end or to print."""
    ended = run("--sandbox", text="hello\n\n{]\n" + json.dumps(HELLO) + "\n")
    assert all(json.loads(line)["jsonrpc"] == "2.0" for line in ended.stdout.splitlines())
    assert '"serverInfo"' in ended.stdout


@pytest.mark.parametrize(
    "arguments,environment,said",
    [
        (["--toolsets", "vidoe"], {}, "did you mean video"),
        ([], {"KLING_MCP_TOOLSETS": "everything"}, "there is no toolset 'everything'"),
        ([], {"KLING_MCP_CONFIRM_OVER": "a lot"}, "KLING_MCP_CONFIRM_OVER"),
        ([], {"KLING_MCP_WAIT": "1h"}, "KLING_MCP_WAIT"),
    ],
)
def test_started_wrongly(arguments: list[str], environment: dict[str, str], said: str):
    """One line that says what is wrong, and no stack trace."""
    ended = run(*arguments, **environment)
    assert ended.returncode == 2
    assert said in ended.stderr
    assert ended.stderr.count("\n") == 1
    assert ended.stdout == ""


def test_a_placeholder_that_the_host_left_in():
    """`${user_config.budget}` of a host that replaced nothing is no value."""
    ended = run("--sandbox", text=json.dumps(HELLO) + "\n", KLING_MCP_WAIT="${user_config.wait}")
    assert ended.returncode == 0


def test_version_and_help():
    assert run("--version").stdout.startswith("kling-suite ")
    assert "--toolsets" in run("--help").stdout


@pytest.mark.parametrize("number,code", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_it(number: signal.Signals, code: int, tmp_path: Path):
    """In a terminal too, where nobody closes stdin: at once, without a stack trace."""
    master, terminal = pty.openpty()
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "KLING_HOME": str(tmp_path)}
    with subprocess.Popen(
        [*COMMAND, "--sandbox"],
        stdin=terminal,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    ) as process:
        os.write(master, json.dumps(HELLO).encode() + b"\n")
        assert process.stdout is not None
        assert process.stderr is not None
        assert "serverInfo" in process.stdout.readline()
        process.send_signal(number)
        assert process.wait(20) == code
        assert process.stderr.read() == "kling-mcp waits here for an MCP host. Ctrl-C ends it.\n"
    os.close(master)
    os.close(terminal)

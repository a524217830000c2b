"""A budget in everything that is printed or packed for a host: seen there, and changed there."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from helpers.agents import in_loop, over_stdio, parameters

from kling_core import Sandbox
from kling_mcp import arguments, client_config
from kling_mcp.main import main
from kling_mcp.settings import Settings

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("host", client_config.HOSTS)
@pytest.mark.parametrize("options", [[], ["--sandbox"], ["--absolute"], ["--url", "https://k/mcp"]])
def test_every_printed_configuration(
    host: str, options: list[str], capsys: pytest.CaptureFixture[str]
):
    """As a number that people see; for a server elsewhere it is said where it is set."""
    if host == "claude" and "--url" in options:
        return
    assert main(["config", host, *options]) == 0
    said = capsys.readouterr()
    (servers,) = (v for name, v in json.loads(said.out).items() if name != "inputs")
    assert "KLING_BUDGET" in said.err
    if "--url" not in options:
        assert Decimal(servers["kling"]["env"]["KLING_BUDGET"]) > 0


def test_bundle_and_registry_entry():
    """The same number, which cannot be left out."""
    manifest = json.loads((ROOT / "mcpb" / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["server"]["mcp_config"]["env"]["KLING_BUDGET"] == "${user_config.budget}"
    asked = manifest["user_config"]["budget"]
    assert (asked["required"], str(asked["default"])) == (True, client_config.BUDGET)
    (package,) = json.loads((ROOT / "server.json").read_text(encoding="utf-8"))["packages"]
    known = {one["name"]: one for one in package["environmentVariables"]}
    assert known["KLING_BUDGET"]["default"] == client_config.BUDGET
    assert Decimal(known["KLING_MCP_CONFIRM_TOTAL"]["default"]) == Settings().confirm_total


@in_loop
async def test_a_host_that_fills_nothing_in(quick_sandbox: Sandbox, tmp_path: Path):
    """A budget that was meant to be there is not none."""
    log = tmp_path / "log"
    left = {"KLING_BUDGET": "${user_config.budget}"}
    start = parameters(quick_sandbox, tmp_path, **left)
    async with over_stdio(start, errors=log) as client:
        quote = {"endpoint": "text_to_video", "arguments": {"prompt": "x"}}
        facts: Any = (await client.call_tool("kling_quote", quote)).structured_content
    assert facts["budget"]["day_usd"] == float(client_config.BUDGET)
    assert f"${client_config.BUDGET}" in log.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "said,total", [("2.50", Decimal("2.50")), ("never", None), ("", Decimal(5))]
)
def test_the_threshold_of_the_sum(
    said: str, total: Decimal | None, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("KLING_MCP_CONFIRM_TOTAL", said)
    assert Settings.from_environment().confirm_total == total


def test_the_docs_name_what_is_left_out():
    """The list of hosts' arguments is closed, and stands in the docs."""
    page = (ROOT / "docs" / "mcp.md").read_text(encoding="utf-8")
    (row,) = re.findall(r"\| names that hosts add: (.+?), and all", page)
    assert set(re.findall(r"`(\w+)`", row)) == arguments.HOSTS_OWN

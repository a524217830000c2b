"""What brings the server to people: clients' settings, doctor, registry entry, bundle, README."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest
from helpers import node
from helpers.agents import in_loop
from mcp import Client
from mcp.client.stdio import StdioServerParameters, stdio_client

from kling_core import Sandbox
from kling_core.version import VERSION
from kling_mcp import client_config
from kling_mcp.main import main

ROOT = Path(__file__).parents[2]
BUNDLE = ROOT / "mcpb"
KEY = "a-key-that-nobody-should-see"


def printed(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[Any, str]:
    """What `kling-mcp config` says: the settings, and the notes for people."""
    assert main(["config", *words]) == 0
    said = capsys.readouterr()
    return json.loads(said.out), said.err


@pytest.mark.parametrize("page", ["README.md", "docs/mcp.md"])
def test_settings_in_the_docs(page: str, capsys: pytest.CaptureFixture[str]):
    """Each JSON block is, word for word, what the command above it prints."""
    text = (ROOT / page).read_text(encoding="utf-8")
    found = re.findall(r"\$ kling-mcp (config [^\n]+)\n```\n\n```json\n(.+?)\n```", text, re.DOTALL)
    assert found
    for command, block in found:
        main(shlex.split(command))
        assert block == capsys.readouterr().out.rstrip(), command
    if page == "docs/mcp.md":
        assert {shlex.split(command)[1] for command, _ in found} == client_config.HOSTS.keys()


@pytest.mark.parametrize("host", client_config.HOSTS)
@pytest.mark.parametrize("options", [[], ["--sandbox"], ["--absolute"], ["--url", "https://k/mcp"]])
def test_no_secret_is_printed(
    host: str,
    options: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    """Only references to it, or words to replace."""
    monkeypatch.setenv("KLING_API_KEY", KEY)
    monkeypatch.setenv("KLING_MCP_TOKEN", KEY)
    if host == "claude" and "--url" in options:
        with pytest.raises(SystemExit):
            main(["config", host, *options])
        assert "Connectors" in capsys.readouterr().err
        return
    settings, notes = printed(capsys, host, *options)
    assert KEY not in json.dumps(settings) + notes
    (servers,) = (value for name, value in settings.items() if name != "inputs")
    server = servers["kling"]
    if "--sandbox" in options:
        assert server["args"][-1] == "--sandbox"
        assert server["env"].keys() == {"KLING_BUDGET"}
        assert "inputs" not in settings
    elif "--url" in options:
        assert server["headers"]["Authorization"].startswith("Bearer ${")
    else:
        assert server["env"].keys() == {"KLING_API_KEY", "KLING_BUDGET"}
        assert "uvx" in notes
    if "--absolute" in options:
        assert Path(server["command"]).is_absolute()


@pytest.mark.parametrize("words", [["config"], ["config", "emacs"]])
def test_unknown_hosts(words: list[str], capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit):
        main(words)
    assert "claude-code" in capsys.readouterr().err or len(words) == 1


def test_placeholder_is_refused_in_clear_words(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    """Who forgets to put a key in its place is told so."""
    monkeypatch.setenv("KLING_API_KEY", client_config.PLACEHOLDER)
    assert main(["doctor"]) == 1
    assert "KLING_API_KEY in the environment has spaces" in capsys.readouterr().out


def test_doctor(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    sandbox: Sandbox,
    tmp_path: Path,
):
    """The library's checks and the server's: all well, then everything wrong at once."""
    known = {
        "KLING_API_KEY": sandbox.api_key,
        "KLING_BASE_URL": sandbox.url,
        "KLING_HOME": str(tmp_path),
        "KLING_OUTPUT_DIR": str(tmp_path / "clips"),
        "KLING_ALLOWED_DIRS": str(tmp_path),
        "KLING_MCP_TOKEN": KEY,
    }
    for name, value in known.items():
        monkeypatch.setenv(name, value)
    assert main(["doctor"]) == 0
    said = capsys.readouterr().out
    for words in ("confirm     from $1", "key         accepted", "set KLING_BUDGET", "all is well"):
        assert words in said
    assert KEY not in said
    assert sandbox.api_key not in said

    monkeypatch.setenv("KLING_API_KEY", "${user_config.api_key}")
    monkeypatch.setenv("KLING_ALLOWED_DIRS", str(tmp_path / "nowhere"))
    monkeypatch.setenv("KLING_OUTPUT_DIR", "")
    assert main(["doctor"]) == 1
    said = capsys.readouterr().out
    assert "KLING_API_KEY still holds a placeholder" in said
    assert "nowhere is no folder" in said
    assert "there is no Kling credential" in said


def test_one_version():
    """Registry entry, bundle and package tell the same."""
    entry = json.loads((ROOT / "server.json").read_text(encoding="utf-8"))
    manifest = json.loads((BUNDLE / "manifest.json").read_text(encoding="utf-8"))
    project = tomllib.loads((BUNDLE / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (package,) = entry["packages"]
    assert entry["version"] == package["version"] == manifest["version"] == VERSION
    assert project["version"] == VERSION
    assert project["dependencies"] == [f"kling-suite=={VERSION}"]


def test_registry_entry():
    """As the schema of 2025-12-11 asks; its name stands in the README, and its command exists."""
    entry = json.loads((ROOT / "server.json").read_text(encoding="utf-8"))
    assert entry["$schema"].endswith("/schemas/2025-12-11/server.schema.json")
    assert re.fullmatch(r"[a-zA-Z0-9.-]+/[a-zA-Z0-9._-]+", entry["name"])
    assert len(entry["description"]) <= 100
    assert len(entry["title"]) <= 100
    assert f"<!-- mcp-name: {entry['name']} -->" in (ROOT / "README.md").read_text(encoding="utf-8")
    (package,) = entry["packages"]
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert scripts["name"] == package["identifier"]
    assert scripts["scripts"][package["identifier"]] == scripts["scripts"]["kling-mcp"]
    for variable in package["environmentVariables"]:
        known = {"name", "description", "isSecret", "format", "default", "choices"}
        assert variable.keys() <= known
        assert variable.get("format", "string") in ("string", "number", "boolean", "filepath")
        assert isinstance(variable.get("default", ""), str)
        assert variable.get("isSecret", False) == variable["name"].endswith("_KEY")


def test_bundle(tmp_path: Path):
    """The official tool finds nothing wrong with it, and packs what is needed, and no more."""
    checked = node.run(node.MCPB, "validate", str(BUNDLE / "manifest.json"))
    assert checked.returncode == 0, checked.stdout + checked.stderr
    packed = node.run(node.MCPB, "pack", str(BUNDLE), str(tmp_path / "kling.mcpb"))
    assert packed.returncode == 0, packed.stdout + packed.stderr
    with zipfile.ZipFile(tmp_path / "kling.mcpb") as bundle:
        assert set(bundle.namelist()) == {"manifest.json", "pyproject.toml", "server.py"}


def test_bundle_hides_secrets():
    """Keys are sensitive, every setting is used, and none is filled in."""
    manifest = json.loads((BUNDLE / "manifest.json").read_text(encoding="utf-8"))
    asked, env = manifest["user_config"], manifest["server"]["mcp_config"]["env"]
    assert {f"${{user_config.{name}}}" for name in asked} == set(env.values())
    for name, value in asked.items():
        assert value.get("sensitive", False) == name.endswith("_key")


@in_loop
async def test_bundle_starts_with_nothing_filled_in(tmp_path: Path):
    """What a host leaves as `${user_config.x}` counts as not set; with the sandbox it works."""
    manifest = json.loads((BUNDLE / "manifest.json").read_text(encoding="utf-8"))
    env = manifest["server"]["mcp_config"]["env"]
    own = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "KLING_HOME": str(tmp_path / "home")}
    command = [sys.executable, str(BUNDLE / manifest["server"]["entry_point"])]
    for sandbox in (False, True):
        switched = {"KLING_SANDBOX": "true"} if sandbox else {}
        start = StdioServerParameters(
            command=command[0], args=command[1:], env={**env, **own, **switched}
        )
        log = tmp_path / f"log-{sandbox}"
        with log.open("w", encoding="utf-8") as errors:
            async with Client(stdio_client(start, errlog=errors)) as client:
                made = await client.call_tool("kling_image_generation", {"prompt": "a boat"})
        facts = made.structured_content
        if sandbox:
            assert facts["state"] == "succeeded"
        else:
            assert facts["error"] == "config_error"
            assert "there is no Kling credential" in facts["message"]
        assert "not filled in by the host" in log.read_text(encoding="utf-8")


def test_options_that_need_http():
    done = subprocess.run(
        [sys.executable, "-m", "kling_mcp.main", "--port", "1"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr == "error: --port needs --http\n"

"""The console blocks of the pages run as they stand, in a shell, against a sandbox.

Each command ends with exit code 0; a server is started, says that it is there, and is stopped. What
is not run is in `NOT_RUN`, with the reason and what is looked at in its place.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from helpers.pages import ROOT, Block, blocks, lay_out, of_kind

from kling_core import Kling, Sandbox

ID = "4a1b9c02"
"""The id that the pages show, made up there; here it is that of a task."""

SECRET = "whsec_" + "c2VjcmV0" * 4
FILLED_IN = {
    "whsec_…": SECRET,
    "KLING_API_KEY=…": "KLING_API_KEY=k",
    "_TOKEN=…": f"_TOKEN={SECRET}",
}
"""Where the reader puts in something of their own."""

HELLO = json.dumps(
    {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "initialize",
        "params": {
            "protocolVersion": "2025-06-18",
            "capabilities": {},
            "clientInfo": {"name": "reader", "version": "1"},
        },
    }
)


class Server(NamedTuple):
    """How a command that runs for ever is started here, and what it says when it is there."""

    ready: str
    instead: tuple[tuple[str, str], ...] = ()


SERVERS = {
    "kling sandbox": Server("KLING_BASE_URL", (("--port 8787", "--port 0"),)),
    "kling callbacks": Server("http://127.0.0.1:", (("--port 8080", "--port 0"),)),
    "kling-mcp --http": Server(
        "http", (("--http", "--http --port 0"), ("--host 0.0.0.0", "--host 127.0.0.1"))
    ),
}
"""A test takes a free port, and listens to this machine only."""


def _has_target(command: str) -> None:
    """Make knows the target; it is run by hand and by CI, for minutes."""
    words = command.partition("#")[0].split()
    subprocess.run([*words[:1], "-n", *words[1:]], cwd=ROOT, check=True, capture_output=True)


def _is_our_name(command: str) -> None:
    """The package that is installed is called as this project is; a test has no network."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert command.rsplit(maxsplit=1)[-1].partition("[")[0] == project["name"]


NOT_RUN: dict[str, Callable[[str], None]] = {"make ": _has_target, "pip install ": _is_our_name}

COMMANDS = [(block, command) for block in of_kind("console") for command in block.commands]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment of a shell in a folder with the files that the pages name."""
    folder = tmp_path_factory.mktemp("desk")
    lay_out(folder)
    with Sandbox(quality="test", speed=5000) as service:
        ours = {
            "KLING_BASE_URL": service.url,
            "KLING_ACCESS_KEY": service.access_key,
            "KLING_SECRET_KEY": service.secret_key,
            "KLING_HOME": str(folder / "home"),
        }
        kept = {k: v for k, v in os.environ.items() if not k.startswith("KLING_")}
        path = f"{Path(sys.executable).parent}{os.pathsep}{kept['PATH']}"
        with Kling(
            base_url=service.url,
            access_key=service.access_key,
            secret_key=service.secret_key,
            home=folder / "home",
            output_dir=folder / "kling_outputs",
        ) as kling:
            kling.text_to_video.create(
                prompt="a lighthouse in fog", external_task_id=f"{ID}-lighthouse"
            ).wait()
        yield {**kept, **ours, "PATH": path, "PWD": str(folder), "NO_COLOR": "1"}


@pytest.mark.parametrize("block, command", COMMANDS, ids=lambda value: str(value)[:60])
def test_a_command_of_the_pages_runs(block: Block, command: str, desk: dict[str, str]) -> None:
    """As it stands, but for the reader's own keys, and for the ports of servers."""
    for name, look in NOT_RUN.items():
        if command.startswith(name):
            look(command)
            return
    for blank, own in FILLED_IN.items():
        command = command.replace(blank, own)
    assert "…" not in command, "name in FILLED_IN what the reader puts there"
    server = next((made for name, made in SERVERS.items() if name in command), None)
    if server is not None:
        _serves(command, server, desk)
        return
    stdio = re.search(r"kling-mcp(?! \w)(?: --sandbox)?\s*(?:#.*)?$", command) is not None
    said = _shell(command, desk, HELLO + "\n" if stdio else "")
    if stdio:
        assert json.loads(said.splitlines()[0])["result"]["serverInfo"]["name"]
    printed = _printed_below(block)
    if printed is not None:
        assert said.strip() == printed.text.strip()


@pytest.mark.parametrize("block", of_kind("json"), ids=str)
def test_json_stands_below_the_command_that_prints_it(block: Block) -> None:
    """So that the test above compares it."""
    known = blocks(block.page)
    above = known[known.index(block) - 1]
    assert above.kind == "console"
    assert len(above.commands) == 1
    assert json.loads(block.text)


def _printed_below(block: Block) -> Block | None:
    known = blocks(block.page)
    after = known[known.index(block) + 1 :][:1]
    return after[0] if after and after[0].kind == "json" else None


def _shell(command: str, desk: dict[str, str], typed: str) -> str:
    done = subprocess.run(
        ["bash", "-c", command],
        check=False,
        env=desk,
        cwd=desk["PWD"],
        input=typed,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    assert "Traceback" not in done.stderr
    return done.stdout


_HEARS_CTRL_C = """import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execvp("bash", ["bash", "-c", sys.argv[1]])"""
"""Workers of the tests ignore Ctrl-C, and what they start would inherit that."""


def _serves(command: str, server: Server, desk: dict[str, str]) -> None:
    """It says that it is there, and ends on Ctrl-C."""
    command = command.partition("#")[0].strip()
    for ours, theirs in server.instead:
        command = command.replace(ours, theirs)
    typed = re.sub(r"^((?:\w+=\S+ )*)", r"\1exec ", command)  # the shell itself is not stopped
    running = subprocess.Popen(
        [sys.executable, "-c", _HEARS_CTRL_C, typed],
        env=desk,
        cwd=desk["PWD"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert running.stdout is not None
    try:
        said = ""
        for line in running.stdout:
            said += line
            if server.ready in line:
                break
        assert server.ready in said, said
    finally:
        running.send_signal(signal.SIGINT)
        rest, _ = running.communicate(timeout=20)
    assert running.returncode in (0, 130, -signal.SIGINT), f"{said}{rest}"
    assert "Traceback" not in rest

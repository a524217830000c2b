"""marimo as a browser test sees it: an app of some cells, served on 127.0.0.1."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import textwrap
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

STARTING = 60.0
"""Seconds for the server to answer."""

APP = """\
import marimo

app = marimo.App()

with app.setup:
{setup}
{cells}
"""

CELL = """
@app.cell
def _():
{body}
    return
"""


@contextmanager
def served(folder: Path, setup: str, *cells: str) -> Iterator[str]:
    """Serve an app with these cells, each of which shows its last expression; the app's address.

    Names of `setup` can be used in all cells.
    """
    body = "".join(CELL.format(body=textwrap.indent(cell, " " * 4)) for cell in cells)
    file = folder / "app.py"
    file.write_text(APP.format(setup=textwrap.indent(setup, " " * 4), cells=body))
    port = _free_port()
    log = folder / "marimo.log"
    command = (sys.executable, "-m", "marimo", "-q", "run", file.name, "--headless", "--no-token")
    with log.open("wb") as output:
        server = subprocess.Popen(
            [*command, "--host", "127.0.0.1", "--port", str(port), "--no-check", "--no-sandbox"],
            cwd=folder,
            env=_environment(folder),
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        yield _answering(server, f"http://127.0.0.1:{port}", log)
    finally:
        server.terminate()
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _environment(folder: Path) -> dict[str, str]:
    """Nobody's settings but the test's."""
    plain = {k: v for k, v in os.environ.items() if not k.startswith(("KLING_", "MARIMO"))}
    home = folder / "home"
    home.mkdir(exist_ok=True)
    return {
        **plain,
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home),
        "XDG_STATE_HOME": str(home),
        "XDG_CACHE_HOME": str(home),
        "KLING_HOME": str(home / "kling"),
    }


def _answering(server: subprocess.Popen[bytes], url: str, log: Path) -> str:
    end = time.monotonic() + STARTING
    while time.monotonic() < end and server.poll() is None:
        try:
            urllib.request.urlopen(f"{url}/health", timeout=5).close()
        except OSError:
            time.sleep(0.1)  # another process gives no event to wait for
            continue
        return url
    pytest.fail(f"marimo did not start:\n{log.read_text()[-3000:]}")


def _free_port() -> int:
    """A port that was free just now: marimo takes no port 0."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]

"""marimo as a browser test sees it: an app of some cells, served on 127.0.0.1."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

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

    Names of `setup` can be used in all cells. marimo finds a free port, and says which.
    """
    body = "".join(CELL.format(body=textwrap.indent(cell, " " * 4)) for cell in cells)
    file = folder / "app.py"
    file.write_text(APP.format(setup=textwrap.indent(setup, " " * 4), cells=body))
    options = ("--headless", "--no-token", "--host", "127.0.0.1", "--no-check", "--no-sandbox")
    with subprocess.Popen(
        [sys.executable, "-m", "marimo", "run", file.name, *options],
        cwd=folder,
        env=_environment(folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as server:
        try:
            url = _address(server)
            threading.Thread(target=server.communicate, daemon=True).start()  # no pipe runs full
            yield url
        finally:
            server.terminate()
            try:
                server.wait(20)
            except subprocess.TimeoutExpired:
                server.kill()


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
        "KLING_SANDBOX": "1",
    }


def _address(server: subprocess.Popen[str]) -> str:
    said = ""
    assert server.stdout is not None
    for line in server.stdout:
        said += line
        if found := re.search(r"http://\S+?:(\d+)", line):
            return f"http://127.0.0.1:{found[1]}"
    pytest.fail(f"marimo did not start:\n{said}")

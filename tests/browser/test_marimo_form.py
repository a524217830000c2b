"""A form in marimo, which takes anywidgets and no other ones."""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.media import picture
from lab import STARTING
from playwright.sync_api import expect

expect.set_options(timeout=20_000)  # many share the machine

APP = """
import marimo
app = marimo.App()

@app.cell
def _():
    import marimo as mo
    from kling_jupyter import form
    made = mo.ui.anywidget(form("image_to_video", prompt="the sea"))
    made
    return
"""


@pytest.fixture(scope="module")
def address(tmp_path_factory) -> Iterator[str]:
    """Where marimo serves the app; it finds a free port itself, and says which."""
    folder: Path = tmp_path_factory.mktemp("marimo")
    (folder / "app.py").write_text(APP)
    command = [sys.executable, "-m", "marimo", "run", "app.py", "--headless", "--no-token"]
    command += ["--host", "127.0.0.1"]
    settings = {"KLING_SANDBOX": "1", "KLING_HOME": str(folder / "home")}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    environment = {**os.environ, **settings}
    with subprocess.Popen(command, cwd=folder, env=environment, **pipes) as server:
        try:
            said = ""
            for line in server.stdout:
                said += line
                found = re.search(r"http://\S+?:(\d+)", line)
                if found:
                    break
            else:
                pytest.fail(f"marimo did not start:\n{said}")
            yield f"http://127.0.0.1:{found[1]}"
        finally:
            server.terminate()
            server.wait(20)


def test_a_form_in_marimo_takes_a_file_and_makes_a_clip(page, address):
    """Pieces of a file arrive there too; the button says the price, and then where the clip is."""
    page.goto(address)
    form = page.get_by_role("group", name="Image to video")
    form.wait_for(timeout=STARTING * 1000)
    zone = form.get_by_role("group", name="Image", exact=True)
    data = picture(600, 400) + random.Random(1).randbytes(3_000_000)
    zone.locator("input[type=file]").set_input_files(
        {"name": "a.png", "mimeType": "image/png", "buffer": data}
    )
    expect(zone.get_by_role("status")).to_have_text("a.png, 3.0 MB, 600x400")
    form.get_by_role("button", name="Generate: 5 s, std, 1.5 units ($0.21)").click()
    expect(form.get_by_text("Succeeded: the-sea-")).to_be_visible(timeout=60_000)

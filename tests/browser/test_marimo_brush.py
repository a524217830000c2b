"""The motion brush and the camera in marimo, which takes anywidgets and no other ones."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab import STARTING
from playwright.sync_api import expect

APP = """
import marimo
app = marimo.App()

@app.cell
def _():
    import marimo as mo
    import kling_jupyter
    from PIL import Image
    brush = mo.ui.anywidget(kling_jupyter.motion_brush(Image.new("RGB", (640, 360), "teal")))
    brush
    return (brush, kling_jupyter, mo)

@app.cell
def _(brush, mo):
    brush.value
    mo.md(f"Python has {brush.widget.static_mask is not None}, {len(brush.widget.dynamic_masks)}")
    return

@app.cell
def _(kling_jupyter):
    kling_jupyter.camera(move="zoom=3")
    return
"""


@pytest.fixture(scope="module")
def address(tmp_path_factory) -> Iterator[str]:
    """Where marimo serves the app; it finds a free port itself, and says which."""
    folder: Path = tmp_path_factory.mktemp("marimo")
    (folder / "app.py").write_text(APP)
    command = [sys.executable, "-m", "marimo", "run", "app.py", "--headless", "--no-token"]
    command += ["--host", "127.0.0.1"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    with subprocess.Popen(command, cwd=folder, **pipes) as server:
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


def test_what_is_drawn_in_marimo_is_in_python(page, address):
    """A stroke and a rectangle with a path arrive, are judged, and the camera is there too."""
    page.goto(address)
    brush = page.get_by_role("region", name="Motion brush")
    canvas = brush.get_by_role("application")
    canvas.wait_for(timeout=STARTING * 1000)
    expect(page.get_by_text("Python has False, 0")).to_be_visible()
    box = canvas.bounding_box()
    assert box is not None

    def drag(*places: tuple[int, int]) -> None:
        for i, (x, y) in enumerate(places):
            page.mouse.move(box["x"] + x, box["y"] + y)
            if not i:
                page.mouse.down()
        page.mouse.up()

    drag((50, 50), (150, 90))
    expect(page.get_by_text("Python has True, 0")).to_be_visible()
    brush.get_by_role("button", name="Add a region").click()
    brush.get_by_role("radio", name="Rectangle", exact=True).check()
    drag((200, 100), (300, 200))
    expect(page.get_by_text("Python has True, 1")).to_be_visible()
    expect(brush.locator(".kp-error")).to_contain_text("Region 1: the path")
    brush.get_by_role("button", name="Add a point").click()
    brush.get_by_role("button", name="Add a point").click()
    expect(brush.locator(".kp-price")).to_be_visible()
    camera = page.get_by_role("region", name="Camera")
    expect(camera.get_by_role("slider", name="zoom")).to_have_value("3")
    camera.get_by_role("slider", name="pan").press("ArrowRight")
    expect(camera.get_by_role("slider", name="zoom")).to_have_value("0")

"""The page that `make demo` leaves, seen by a real browser."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from lab import play

from notebooks import demo


@pytest.fixture(scope="module")
def exported(tmp_path_factory) -> Path:
    """The page of the quickstart's first clip."""
    folder = tmp_path_factory.mktemp("demo page")
    notebook = nbformat.read(demo.SOURCE, as_version=4)
    ids = [cell.id for cell in notebook.cells]
    notebook.cells = notebook.cells[: ids.index("text-to-video") + 1]
    demo.execute(notebook, folder)
    return demo.export(notebook, folder)


def test_the_exported_page_plays_from_disk_and_loads_nothing_else(page, exported):
    """Opened as a file, the player plays, and the page asks no other host for anything."""
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(exported.as_uri())
    facts = play(page.locator("video"))
    assert facts["duration"] == pytest.approx(5, abs=0.2)
    assert all(url.startswith(("file:", "data:", "blob:")) for url in asked)

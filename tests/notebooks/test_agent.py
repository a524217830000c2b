"""The notebook in which an agent drives the MCP server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

SOURCE = Path(__file__).parents[2] / "notebooks" / "agent.ipynb"


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What each cell says, by its id, after a run from top to bottom."""
    notebook = nbformat.read(SOURCE, as_version=4)
    folder = str(tmp_path_factory.mktemp("agent"))
    NotebookClient(
        notebook, timeout=100, kernel_name="python3", resources={"metadata": {"path": folder}}
    ).execute()
    return {cell["id"]: "".join(map(_text, cell.get("outputs", ()))) for cell in notebook.cells}


def _text(output: Any) -> str:
    data = output.get("data", {})
    picture = "<jpeg>" if "image/jpeg" in data else ""
    return output.get("text", "") + data.get("text/markdown", "") + picture


@pytest.mark.parametrize(
    "cell,said",
    [
        ("tools", "kling_wait_tasks"),
        ("quote", "0.21"),
        ("quote", "4 problems"),
        ("create", "Do not create it again"),
        ("again", "take=2"),
        ("wait", "All have ended"),
        ("preview", "<jpeg>"),
        ("money", "confirm_cost=0.42"),
        ("limits", "budget_exceeded"),
        ("safety", "outside the folders"),
        ("safety", "link-local"),
        ("chain", "kling_preview"),
    ],
)
def test_each_cell_shows_what_its_text_promises(told: dict[str, str], cell: str, said: str):
    assert said in told[cell]

"""The Python of the pages runs as it stands, page by page, against a sandbox."""

from __future__ import annotations

import ast
import doctest
import io
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import pytest
from helpers.pages import VIDEO, Block, blocks, lay_out

from kling_core import Kling, Sandbox

pytestmark = pytest.mark.filterwarnings("ignore:.*(retired|retiring)")

PYTHON = ("python", "session")
PAGES = sorted({block.page for block in blocks() if block.kind in PYTHON})


@pytest.fixture
def desk(tmp_path: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with the files that are named, and a sandbox in the place of the live service."""
    lay_out(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KLING_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("KLING_BASE_URL", sandbox.url)
    monkeypatch.setenv("KLING_ACCESS_KEY", sandbox.access_key)
    monkeypatch.setenv("KLING_SECRET_KEY", sandbox.secret_key)
    with Kling(output_dir=tmp_path / "before") as kling:
        kling.text_to_video.create(prompt="a boat", model_name="kling-v1-6").wait()
    sandbox.tasks[0].outputs[0].video_id = VIDEO


@pytest.mark.parametrize("page", PAGES)
def test_the_python_of_a_page_runs(page: str, desk: None) -> None:
    """From the first block to the last, in one namespace, as somebody pastes them."""
    names: dict[str, Any] = {"__name__": "__main__"}
    made: list[Kling] = []
    try:
        for block in blocks(page):
            if block.kind == "python":
                _run(block, names)
            elif block.kind == "session":
                _compare(block, names)
            made += [v for v in names.values() if isinstance(v, Kling) and v not in made]
    finally:
        for client in made:
            client.close()


def _run(block: Block, names: dict[str, Any]) -> None:
    tree = ast.parse("\n" * block.line + block.text, filename=block.page)
    exec(compile(tree, block.page, "exec"), names)


def _compare(block: Block, names: dict[str, Any]) -> None:
    """What a session says is what comes; an error is shown by its kind and its words."""
    examples = doctest.DocTestParser().get_examples(block.text)
    assert examples
    for example in examples:
        said = io.StringIO()
        with redirect_stdout(said):
            try:
                exec(compile(example.source, str(block), "single"), names)
            except Exception as error:  # noqa: BLE001 - whatever is shown
                said.write(f"{type(error).__name__}: {error}\n")
        assert said.getvalue() == example.want, f"{block}: {example.source}"

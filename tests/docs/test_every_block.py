"""Every fenced block of README.md and docs/*.md is run by a test of this folder, as it stands."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest
from helpers.pages import PAGES, ROOT, blocks, of_kind

RUN_BY = {
    "python": "test_python_blocks.py",
    "session": "test_python_blocks.py",
    "notebook": "test_notebook_blocks.py",
    "console": "test_console_blocks.py",
    "json": "test_console_blocks.py",
    "tree": "test_every_block.py",
    "file": "tests/integration/test_every_kind.py",
}


def test_every_block_has_a_kind():
    """A block in another language, or with another sign in front, is one that nobody would run."""
    assert {block.kind for block in blocks()} == set(RUN_BY)
    assert len(PAGES) >= 5


def test_no_fence_is_overlooked():
    """The parser finds as many blocks as there are fences."""
    for page in PAGES:
        text = (ROOT / page).read_text(encoding="utf-8")
        assert len(re.findall(r"^ *(?:```|~~~)", text, re.MULTILINE)) == 2 * len(blocks(page))


@pytest.mark.parametrize("block", of_kind("tree"), ids=str)
def test_the_tree_names_what_is_there(block):
    """Each file and folder of the tree exists."""
    folder = ""
    for line in block.text.splitlines():
        names, _, _ = line.strip().partition("  " if line.startswith(" ") else "/ ")
        if not line.startswith(" "):
            folder = names.partition("/")[0].split()[0]
            assert (ROOT / folder).is_dir()
            continue
        for name in names.split():
            assert (ROOT / folder / name).exists(), name


def test_make_is_to_be_had():
    """The console blocks that are too long to run are asked of make itself."""
    assert shutil.which("make")
    assert subprocess.run(["make", "--version"], check=True, capture_output=True).stdout

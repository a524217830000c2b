"""The fenced blocks of README.md and docs/*.md, and how each is to be run."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from markdown_it import MarkdownIt
from PIL import Image

ROOT = Path(__file__).parents[2]
PAGES = ("README.md", *sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")))

Kind = Literal["python", "notebook", "session", "console", "json", "tree", "file"]

_MAGIC = re.compile(r"^(?:\w+ = )?%{1,2}\w", re.MULTILINE)
VIDEO = "831922345719271433"
"""The id of a video in the examples of the reference."""


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block: its page, the second-level heading above it, and its first line."""

    page: str
    section: str
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"

    @property
    def kind(self) -> Kind:
        """How it is run. Raises `ValueError` for a block that nobody knows how to run."""
        if " " in self.language:  # its first word is the language, the second a path
            return "file"
        if self.language in ("", "python") and _MAGIC.search(self.text):
            return "notebook"
        if self.language == "text" and self.text.startswith(">>> "):
            return "session"
        if self.language == "" and self.text.startswith("kling_core/\n"):
            return "tree"
        if self.language in ("python", "console", "json"):
            return self.language  # pyright: ignore[reportReturnType]
        raise ValueError(f"{self}: nobody knows how to run a block of {self.language!r}")

    @property
    def commands(self) -> list[str]:
        """What is typed in a console block."""
        lines = self.text.splitlines()
        assert all(line.startswith("$ ") for line in lines), f"{self}: a line is no command"
        return [line.removeprefix("$ ") for line in lines]


def blocks(*pages: str) -> list[Block]:
    """The blocks of these pages, or of all, in order."""
    found: list[Block] = []
    for page in pages or PAGES:
        section = ""
        tokens = MarkdownIt().parse((ROOT / page).read_text(encoding="utf-8"))
        for i, token in enumerate(tokens):
            if token.type == "heading_open" and token.tag == "h2":
                section = tokens[i + 1].content
            if token.type in ("fence", "code_block"):
                assert token.map is not None
                line = token.map[0] + 1
                found.append(Block(page, section, line, token.info.strip(), token.content))
    return found


def of_kind(*kinds: Kind) -> list[Block]:
    """All blocks of these kinds, in order."""
    return [block for block in blocks() if block.kind in kinds]


def lay_out(folder: Path) -> None:
    """Put the files there that the blocks name."""
    for name in ("photo.jpg", "cat.jpg", "hat.jpg", "person.jpg", "shirt.jpg"):
        Image.effect_noise((480, 360), 50).convert("RGB").save(folder / name)

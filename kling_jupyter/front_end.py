"""What this front end can show: which one it is, and whether clips beside the notebook play."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

from kling_core.commands.doctor import Symptom
from kling_jupyter.display import Shell, has_pages
from kling_jupyter.html.task_figure import relative

__all__ = ["examine", "front_end"]


def front_end(shell: Shell) -> str:
    """The front end as far as a kernel can tell: terminal, Colab, VS Code, or Jupyter."""
    if not has_pages(shell):
        return "terminal"
    if "google.colab" in sys.modules:
        return "Colab"
    names: dict[str, Any] = shell.user_ns
    if "__vsc_ipynb_file__" in names or os.environ.get("VSCODE_PID"):
        return "VS Code"
    return "Jupyter"


def examine(shell: Shell, folder: Path, output_dir: Path) -> Iterator[Symptom]:
    """The front end, the packages that decide what works, and the folder of the notebook."""
    found = front_end(shell)
    packages = ("ipython",) if found == "terminal" else ("ipykernel", "ipywidgets", "anywidget")
    versions = ", ".join(f"{name} {_version(name)}" for name in packages)
    yield Symptom("ok", "front end", f"{found}, {versions}")
    if found == "terminal":
        yield Symptom("note", "players", "a terminal shows text: open the files it names")
        return
    if found == "Colab":
        text = "Colab serves no files: clips play from their files, not in the notebook"
        yield Symptom("note", "players", text)
    if found == "VS Code":
        text = "VS Code plays pictures without their AAC sound; open the file to hear it"
        yield Symptom("note", "players", text)
    if relative(output_dir / "clip.mp4", folder) is None:
        text = f"{output_dir} is not below the notebook's folder: posters show, clips do not play"
        yield Symptom("note", "outputs", text)
    yield Symptom("ok", "notebook", f"in {folder}")


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "missing"

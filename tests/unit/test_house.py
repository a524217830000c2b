"""The house: no import runs in a circle or upward, whatever it is for and wherever it stands."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import kling_core

ROOT = Path(kling_core.__file__).parents[1]
PACKAGES = ("kling_core", "kling_jupyter", "kling_mcp")

LAYERS = "The core: each layer imports only those below it"
CIRCLES = "No circle in the core, whatever the import is for"

IN_A_FUNCTION = """

def late() -> None:
    from {module} import {name}
"""

FOR_TYPES = """

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from {module} import {name}
"""


# --- circles -------------------------------------------------------------------------------


def imports_of(package: str) -> dict[str, set[str]]:
    """What each module of a package imports of it, in functions and for type checkers too."""
    files = {_name(path): path for path in (ROOT / package).rglob("*.py")}
    return {
        module: set(_imported(path.read_text(encoding="utf-8"), files)) - {module}
        for module, path in files.items()
    }


def _name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def _imported(source: str, known: dict[str, Path]) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        names: list[str] = []
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            inner = (f"{node.module}.{alias.name}" for alias in node.names)
            names = [name if name in known else str(node.module) for name in inner]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        yield from (name for name in names if name in known)


def test_imports_are_seen_wherever_they_stand() -> None:
    """Those for type checkers, and those inside functions."""
    graph = imports_of("kling_core")
    assert "kling_core.flows.runner" in graph["kling_core.task"]
    assert "kling_core.tasks" in graph["kling_core.client"]


@pytest.mark.parametrize("package", PACKAGES)
def test_there_is_no_circle(package: str) -> None:
    """Each module can be read before those that import it; the package's own names come last."""
    graph = imports_of(package)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as circle:
        pytest.fail(" imports ".join(circle.args[1][::-1]))


# --- layers --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of all modules and of the contracts."""
    pytest.importorskip("importlinter")
    folder = tmp_path_factory.mktemp("house")
    for package in PACKAGES:
        shutil.copytree(ROOT / package, folder / package, ignore=_no_module)
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def _no_module(folder: str, names: list[str]) -> list[str]:
    return [n for n in names if (Path(folder) / n).is_file() and not n.endswith(".py")]


def judged(house: Path) -> tuple[int, str]:
    """The exit code and the words of the linter that `make lint` runs."""
    command = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    done = subprocess.run(
        [sys.executable, "-X", "utf8", "-c", f"import sys; sys.path.insert(0, '.'); {command}"],
        cwd=house,
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=60,
    )
    return done.returncode, done.stdout + done.stderr


def test_the_contracts_hold(house: Path) -> None:
    """As the house stands, every contract is kept."""
    code, said = judged(house)
    assert code == 0, said
    assert f"{LAYERS} KEPT" in said
    assert f"{CIRCLES} KEPT" in said


@pytest.mark.parametrize(
    "file,how,forbidden,broken",
    [
        ("ledger/costs.py", IN_A_FUNCTION, "kling_core.flows.submit", LAYERS),
        ("declare/registry.py", IN_A_FUNCTION, "kling_core.client", LAYERS),
        ("rules/conditions.py", FOR_TYPES, "kling_core.declare.endpoint", LAYERS),
        ("media/item.py", FOR_TYPES, "kling_core.rules.price", LAYERS),
        ("flows/line.py", IN_A_FUNCTION, "kling_core.flows.submit", CIRCLES),
        ("declare/fields.py", FOR_TYPES, "kling_core.declare.endpoint", CIRCLES),
    ],
    ids=["up", "far up", "up, for types", "sideways, for types", "circle", "circle, for types"],
)
def test_a_forbidden_import_is_found(
    house: Path, file: str, how: str, forbidden: str, broken: str
) -> None:
    """Upward, sideways or in a circle: inside a function and for type checkers alike."""
    path = house / "kling_core" / file
    before = path.read_text(encoding="utf-8")
    module, _, name = forbidden.rpartition(".")
    try:
        path.write_text(before + how.format(module=module, name=name), encoding="utf-8")
        code, said = judged(house)
    finally:
        path.write_text(before, encoding="utf-8")
    assert code == 1
    assert f"{broken} BROKEN" in said
    importer = f"kling_core.{file.removesuffix('.py').replace('/', '.')}"
    whole, beside = f"{importer} -> {forbidden}", f".{Path(file).stem} -> .{name}"
    assert (beside if broken == CIRCLES else whole) in said

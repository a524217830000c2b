"""What `%load_ext kling_jupyter` costs in a fresh IPython.

Run by itself it prints the CPU milliseconds of one load.
"""

from __future__ import annotations

from pathlib import Path
from time import process_time

from tools import Plan, Row, child_answer


def load_extension(plan: Plan) -> list[Row]:
    """The least of some fresh interpreters, as in `clips`."""
    name = Path(__file__).name
    spent = [child_answer(name) for _ in range(1 + plan.times(9))]  # the first fills the caches
    return [Row("%load_ext kling_jupyter", min(spent[1:]), "ms", 150)]


def _load() -> None:
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell.instance(history_enabled=False)
    shell.run_cell("pass")  # what a first cell loads is not ours
    start = process_time()
    shell.run_line_magic("load_ext", "kling_jupyter")
    spent = process_time() - start
    assert "kling" in shell.magics_manager.magics["line"]
    print(1000 * spent)


if __name__ == "__main__":
    _load()

"""The notebook blocks of the pages run as they stand, in one kernel of each section."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

import pytest
from helpers import kernels
from helpers.pages import Block, lay_out, of_kind

SECTIONS = {
    f"{page}: {section}": list(found)
    for (page, section), found in groupby(of_kind("notebook"), lambda b: (b.page, b.section))
}
QUICK = f"""
{kernels.WORKSPACE}.client.sandbox._lifecycle._bench.fps = 1
{kernels.FAST}
"""
"""Said once the blocks have connected to the sandbox: clips have a frame a second."""


@pytest.mark.parametrize("section", SECTIONS)
def test_the_cells_of_a_section_run(section: str, tmp_path: Path) -> None:
    """Each block is a cell, as somebody pastes it; what it begins ends well."""
    lay_out(tmp_path)
    with kernels.kernel(tmp_path, sandbox=None) as kernel:
        for number, block in enumerate(SECTIONS[section]):
            _run(kernel, block)
            if number == 0:
                kernel.outputs(QUICK)
        assert kernel.value("_kling.wait(60).status") == "'succeeded'"
        kernel.outputs(f"for _job in list({kernels.WORKSPACE}.jobs.values()): _job.wait(60)")
        states = f"sorted({{t.status for t in {kernels.WORKSPACE}.client.tasks.recent()}})"
        assert kernel.value(states) == "['succeeded']"


def _run(kernel: kernels.Kernel, block: Block) -> None:
    told = kernel.outputs(block.text)
    errors = ["\n".join(m["content"]["traceback"]) for m in told if m["msg_type"] == "error"]
    assert not errors, f"{block}\n{errors[0]}"
    notes = [line for m in told for line in _lines(m) if line.startswith("Note: ")]
    assert not [note for note in notes if "retired" not in note], f"{block}: {notes}"


def _lines(message: kernels.Message) -> list[str]:
    content = message["content"]
    return str(content.get("text") or content.get("data", {}).get("text/plain", "")).splitlines()

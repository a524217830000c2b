"""Every notebook runs from top to bottom in the sandbox, and shows what its text promises."""

from __future__ import annotations

import re
from functools import cache
from types import SimpleNamespace

import nbformat
import pytest

from notebooks import demo

NOTEBOOKS = {
    path.stem: path
    for path in sorted(demo.SOURCE.parent.glob("*.ipynb"))
    if path.name != demo.SOURCE.name
}


@pytest.fixture(scope="module")
def execute(tmp_path_factory):
    """Runs a notebook by its name, once; `text` and `html` are of a cell by its id."""

    @cache
    def run(name):
        folder = tmp_path_factory.mktemp(name)
        notebook = nbformat.read(NOTEBOOKS[name], as_version=4)
        demo.execute(notebook, folder)

        def outputs(cell_id, kind):
            (cell,) = [cell for cell in notebook.cells if cell.id == cell_id]
            streams = [o.get("text", "") for o in cell.outputs if kind == "text/plain"]
            return "\n".join(o.get("data", {}).get(kind, "") for o in cell.outputs) + "".join(
                streams
            )

        return SimpleNamespace(
            cells=[cell for cell in notebook.cells if cell.cell_type == "code"],
            folder=folder,
            text=lambda cell: outputs(cell, "text/plain"),
            html=lambda cell: outputs(cell, "text/html"),
        )

    return run


@pytest.fixture(params=[name for name, path in NOTEBOOKS.items() if "%kling" in path.read_text()])
def run(request, execute):
    """Each of the notebooks that use the magics."""
    return execute(request.param)


def errors(cell):
    """The errors among the outputs of a cell."""
    return [output for output in cell.outputs if output.output_type == "error"]


def test_only_the_cells_fail_that_say_so(run):
    """An error is in the output of a cell that is tagged for it, and of no other."""
    for cell in run.cells:
        assert bool(errors(cell)) == ("raises-exception" in cell.metadata.get("tags", ()))


def test_every_link_leads_to_a_file(run):
    """Players and links of all outputs lead to files beside the notebook."""
    html = "".join(run.html(cell.id) for cell in run.cells)
    links = set(re.findall(r'(?:src|href)="((?!data:)[^"]+)"', html))
    assert len(links) >= 4
    assert all((run.folder / link).is_file() for link in links)


def test_no_output_is_large(run):
    """A gallery of a few clips is the largest that there is."""
    assert max(len(str(cell.outputs)) for cell in run.cells) < 110_000


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_the_notebook_is_committed_without_outputs(name):
    """The source holds no outputs and no execution counts; a cell has one idea and little text."""
    source = nbformat.read(NOTEBOOKS[name], as_version=4)
    nbformat.validate(source)
    for cell in source.cells:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None
        assert len(cell.source) < 600


def test_a_still_becomes_a_talking_clip(execute):
    """Each step has its player, the extension is longer, and the family is told."""
    talking = execute("talking_clip")
    for cell in ("video", "extend", "lipsync", "rerun"):
        assert "<video" in talking.html(cell)
    assert "10 s" in talking.text("extend") or "9" in talking.text("extend")
    family = talking.text("show").partition("family")[2]
    assert family.count("image_to_video") == family.count("video_extension") == 1
    assert "lip_sync" in family
    assert talking.html("compare-clips").count("<video") == 2


def test_costs_are_told_and_a_lost_clip_comes_back(execute):
    """The limit refuses, the sums are right, the lost clip is missed and then fetched."""
    rescue = execute("costs_and_rescue")
    (error,) = errors(next(cell for cell in rescue.cells if cell.id == "max-cost"))
    assert "above the limit of $0.25" in error.evalue
    assert re.search(r"coast +3 ", rescue.text("by-project"))
    assert "<svg" in rescue.html("costs")
    assert "is not there any more" in rescue.text("after")
    assert rescue.text("rescued").startswith("1 fetched")
    assert rescue.html("gallery").count("<video") == 2
    assert "a ferry leaves the harbour" in rescue.text("status")
    assert "<video" in rescue.html("resume")
    compile(rescue.text("python"), "python", "exec")


def test_forms_open_and_what_is_drawn_is_asked_for(execute):
    """Forms and widgets are shown; the brush's region and the camera's move reach the request."""
    drawn = execute("forms_and_motion_brush")
    for cell in ("open-form", "form-from", "draw", "move"):
        assert "widget-view" in str(next(c for c in drawn.cells if c.id == cell).outputs)
    assert "1 moving region" in drawn.text("load")
    for cell in ("brushed", "zoomed"):
        assert "<video" in drawn.html(cell)
    assert "dynamic_masks" in drawn.text("show-brushed")

"""The gallery and the comparison in a real JupyterLab: live, saved, untrusted, as a page."""

from __future__ import annotations

import re

import nbformat
import pytest
from axe_playwright_python.sync_playwright import Axe
from lab import new_page, play
from nbconvert import HTMLExporter
from playwright.sync_api import expect

FINISHING = 90_000
PROMPT = 'a paper boat drifts down a rainy street, it\'s "almost" dark & <b>wet</b>'
THEMES = ("JupyterLab Light", "JupyterLab Dark")
NAME = "gallery.ipynb"


@pytest.fixture(scope="module")
def shown(browser, lab):
    """A notebook with clips and pictures, and a gallery, a comparison and costs of them.

    One clip was moved away, so that the gallery has to say so.
    """
    lab.write(
        NAME,
        "%load_ext kling_jupyter\n%config KlingMagics.wait = True\n%kling connect --sandbox",
        f"boat = %kling text-to-video {PROMPT}",
        "%%kling text-to-video --duration 10 --project harbour --name ship\n"
        "a paper ship drifts down a rainy street",
        "barn = %kling image -n 2 a red barn",
        "lost = %kling text-to-video --out away a kite over the dunes\n"
        "lost.path.rename('away/moved.mp4')",
        "%kling gallery",
        "%kling gallery --endpoint image",
        "%kling compare {boat} {ship}",
        "%kling costs",
        "%kling show {boat}",
        "%kling tasks",
        "print('fin' + 'ished')",
    )
    with new_page(browser) as page:
        lab.open(page, NAME)
        lab.run_all(page)
        end = page.locator(".jp-OutputArea").get_by_text("finished")
        expect(end).to_be_visible(timeout=FINISHING)
        lab.save(page)
        yield page
        lab.shut_down(page)


@pytest.fixture(scope="module")
def saved(shown, lab):
    """The notebook as it was saved, without a kernel."""
    notebook = nbformat.read(lab.root / NAME, as_version=4)
    notebook.metadata.kernelspec = {"name": "", "display_name": "No kernel"}
    return notebook


def test_the_gallery_shows_everything_and_plays(shown):
    """A list of figures: clips play, pictures are there, the moved one says where it was."""
    gallery = shown.locator(".kling-gallery").first
    gallery.scroll_into_view_if_needed()
    assert gallery.get_by_role("listitem").count() == 4
    assert gallery.get_by_role("heading", name=re.compile("4 tasks, ")).is_visible()
    assert gallery.locator("video").count() == 2
    _assert_plays(gallery.get_by_label(PROMPT))
    assert gallery.get_by_role("img", name="a red barn").count() == 2
    assert gallery.get_by_text("is not there any more").count() == 1
    assert gallery.locator("b").count() == 0
    only = shown.locator(".kling-gallery").nth(1)
    assert only.get_by_role("listitem").count() == 1


def test_two_clips_are_compared_at_one_height(shown):
    """Both players are equally high, play, and only what differs is in the table."""
    pair = shown.locator(".kling-comparison")
    pair.scroll_into_view_if_needed()
    videos = pair.locator("video")
    boxes = [videos.nth(i).bounding_box() for i in range(2)]
    assert boxes[0]["height"] == boxes[1]["height"] > 200
    assert boxes[0]["y"] == boxes[1]["y"]
    _assert_plays(videos.nth(1), seconds=10)
    heads = pair.locator('th[scope="row"]').all_inner_texts()
    assert heads == ["prompt", "duration", "state", "cost", "time"]


@pytest.mark.parametrize("theme", THEMES)
def test_axe_finds_nothing(shown, theme):
    """No violation in gallery, comparison, plot and tables, light and dark."""
    shown.evaluate(
        "theme => window.jupyterapp.commands.execute('apputils:change-theme', {theme})", theme
    )
    dark = str(theme.endswith("Light")).lower()
    expect(shown.locator(f'body[data-jp-theme-light="{dark}"]')).to_be_attached()
    shown.evaluate("() => { window.define = undefined }")  # RequireJS would take axe for itself
    for place in (".kling-gallery", ".kling-comparison", "svg[role=img]", "table"):
        outputs = f".jp-OutputArea-output:has({place})"
        result = Axe().run(shown, context=outputs)
        assert result.violations_count == 0, (place, result.generate_report())


def test_the_saved_notebook_plays_without_a_kernel(browser, lab, saved):
    """Opened again with nothing running, the gallery's clips play."""
    nbformat.write(saved, lab.root / "gallery reopened.ipynb")
    with new_page(browser) as page:
        lab.open(page, "gallery reopened.ipynb", kernel=False)
        _assert_plays(page.locator(".kling-gallery video").first, seconds=10)


def test_an_untrusted_notebook_keeps_the_grid_and_plays(browser, lab, saved):
    """What Lab strips from a notebook of somebody else leaves posters, players and columns."""
    changed = nbformat.from_dict(saved)
    for cell in changed.cells:
        for output in cell.get("outputs", ()):
            if "text/html" in output.get("data", {}):
                output.data["text/html"] += "<script>changed = true</script>"
    nbformat.write(changed, lab.root / "gallery untrusted.ipynb")
    with new_page(browser) as page:
        lab.open(page, "gallery untrusted.ipynb", kernel=False)
        gallery = page.locator(".jp-OutputArea-output:has(h3)").first
        gallery.scroll_into_view_if_needed()
        assert page.evaluate("() => typeof changed") == "undefined"
        items = gallery.get_by_role("listitem")
        tops = [items.nth(i).bounding_box()["y"] for i in range(2)]
        assert tops[0] == tops[1]
        assert gallery.locator("video[poster]").count() == 2
        _assert_plays(gallery.locator("video").first, seconds=10)


def test_the_exported_page_plays(browser, lab, saved):
    """Nbconvert's page beside the files plays them from disk."""
    exporter = HTMLExporter(mathjax_url="", require_js_url="", jquery_url="")
    html, _ = exporter.from_notebook_node(saved)
    page_file = lab.root / "gallery.html"
    page_file.write_text(html, encoding="utf-8")
    with new_page(browser) as page:
        page.goto(page_file.as_uri())
        _assert_plays(page.locator(".kling-gallery video").first, seconds=10)


def test_a_clip_takes_little_of_the_notebook(saved):
    """Everything that the gallery of four tasks saves is below 30 KB a task."""
    (cell,) = [cell for cell in saved.cells if cell.source == "%kling gallery"]
    assert len(str(cell.outputs)) < 4 * 30_000


def _assert_plays(video, seconds=5):
    facts = play(video)
    assert facts["readyState"] >= 2
    assert facts["duration"] == pytest.approx(seconds, abs=0.2)
    assert facts["currentTime"] > 0.3

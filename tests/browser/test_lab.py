"""The magics in a real JupyterLab, seen by a real browser."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from lab import new_page, play
from playwright.sync_api import expect

QUICKSTART = Path(__file__).parents[2] / "notebooks" / "quickstart.ipynb"
FINISHING = 60_000
PROMPT = 'a cat\'s <b>toy</b> & a "ball" {nowhere} <img src=x onerror=alert(1)>?'


@pytest.fixture(scope="module")
def quickstart(lab) -> str:
    """The first half of the quickstart: text to video, an image, image to video."""
    whole = nbformat.read(QUICKSTART, as_version=4)
    ids = [cell.id for cell in whole.cells]
    whole.cells = whole.cells[: ids.index("image-to-video") + 1]
    nbformat.write(whole, lab.root / "quickstart.ipynb")
    return "quickstart.ipynb"


@pytest.fixture(scope="module")
def mixed(browser, lab):
    """A notebook with odd prompts, two images, and a mistake at its end, run in Lab."""
    name = lab.write(
        "mixed.ipynb",
        "%load_ext kling_jupyter\n%kling connect --sandbox",
        f"clip = %kling text-to-video --raw {PROMPT}",
        "%kling image -n 2 --out my%20#pictures a red barn",
        "%kling text-to-video -d 7 a boat",
        "print('after')",
    )
    with new_page(browser) as page:
        lab.open(page, name)
        lab.run_all(page)
        page.locator(ERROR).wait_for(timeout=FINISHING)
        yield page
        lab.shut_down(page)


# Lab shows errors and the standard error stream alike; nothing here writes to that stream.
ERROR = '[data-mime-type="application/vnd.jupyter.stderr"]'


def test_clips_play_live_and_in_the_saved_notebook_without_a_kernel(page, lab, quickstart):
    """The quickstart's clips play in Lab, and again when the saved notebook is all there is."""
    lab.open(page, quickstart)
    seen = lab.watch_for(page, "submitted")
    lab.run_all(page)
    videos = page.locator(".jp-OutputArea video")
    expect(videos).to_have_count(2, timeout=FINISHING)
    for i in range(2):
        _assert_clip(play(videos.nth(i)))
    assert seen()
    expect(page.get_by_text("submitted")).to_have_count(0)
    lab.save(page)
    lab.shut_down(page)

    saved = nbformat.read(lab.root / quickstart, as_version=4)
    sizes = [len(str(cell.get("outputs", ""))) for cell in saved.cells]
    assert max(sizes) < 25_000
    saved.metadata.kernelspec = {"name": "", "display_name": "No kernel"}
    nbformat.write(saved, lab.root / "reopened.ipynb")
    lab.open(page, "reopened.ipynb", kernel=False)
    _assert_clip(play(page.locator(".jp-OutputArea video").first))


def test_clips_play_in_a_notebook_that_lab_does_not_trust(page, lab, quickstart):
    """A notebook that came from elsewhere keeps poster and player: nothing of it is stripped."""
    saved = nbformat.read(lab.root / quickstart, as_version=4)
    for cell in saved.cells:
        for output in cell.get("outputs", ()):
            if "text/html" in output.get("data", {}):
                output.data["text/html"] += "<script>changed = true</script>"
    saved.metadata.kernelspec = {"name": "", "display_name": "No kernel"}
    nbformat.write(saved, lab.root / "untrusted.ipynb")
    lab.open(page, "untrusted.ipynb", kernel=False)
    video = page.locator(".jp-OutputArea video").first
    assert (video.get_attribute("poster") or "").startswith("data:image/jpeg;base64,")
    _assert_clip(play(video))
    assert page.evaluate("() => window.changed") is None


def test_a_prompt_with_markup_stays_text(mixed):
    """An apostrophe, tags and braces in a prompt reach the label and never the page's markup."""
    video = mixed.locator(".jp-OutputArea video")
    assert video.get_attribute("aria-label") == f"text-to-video: {PROMPT}"
    expect(mixed.locator("figure b, figure [src=x]")).to_have_count(0)
    _assert_clip(play(video))


def test_two_images_stand_in_a_row_and_link_to_their_files(mixed, lab):
    """Images are thumbnails with a text alternative; the files behind the links are served."""
    images = mixed.locator(".jp-OutputArea figure img")
    expect(images).to_have_count(2)
    images.first.scroll_into_view_if_needed()
    first, second = (images.nth(i).bounding_box() for i in range(2))
    assert first is not None
    assert second is not None
    assert first["y"] == second["y"]
    assert images.first.get_attribute("alt") == "image-generation: a red barn"
    link = mixed.locator("figcaption a").nth(1).get_attribute("href") or ""
    answer = mixed.request.get(link if link.startswith("http") else f"{lab.url}{link}")
    assert answer.headers["content-type"] == "image/png"
    assert answer.body() == next((lab.root / "my%20#pictures").glob("*-1.png")).read_bytes()


def test_a_mistake_fails_the_cell_in_one_line(mixed):
    """A refused request shows its problems without a traceback, and the next cell does not run."""
    lines = mixed.locator(ERROR).inner_text().strip().splitlines()
    assert lines[0] == "InvalidRequest: 1 problem in text-to-video, nothing was sent"
    assert "5 or 10 seconds" in lines[1]
    assert len(lines) == 2
    expect(mixed.locator(".jp-OutputArea").get_by_text("after", exact=True)).to_have_count(0)


def _assert_clip(facts: dict[str, float]) -> None:
    assert facts["readyState"] >= 2
    assert facts["currentTime"] > 0.3
    assert facts["duration"] == pytest.approx(5, abs=0.2)
    assert facts["videoWidth"] / facts["videoHeight"] == pytest.approx(16 / 9, abs=0.02)

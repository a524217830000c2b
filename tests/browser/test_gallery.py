"""The gallery and the comparison in a real JupyterLab: live, saved, without a kernel, untrusted."""

from __future__ import annotations

import re

import pytest
from lab import new_page, play
from playwright.sync_api import expect

FINISHING = 90_000
PROMPT = 'a paper boat drifts down a rainy street, it\'s "almost" dark & <b>wet</b>'


@pytest.fixture(scope="module")
def shown(browser, lab):
    """A notebook with clips, pictures and a refused request, and a gallery and comparison of them.

    One clip was moved away, so that the gallery has to say so.
    """
    name = lab.write(
        "gallery.ipynb",
        "%load_ext kling_jupyter\n%kling connect --sandbox",
        f"boat = %kling text-to-video {PROMPT}",
        "%%kling text-to-video --duration 10 --project harbour --name ship\n"
        "a paper ship drifts down a rainy street",
        "barn = %kling image -n 2 a red barn",
        "lost = %kling text-to-video --out away a kite over the dunes\n"
        "lost.videos[0].path.rename('away/moved.mp4')",
        "%kling gallery",
        "%kling gallery --endpoint image",
        "%kling compare {boat} {ship}",
        "%kling costs",
        "%kling show {boat}",
        "print('fin' + 'ished')",
    )
    with new_page(browser) as page:
        lab.open(page, name)
        lab.run_all(page)
        expect(page.locator(".jp-OutputArea").get_by_text("finished")).to_be_visible(
            timeout=FINISHING
        )
        lab.save(page)
        yield page
        lab.shut_down(page)


def test_the_gallery_shows_everything_and_plays(shown):
    """A list of figures: clips play, pictures are there, the moved one says where it was."""
    gallery = shown.get_by_role("region", name="Kling gallery").first
    gallery.scroll_into_view_if_needed()
    assert gallery.get_by_role("listitem").count() == 4
    assert gallery.get_by_role("heading", name=re.compile("4 tasks, ")).is_visible()
    assert gallery.locator("video").count() == 2
    clip = gallery.get_by_label(PROMPT)
    assert play(clip)["duration"] == pytest.approx(5, abs=0.2)
    assert gallery.get_by_role("img", name="a red barn").count() == 2
    assert gallery.get_by_text("is not there any more").count() == 1
    assert gallery.locator("b").count() == 0

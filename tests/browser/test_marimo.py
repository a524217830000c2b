"""Widgets and gallery in marimo, which has no magics: an app run for real."""

from __future__ import annotations

import marimo_app
import pytest
from accessibility import violations
from lab import new_page, play
from playwright.sync_api import expect

FINISHING = 60_000
PROMPT = "a paper boat, it's raining"
SETUP = """\
import kling_jupyter
from kling_core import Kling

# What lies in `public` is served by marimo, so that the gallery's clips play.
kling = Kling(sandbox=True, output_dir="public")
shown = kling.text_to_video.create(prompt="a lighthouse").wait()
shown.videos[0].download()
"""
CARD = f'kling_jupyter.card(kling.text_to_video.create(prompt="{PROMPT}"))'
GALLERY = 'kling_jupyter.gallery(kling, "lighthouse")'


@pytest.fixture(scope="module")
def app(browser, tmp_path_factory):
    """The app in a page, when all its cells have shown something.

    marimo serves `public` through a worker of the browser, which a page has from its second visit.
    """
    folder = tmp_path_factory.mktemp("marimo")
    with marimo_app.served(folder, SETUP, CARD, GALLERY) as url, new_page(browser) as page:
        page.goto(url)
        page.evaluate("() => navigator.serviceWorker.ready.then(() => true)")
        page.reload()
        expect(page.locator(".kling-gallery")).to_be_visible(timeout=FINISHING)
        yield page


def test_the_card_follows_its_task_and_plays(app):
    """The card moves to its end by itself, and the clip comes through the kernel."""
    card = app.locator(".kling-card")
    expect(card.get_by_text(PROMPT).first).to_be_visible()
    expect(card.get_by_role("status")).to_have_text("succeeded", timeout=FINISHING)
    card.get_by_role("button", name="Play").click()
    facts = play(card.locator("video"))
    assert facts["duration"] == pytest.approx(5, abs=0.2)
    assert facts["currentTime"] > 0.3


def test_the_gallery_is_shown_and_plays_from_public(app):
    """The page of posters is plain HTML; files in `public` beside the app play."""
    gallery = app.locator(".kling-gallery")
    assert gallery.get_by_role("listitem").count() == 1
    assert play(gallery.locator("video"))["duration"] == pytest.approx(5, abs=0.2)


def test_axe_finds_nothing(app):
    """No violation in card (which marimo puts into a shadow tree) and gallery."""
    assert violations(app, "marimo-anywidget") == []
    assert violations(app, ".kling-gallery") == []

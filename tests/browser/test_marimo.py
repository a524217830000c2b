"""Widgets and gallery in marimo, which has no magics: an app run for real."""

from __future__ import annotations

import random

import marimo_app
import pytest
from accessibility import violations
from helpers.media import picture
from lab import new_page, play
from playwright.sync_api import expect

FINISHING = 60_000
PROMPT = "a paper boat, it's raining"
SETUP = """\
import marimo as mo
import kling_jupyter
from kling_core import Kling
from PIL import Image

# What lies in `public` is served by marimo, so that the gallery's clips play.
kling = Kling(output_dir="public")
shown = kling.text_to_video.create(prompt="a lighthouse").wait()
shown.videos[0].download()
"""
CELLS = (
    f'kling_jupyter.card(kling.text_to_video.create(prompt="{PROMPT}"))',
    'kling_jupyter.gallery(kling, "lighthouse")',
    'mo.ui.anywidget(kling_jupyter.form("image_to_video", prompt="the sea"))',
    """\
brush = mo.ui.anywidget(kling_jupyter.motion_brush(Image.new("RGB", (640, 360), "teal")))
brush
""",
    """\
brush.value
mo.md(f"Python has {brush.widget.static_mask is not None}, {len(brush.widget.dynamic_masks)}")
""",
    'kling_jupyter.camera(move="zoom=3")',
)


@pytest.fixture(scope="module")
def app(browser, tmp_path_factory):
    """The app in a page, when all its cells have shown something.

    marimo serves `public` through a worker of the browser, which a page has from its second visit.
    """
    folder = tmp_path_factory.mktemp("marimo")
    with marimo_app.served(folder, SETUP, *CELLS) as url, new_page(browser) as page:
        page.goto(url)
        page.evaluate("() => navigator.serviceWorker.ready.then(() => true)")
        page.reload()
        expect(page.locator(".kling-gallery")).to_be_visible(timeout=FINISHING)
        expect(page.get_by_role("region", name="Camera")).to_be_visible(timeout=FINISHING)
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


def test_a_form_takes_a_file_and_makes_a_clip(app):
    """Pieces of a file arrive there too; the button says the price, and then where the clip is."""
    form = app.get_by_role("group", name="Image to video")
    zone = form.get_by_role("group", name="Image", exact=True)
    data = picture(600, 400) + random.Random(1).randbytes(3_000_000)
    zone.locator("input[type=file]").set_input_files(
        {"name": "a.png", "mimeType": "image/png", "buffer": data}
    )
    expect(zone.get_by_role("status")).to_have_text("a.png, 3.0 MB, 600x400")
    form.get_by_role("button", name="Generate: 5 s, std, 1.5 units ($0.21)").click()
    expect(form.get_by_text("Succeeded: the-sea-")).to_be_visible(timeout=FINISHING)


def test_what_is_drawn_is_in_python(app):
    """A stroke and a rectangle with a path arrive, and are judged."""
    brush = app.get_by_role("region", name="Motion brush")
    canvas = brush.get_by_role("application")
    canvas.scroll_into_view_if_needed()
    expect(app.get_by_text("Python has False, 0")).to_be_visible()

    def drag(*places: tuple[int, int]) -> None:
        box = canvas.bounding_box()
        assert box is not None
        for i, (x, y) in enumerate(places):
            app.mouse.move(box["x"] + x, box["y"] + y)
            if not i:
                app.mouse.down()
        app.mouse.up()

    drag((50, 50), (150, 90))
    expect(app.get_by_text("Python has True, 0")).to_be_visible()
    brush.get_by_role("button", name="Add a region").click()
    brush.get_by_role("radio", name="Rectangle", exact=True).check()
    drag((200, 100), (300, 200))
    expect(app.get_by_text("Python has True, 1")).to_be_visible()
    expect(brush.locator(".kp-error")).to_contain_text("Region 1: the path")
    brush.get_by_role("button", name="Add a point").click()
    brush.get_by_role("button", name="Add a point").click()
    expect(brush.locator(".kp-price")).to_be_visible()


def test_the_camera_has_one_value(app):
    """A slider that is moved takes the value from the other one."""
    camera = app.get_by_role("region", name="Camera")
    expect(camera.get_by_role("slider", name="zoom")).to_have_value("3")
    camera.get_by_role("slider", name="pan").press("ArrowRight")
    expect(camera.get_by_role("slider", name="zoom")).to_have_value("0")


def test_axe_finds_nothing(app):
    """No violation in the widgets (which marimo puts into shadow trees) and the gallery."""
    assert violations(app, "marimo-anywidget") == []
    assert violations(app, ".kling-gallery") == []

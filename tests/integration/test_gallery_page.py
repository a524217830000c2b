"""The gallery and the comparison as HTML: what is in them, how large they are, what is escaped."""

from __future__ import annotations

import base64
import re
from dataclasses import replace
from decimal import Decimal
from html.parser import HTMLParser

import pytest
from helpers.ledgers import LEASE, answer, entry, from_elsewhere, with_text
from helpers.media import decode
from helpers.sandboxes import FAST
from PIL import Image

from kling_core import Kling
from kling_core.ledger.records import Costs
from kling_jupyter.html import chart, compare, gallery, players, task_figure

PROMPT = 'it\'s <b>"bold"</b> & {odd'
VOID = {"img", "br", "source", "line", "rect"}


class Page(HTMLParser):
    """The elements of a page, whether they are closed in order, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str]]] = []
        self.text = ""
        self.open: list[str] = []
        self.feed(html)
        assert not self.open, f"left open: {self.open}"

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data

    def all(self, tag):
        """The attributes of each element of this kind."""
        return [attributes for name, attributes in self.found if name == tag]


@pytest.fixture
def kling(quick_sandbox, tmp_path):
    """A client whose ledger is the test's own."""
    place = {"output_dir": tmp_path / "clips", "ledger": str(tmp_path / "ledger.db")}
    with Kling(sandbox=quick_sandbox, pace=replace(FAST), **place) as client:
        yield client


@pytest.fixture
def page(kling, tmp_path):
    """The gallery of everything in the ledger, for a notebook in the test's folder."""

    def made():
        return gallery.of_rows(kling, kling.tasks.ledger.rows(), tmp_path)

    return made


def clip(kling, **fields):
    """A finished clip on disk."""
    given = {"prompt": PROMPT, **fields}
    task = kling.text_to_video.create(**given).wait()
    task.videos[0].download()
    return task


def test_what_cost_nothing_adds_nothing(kling, page):
    """Refused, failed and never sent: their quotes are no costs; what runs is told by its quote."""
    ledger = kling.tasks.ledger
    for name in ("refused", "failed", "unsent", "runs"):
        ledger.prepare(entry(name), lease=LEASE)
        if name != "unsent":
            ledger.admit(name, limit=None, lease=LEASE)
    ledger.refused("refused", "1301")
    ledger.accepted("failed", answer("1", "failed"))
    ledger.accepted("runs", answer("2", "processing"))
    assert "4 tasks, $0.21" in Page(page()["text/html"]).text


def test_a_clip_is_a_figure_with_player_poster_and_caption(kling, page, tmp_path):
    """A list item with a figure: the player links the file and bears the prompt and a poster."""
    task = clip(kling)
    html = page()["text/html"]
    shown = Page(html)
    (video,) = shown.all("video")
    assert (tmp_path / video["src"]).is_file()
    assert video["preload"] == "none"
    assert video["aria-label"] == PROMPT
    poster = base64.b64decode(video["poster"].removeprefix("data:image/jpeg;base64,"))
    assert poster[:3] == b"\xff\xd8\xff"
    assert [len(shown.all(tag)) for tag in ("ul", "li", "figure", "figcaption", "h3")] == [1] * 5
    assert not shown.all("b")
    for words in (PROMPT, task.task_id[-8:], "$0.21", "saved, 29 d at Kling", "text-to-video"):
        assert words in shown.text
    assert not re.search(r"<(script|style|link)\b", html)
    assert f"clips/{task.videos[0].path.relative_to(tmp_path / 'clips')}" in page()["text/plain"]


def test_several_pictures_stand_in_one_figure(kling, page):
    """Each picture of a task is shown with the prompt as its text, and is a link to its file."""
    task = kling.image_generation.create(prompt="a red barn", n=3).wait()
    for image in task.images:
        image.download()
    shown = Page(page()["text/html"])
    assert [image["alt"] for image in shown.all("img")] == ["a red barn"] * 3
    assert len(shown.all("figure")) == 1
    assert len({link["href"] for link in shown.all("a")}) == 3


def test_what_is_not_on_disk_says_why_and_what_to_do(kling, page, monkeypatch):
    """Running, failed, never saved, moved away and purged are told apart."""
    moved, lost = clip(kling, prompt="moved"), clip(kling, prompt="purged")
    moved.videos[0].path.rename(moved.videos[0].path.with_name("elsewhere.mp4"))
    path = lost.videos[0].path
    path.unlink()
    kling.text_to_video.create(prompt="never saved").wait()
    bad = kling.text_to_video.create(prompt="forbidden-content")
    with pytest.raises(Exception, match="risk control"):
        bad.wait()
    kling.text_to_video.create(prompt="at work")
    days = players.tasks.days_left
    monkeypatch.setattr(
        players.tasks, "days_left", lambda t: -2 if t.task_id == lost.task_id else days(t)
    )
    text = Page(page()["text/html"]).text
    assert f"{moved.videos[0].saved['path']} is not there any more, 29 d left: %kling wait" in text
    assert f"{path} is not there any more, and Kling has purged it after 30 days" in text
    assert "not on disk, 29 d left: %kling wait" in text
    assert "submitted, 0 s so far: %kling wait" in text
    assert "failed: " in text
    assert "purged · " in text


def test_twenty_clips_stay_below_600_kilobytes(kling, page, tmp_path, monkeypatch):
    """Even posters of pure noise are kept small; the rest of a card is a few kilobytes."""
    clip(kling, prompt="word " * 200)
    noise = tmp_path / "noise.png"
    Image.effect_noise((1920, 1080), 120).convert("RGB").save(noise)
    still = task_figure.still
    monkeypatch.setattr(
        task_figure, "still", lambda _kind, _path, *size: still("image", noise, *size)
    )
    size = len(page()["text/html"])
    poster = re.search(r'poster="([^"]+)"', page()["text/html"])
    assert len(poster[1]) > 5_000
    assert size * 20 < 600_000


def test_a_file_outside_the_notebooks_folder_is_named_and_never_linked(kling, page, tmp_path):
    """A dead player helps nobody: the poster is shown, with the path."""
    task = clip(kling)
    above = gallery.of_rows(kling, kling.tasks.ledger.rows(), tmp_path / "deeper")["text/html"]
    assert "<video" not in above
    assert str(task.videos[0].path) in above
    hidden = tmp_path / ".hidden"
    hidden.mkdir()
    task.videos[0].download(hidden)
    shown = Page(page()["text/html"])
    assert not shown.all("video")
    assert len(shown.all("img")) == 1
    assert str(hidden) in shown.text


def test_a_comparison_marks_the_words_that_differ(kling, tmp_path):
    """Two figures and a table; of the prompts only the changed words are marked."""
    first = clip(kling, prompt="a paper boat, at <night>")
    second = clip(kling, prompt="a paper ship, at <night>", duration=10)
    rows = [kling.tasks.ledger.row(t.row_id) for t in (first, second)]
    html = compare.of_rows(kling, *rows, tmp_path)["text/html"]
    shown = Page(html)
    assert len(shown.all("video")) == 2
    assert len({video["style"] for video in shown.all("video")}) == 1
    marked = re.findall(r"<mark[^>]*>([^<]*)</mark>", html)
    assert marked[:2] == ["boat", "ship"]
    heads = re.findall(r'<th scope="row"[^>]*>([^<]*)', html)
    assert heads == ["prompt", "duration", "state", "cost", "time"]


def test_the_plot_of_costs_has_every_day_and_its_numbers(kling):
    """Days without tasks are gaps; the picture says its sums to people who do not see it."""
    costs = [_costs("2026-11-20", "0.21", "0.21"), _costs("2026-11-23", "7", "0")]
    html = chart.of_costs("day", costs)
    shown = Page(html)
    (picture,) = shown.all("svg")
    assert picture["role"] == "img"
    assert "$7.21 estimated, $0.21 actual" in picture["aria-label"]
    labels = re.findall(r'text-anchor="middle">([^<]*)', html)
    assert labels == ["11-20", "11-21", "11-22", "11-23"]
    assert "2026-11-23: 1 task, $7.00 estimated, $0.00 actual" in shown.text
    heights = [float(bar["height"]) for bar in shown.all("rect")]
    assert max(heights) == heights[3] > heights[1] > 0 == heights[2]


def _costs(key, estimate, actual):
    amounts = {"estimate": Decimal(estimate), "actual": Decimal(actual)}
    return Costs(key=key, tasks=1, open=0, unknown=0, **amounts)


def test_the_lengths_of_clips_are_those_of_the_files(kling, page, tmp_path):
    """The linked file is the clip that was asked for."""
    clip(kling, duration=10)
    (video,) = Page(page()["text/html"]).all("video")
    assert decode(tmp_path / video["src"]).seconds == pytest.approx(10, abs=0.2)


def test_a_text_stands_on_the_page(kling, page):
    """What is no file is said, escaped, and not told to be missing."""
    with_text(kling.tasks.ledger, text="a <b>boat</b>, & rain")
    made = page()
    assert "a <b>boat</b>, & rain" in Page(made["text/html"]).text
    assert "%kling wait" not in made["text/html"]
    assert "%kling wait" not in made["text/plain"]


def test_what_another_version_made(kling, page):
    """It says so, and names no command that would not help."""
    from_elsewhere(kling.tasks.ledger)
    text = Page(page()["text/html"]).text
    assert text.count("this version of kling-suite does not know its endpoint") == 5
    assert "%kling" not in text

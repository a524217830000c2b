"""The live card in a real notebook: it moves, becomes the clip, and survives a reload."""

from __future__ import annotations

from collections.abc import Iterator

import nbformat
import pytest
from accessibility import violations
from helpers.kernels import FAST, held
from lab import play
from nbconvert import HTMLExporter
from playwright.sync_api import Page, expect

from kling_core import Sandbox
from kling_core.sandbox import Fault

FINISHING = 60_000
CARD = ".jp-OutputArea .kling-card"
VIDEO = ".jp-OutputArea video"
STATUS = "() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.status"


@pytest.fixture(scope="module")
def service() -> Iterator[Sandbox]:
    """What the kernels take for Kling; without a fault a task takes no time."""
    with Sandbox(quality="test", speed=5000, limit=1000) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def begin(service) -> str:
    """The first cell of a notebook."""
    return (
        f"import os\nos.environ.update(KLING_BASE_URL={service.url!r}, "
        f"KLING_ACCESS_KEY={service.access_key!r}, KLING_SECRET_KEY={service.secret_key!r})\n"
        f"%load_ext kling_jupyter\n{FAST}"
    )


@pytest.mark.parametrize("place", ["lab/tree", "notebooks"])
def test_a_card_moves_while_the_kernel_is_busy_and_becomes_the_clip(
    page, lab, service, begin, place
):
    """The clock runs during a blocking cell; then the clip plays, and the saved notebook too."""
    name = lab.write(
        f"moves-{place[:3]}.ipynb",
        begin,
        "clip = %kling text-to-video a paper boat",
        "import pathlib, time; print('busy now')\n"
        f"while not pathlib.Path('{place[:3]}.go').exists(): time.sleep(0.02)",
    )
    lab.open(page, name, place=place)
    with held(service):
        lab.run_all(page)
        card = page.locator(CARD)
        expect(card.get_by_role("status")).to_contain_text("processing", timeout=FINISHING)
        expect(page.locator(".jp-OutputArea").get_by_text("busy now")).to_be_visible()
        clock = card.locator(".kling-card-time")
        expect(clock).not_to_have_text(clock.inner_text())
        assert page.evaluate(STATUS) == "busy"
        expect(card).to_contain_text("a paper boat")
        expect(card).to_contain_text("$0.21")
        (lab.root / f"{place[:3]}.go").touch()
    expect(page.locator(VIDEO)).to_be_attached(timeout=FINISHING)
    expect(page.locator(CARD)).to_have_count(0)
    _plays(page.locator(VIDEO))
    _saved(page, lab, name)
    lab.shut_down(page)


@pytest.fixture(scope="module")
def finished(browser, lab, service, begin) -> str:
    """A saved notebook whose clip was made live."""
    from lab import new_page

    name = lab.write("finished.ipynb", begin, "clip = %kling text-to-video a red kite")
    with new_page(browser) as page:
        lab.open(page, name)
        with held(service):
            lab.run_all(page)
            expect(page.locator(CARD)).to_be_visible(timeout=FINISHING)
        expect(page.locator(VIDEO)).to_be_attached(timeout=FINISHING)
        _saved(page, lab, name)
        lab.shut_down(page)
    return name


def test_a_saved_clip_plays_without_a_kernel_untrusted(page, lab, finished):
    """Nothing of the card is left in the file, and Lab strips nothing of the figure."""
    notebook = nbformat.read(lab.root / finished, as_version=4)
    (output,) = notebook.cells[1].outputs
    assert set(output.data) == {"text/html", "text/plain"}
    assert len(str(output)) < 25_000
    output.data["text/html"] += "<script>changed = true</script>"
    notebook.metadata.kernelspec = {"name": "", "display_name": "No kernel"}
    nbformat.write(notebook, lab.root / "stranger.ipynb")
    lab.open(page, "stranger.ipynb", kernel=False)
    _plays(page.locator(VIDEO))
    assert page.evaluate("() => window.changed") is None


def test_a_saved_clip_plays_in_an_exported_page(page, lab, finished):
    """A page of nbconvert plays from the disk."""
    notebook = nbformat.read(lab.root / finished, as_version=4)
    exporter = HTMLExporter(mathjax_url="", require_js_url="", jquery_url="")
    (lab.root / "finished.html").write_text(exporter.from_notebook_node(notebook)[0])
    page.goto((lab.root / "finished.html").as_uri())
    _plays(page.locator("video"))


def test_a_page_reloaded_while_it_runs_has_a_living_card_that_plays(page, lab, service, begin):
    """After the reload the card goes on; at the end it plays the file through the kernel."""
    name = lab.write("reloaded.ipynb", begin, "clip = %kling text-to-video a lighthouse")
    lab.open(page, name)
    card = page.locator(CARD)
    with held(service):
        lab.run_all(page)
        expect(card.get_by_role("status")).to_contain_text("processing", timeout=FINISHING)
        lab.save(page)
        lab.open(page, name)
        expect(card.get_by_role("status")).to_contain_text("processing", timeout=FINISHING)
    button = card.get_by_role("button", name="Play")
    expect(button).to_be_visible(timeout=FINISHING)
    assert violations(page, CARD) == []
    button.focus()
    page.keyboard.press("Enter")
    video = card.locator("video")
    expect(video).to_be_attached()
    assert (video.get_attribute("src") or "").startswith("blob:")
    _plays(video)
    lab.shut_down(page)


def test_files_elsewhere_play_through_the_kernel(page, lab, service, begin, tmp_path):
    """What Jupyter does not serve has no dead player: the card stays and plays."""
    name = lab.write(
        "elsewhere.ipynb", begin, f"clip = %kling text-to-video --out {tmp_path}/ a tower"
    )
    lab.open(page, name)
    lab.run_all(page)
    button = page.locator(CARD).get_by_role("button", name="Play")
    expect(button).to_be_visible(timeout=FINISHING)
    expect(page.locator(VIDEO)).to_have_count(0)
    button.click()
    _plays(page.locator(CARD).locator("video"))
    notebook = _saved(page, lab, name)
    page_html = notebook.cells[1].outputs[0].data["text/html"]
    assert "data:image/jpeg;base64," in page_html
    assert "<video" not in page_html
    lab.shut_down(page)


def test_waiting_is_stopped_by_keyboard_and_means_what_it_says(page, lab, service, begin):
    """The button tells that the task is paid for; the output then tells how to get it."""
    name = lab.write("stopped.ipynb", begin, "clip = %kling text-to-video a quiet lake")
    lab.open(page, name)
    with held(service):
        lab.run_all(page)
        button = page.locator(CARD).get_by_role("button", name="Stop waiting")
        expect(button).to_be_visible(timeout=FINISHING)
        expect(button).to_have_accessible_description(
            "The task goes on at Kling and is paid for; only this card stops."
        )
        assert page.locator(CARD).get_by_text("Cancel").count() == 0
        assert violations(page, CARD) == []
        button.focus()
        page.keyboard.press("Enter")
        output = page.locator(".jp-OutputArea")
        expect(output.get_by_text("stopped waiting")).to_be_visible(timeout=FINISHING)
        expect(output.get_by_text("%kling get text-to-video").first).to_be_visible()
    lab.shut_down(page)


def test_what_fails_is_told_in_the_output(page, lab, service, begin):
    """Cause, what to do and that it cost nothing, without a traceback; readable for everybody."""
    service.faults.add(Fault("fail", text="Failure to pass the risk control system"))
    name = lab.write("failed.ipynb", begin, "clip = %kling text-to-video a duel")
    lab.open(page, name)
    lab.run_all(page)
    output = page.locator(".jp-OutputArea")
    expect(output.get_by_text("TaskFailed")).to_be_visible(timeout=FINISHING)
    expect(output.get_by_text("It was not billed.")).to_be_visible()
    expect(page.locator(CARD)).to_have_count(0)
    assert violations(page, ".jp-OutputArea-output") == []
    lab.shut_down(page)


def _saved(page: Page, lab, name: str):
    """The notebook's file, once it holds the outputs as they are."""
    page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
    return nbformat.read(lab.root / name, as_version=4)


def _plays(video) -> None:
    facts = play(video)
    assert facts["readyState"] >= 2
    assert facts["currentTime"] > 0.3
    assert facts["duration"] == pytest.approx(5, abs=0.2)

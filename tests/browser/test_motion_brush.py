"""The motion brush and the camera in JupyterLab: what is drawn is what Python has."""

from __future__ import annotations

import ast
import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from lab import STARTING, comes, new_page
from PIL import Image
from playwright.sync_api import Locator, Page, expect

WIDTH, HEIGHT = 640, 360
MADE = f"""
import kling_jupyter, pathlib, time
from PIL import Image, ImageDraw
photo = Image.new("RGB", ({WIDTH}, {HEIGHT}), (90, 140, 190))
ImageDraw.Draw(photo).ellipse((80, 180, 180, 280), fill=(220, 60, 40))
brush = kling_jupyter.motion_brush(photo)
brush
"""
BUSY = 'while not pathlib.Path("go").exists(): time.sleep(0.02)'
CAMERA = "camera = kling_jupyter.camera(photo)\ncamera"
ASK = """async code => {
    const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
    const [, expression] = code;
    const future = kernel.requestExecute({code: code[0], user_expressions: {value: expression}});
    const {content} = await future.done;
    return content.user_expressions?.value?.data?.['text/plain'] ?? JSON.stringify(content);
}"""
BOX = "canvas => { const {x, y, width, height} = canvas.getBoundingClientRect(); "
BOX += "return [x, y, width, height]; }"


class Brush:
    """The widget on the page, and the object in the kernel."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.root = page.get_by_role("region", name="Motion brush")
        self.canvas = self.root.get_by_role("application")

    def ask(self, expression: str, code: str = "") -> Any:
        """The value of an expression in the kernel."""
        return ast.literal_eval(self.page.evaluate(ASK, [code, expression]))

    def settled(self) -> None:
        """Wait until Python has judged the newest step."""
        expect(self.root.locator(".kp-verdict")).to_have_attribute("aria-busy", "false")

    def places(self) -> Callable[[float, float], tuple[float, float]]:
        """Where on the page a place of the picture is: whole pixels, as a pointer has them."""
        self.canvas.scroll_into_view_if_needed()
        x, y, width, height = self.canvas.evaluate(BOX)
        return lambda px, py: (
            round(x + px * width / WIDTH),
            round(y + py * height / HEIGHT),
        )

    def plane(self, places: list[tuple[float, float]]) -> list[tuple[float, float]]:
        """The places of the picture that pointer positions stand for, as the page reckons them."""
        x, y, width, height = self.canvas.evaluate(BOX)
        return [((px - x) * WIDTH / width, (py - y) * HEIGHT / height) for px, py in places]

    def drag(self, places: list[tuple[float, float]]) -> None:
        """Press at the first place, go through all others, let go."""
        mouse = self.page.mouse
        mouse.move(*places[0])
        mouse.down()
        for place in places[1:]:
            mouse.move(*place)
        mouse.up()

    def tool(self, name: str) -> None:
        self.root.get_by_role("radio", name=name, exact=True).check()

    def button(self, name: str) -> Locator:
        return self.root.get_by_role("button", name=name, exact=True)

    def number(self, name: str) -> Locator:
        return self.root.get_by_role("spinbutton", name=name, exact=True)

    def mask(self, expression: str) -> np.ndarray[Any, Any]:
        """The pixels of a mask that the kernel holds."""
        self.settled()
        with Image.open(io.BytesIO(self.ask(expression))) as image:
            assert (image.format, image.mode, image.size) == ("PNG", "L", (WIDTH, HEIGHT))
            return np.asarray(image)


def painted(points: list[tuple[float, float]], radius: float) -> np.ndarray[Any, Any]:
    """The mask of a stroke through these places, worked out on its own."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH] + 0.5
    mask = np.zeros((HEIGHT, WIDTH), bool)
    for (ax, ay), (bx, by) in zip([points[0], *points[:-1]], points, strict=True):
        dx, dy = bx - ax, by - ay
        length2 = dx * dx + dy * dy
        share = np.clip(((x - ax) * dx + (y - ay) * dy) / length2, 0, 1) if length2 else 0 * x
        mask |= (x - ax - share * dx) ** 2 + (y - ay - share * dy) ** 2 <= radius**2
    return mask.astype(np.uint8) * 255


@pytest.fixture(scope="module")
def notebook(browser, lab):
    """A notebook with a brush and a camera, in Lab."""
    name = lab.write("brush.ipynb", MADE, BUSY, CAMERA)
    with new_page(browser) as page:
        lab.open(page, name)
        lab.run_all(page)
        yield page
        lab.shut_down(page)


@pytest.fixture(scope="module")
def brush(notebook, lab) -> Brush:
    """The brush of that notebook; the second cell keeps the kernel busy until a test lets it go."""
    made = Brush(notebook)
    expect(made.canvas).to_be_visible(timeout=STARTING * 1000)
    return made


@pytest.fixture(autouse=True)
def _no_letters_reach_the_notebook(notebook):
    cells = notebook.locator(".jp-Notebook .jp-Cell")
    yield
    expect(cells).to_have_count(3)


STROKE = [(60, 60), (150, 90), (240, 60)]


def test_draws_while_the_kernel_is_busy(brush, lab):
    """Ink, undo and layers work at once; Python hears of the newest state when it is free."""
    at = brush.places()
    places = [at(*p) for p in STROKE]
    brush.drag(places)
    expect(brush.root.locator(".kp-layer").first).to_contain_text("%")
    expect(brush.button("Undo")).to_be_enabled()
    expect(brush.root.locator(".kp-verdict")).to_contain_text("when the kernel is free")
    (lab.root / "go").touch()
    radius = int(brush.root.get_by_role("slider", name="Size").input_value()) / 2
    expected = painted(brush.plane(places), radius)
    assert np.array_equal(brush.mask("brush.static_mask"), expected)
    assert expected.any()


def test_a_region_arrives_with_its_path(brush):
    """Rectangle, eraser and path: mask pixels and trajectory are exact, y counted upwards."""
    brush.button("Add a region").click()
    brush.tool("Rectangle")
    at = brush.places()
    corners = [at(80, 180), at(180, 280)]
    brush.drag(corners)
    (left, top), (right, bottom) = brush.plane(corners)
    x, y = np.arange(WIDTH) + 0.5, np.arange(HEIGHT) + 0.5
    expected = np.outer((y >= top) & (y < bottom), (x >= left) & (x < right))
    assert np.array_equal(brush.mask("brush.dynamic_masks[0]['mask']"), expected * np.uint8(255))
    brush.tool("Path")
    points = [at(130, 230), at(300, 200), at(480, 90)]
    for point in points:
        brush.page.mouse.click(*point)
    brush.settled()
    wanted = [{"x": round(px), "y": round(HEIGHT - py)} for px, py in brush.plane(points)]
    assert brush.ask("brush.dynamic_masks[0]['trajectories']") == wanted
    shown = [int(brush.number(f"Point 2, {axis}").input_value()) for axis in "xy"]
    assert shown == [wanted[1]["x"], wanted[1]["y"]]


def test_numbers_move_points(brush):
    """The table is a way of its own: change, add, remove."""
    brush.number("Point 3, y").fill("300")
    brush.number("Point 3, y").press("Tab")
    brush.settled()
    assert brush.ask("brush.dynamic_masks[0]['trajectories'][2]['y']") == 300
    brush.button("Add a point").click()
    brush.number("Point 4, x").fill("99999")
    brush.number("Point 4, x").press("Enter")
    brush.settled()
    assert brush.ask("brush.dynamic_masks[0]['trajectories'][3]['x']") == WIDTH
    brush.button("Remove point 4").click()
    brush.settled()
    assert brush.ask("len(brush.dynamic_masks[0]['trajectories'])") == 3


def test_undo_and_redo_go_through_every_step(brush):
    """Undo takes back the newest step first; redo brings the very same pixels back."""
    before = brush.ask("(brush.static_mask, brush.dynamic_masks)")
    undo, redo = brush.button("Undo"), brush.button("Redo")
    steps = 0
    while undo.is_enabled():
        undo.click()
        steps += 1
    brush.settled()
    assert brush.ask("(brush.static_mask, brush.dynamic_masks)") == (None, [])
    for _ in range(steps):
        redo.click()
    expect(redo).to_be_disabled()
    brush.settled()
    assert brush.ask("(brush.static_mask, brush.dynamic_masks)") == before


def test_keys_alone_draw(brush):
    """From the toolbar by Tab to the picture; paint, path and undo by keys, and no cell is hurt."""
    page = brush.page
    brush.button("Add a region").focus()
    page.keyboard.press("Enter")
    brush.root.get_by_role("radio", name="Region 2").wait_for()
    brush.root.get_by_role("radio", name="Path", exact=True).focus()
    for _ in range(12):
        if page.evaluate("() => document.activeElement.tagName") == "CANVAS":
            break
        page.keyboard.press("Tab")
    expect(brush.canvas).to_be_focused()
    page.keyboard.press("b")
    page.keyboard.down(" ")
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    page.keyboard.up(" ")
    radius = int(brush.root.get_by_role("slider", name="Size").input_value()) / 2
    cross = brush.root.locator(".kp-said").inner_text()
    end_x, end_y = (int(n) for n in cross.split(", "))
    mask = brush.mask("brush.dynamic_masks[1]['mask']")
    rows, columns = np.nonzero(mask)
    assert columns.max() == pytest.approx(end_x + radius, abs=1.5)
    assert rows.mean() == pytest.approx(HEIGHT - end_y, abs=1)
    assert columns.max() - columns.min() == pytest.approx(5 * 6 + 2 * radius, abs=2)
    page.keyboard.press("t")
    page.keyboard.press("Enter")
    page.keyboard.press("Shift+ArrowUp")
    page.keyboard.press("Enter")
    brush.settled()
    first, second = brush.ask("brush.dynamic_masks[1]['trajectories']")
    assert (first["x"], second["x"], second["y"] - first["y"]) == (end_x, end_x, 30)
    page.keyboard.press("Backspace")
    brush.settled()
    assert brush.ask("len(brush.dynamic_masks[1]['trajectories'])") == 1
    expect(brush.root.locator(".kp-error")).to_contain_text("Region 2: the path has 1 entries")
    page.keyboard.press("Control+z")
    brush.settled()
    assert brush.ask("len(brush.dynamic_masks[1]['trajectories'])") == 2
    expect(brush.root.locator(".kp-error")).to_have_count(0)


def test_the_preview_moves_the_region(brush):
    """At the end of the preview the region has left its place; stopping shows the drawing again."""
    here = "canvas => [...canvas.getContext('2d').getImageData("
    here += "canvas.width * 130 / 640, canvas.height * 270 / 360, 1, 1).data].slice(0, 3)"
    brush.canvas.evaluate("canvas => canvas.blur()")
    brush.root.get_by_role("slider", name="Moment of the preview").fill("100")
    expect(brush.button("Stop the preview")).to_be_visible()
    brush.page.evaluate("() => new Promise(done => requestAnimationFrame(() => setTimeout(done)))")
    red, _, blue = brush.canvas.evaluate(here)
    assert blue > red
    brush.button("Stop the preview").click()
    expect(brush.button("Play the motion")).to_be_visible()


def test_what_is_drawn_makes_a_clip(brush):
    """The fields go into image_to_video, and the sandbox plays them."""
    code = """
from kling_core import Kling, Sandbox
with Sandbox(quality="test", speed=5000) as sandbox, Kling(sandbox=sandbox) as kling:
    task = kling.image_to_video.create(**brush.fields(), prompt="the ball rolls off")
    task.wait()
    path = task.videos[0].download("clips")
"""
    assert brush.ask("task.status, path.suffix", code) == ("succeeded", ".mp4")


def test_the_camera_has_one_value(notebook, brush):
    """Moving one slider sets the others to zero; what the model lacks is disabled."""
    camera = notebook.get_by_role("region", name="Camera")
    camera.scroll_into_view_if_needed()
    camera.get_by_role("slider", name="pan").press("ArrowRight")
    camera.get_by_role("spinbutton", name="zoom, as a number").fill("5")
    camera.get_by_role("spinbutton", name="zoom, as a number").press("Enter")
    expect(camera.get_by_role("slider", name="pan")).to_have_value("0")
    expect(camera.get_by_role("radio", name="down back")).to_be_disabled()
    expect(camera.locator(".kp-price")).to_be_visible()
    values = "{n: v for n, v in camera.camera_control['config'].items() if v}"
    comes(lambda: brush.ask(values), {"zoom": 5})


def test_nothing_stands_in_the_way_of_anybody(notebook, brush):
    """No violation of accessibility rules in the brush and the camera, light and dark."""
    notebook.evaluate("() => { window.define = undefined }")
    change = "theme => window.jupyterapp.commands.execute('apputils:change-theme', {theme})"
    for theme in ("JupyterLab Dark", "JupyterLab Light"):
        notebook.evaluate(change, theme)
        light = str(theme.endswith("Light")).lower()
        expect(notebook.locator(f'body[data-jp-theme-light="{light}"]')).to_have_count(1)
        found = Axe().run(notebook, context=".kp")
        assert found.violations_count == 0, found.generate_report()


def test_a_reloaded_page_has_the_drawing(notebook, brush, lab):
    """The widget comes back with everything on it, and undo starts afresh."""
    before = brush.ask("(brush.static_mask, brush.dynamic_masks)")
    lab.save(notebook)
    notebook.reload()
    expect(brush.canvas).to_be_visible(timeout=STARTING * 1000)
    expect(brush.root.locator(".kp-layer")).to_have_count(3)
    expect(brush.button("Undo")).to_be_disabled()
    brush.root.get_by_role("radio", name="Region 2").check()
    brush.number("Point 1, x").fill("7")
    brush.number("Point 1, x").press("Tab")
    brush.settled()
    after = brush.ask("(brush.static_mask, brush.dynamic_masks)")
    assert after[0] == before[0]
    assert [r["mask"] for r in after[1]] == [r["mask"] for r in before[1]]
    assert after[1][1]["trajectories"][0]["x"] == 7


def test_works_in_notebook_7(page, lab):
    """The same widget in Notebook 7: a stroke arrives."""
    name = lab.write("seven.ipynb", MADE)
    lab.open(page, name, place="notebooks")
    page.locator(".jp-Notebook .jp-Cell").first.click()
    page.keyboard.press("Shift+Enter")
    brush = Brush(page)
    expect(brush.canvas).to_be_visible(timeout=STARTING * 1000)
    at = brush.places()
    brush.drag([at(100, 100), at(200, 100)])
    brush.settled()
    expect(brush.root.locator(".kp-layer").first).to_contain_text("%")
    expect(brush.root.locator(".kp-price")).to_be_visible()

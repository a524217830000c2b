"""The forms in a real notebook: by keyboard alone, with files of all ways, for everybody."""

from __future__ import annotations

import base64
import hashlib
import json
import random
from collections.abc import Iterator
from typing import Any

import pytest
from accessibility import violations
from helpers.media import picture, sound
from lab import Lab, comes, new_page
from playwright.sync_api import Locator, Page, expect

from kling_core import Sandbox
from kling_core.declare import registry

expect.set_options(timeout=20_000)  # many share the machine
FINISHING = 60_000
FORM = ".jp-OutputArea .kling-form"
ENDPOINTS = registry.endpoints()
PLACE = "() => { const e = document.activeElement; return e.name || e.id; }"
DATA = """([name, type, base64]) => {
    const bytes = Uint8Array.from(atob(base64), c => c.charCodeAt(0));
    const data = new DataTransfer();
    data.items.add(new File([bytes], name, {type}));
    return data;
}"""


@pytest.fixture(scope="module")
def begin() -> Iterator[str]:
    """The first cell of a notebook: a sandbox in which a task takes no time."""
    with Sandbox(quality="test", speed=5000, limit=1000, image_limit=1000) as sandbox:
        yield (
            f"import os, json\nos.environ.update(KLING_BASE_URL={sandbox.url!r}, "
            f"KLING_ACCESS_KEY={sandbox.access_key!r}, KLING_SECRET_KEY={sandbox.secret_key!r})\n"
            "%load_ext kling_jupyter\nfrom kling_core.flows.session import Pace\n"
            "workspace = get_ipython().magics_manager.registry['KlingMagics'].workspace\n"
            "workspace.client.session.pace = Pace(poll_floor=0.05, poll_ceiling=0.1)"
        )


class Notebook:
    """An open notebook whose last cell asks the kernel."""

    def __init__(self, page: Page, lab: Lab, name: str) -> None:
        self.page, self.lab, self.name = page, lab, name

    def form(self, number: int = 0) -> Locator:
        return self.page.locator(FORM).nth(number)

    def ask(self, expression: str) -> Any:
        """The value of an expression in the kernel, which is free."""
        return self.page.evaluate(
            """async code => {
                const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
                const running = kernel.requestExecute({code, store_history: false});
                let text = "";
                running.onIOPub = message => {
                    text += message.content.text ?? "";
                    if (message.header.msg_type === "error") text = message.content.evalue;
                };
                await running.done;
                return JSON.parse(text);
            }""",
            f"print(json.dumps({expression}))",
        )


@pytest.fixture(scope="module")
def opened(browser, lab, begin):
    """Opens a notebook with these cells, and runs it; closed at the end of the module."""
    with new_page(browser) as page:
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])

        def run(name: str, *cells: str, forms: int, place: str = "lab/tree") -> Notebook:
            lab.open(page, lab.write(name, begin, *cells), place=place)
            lab.run_all(page)
            page.locator(FORM).nth(forms - 1).wait_for(timeout=FINISHING)
            return Notebook(page, lab, name)

        yield run
        lab.shut_down(page)


# --- every form by keyboard ----------------------------------------------------------------


def tab_to(page: Page, place: str) -> None:
    """Press Tab until the control of that place has the focus."""
    for _ in range(80):
        if page.evaluate(PLACE).endswith(f"-{place}"):
            return
        page.keyboard.press("Tab")
    pytest.fail(f"Tab does not lead to {place}; it stands at {page.evaluate(PLACE)}")


def fill(page: Page, form: Locator, name: str, value: Any) -> None:
    """Type a value, from wherever the focus is; a list into as many places as it has."""
    if isinstance(value, list):
        for i, one in enumerate(value):
            if i:
                page.keyboard.press("Tab")
                while page.evaluate("() => document.activeElement.textContent") != "Add image":
                    page.keyboard.press("Tab")
                page.keyboard.press("Enter")
            fill(page, form, f"{name}-{i}", one)
        return
    tab_to(page, name)
    kind = page.evaluate("() => document.activeElement.type")
    if kind == "radio":
        while page.evaluate("() => document.activeElement.value") != str(value):
            page.keyboard.press("ArrowRight")
    else:
        page.keyboard.type(str(value))


def test_each_form_is_filled_and_sent_by_keyboard_alone(opened, lab):
    """Tab, letters, arrows and Enter are enough to make something at every endpoint."""
    for name in ("photo.jpg", "cat.jpg", "hat.jpg", "person.jpg", "shirt.jpg"):
        (lab.root / name).write_bytes(picture(kind="JPEG"))
    cells = [f"f{i} = %kling form {e.command}\nf{i}" for i, e in enumerate(ENDPOINTS)]
    clip = "clip = %kling text-to-video --wait --model kling-v1 a boat\nclip = clip.videos[0]"
    book = opened("keyboard.ipynb", clip, *cells, forms=len(ENDPOINTS))
    page = book.page
    for i, endpoint in enumerate(ENDPOINTS):
        form = book.form(i)
        form.evaluate("e => { e.tabIndex = -1; e.focus(); }")
        given = {**endpoint.example}
        if "video_id" in given:
            given["video_id"] = "{clip}"
        order = [n for n in _order(form) if n in given]
        for name in order:
            fill(page, form, name, given[name])
        go = form.get_by_role("button", name="Generate")
        expect(go).to_have_attribute("aria-disabled", "false")
        while not go.evaluate("e => e === document.activeElement"):
            page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        expect(form.get_by_text("Succeeded: ")).to_be_visible(timeout=FINISHING)
    forms = ", ".join(f"f{i}" for i in range(len(ENDPOINTS)))
    states = book.ask(f"[[f.endpoint.name, f.task.status, len(f.jobs)] for f in ({forms})]")
    assert states == [[e.name, "succeeded", 1] for e in ENDPOINTS]
    # Each result stands in the cell of its form, and stays there.
    for i in range(len(ENDPOINTS)):
        expect(page.locator(".jp-CodeCell").nth(2 + i).locator("figure")).to_have_count(1)
    assert page.locator(".kling-card").count() == 0


def _order(form: Locator) -> list[str]:
    """The fields in the order in which Tab comes by."""
    spec = form.evaluate(
        "e => [...e.querySelectorAll('[id]')].map(c => c.id.replace(/^kling-[^-]*-/, ''))"
    )
    return list(dict.fromkeys(str(one).partition("-")[0] for one in spec))


# --- one form in depth ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def deep(opened, lab) -> Notebook:
    """A form of image to video, and one of lip-sync."""
    (lab.root / "start.png").write_bytes(picture())
    cells = ("f = %kling form image-to-video", "g = %kling form lip-sync")
    return opened("deep.ipynb", *cells, forms=2)


def medium(form: Locator, label: str) -> Locator:
    return form.get_by_role("group", name=label, exact=True)


def test_twelve_megabytes_arrive_bit_by_bit(deep):
    """A file that other widgets lose in silence arrives, and is judged when it is here."""
    data = picture() + random.Random(1).randbytes(12_000_000)
    zone = medium(deep.form(), "Image")
    zone.locator("input[type=file]").set_input_files(
        {"name": "big.png", "mimeType": "image/png", "buffer": data}
    )
    expect(zone.locator("xpath=self::*[contains(., 'the limit is 10 MB')]")).to_be_visible()
    assert deep.ask("f._reading.media['image'].sha256()") == hashlib.sha256(data).hexdigest()
    expect(zone.locator("input[type=text]")).to_have_attribute("aria-invalid", "true")
    expect(zone.locator("input[type=text]")).to_have_accessible_description(
        "Start frame. big.png is 12.0 MB (12,001,326 bytes); the limit is 10 MB. "
        "Use at most 10,000,000 bytes: JPEG, or fewer pixels."
        .replace("12,001,326", f"{len(data):,}")
    )  # fmt: skip


@pytest.mark.parametrize("way", ["drop", "paste"])
def test_files_are_dropped_and_pasted(deep, way):
    """A dropped or pasted picture is shown with its size, and is the one that would be sent."""
    data = picture(600 if way == "drop" else 640, 400)
    zone = medium(deep.form(), "Image").locator(".kling-form-zone")
    packed = base64.b64encode(data).decode()
    held = deep.page.evaluate_handle(DATA, [f"{way}.png", "image/png", packed])
    if way == "drop":
        zone.dispatch_event("dragover", {"dataTransfer": held})
        zone.dispatch_event("drop", {"dataTransfer": held})
    else:
        zone.evaluate(
            "(e, data) => e.querySelector('input[type=text]').dispatchEvent(new ClipboardEvent("
            "'paste', {clipboardData: data, bubbles: true, cancelable: true}))",
            held,
        )
    expect(zone.get_by_role("status")).to_contain_text("600x400" if way == "drop" else "640x400")
    expect(zone.locator("img")).to_be_visible()
    assert deep.ask("f._reading.media['image'].sha256()") == hashlib.sha256(data).hexdigest()


def test_a_sound_is_heard_before_it_is_sent(deep):
    """An uploaded sound has a player that plays it."""
    zone = medium(deep.form(1), "Audio")
    zone.locator("input[type=file]").set_input_files(
        {"name": "voice.wav", "mimeType": "audio/wav", "buffer": sound(3.0)}
    )
    expect(zone.get_by_role("status")).to_contain_text("3.0 s")
    seconds = zone.locator("audio").evaluate(
        "e => new Promise(done => { if (e.readyState) done(e.duration);"
        " e.onloadedmetadata = () => done(e.duration); })"
    )
    assert seconds == pytest.approx(3.0, abs=0.1)


def test_what_cannot_be_had_is_disabled_with_its_reason(deep):
    """The model decides; a control that is off says why, and another model turns it on."""
    form = deep.form()
    sound_on = form.get_by_role("checkbox", name="Sound")
    expect(sound_on).to_be_disabled()
    expect(sound_on).to_have_accessible_description(
        "Generate sound with the video; costs more. "
        "kling-v2-5-turbo does not offer sound; kling-v3 and kling-v2-6 can."
    )
    mode = form.get_by_role("group", name="Mode")
    expect(mode.get_by_role("radio", name="4k")).to_be_disabled()
    expect(mode).to_have_accessible_description(
        "Quality: std (720p), pro (1080p), 4k where the model has it. "
        "kling-v2-5-turbo has the modes std and pro."
    )
    form.get_by_label("Model", exact=True).select_option("kling-v3")
    expect(sound_on).to_be_enabled()
    expect(mode.get_by_role("radio", name="4k")).to_be_enabled()
    form.get_by_label("Model", exact=True).select_option("kling-v2-5-turbo")
    expect(sound_on).to_be_disabled()


def test_a_mistake_is_told_at_its_field_and_the_button_leads_there(deep):
    """The error stands at the field, the button says what is to be mended and goes there."""
    form = deep.form()
    duration = form.get_by_label("Duration")
    form.get_by_label("Model", exact=True).select_option("kling-v3")
    duration.select_option("7")
    expect(form.get_by_role("button", name="Generate: 7 s, std")).to_be_visible()
    form.get_by_label("Model", exact=True).select_option("kling-v2-5-turbo")
    expect(duration).to_have_attribute("aria-invalid", "true")
    expect(duration).to_have_accessible_description(
        "Length of the clip; which lengths, the model decides. "
        "kling-v2-5-turbo makes 5 or 10 seconds; you asked for 7. Use duration=5 or duration=10."
    )
    go = form.get_by_role("button", name="Generate")
    expect(go).to_have_attribute("aria-disabled", "true")
    expect(go).to_have_accessible_description("To fix: Duration.")
    go.click(force=True)
    expect(duration).to_be_focused()
    assert deep.ask("len(f.jobs)") == 0
    duration.select_option("10")
    expect(go).to_have_attribute("aria-disabled", "false")


def test_typing_moves_no_cell(deep):
    """Arrow keys and letters in a form are the form's: Jupyter does nothing with them."""
    cells = deep.page.locator(".jp-Cell").count()
    form = deep.form()
    form.get_by_role("radio", name="std").focus()
    for key in ("ArrowRight", "ArrowLeft", "d", "d", "a", "b", "x", "m"):
        deep.page.keyboard.press(key)
    expect(form.get_by_role("radio", name="std")).to_be_focused()
    assert deep.page.locator(".jp-Cell").count() == cells


def test_code_is_copied(deep):
    """Both buttons put code on the clipboard that names the picture by its file."""
    form = deep.form()
    form.get_by_label("Prompt", exact=True).fill("it's {moving}\non")
    for name, starts in (("Copy as %kling", "%%kling image-to-video"), ("Copy as Python", "from")):
        form.get_by_role("button", name=name).click()
        expect(form.get_by_text(f"Copied {name[5:]}.")).to_be_visible()
        text = deep.page.evaluate("() => navigator.clipboard.readText()")
        assert text.startswith(starts)
        assert "kling_outputs/inputs/paste-" in text


def choose(form: Locator, name: str) -> None:
    """Choose as soon as the verdict on the last change allows it; the label covers the circle."""
    radio = form.get_by_role("radio", name=name)
    expect(radio).to_be_enabled()
    radio.check(force=True)


def test_a_camera_move_has_one_value(deep):
    """Another slider takes the value from the one before; the object arrives whole."""
    form = deep.form()
    form.get_by_label("Model", exact=True).select_option("kling-v1-5")
    choose(form, "pro")
    form.get_by_label("Duration").select_option("5")
    form.get_by_text("More options").click()
    form.locator("summary", has_text="Camera control").click()
    choose(form, "simple")
    form.get_by_label("Pan", exact=True).fill("3")
    form.get_by_label("Zoom, slider").press("End")
    expect(form.get_by_label("Pan", exact=True)).to_have_value("")
    expect(form.get_by_label("Zoom", exact=True)).to_have_value("10")
    expect(form.get_by_role("button", name="Generate: 5 s, pro")).to_be_visible()
    wanted = {"type": "simple", "config": {"zoom": 10}}
    comes(lambda: deep.ask("f.values.get('camera_control')"), wanted)


def test_a_double_click_sends_once(deep):
    """The second click of a double click finds the button busy."""
    before = deep.ask("len(f.jobs)")
    deep.form().get_by_role("button", name="Generate: 5 s, pro").dblclick()
    expect(deep.form().get_by_text("Succeeded: ")).to_be_visible(timeout=FINISHING)
    assert deep.ask("len(f.jobs)") == before + 1


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
def test_everybody_can_use_it(deep, theme):
    """Axe finds nothing, with everything unfolded, in light and in dark."""
    page = deep.page
    page.evaluate(
        "theme => window.jupyterapp.commands.execute('apputils:change-theme', {theme})", theme
    )
    light = str("Light" in theme).lower()
    page.wait_for_function("light => document.body.dataset.jpThemeLight === light", arg=light)
    for number in range(2):
        form = deep.form(number)
        form.evaluate("e => e.querySelectorAll('details').forEach(d => d.open = true)")
        form.scroll_into_view_if_needed()
    assert violations(page, FORM) == []


# --- elsewhere -----------------------------------------------------------------------------


def test_a_form_begins_from_a_task_and_works_in_notebook_7(opened):
    """A task's request fills the form in Jupyter Notebook too, and makes another clip."""
    book = opened(
        "seven.ipynb",
        "clip = %kling text-to-video --wait -d 10 --mode pro a cat's toy",
        "f = %kling form --from clip",
        forms=1,
        place="notebooks",
    )
    form = book.form()
    expect(form.get_by_label("Prompt", exact=True)).to_have_value("a cat's toy")
    expect(form.get_by_role("radio", name="pro")).to_be_checked()
    form.get_by_role("button", name="Generate: 10 s, pro, 5 units ($0.70)").click()
    expect(form.get_by_text("Succeeded: ")).to_be_visible(timeout=FINISHING)
    assert book.ask("f.task.task_id != clip.task_id and dict(f.task.request.given)") == {
        "prompt": "a cat's toy", "duration": "10", "mode": "pro"
    }  # fmt: skip
    assert json.loads(json.dumps(book.ask("f.values")))["duration"] == "10"

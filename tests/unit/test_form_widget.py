"""The form's widget, driven by its traits and messages, with the sandbox behind it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from helpers.media import picture, sound
from PIL import Image

from kling_core.declare import registry
from kling_core.errors import InvalidRequest
from kling_jupyter import form
from kling_jupyter.widgets.form import KlingForm
from kling_jupyter.widgets.form_uploads import PIECE
from kling_jupyter.workspace import current_workspace

WAITING = 30


@pytest.fixture
def make(kling, tmp_path, monkeypatch) -> Callable[..., KlingForm]:
    """Makes forms in a workspace of the test's own sandbox and folder."""
    monkeypatch.chdir(tmp_path)
    workspace = current_workspace()
    workspace._client = kling

    def make(endpoint: str, **fields: Any) -> KlingForm:
        return KlingForm(endpoint, workspace, **fields)

    return make


class Page:
    """What the page of a form does, and what it is told."""

    def __init__(self, made: KlingForm) -> None:
        self.form = made
        self.told: list[dict[str, Any]] = []
        made.send = lambda content, buffers=None: self.told.append(content)  # type: ignore[method-assign]

    def send(self, message: dict[str, Any], *buffers: bytes) -> None:
        self.form._handle_custom_msg(message, [memoryview(b) for b in buffers])

    def upload(self, name: str, data: bytes, key: str = "u1") -> dict[str, Any]:
        for i in range(max(1, -(-len(data) // PIECE))):
            head = {"kind": "chunk", "id": key, "name": name, "size": len(data), "i": i}
            self.send(head, data[i * PIECE : (i + 1) * PIECE])
        return {"upload": key, "name": name, "size": len(data)}

    def press(self, press: int | None = None, cost: str | None = None) -> None:
        made = self.form
        self.send(
            {
                "kind": "submit",
                "press": made.presses if press is None else press,
                "cost": made.cost if cost is None else cost,
                "values": dict(made.values),
            }
        )


def until(made: KlingForm, holds: Callable[[], Any]) -> None:
    """Wait until it holds, looking whenever something about the form has changed."""
    moved = threading.Event()
    made.observe(lambda _: moved.set())
    while not holds():
        assert moved.wait(WAITING), made
        moved.clear()


def finished(made: KlingForm, count: int = 1) -> Any:
    """The task of the form's newest job, once there are so many and it is done."""
    until(made, lambda: len(made.jobs) == count or made.trouble)
    assert made.job is not None, made.trouble
    return made.job.wait(WAITING).task


# --- judging -------------------------------------------------------------------------------


def test_a_fresh_form_only_says_what_is_needed(make):
    """Nothing is red before anybody has typed."""
    made = make("text_to_video")
    assert made.errors == {"prompt": "Needed."}
    assert made.missing == ["prompt"]
    assert made.cost == ""


def test_each_change_is_judged(make):
    """Errors stand at their fields with what would be valid; the price follows what is valid."""
    made = make("text_to_video", prompt="the sea")
    assert made.errors == {}
    assert made.cost == "5 s, std, 1.5 units ($0.21)"
    made.values = {"prompt": "the sea", "duration": "7", "mode": "pro"}
    assert made.errors == {
        "duration": "kling-v2-5-turbo makes 5 or 10 seconds; you asked for 7. "
        "Use duration=5 or duration=10."
    }
    assert made.cost == ""
    made.values = {"prompt": "the sea", "duration": "10", "mode": "pro"}
    assert made.cost == "10 s, pro, 5 units ($0.70)"


def test_the_model_disables_what_it_cannot_do(make):
    """Another model opens and closes fields and choices, each with its reason."""
    made = make("text_to_video", prompt="the sea")
    assert "kling-v3 can" in made.disabled["multi_shot"]
    assert set(made.refused["mode"]) == {"4k"}
    made.values = {"prompt": "the sea", "model_name": "kling-v3"}
    assert "multi_shot" not in made.disabled
    assert "mode" not in made.refused


def test_warnings_are_told(make):
    """A retired model, and an unknown one, pass with a word."""
    made = make("text_to_video", prompt="a", model_name="kling-v9")
    assert made.errors == {}
    assert "kling-v9 is not in the model list" in made.warnings[0]


def test_errors_inside_objects_keep_their_place(make):
    """A wrong value far inside is told where it stands."""
    made = make("text_to_video", prompt="a", model_name="kling-v1")
    made.values = {**made.values, "camera_control": {"type": "simple", "config": {"zoom": 11}}}
    assert made.errors == {"camera_control.config.zoom": "11 is out of range. Use at most 10."}


# --- media ---------------------------------------------------------------------------------


def test_twelve_megabytes_arrive_exact(make):
    """An upload comes in pieces, each is answered, and what is wrong with it is told."""
    page = Page(make("image_to_video"))
    data = picture() + bytes(12_000_000)
    page.form.values = {"image": {"upload": "u1", "name": "a.png", "size": len(data)}}
    assert page.form.errors["image"] == "a.png is still on its way."
    page.upload("a.png", data)
    assert [told["i"] for told in page.told] == list(range(12))
    assert page.form._uploads.get("u1").data == data
    assert "the limit is 10 MB" in page.form.errors["image"]


def test_an_upload_is_examined_and_shown(make):
    """Size and a small picture are told at once; too small is an error at the field."""
    page = Page(make("image_to_video"))
    page.form.values = {"image": page.upload("a.png", picture())}
    assert page.form.errors == {}
    shown = page.form.media["image"]
    assert shown["text"].startswith("a.png, ")
    assert shown["text"].endswith("480x320")
    assert shown["picture"].startswith("data:image/jpeg;base64,")
    page.form.values = {"image": page.upload("b.png", picture(200, 200), "u2")}
    assert "at least 300 px" in page.form.errors["image"]
    assert page.form._uploads.get("u1") is None


def test_a_broken_upload_is_refused_in_words(make):
    """Pieces that do not fit are told to the page, and the form goes on."""
    page = Page(make("image_to_video"))
    page.send({"kind": "chunk", "id": "x", "name": "a.png", "size": 9, "i": 3}, b"123")
    assert page.told[0]["kind"] == "refused"
    assert "not as large as was said" in page.told[0]["why"]


def test_what_cannot_be_judged_is_told_at_its_field(make, monkeypatch):
    """No old verdict and no old price stay beside a value that nothing could be said of."""
    made = make("image_to_video")
    made.values = {"image": "a.png", "prompt": "x"}
    monkeypatch.setattr(made, "_judge", lambda _: Path("~nobodyhere/a.png").expanduser())
    made.values = {"image": "~nobodyhere/a.png", "prompt": "x"}
    assert list(made.errors) == ["image"]
    assert "~nobodyhere/a.png cannot be judged" in made.errors["image"]
    assert (made.missing, made.cost) == ([], "")


def test_a_form_looks_up_and_never_calls(make):
    """It is judged at every key: only names, attributes and fixed keys are looked up."""
    made = make("image_to_video")
    names = made._workspace.shell.user_ns
    names |= {"album": [Image.new("RGB", (400, 400))], "calls": []}
    made.values = {"image": "{album[0]}"}
    assert made.errors == {}
    made.values = {"image": "{calls.append(1)}"}
    assert "no such file" in made.errors["image"]
    assert names["calls"] == []


def test_paths_and_variables_are_media(make, tmp_path):
    """A path, `{name}`, and a bare name of a variable all lead to the picture."""
    (tmp_path / "a.png").write_bytes(picture())
    made = make("image_to_video")
    made._workspace.shell.user_ns["photo"] = Image.new("RGB", (400, 400))
    for text, size in (("a.png", "480x320"), ("{photo}", "400x400"), ("photo", "400x400")):
        made.values = {"image": text}
        assert made.errors == {}
        assert made.media["image"]["text"].endswith(size)
    made.values = {"image": "{phto}"}
    assert made.errors["image"] == "there is no variable 'phto'; did you mean {photo}?."
    made.values = {"image": "b.png"}
    assert "no such file: b.png; did you mean a.png?" in made.errors["image"]


def test_an_earlier_job_is_a_source(make):
    """A job in a variable gives the id of its clip, and the price by its model."""
    first = make("text_to_video", prompt="the sea", model_name="kling-v1")
    first.submit().wait(WAITING)
    made = make("video_extension", prompt="it goes on")
    made._workspace.shell.user_ns["clip"] = first.job
    made.values = {**made.values, "video_id": "{clip}"}
    assert made.errors == {}
    assert made.request.given["video_id"] == first.task.videos[0].id
    assert made.cost == "1 unit ($0.14)"


# --- sending -------------------------------------------------------------------------------


@pytest.mark.parametrize("endpoint", [pytest.param(e, id=e.name) for e in registry.endpoints()])
def test_a_form_makes_the_request_of_its_declarations_example(endpoint, make, tmp_path):
    """Filled with the example and pressed, each form ends in a task with that very request."""
    for name in ("photo.jpg", "cat.jpg", "hat.jpg", "person.jpg", "shirt.jpg"):
        (tmp_path / name).write_bytes(picture(kind="JPEG"))
    example = dict(endpoint.example)
    if "video_id" in example:
        source = make("text_to_video", prompt="a", model_name="kling-v1").submit().wait(WAITING)
        example["video_id"] = source.videos[0].id
    page = Page(make(endpoint.name, **example))
    page.press()
    task = finished(page.form)
    assert task.status == "succeeded"
    sent, wanted = task.request.check().fields, endpoint.request(**example).check().fields
    assert set(sent) == set(wanted)
    assert all(sent[k] == v for k, v in wanted.items() if isinstance(v, (str, int)))


def test_a_double_click_sends_once(make, quick_sandbox):
    """Two presses of one moment, from two threads, make one task."""
    page = Page(make("text_to_video", prompt="a double click"))
    before = len(quick_sandbox.tasks)
    press, cost = page.form.presses, page.form.cost
    threads = [threading.Thread(target=page.press, args=(press, cost)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    finished(page.form)
    page.press(press, cost)
    assert len(page.form.jobs) == 1
    assert len(quick_sandbox.tasks) == before + 1
    assert page.form.presses == press + 1


def test_another_press_makes_another_one(make):
    """The button may be pressed again for another take, once the first is on its way."""
    page = Page(make("image_generation", prompt="a red barn"))
    page.press()
    first = finished(page.form)
    page.press()
    assert finished(page.form, 2).task_id != first.task_id


def test_what_is_wrong_is_not_sent(make):
    """A press on an invalid form sends nothing, says so, and gives the button back."""
    page = Page(make("text_to_video"))
    page.press()
    assert page.form.jobs == []
    assert page.told == [{"kind": "refusal"}]
    assert not page.form.busy
    with pytest.raises(InvalidRequest):
        page.form.submit()


def test_a_price_that_was_not_shown_is_not_paid(make):
    """When the values changed under the finger, the new price is shown first."""
    page = Page(make("text_to_video", prompt="a"))
    shown = page.form.cost
    page.send(
        {
            "kind": "submit",
            "press": 0,
            "cost": shown,
            "values": {"prompt": "a", "duration": "10", "mode": "pro"},
        }
    )
    assert page.form.jobs == []
    assert page.form.cost == "10 s, pro, 5 units ($0.70)"
    assert "price has changed" in page.form.status
    page.press()
    assert finished(page.form).request.given["duration"] == "10"


def test_a_limit_is_told_in_the_form(make):
    """What the budget refuses comes back as words at the button."""
    made = make("text_to_video", prompt="a")
    made._settings = made._settings.__class__(max_cost="0.01")
    page = Page(made)
    page.press()
    until(made, lambda: made.trouble)
    assert "above the limit of $0.01" in made.trouble
    assert not made.busy


def test_uploads_are_kept_beside_the_outputs(make, tmp_path):
    """What was sent can be sent again: the ledger knows the upload by its path."""
    page = Page(make("image_to_video"))
    page.form.values = {"image": page.upload("my photo.png", picture()), "prompt": "a"}
    page.press()
    task = finished(page.form)
    kept = Path(task.request.given["image"])
    assert kept.parent == tmp_path / "clips" / "inputs"
    assert kept.read_bytes() == picture()
    row = page.form._workspace.client.tasks.ledger.get(task.row_id)
    assert row.request["fields"]["image"]["path"] == str(kept)


# --- code and filling ----------------------------------------------------------------------


def test_code_names_files_and_variables(make, tmp_path):
    """An upload is named by the file that it was written to, a variable by its name."""
    page = Page(make("image_to_video"))
    page.form._workspace.shell.user_ns["last"] = Image.new("RGB", (400, 400))
    page.form.values = {
        "image": page.upload("a.png", picture()),
        "image_tail": "{last}",
        "prompt": "it moves",
        "mode": "pro",
    }
    page.send({"kind": "code", "style": "magic", "values": page.form.values})
    (told,) = [told for told in page.told if told["kind"] == "code"]
    (file,) = (tmp_path / "clips" / "inputs").iterdir()
    assert told["text"] == (
        f"%%kling image-to-video --image clips/inputs/{file.name} --image-tail {{last}} "
        "--mode pro\nit moves"
    )
    assert f'image="clips/inputs/{file.name}"' in page.form.code("python")
    assert "image_tail=last" in page.form.code("python")


def test_a_form_holds_whatever_it_is_given():
    """Objects become uploads, short spellings their full objects, and nothing is lost."""
    made = form("image_to_video", image=picture(), camera_control={"zoom": 5}, duration=10)
    assert made.values["camera_control"] == {"type": "simple", "config": {"zoom": 5}}
    assert made.values["duration"] == "10"
    assert made.media["image"]["text"].endswith("480x320")
    spoken = form("lip_sync", audio=sound())
    assert "WAV" in spoken.media["audio"]["text"] or "3.0 s" in spoken.media["audio"]["text"]


@pytest.mark.parametrize("endpoint", [pytest.param(e, id=e.name) for e in registry.endpoints()])
def test_a_form_needs_neither_kernel_nor_credential(endpoint):
    """Every form can be made, judged and copied anywhere, before there is any key."""
    made = form(endpoint.name, **endpoint.example)
    assert made.spec["endpoint"] == endpoint.command
    assert made.code().startswith(f"%kling {endpoint.command}")
    assert made.trouble == ""

"""Forms in kernels of both generations: what a press on the button does, and where it shows."""

from __future__ import annotations

from typing import Any

import pytest
from helpers.kernels import WIDGET, Kernel, final, finals


def form(kernel: Kernel, line: str) -> tuple[str, str]:
    """Show a form in a cell; the id of its widget, and of the output below it."""
    told = kernel.outputs(f"f = %kling form {line}")
    shown = [m["content"] for m in told if m["msg_type"] == "display_data"]
    assert len(shown) == 2
    return shown[0]["data"][WIDGET]["model_id"], shown[1]["transient"]["display_id"]


def press(kernel: Kernel, widget: str, values: dict[str, Any], number: int = 0) -> None:
    """Press the button, with the values that the form has, at the price that it shows."""
    kernel.outputs(f"f.values = {values!r}")
    cost = kernel.value("f.cost").strip("'")
    message = {"kind": "submit", "press": number, "cost": cost, "values": values}
    kernel.send(widget, message)


def test_a_press_makes_a_clip_below_the_form(kernel):
    """The result comes into the output that the form's cell has kept for it."""
    widget, below = form(kernel, "text-to-video")
    press(kernel, widget, {"prompt": "a cat's toy"})
    (figure,) = finals(kernel.until(final))
    assert figure["transient"]["display_id"] == below
    assert '<video controls preload="none"' in figure["data"]["text/html"]
    assert kernel.value("(f.job is _kling, f.task.status)") == "(True, 'succeeded')"


def test_results_gather_and_nothing_comes_elsewhere(kernel):
    """A second press adds its result on top; a cell that runs meanwhile shows none of it."""
    widget, below = form(kernel, "image-generation")
    press(kernel, widget, {"prompt": "a red barn"})
    kernel.until(final)
    press(kernel, widget, {"prompt": "a blue barn"}, 1)
    busy = kernel.start("import time\nprint('begin')\ntime.sleep(1)\nprint('end')")
    seen: list[Any] = []
    while not finals(seen):
        seen += kernel.until(final)
    seen += kernel.quiet(0.2)
    (figure,) = [f for f in finals(seen) if f["transient"]["display_id"] == below]
    page = figure["data"]["text/html"]
    assert page.index("a blue barn") < page.index("a red barn")
    own = [m for m in seen if m["parent_header"].get("msg_id") == busy]
    assert not [m for m in own if m["msg_type"] == "display_data"]


def test_the_same_press_twice_sends_once(kernel, service):
    """A double click is two messages, and one task."""
    widget, _ = form(kernel, "text-to-video --name named")
    before = len(service.tasks)
    press(kernel, widget, {"prompt": "a click"})
    press(kernel, widget, {"prompt": "a click"})
    kernel.until(final)
    kernel.outputs("named.wait(20)")
    assert len(service.tasks) == before + 1
    assert kernel.value("(len(f.jobs), named is f.job)") == "(1, True)"


def test_the_form_is_the_value_and_shown_once(kernel):
    """At the end of a cell it shows the form once; named again it shows it again."""
    told = kernel.outputs("%kling form text-to-video")
    assert len([m for m in told if m["msg_type"] == "display_data"]) == 2
    again = kernel.outputs("f = _\nf")
    assert len([m for m in again if m["msg_type"] == "display_data"]) == 2


@pytest.mark.parametrize("origin", ["clip", "{clip}", "id", "clip.videos[0]"])
def test_a_form_begins_from_a_task(kernel, origin):
    """A variable, its output, or an id of the ledger: the form has the fields of that request."""
    kernel.outputs("clip = %kling text-to-video --wait -d 10 --mode pro a boat")
    if origin == "id":
        origin = kernel.value("clip.task_id").strip("'")
    form(kernel, f"--from {origin}")
    assert kernel.value("f.request.check().fields == clip.request.check().fields") == "True"
    assert kernel.value("(f.cost, f.values['duration'])") == "('10 s, pro, 5 units ($0.70)', '10')"
    form(kernel, f"image-to-video --from {origin}")
    assert kernel.value("f.endpoint.name") == "'image_to_video'"
    assert kernel.value("f.values['prompt']") == "'a boat'"


def test_what_the_ledger_has_lost_is_left_out_with_a_word(kernel):
    """A picture that was given as data cannot be had again; everything else can."""
    kernel.outputs(
        "from PIL import Image\nphoto = Image.new('RGB', (400, 400))\n"
        "clip = get_ipython().run_line_magic('kling', 'i2v --wait --image {photo} it glows')\n"
        "number = clip.task_id\ndel clip, _kling"
    )
    number = kernel.value("number").strip("'")
    told = kernel.outputs(f"f = %kling form --from {number}")
    words = "".join(m["content"]["text"] for m in told if m["msg_type"] == "stream")
    assert "image was given as data, which the ledger does not keep; choose it again" in words
    assert kernel.value("(f.values['prompt'], f.missing)") == "('it glows', ['image'])"


@pytest.mark.parametrize(
    "line, says",
    [
        ("", "name one endpoint"),
        ("text-to-video image", "name one endpoint"),
        ("txt-to-video", "did you mean text-to-video?"),
        ("--from nobody", "it is no variable nor the id of one in the ledger"),
        ("--form x text-to-video", "unknown option --form; did you mean --from?"),
    ],
)
def test_mistakes_are_one_line(kernel, line, says):
    """What was typed wrongly is told in words, without a traceback."""
    (error,) = [m for m in kernel.outputs(f"%kling form {line}") if m["msg_type"] == "error"]
    assert says in error["content"]["traceback"][0]

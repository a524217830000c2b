"""Which cell gets what, when cells return at once and jobs go on in their threads."""

from __future__ import annotations

import time

import pytest
from helpers.kernels import WIDGET, final, finals, held

from kling_core.sandbox import Fault


def slow(service, seconds: float) -> None:
    """Let the next task take some seconds."""
    service.faults.add(Fault("slow", seconds=seconds))


def test_a_cell_returns_at_once_and_its_card_becomes_the_clip(kernel, service):
    """The card is shown, the cell ends, and later the same output is the static figure."""
    with held(service):
        told = kernel.outputs("clip = %kling text-to-video a cat's <b>toy</b>")
        assert kernel.value("clip.task.done") == "False"
    (card, named) = [m["content"] for m in told if "display_data" in m["msg_type"]]
    assert WIDGET in card["data"]
    assert named["transient"] == card["transient"]
    task = service.tasks[-1].task_id
    assert f"%kling get text-to-video {task}" in named["data"]["text/html"]
    (figure,) = finals(kernel.until(final))
    assert figure["transient"] == card["transient"]
    page = figure["data"]["text/html"]
    assert '<video controls preload="none"' in page
    assert 'src="kling_outputs/' in page
    assert 'poster="data:image/jpeg;base64,' in page
    assert 'aria-label="text-to-video: a cat&#x27;s &lt;b&gt;toy&lt;/b&gt;"' in page
    assert len(page) < 25_000
    facts = figure["metadata"]["text/html"]["kling"]
    assert (facts["task_id"], facts["endpoint"]) == (task, "text_to_video")
    assert kernel.value("clip.path.is_file()") == "True"


def test_other_cells_get_nothing_of_a_job(kernel, service):
    """While a job ends, nothing is shown in the cell that runs; the first one's output changes.

    Older kernels name the wrong cell in such a message, but front ends go by the output's id.
    """
    slow(service, 0.5)
    (shown, *_) = displays(kernel.outputs("first = %kling text-to-video a boat"))
    busy = kernel.start("import time\nprint('begin')\ntime.sleep(1.2)\nprint('end')")
    seen = kernel.until(lambda m: m["content"].get("text") == "end\n")
    own = [m for m in seen if m["parent_header"].get("msg_id") == busy]
    kinds = {"status", "stream", "update_display_data", "comm_msg"}
    assert {m["msg_type"] for m in own} <= kinds
    (figure,) = finals(seen)
    assert figure["transient"] == shown["content"]["transient"]


def test_many_jobs_run_at_once(kernel, service):
    """Three cells in a row return at once, and each output becomes its own clip."""
    begun = time.monotonic()
    cards: list[str] = []
    for word in ("one", "two", "three"):
        slow(service, 1.0)
        told = kernel.outputs(f"{word} = %kling text-to-video --name {word} boat {word}")
        cards += [m["content"]["transient"]["display_id"] for m in displays(told)]
    left = set(cards)
    assert len(left) == 3
    while left:
        (figure,) = finals(kernel.until(final))
        left.remove(figure["transient"]["display_id"])
    assert time.monotonic() - begun < 8


def test_a_capture_of_another_cell_does_not_swallow_the_clip(kernel, service):
    """What ends while %%capture runs elsewhere still reaches its own output."""
    slow(service, 0.5)
    kernel.outputs("clip = %kling text-to-video a boat")
    request = kernel.start("%%capture held\nimport time\nprint('in')\ntime.sleep(1.5)")
    (figure,) = finals(kernel.until(final))
    assert "<video" in figure["data"]["text/html"]
    list(kernel.messages(request))
    assert kernel.value("(held.stdout, len(held.outputs))") == "('in\\n', 0)"


def test_a_captured_card_shows_nothing_and_loses_nothing(kernel):
    """%%capture takes the card; the variable has the clip all the same."""
    seen = kernel.outputs("%%capture held\nclip = %kling text-to-video a boat")
    assert not [m for m in seen if "display" in m["msg_type"]]
    assert kernel.value("clip.wait().path.is_file()") == "True"
    assert int(kernel.value("len(held.outputs)")) >= 1


def test_a_job_is_shown_again_when_it_is_the_value_of_a_cell(kernel):
    """The cell that makes it shows it once; a later cell shows the figure, unless `;` follows."""
    told = kernel.outputs("picture = %kling image a barn\npicture")
    assert len(displays(told)) == 1
    kernel.outputs("picture.wait();")
    (again,) = kernel.outputs("picture")
    assert again["msg_type"] == "display_data"
    assert "<img " in again["content"]["data"]["text/html"]
    assert kernel.outputs("picture;") == []


def test_a_running_job_that_is_shown_again_has_a_second_card(kernel, service):
    """Both outputs become the clip."""
    with held(service):
        first = kernel.outputs("clip = %kling text-to-video a boat")
        second = kernel.outputs("clip")
    ids = {m["content"]["transient"]["display_id"] for m in displays([*first, *second])}
    assert len(ids) == 2
    one = kernel.until(final)[-1]["content"]["transient"]["display_id"]
    other = kernel.until(final)[-1]["content"]["transient"]["display_id"]
    assert {one, other} == ids


def test_an_earlier_job_as_input_is_waited_for(kernel, service):
    """`{clip}` in another command waits for the clip, so that Run All works."""
    slow(service, 0.5)
    kernel.outputs("boat = %kling text-to-video --model kling-v1-6 a boat")
    kernel.outputs("longer = %kling extend --video-id {boat} it comes back")
    assert kernel.value("longer.request.given['video_id'] == boat.videos[0].id") == "True"
    assert kernel.value("longer.wait().status") == "'succeeded'"


def test_refusals_fail_the_cell_in_two_lines(kernel):
    """A mistake is an error of the cell, with our lines as its whole traceback."""
    first, second = kernel.failure("%kling text-to-video -d 7 a boat")
    assert "InvalidRequest" in first
    assert "5 or 10 seconds" in second


@pytest.mark.parametrize("fault", [None, Fault("refuse", kind="create", code=1301, status=400)])
def test_a_refused_submit_fails_the_cell_and_leaves_no_card(kernel, service, fault):
    """Ours or Kling's: the output says refused, and the cell has failed before it returns."""
    if fault is not None:
        service.faults.add(fault)
    limit = "" if fault is not None else "--max-cost 0.01 "
    told = kernel.outputs(f"%kling text-to-video {limit}a boat")
    assert told[-1]["msg_type"] == "error"
    (left,) = finals(told)
    assert left["data"]["text/plain"].startswith("refused")


def test_what_fails_after_the_cell_is_told_in_its_output_and_raised_by_wait(kernel, service):
    """Cause, what to do, and that it was not billed; `wait` fails the cell that calls it."""
    service.faults.add(Fault("fail", text="Failure to pass the risk control system"))
    with held(service):
        told = kernel.outputs("clip = %kling text-to-video a boat")
    assert not [m for m in told if m["msg_type"] == "error"]
    (figure,) = finals(kernel.until(final))
    page = figure["data"]["text/html"]
    assert "TaskFailed" in page
    assert "risk control" in page
    assert "Change the prompt" in page
    assert "It was not billed." in page
    assert len(kernel.failure("clip.wait()")) == 2
    assert "risk control" in kernel.failure("%kling i2v --image {clip} it moves")[0]


def test_stop_waiting_says_what_it_means(kernel, service):
    """The button ends the following, not the task; the output says how to get it."""
    with held(service):
        told = kernel.outputs("clip = %kling text-to-video a boat")
        kernel.send(_card(told), {"kind": "stop"})
        (figure,) = finals(kernel.until(final))
    words = figure["data"]["text/plain"]
    assert words.startswith("stopped waiting")
    assert "goes on and is paid for" in words
    assert f"%kling get text-to-video {service.tasks[-1].task_id}" in words
    assert kernel.value("clip.wait().path.is_file()") == "True"


def test_a_page_that_was_reloaded_gets_the_file_through_the_kernel(kernel, service):
    """Chunks of a mebibyte at most, for the page that asked; a card that nobody shows is closed."""
    with held(service):
        told = kernel.outputs("clip = %kling text-to-video a boat")
        card = _card(told)
        kernel.send(card, {"kind": "here"})
        kernel.outputs("")  # messages are taken in turn: the page is known before the clip is there
    kernel.until(final)
    kernel.send(card, {"kind": "play", "file": 0, "for": "me"})
    (chunk,) = [m for m in kernel.until(_chunk) if _chunk(m)]
    head = chunk["content"]["data"]["content"]
    assert (head["for"], head["at"], head["of"]) == ("me", 0, 1)
    sent = bytes(chunk["buffers"][0])
    assert sent == (kernel.folder / eval(kernel.value("str(clip.path)"))).read_bytes()
    kernel.send(card, {"kind": "gone"})
    kernel.until(lambda m: m["msg_type"] == "comm_close" and m["content"]["comm_id"] == card)


def test_a_card_tells_the_usual_time(kernel, service):
    """From the second task of its kind on, and never a percentage."""
    kernel.outputs("%kling text-to-video --wait --model kling-v2-6 a boat")
    slow(service, 0.5)
    kernel.start("%kling text-to-video --model kling-v2-6 another boat")
    told = kernel.until(final)
    states = [m["content"]["data"].get("state", {}) for m in told if m["msg_type"] == "comm_msg"]
    usual = [state["usual"] for state in states if state.get("usual")]
    assert len(usual) == 1
    assert usual[0].endswith(" s")
    assert not any("%" in str(state.get("words", "")) for state in states)


def test_where_files_are_not_served_the_card_stays(kernel):
    """In Colab, and for files elsewhere, what replaces the card is the card, with a still below."""
    kernel.outputs("import sys; sys.modules['google.colab'] = sys")
    try:
        told = kernel.outputs("clip = %kling text-to-video a boat")
        card = _card(told)
        seen = kernel.until(lambda m: '"files"' in str(m["content"]).replace("'", '"'))
        *_, last = [m["content"] for m in [*told, *seen] if m["msg_type"] == "update_display_data"]
        assert last["data"][WIDGET]["model_id"] == card
        assert "data:image/jpeg;base64," in last["data"]["text/html"]
    finally:
        kernel.outputs("del sys.modules['google.colab']")


def test_unloading_leaves_jobs_to_ipython(kernel):
    """Without the extension %kling is unknown; loading again brings it back."""
    assert kernel.outputs("%unload_ext kling_jupyter") == []
    assert "not found" in str(kernel.outputs("%kling help"))
    assert kernel.outputs("%load_ext kling_jupyter") == []
    assert "text-to-video" in str(kernel.outputs("%kling help"))
    kernel.outputs("%kling connect")


def displays(told):
    """The outputs that were shown, not those that were replaced."""
    return [m for m in told if m["msg_type"] == "display_data"]


def _card(told) -> str:
    (shown,) = displays(told)
    return shown["content"]["data"][WIDGET]["model_id"]


def _chunk(message) -> bool:
    data = message["content"].get("data", {})
    return message["msg_type"] == "comm_msg" and data.get("method") == "custom"

"""`%kling brush` and `%kling camera`, and what they make given to a generation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from helpers.media import mask, picture
from IPython.core.interactiveshell import InteractiveShell
from PIL import Image
from traitlets.config import Config

import kling_jupyter
from kling_core.errors import KlingWarning
from kling_jupyter.errors import KlingMagicError

POINTS = [{"x": 10, "y": 20}, {"x": 300, "y": 40}]


@pytest.fixture
def shell(kling, tmp_path, monkeypatch) -> Iterator[Any]:
    monkeypatch.chdir(tmp_path)
    made: Any = InteractiveShell(config=Config({"HistoryManager": {"enabled": False}}))
    made.run_line_magic("load_ext", "kling_jupyter")
    made.magics_manager.registry["KlingMagics"].workspace._client = kling
    yield made
    made.run_line_magic("unload_ext", "kling_jupyter")


def run(shell: Any, cell: str) -> Any:
    outcome = shell.run_cell(cell)
    outcome.raise_error()
    return outcome.result


def fails(shell: Any, cell: str) -> str:
    error = shell.run_cell(cell).error_in_exec
    assert isinstance(error, KlingMagicError), error
    return "\n".join(error._render_traceback_())


def test_a_brush_brings_its_masks_and_model_along(shell):
    """`--image {b}` takes all that was drawn; the sandbox makes the clip."""
    shell.user_ns["photo"] = Image.new("RGB", (480, 320), "teal")
    brush = run(shell, "b = %kling brush {photo} --name same\nb")
    assert shell.user_ns["same"] is brush
    assert brush.usage == "%kling image-to-video --image {same} what happens"
    region = {"mask": mask(), "trajectories": POINTS}
    shell.user_ns["b"] = kling_jupyter.motion_brush(
        shell.user_ns["photo"], static_mask=mask(), dynamic_masks=[region]
    )
    run(shell, "clip = %kling image-to-video --image {b} the ball rolls off")
    given = shell.user_ns["clip"].request.given
    assert given["prompt"] == "the ball rolls off"
    assert (given["model_name"], given["mode"], given["duration"]) == ("kling-v1-5", "pro", 5)
    assert given["dynamic_masks"][0]["trajectories"] == POINTS
    assert shell.user_ns["clip"].status == "succeeded"


def test_what_is_typed_comes_before_what_an_object_brings(shell, capsys):
    """A typed model replaces the one that the brush has chosen; so does a quote's."""
    shell.user_ns["b"] = kling_jupyter.motion_brush(picture(), static_mask=mask())
    run(shell, "%kling i2v --image {b} --model kling-v1 --mode std --dry-run it goes")
    assert '"model_name": "kling-v1"' in capsys.readouterr().out
    run(shell, "%kling quote i2v --image {b} it goes")
    assert "3.5 units" in capsys.readouterr().out


def test_an_object_is_refused_where_it_has_nothing(shell):
    """The refusal names the fields that it has."""
    shell.user_ns["b"] = kling_jupyter.motion_brush(picture(), static_mask=mask())
    said = fails(shell, "%kling i2v --image-tail {b} it goes")
    assert "--image-tail: <MotionBrush" in said
    assert "Give it for --image or --static-mask" in said


def test_a_camera_brings_its_move_along(shell):
    """`--camera-control {c}` takes move and model."""
    camera = run(shell, "%kling camera --move zoom=5")
    assert camera.usage == "%kling text-to-video --camera-control {_camera} what happens"
    run(shell, "clip = %kling text-to-video --camera-control {_camera} a lighthouse")
    given = shell.user_ns["clip"].request.given
    assert given["camera_control"]["config"]["zoom"] == 5
    assert given["model_name"] == "kling-v1"
    assert shell.user_ns["clip"].status == "succeeded"


def test_an_earlier_picture_is_drawn_on_and_sent(shell):
    """A task of one image in a variable: its file is drawn on, its output goes into the request."""
    run(shell, "p = %kling image a red barn")
    brush = run(shell, "%kling brush {p}")
    output = shell.user_ns["p"].images[0]
    assert brush.fields()["image"] is output
    with Image.open(output.path) as image:
        assert (brush.backdrop["width"], brush.backdrop["height"]) == image.size


@pytest.mark.parametrize(
    "line, says",
    [
        ("brush", "name a picture"),
        ("brush {nothing}", "there is no variable 'nothing'"),
        ("brush nowhere.jpg", "no such file: nowhere.jpg"),
        ("brush --name 2b x.jpg", "--name 2b: that cannot be the name of a variable"),
        ("camera --move spin=3", "is no camera move"),
        ("camera --for nowhere", "there is no endpoint 'nowhere'"),
        (
            "camera --for lip-sync",
            "lip-sync takes no camera move; use image-to-video or text-to-video",
        ),
        ("brsh x.jpg", "did you mean brush?"),
    ],
)
def test_mistakes_are_told_in_a_line(shell, line, says):
    """Every mistake ends in a short error with what to do."""
    assert says in fails(shell, f"%kling {line}")


def test_in_a_terminal_a_widget_is_a_line(shell, capsys):
    """Without a page there is the repr."""
    shell.user_ns["photo"] = picture()
    run(shell, "%kling brush {photo}")
    assert "<MotionBrush on binary data, 480x320 px: 0 moving regions>" in capsys.readouterr().out


def test_small_masks_pass_the_check_and_the_sandbox(kling):
    """A mask below 300 px fits by its ratio: the reference names no least side for it."""
    small = np.zeros((160, 240), bool)
    small[40:80, 60:120] = True
    fields = {
        "model_name": "kling-v1",
        "image": picture(480, 320),
        "static_mask": small,
        "dynamic_masks": [{"mask": small, "trajectories": POINTS}],
    }
    with pytest.warns(KlingWarning, match="kling-v1 is retired"):
        task = kling.image_to_video.create(**fields, prompt="it goes")
    task.wait()
    assert task.status == "succeeded"

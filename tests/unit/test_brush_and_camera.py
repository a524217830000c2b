"""The motion brush and the camera without a front end: what they make of what is drawn."""

from __future__ import annotations

import io
import zlib
from typing import Any

import numpy as np
import pytest
from helpers.media import picture
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import kling_jupyter
from kling_core.commands.arguments import UsageProblem
from kling_core.declare import registry, shared_fields
from kling_core.errors import InvalidRequest
from kling_jupyter.widgets import masks
from kling_jupyter.widgets.models_with_feature import caution, choices
from kling_jupyter.widgets.motion_brush import MotionBrush

SIZE = (480, 320)
POINTS = [{"x": 10, "y": 20}, {"x": 300, "y": 40}]


def area(left: int, top: int, right: int, bottom: int) -> np.ndarray[Any, Any]:
    mask = np.zeros(SIZE[::-1], bool)
    mask[top:bottom, left:right] = True
    return mask


def packed(mask: np.ndarray[Any, Any]) -> memoryview:
    """A mask as the front end sends it."""
    return memoryview(zlib.compress(np.packbits(mask, axis=1).tobytes()))


def pixels(png: bytes | None) -> np.ndarray[Any, Any]:
    assert png is not None
    with Image.open(io.BytesIO(png)) as image:
        assert (image.format, image.mode) == ("PNG", "L")
        return np.asarray(image) > 127


def arrive(brush: MotionBrush, *layers: dict[str, Any], number: int = 1) -> None:
    """Hand the brush a drawing as a message of the front end does."""
    plain = {"colour": "#fff", "visible": True, "points": [], "mask": memoryview(b"")}
    drawing = {"layers": [{**plain, **layer} for layer in layers], "number": number}
    brush.set_state({"drawing": drawing})


@pytest.fixture
def brush() -> MotionBrush:
    return kling_jupyter.motion_brush(picture(*SIZE))


def test_nothing_drawn_is_no_mask(brush):
    """A fresh brush gives the picture and a model that can do it, and no mask."""
    assert (brush.static_mask, brush.dynamic_masks) == (None, [])
    assert set(brush.fields()) == {"image", "model_name", "mode", "duration"}
    assert repr(brush) == "<MotionBrush on binary data, 480x320 px: 0 moving regions>"


def test_what_is_drawn_becomes_fields(brush):
    """Masks are PNG files of the picture's size, points those of the API; the check agrees."""
    still, moving = area(0, 0, 90, 320), area(200, 100, 280, 180)
    region = {"id": "2", "mask": packed(moving), "points": [[10, 20], [300, 40]]}
    arrive(brush, {"id": "still", "mask": packed(still)}, {"id": "1"}, region)
    assert np.array_equal(pixels(brush.static_mask), still)
    (made,) = brush.dynamic_masks
    assert np.array_equal(pixels(made["mask"]), moving)
    assert made["trajectories"] == POINTS
    request = brush.request(prompt="it rolls")
    assert request.check().ok
    assert request.given["prompt"] == "it rolls"
    assert brush.verdict["errors"] == []
    assert brush.verdict["price"].startswith("3.5 units")
    assert brush.verdict["number"] == 1


def test_what_is_said_more_comes_first(brush):
    """`request` takes any field, also one that the brush has chosen."""
    request = brush.request(model_name="kling-v1", mode="std")
    assert (request.given["model_name"], request.given["mode"]) == ("kling-v1", "std")


def test_the_choice_of_the_front_end_counts(brush):
    """The chosen entry gives model, mode and length."""
    brush.choice = brush.choices.index("kling-v1, std, 5 s (retired)")
    fields = brush.fields()
    assert (fields["model_name"], fields["mode"], fields["duration"]) == ("kling-v1", "std", 5)


def test_every_problem_is_told_by_region(brush):
    """Too few points, and a path with nothing painted: each in the words of its region."""
    mask = packed(area(0, 0, 9, 9))
    arrive(brush, {"id": "still"}, {"id": "3", "mask": mask, "points": [[1, 1]]})
    assert brush.verdict["errors"] == ["Region 3: the path has 1 entries. Use 2 to 77."]
    assert brush.verdict["price"] == ""
    arrive(brush, {"id": "still"}, {"id": "4", "points": [[1, 1], [2, 2]]})
    assert "Region 4: has a path, and nothing is painted" in brush.verdict["errors"][0]
    with pytest.raises(InvalidRequest, match=r"dynamic_masks\.0\.mask"):
        brush.fields()


def test_broken_bits_are_shown_and_not_swallowed(brush):
    """A mask of another size is an error in the widget, and an exception in Python."""
    arrive(brush, {"id": "still", "mask": memoryview(zlib.compress(b"\xff" * 7))})
    assert "not the bits of a mask of 480x320 px" in brush.verdict["errors"][0]
    with pytest.raises(ValueError, match="480x320"):
        _ = brush.static_mask
    arrive(brush, {"id": "still", "mask": memoryview(b"no zlib")})
    assert "no packed bits" in brush.verdict["errors"][0]


def test_a_bomb_is_not_unpacked():
    """Bits that would fill memory are refused after the first byte too many."""
    with pytest.raises(ValueError, match="not the bits"):
        masks.is_blank(zlib.compress(bytes(50_000_000)), (8, 8))


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    path=st.lists(st.tuples(st.integers(0, 480), st.integers(0, 320)), min_size=2, max_size=77),
)
def test_masks_and_paths_go_round(seed, path):
    """What one brush gives, another takes and gives again."""
    mask = np.random.default_rng(seed).random((16, 24)) < 0.5
    mask[0, 0] = True
    mask = np.kron(mask, np.ones((20, 20), bool))
    points = [{"x": x, "y": y} for x, y in path]
    region = shared_fields.DynamicMask(mask=mask, trajectories=points)
    first = kling_jupyter.motion_brush(_PICTURE, static_mask=mask, dynamic_masks=[region])
    again = kling_jupyter.motion_brush(
        _PICTURE, static_mask=first.static_mask, dynamic_masks=first.dynamic_masks
    )
    assert np.array_equal(pixels(again.static_mask), mask)
    assert again.dynamic_masks == first.dynamic_masks
    assert again.dynamic_masks[0]["trajectories"] == points


_PICTURE = Image.new("RGB", SIZE, "teal")


def test_masks_may_be_opaque_or_white():
    """A mask with transparency counts where it is opaque, another where it is white."""
    clear = Image.new("RGBA", SIZE, (0, 0, 0, 0))
    clear.paste((0, 0, 0, 255), (10, 10, 60, 60))
    brush = kling_jupyter.motion_brush(_PICTURE, static_mask=clear)
    assert np.array_equal(pixels(brush.static_mask), area(10, 10, 60, 60))
    with pytest.raises(ValueError, match="the mask is 10x10 px and the image 480x320"):
        kling_jupyter.motion_brush(_PICTURE, static_mask=np.ones((10, 10), bool))


def test_limits_and_models_are_those_of_the_declaration():
    """How many regions and points, and which models, is read from the core."""
    brush = kling_jupyter.motion_brush(_PICTURE, static_mask=area(0, 0, 9, 9))
    assert brush.limits == {"regions": 6, "fewest": 2, "most": 77}
    assert brush.choices == [
        "kling-v1-5, pro, 5 s (retired)",
        "kling-v1, std, 5 s (retired)",
        "kling-v1, pro, 5 s (retired)",
    ]
    assert "every model that can do this is retired" in brush.verdict["warnings"][0]
    assert not any("; use " in warning for warning in brush.verdict["warnings"])


def test_no_caution_where_a_living_model_can_do_it():
    """The caution speaks only of features that are gone."""
    offered = choices(registry.get("image_to_video"), "element_list")
    assert offered[0].status == "active"
    assert caution(offered) == []


@pytest.mark.parametrize(
    "image, says",
    [
        ("https://example.com/a.jpg", "the pixels of a URL are not here"),
        ("nowhere.jpg", "no such file: nowhere.jpg"),
        (b"GIF89a nothing", "is no picture"),
        (7, "cannot be made of an int"),
    ],
)
def test_a_picture_that_cannot_be_drawn_on(image, says):
    """The reason and what would do, before any widget appears."""
    with pytest.raises(UsageProblem, match=says) as caught:
        kling_jupyter.motion_brush(image)
    assert caught.value.fix


def test_a_turned_photo_is_drawn_on_as_it_is_seen(tmp_path):
    """EXIF turns the picture; masks and points are those of the turned one."""
    turned = Image.new("RGB", (640, 320), "teal")
    exif = turned.getexif()
    exif[0x0112] = 6
    turned.save(tmp_path / "phone.jpg", exif=exif)
    brush = kling_jupyter.motion_brush(tmp_path / "phone.jpg")
    assert (brush.backdrop["width"], brush.backdrop["height"]) == (320, 640)
    arrive(brush, {"id": "still", "mask": memoryview(zlib.compress(b"\xff" * (40 * 640)))})
    assert brush.verdict["errors"] == []


def test_large_pictures_are_shown_small():
    """Drawing knows the true size; what is shown is at most 1280 pixels long."""
    brush = kling_jupyter.motion_brush(Image.new("RGB", (4000, 2000), "teal"))
    assert (brush.backdrop["width"], brush.backdrop["height"]) == (4000, 2000)
    with Image.open(io.BytesIO(brush.backdrop["preview"])) as shown:
        assert shown.size == (1280, 640)


# --- camera --------------------------------------------------------------------------------


def test_the_camera_makes_the_documented_object():
    """A simple move has six values of which one is not zero; a fixed one has its type alone."""
    camera = kling_jupyter.camera(move="pan=-2.5")
    config = {**dict.fromkeys(shared_fields.AXES, 0), "pan": -2.5}
    assert camera.camera_control == {"type": "simple", "config": config}
    assert repr(camera) == "<Camera for text-to-video: pan=-2.5>"
    camera.move = {"type": "down_back", "axis": "pan", "value": -2.5}
    assert camera.camera_control == {"type": "down_back"}
    assert camera.request(prompt="a lighthouse").check().ok
    assert camera.verdict["errors"] == []


def test_names_bounds_and_moves_are_those_of_the_declaration():
    """Axes with their ranges and words, and what the endpoint does not take, with the reason."""
    camera = kling_jupyter.camera(picture(*SIZE))
    assert tuple(axis["name"] for axis in camera.axes) == shared_fields.AXES
    assert {(axis["low"], axis["high"]) for axis in camera.axes} == {(-10, 10)}
    assert camera.axes[0]["doc"] == "Shift left (minus) or right (plus)."
    reasons = {move["type"]: move["reason"] for move in camera.moves}
    assert reasons.pop("simple") == ""
    assert all("is a move of text_to_video" in reason for reason in reasons.values())
    assert [move["reason"] for move in kling_jupyter.camera().moves] == [""] * 5


def test_the_camera_says_what_is_missing():
    """With no value yet, the rule; the words and the picture of the clip are asked for later."""
    camera = kling_jupyter.camera(endpoint="image_to_video")
    (error,) = camera.verdict["errors"]
    assert "exactly one value that is not 0; you gave none" in error
    camera.move = {"type": "simple", "axis": "zoom", "value": 12}
    assert "out of range" in camera.verdict["errors"][0]


@pytest.mark.parametrize("move", ["sideways", {"zoom": 1, "pan": 2}, {"spin": 3}, 5])
def test_a_move_that_is_none(move):
    """Where to begin must be one move."""
    with pytest.raises(ValueError, match="is no camera move"):
        kling_jupyter.camera(move=move)


def test_the_price_of_a_camera_move_is_shown() -> None:
    """Whatever the words of the clip will be: they are not the camera's to judge."""
    for image in (None, Image.new("RGB", (640, 360))):
        made = kling_jupyter.camera(image, move="zoom=5")
        assert made.verdict["errors"] == []
        assert "$" in made.verdict["price"]

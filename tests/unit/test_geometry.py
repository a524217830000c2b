"""The plane of the motion brush: what JavaScript draws and counts, worked out here as well."""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from helpers import javascript as node
from hypothesis import given, settings
from hypothesis import strategies as st

from kling_jupyter.widgets import base, masks

SIZES = st.tuples(st.integers(1, 40), st.integers(1, 30))
NUMBERS = st.integers(-20, 240).map(lambda quarter: quarter / 4)
PLACES = st.tuples(NUMBERS, NUMBERS)


@pytest.fixture(scope="module")
def geometry() -> Iterator[node.Module]:
    with node.module("geometry.js") as made:
        yield made


def drawn(data: bytes, size: tuple[int, int]) -> np.ndarray[Any, Any]:
    width, height = size
    return np.frombuffer(data, np.uint8).reshape(height, width)


@settings(deadline=None)
@given(size=SIZES, x=st.integers(0, 40), y=st.integers(0, 30))
def test_points_survive_the_way_to_the_api_and_back(geometry, size, x, y):
    """Whole pixels from the bottom-left corner become the same again."""
    point = [min(x, size[0]), min(y, size[1])]
    place, _ = geometry.call("fromApi", point, size)
    assert place == [point[0], size[1] - point[1]]
    assert geometry.call("toApi", place, size)[0] == point


@settings(deadline=None)
@given(size=SIZES, place=PLACES)
def test_no_point_lies_outside_the_picture(geometry, size, place):
    """A place beyond an edge is the edge; numbers are whole."""
    x, y = geometry.call("toApi", place, size)[0]
    assert (0 <= x <= size[0], 0 <= y <= size[1]) == (True, True)
    assert (type(x), type(y)) == (int, int)


@settings(deadline=None)
@given(size=SIZES, a=PLACES, b=PLACES, radius=st.integers(1, 40).map(lambda half: half / 2))
def test_a_stroke_paints_what_lies_within_its_radius(geometry, size, a, b, radius):
    """Exactly the pixels whose centres are near enough to the line; nothing outside the box."""
    width, height = size
    box, (mask, *_) = geometry.call("stroke", bytes(width * height), size, a, b, radius, 1)
    y, x = np.mgrid[0:height, 0:width] + 0.5
    dx, dy = b[0] - a[0], b[1] - a[1]
    length2 = dx * dx + dy * dy
    share = np.clip(((x - a[0]) * dx + (y - a[1]) * dy) / length2, 0, 1) if length2 else x * 0
    near = (x - a[0] - share * dx) ** 2 + (y - a[1] - share * dy) ** 2 <= radius**2
    assert np.array_equal(drawn(mask, size), near)
    near[box["top"] : box["bottom"], box["left"] : box["right"]] = False
    assert not near.any()


@settings(deadline=None)
@given(size=SIZES, a=PLACES, b=PLACES)
def test_a_rectangle_paints_between_its_corners(geometry, size, a, b):
    """Pixels whose centres lie between the corners, whichever comes first."""
    width, height = size
    _, (mask, *_) = geometry.call("rectangle", bytes(width * height), size, a, b, 1)
    (left, right), (top, bottom) = (sorted(side) for side in zip(a, b, strict=True))
    x, y = np.arange(width) + 0.5, np.arange(height) + 0.5
    wanted = np.outer((y >= top) & (y < bottom), (x >= left) & (x < right))
    assert np.array_equal(drawn(mask, size), wanted)


@settings(deadline=None)
@given(size=SIZES, place=PLACES, seed=st.integers(0, 2**32 - 1), share=st.floats(0, 1))
def test_a_fill_stops_at_what_is_painted(geometry, size, place, seed, share):
    """The same area as a plain breadth-first search finds."""
    width, height = size
    before = np.random.default_rng(seed).random((height, width)) < share
    _, (mask, *_) = geometry.call("flood", before.astype(np.uint8).tobytes(), size, place, 1)
    start = (
        min(max(int(np.floor(place[1])), 0), height - 1),
        min(max(int(np.floor(place[0])), 0), width - 1),
    )
    after, waiting = before.copy(), deque([start])
    while waiting:
        row, column = waiting.popleft()
        if not (0 <= row < height and 0 <= column < width) or after[row, column]:
            continue
        after[row, column] = True
        waiting += [(row + 1, column), (row - 1, column), (row, column + 1), (row, column - 1)]
    assert np.array_equal(drawn(mask, size), after)


@settings(deadline=None)
@given(size=SIZES, seed=st.integers(0, 2**32 - 1))
def test_packed_bits_are_those_that_python_reads(geometry, size, seed):
    """Packing and unpacking lose nothing, and Python makes the same picture of the bits."""
    width, height = size
    mask = np.random.default_rng(seed).integers(0, 2, (height, width), np.uint8)
    bits, _ = geometry.call("pack", mask.tobytes(), size)
    assert geometry.call("unpack", bits, size)[0] == mask.tobytes()
    data = zlib.compress(bits)
    assert masks.is_blank(data, size) is not mask.any()
    assert zlib.decompress(masks.packed(masks.png(data, size), size)) == bits
    found, _ = geometry.call("extent", mask.tobytes(), size)
    assert found["count"] == int(mask.sum())
    if found["count"]:
        rows, columns = np.nonzero(mask)
        box = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
        assert tuple(found[side] for side in ("left", "top", "right", "bottom")) == box


@settings(deadline=None)
@given(points=st.lists(PLACES, min_size=1, max_size=300), most=st.integers(2, 77))
def test_a_path_drawn_by_hand_keeps_to_the_limit(geometry, points, most):
    """At most that many points, all of them drawn ones, the first and the last among them."""
    kept = [tuple(p) for p in geometry.call("simplified", points, most)[0]]
    assert len(kept) <= most
    assert (kept[0], kept[-1]) == (points[0], points[-1])
    assert set(kept) <= set(points)


@settings(deadline=None)
@given(points=st.lists(PLACES, min_size=2, max_size=20), share=st.floats(0, 1))
def test_the_preview_walks_the_path_at_one_speed(geometry, points, share):
    """The way walked is that share of the whole; it begins and ends where the path does."""
    place = geometry.call("along", points, share)[0]
    steps = [np.hypot(b[0] - a[0], b[1] - a[1]) for a, b in pairwise(points)]
    left = share * sum(steps)
    for (a, b), step in zip(pairwise(points), steps, strict=True):
        if step and left <= step:
            wanted = [a[i] + (b[i] - a[i]) * left / step for i in (0, 1)]
            break
        left -= step
    else:
        wanted = points[-1]
    assert place == pytest.approx(wanted, abs=1e-6)


@pytest.mark.parametrize("name", ["motion_brush", "camera"])
def test_joined_modules_are_one_module(name, tmp_path):
    """Nothing is declared twice, no import is left, and the widget is the default export."""
    import subprocess

    text = base.script(name)
    assert "import {" not in text
    assert text.count("export default") == text.count("export ") == 1
    (tmp_path / "joined.mjs").write_text(text)
    subprocess.run([node.node(), "--check", tmp_path / "joined.mjs"], check=True)

"""The streamed body is the same JSON that a plain encoder would have made."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kling_core.media import inputs
from kling_core.media.item import Media
from kling_core.wire.body import JSONBody

STEP = 192 * 1024


def held(data: bytes) -> Media:
    return Media.of_bytes("image", "binary data", data, field="image")


def plain(tree: Any) -> Any:
    if isinstance(tree, Media):
        if tree.url is not None:
            return tree.url
        with tree.open() as stream:
            return base64.b64encode(stream.read()).decode()
    if isinstance(tree, dict):
        return {key: plain(value) for key, value in tree.items()}
    return [plain(value) for value in tree] if isinstance(tree, list) else tree


MEDIA = st.binary().map(held) | st.just(
    Media.of_url("image", 'https://example.com/ü?a="b"', field="image")
)
SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
)
ANY_TEXT = st.text(st.characters())
TREES = st.recursive(
    SCALARS | ANY_TEXT | MEDIA,
    lambda inner: st.lists(inner) | st.dictionaries(ANY_TEXT, inner),
    max_leaves=12,
)


@given(TREES)
def test_body_reads_back_as_the_tree(tree: Any) -> None:
    """For any tree: the JSON is equal, the length exact, and a second pass the same."""
    body = JSONBody(tree)
    sent = b"".join(body)
    assert json.loads(sent) == plain(tree)
    assert len(sent) == body.length == len(body)
    assert b"".join(body) == sent


@pytest.mark.parametrize("size", [0, 1, 2, 3, STEP - 1, STEP, STEP + 1, 3 * STEP + 2])
def test_pieces_join_at_every_length(size: int) -> None:
    """Base64 pieces join without padding in between."""
    tree = {"image": held(bytes(size))}
    assert json.loads(b"".join(JSONBody(tree))) == plain(tree)


def test_replay_after_a_broken_pass(tmp_path: Path) -> None:
    """A pass that stopped midway leaves no trace in the next one, and no open file."""
    path = tmp_path / "a.bin"
    path.write_bytes(bytes(range(256)) * 1000)
    body = JSONBody({"image": inputs.read(path, "image", field="image"), "n": 1})
    first = iter(body)
    next(first)
    next(first)
    first.close()
    assert json.loads(b"".join(body)) == {
        "image": base64.b64encode(path.read_bytes()).decode(),
        "n": 1,
    }


def test_shared_file_object_serves_two_passes_at_once() -> None:
    """Two passes over one file object do not disturb each other."""
    data = bytes(range(256)) * 600
    body = JSONBody({"image": inputs.read(io.BytesIO(data), "image", field="image")})
    pairs = list(zip(body, body, strict=True))
    assert b"".join(one for one, _ in pairs) == b"".join(two for _, two in pairs)
    assert json.loads(b"".join(one for one, _ in pairs))["image"] == base64.b64encode(data).decode()


def test_async_pass_is_the_same() -> None:
    """`async for` yields the same pieces."""
    body = JSONBody({"image": held(b"x" * 100_000), "prompt": "日本"})

    async def collect() -> list[bytes]:
        return [piece async for piece in body]

    assert asyncio.run(collect()) == list(body)


def test_text_stays_utf8() -> None:
    """Non-ASCII text travels as UTF-8, quotes and control characters escaped."""
    assert b"".join(JSONBody({"prompt": 'a "猫"\n'})) == '{"prompt":"a \\"猫\\"\\n"}'.encode()


def test_what_is_not_json_is_refused() -> None:
    """NaN, keys that are no text and foreign objects fail before anything is sent."""
    with pytest.raises(ValueError, match="JSON"):
        JSONBody({"cfg_scale": float("nan")})
    with pytest.raises(TypeError, match="key must be text, not int"):
        JSONBody({1: 2})
    with pytest.raises(TypeError, match="not JSON serializable"):
        JSONBody({"a": object()})


def test_changed_file_stops_the_pass(tmp_path: Path) -> None:
    """A file that changed since it was checked is not sent under a false length."""
    path = tmp_path / "a.bin"
    path.write_bytes(b"x" * 1000)
    body = JSONBody({"image": inputs.read(path, "image", field="image")})
    path.write_bytes(b"x" * 999)
    with pytest.raises(inputs.Unreadable, match="changed after it was checked"):
        list(body)


@pytest.mark.parametrize("left", [0, STEP, STEP + 1])
def test_file_cut_while_it_is_sent_stops_the_pass(tmp_path: Path, left: int) -> None:
    """A file that shrinks under way ends in an error, never in a short body."""
    path = tmp_path / "a.bin"
    path.write_bytes(bytes(6 * STEP))
    going = iter(JSONBody({"image": inputs.read(path, "image", field="image")}))
    assert next(going) == b'{"image":"'
    next(going)
    with path.open("r+b") as file:
        file.truncate(left)
    with pytest.raises(inputs.Unreadable, match="became shorter while it was sent"):
        list(going)


def test_memory_stays_flat(tmp_path: Path) -> None:
    """Sending 10 MB from a file holds less than a megabyte at any moment."""
    path = tmp_path / "a.bin"
    path.write_bytes(bytes(10_000_000))
    body = JSONBody({"image": inputs.read(path, "image", field="image")})
    tracemalloc.start()
    try:
        sent = sum(len(piece) for piece in body)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert sent == body.length
    assert peak < 1_000_000


def test_preview_shows_media_by_name(tmp_path: Path) -> None:
    """Dry runs and logs show what each media is, not its bytes, nor a URL's query."""
    from PIL import Image

    path = tmp_path / "photo.jpg"
    Image.effect_noise((1280, 858), 60).save(path, quality=100)
    size = path.stat().st_size
    tree = {
        "prompt": "boat",
        "image": inputs.read(path, "image", field="image"),
        "masks": [{"mask": inputs.read("https://x.io/m.png?key=1", "mask", field="mask")}],
        "raw": held(b"not a picture"),
    }
    assert JSONBody(tree).preview() == {
        "prompt": "boat",
        "image": f"<image photo.jpg, {size / 1e6:.1f} MB, 1280x858>",
        "masks": [{"mask": "<mask https://x.io/m.png>"}],
        "raw": "<image binary data, 13 bytes>",
    }


def test_digests_by_place() -> None:
    """Each media sent as bytes has its SHA-256, under its place in the body."""
    url = inputs.read("https://x.io/m.png", "mask", field="mask")
    body = JSONBody({"image": url, "dynamic_masks": [{"mask": held(b"abc")}]})
    assert body.digests() == {
        "dynamic_masks[0].mask": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    }
    assert list(body.media()) == ["image", "dynamic_masks[0].mask"]
    assert "abc" not in repr(body)

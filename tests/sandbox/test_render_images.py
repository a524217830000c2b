"""The renderer's stills: pictures of prompts, made-over references, garments tried on."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw
from render_clips import difference, photo, plain, png

from kling_core.sandbox.render import BadMedia, Cancelled, Size, image, try_on
from kling_core.sandbox.render.caption import caption

SIZE = Size(256, 144)


def _pixels(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        assert picture.format == "PNG"
        return np.asarray(picture.convert("RGB")).astype(np.int16)


def test_a_picture_for_each_index(tmp_path: Path) -> None:
    """A PNG of the asked size, another one for each index, the same bytes for the same index."""
    for name, index in (("0", 0), ("again", 0), ("1", 1), ("2", 2)):
        image(tmp_path / name, prompt="a quiet village", size=SIZE, index=index)
    assert (tmp_path / "0").read_bytes() == (tmp_path / "again").read_bytes()
    pictures = [_pixels(tmp_path / name) for name in "012"]
    assert all(picture.shape == (144, 256, 3) for picture in pictures)
    assert difference(pictures[0], pictures[1]) > 5
    assert difference(pictures[1], pictures[2]) > 5


def test_a_reference_is_made_over(tmp_path: Path) -> None:
    """With a reference, its shapes are kept and its colours are not."""
    image(tmp_path / "a.png", prompt="as a print", size=SIZE, reference=photo(5))
    made = _pixels(tmp_path / "a.png")[:90].mean(axis=2).ravel()
    source = Image.open(io.BytesIO(photo(5))).resize(SIZE)
    given = np.asarray(source).astype(np.int16)[:90].mean(axis=2).ravel()
    assert np.corrcoef(made, given)[0, 1] > 0.6
    assert difference(made, given) > 8


def test_a_broken_reference_is_bad_media(tmp_path: Path) -> None:
    """A reference that cannot be decoded raises BadMedia and leaves nothing."""
    with pytest.raises(BadMedia):
        image(tmp_path / "a.png", prompt="x", size=SIZE, reference=photo()[:500])
    assert not list(tmp_path.iterdir())


def test_a_garment_is_laid_over_the_torso(tmp_path: Path) -> None:
    """The cloth is on the torso, its white surroundings are not, and the rest is as it was."""
    cloth = Image.new("RGB", (300, 300), (255, 255, 255))
    ImageDraw.Draw(cloth).polygon([(150, 40), (280, 260), (20, 260)], fill=(210, 20, 30))
    try_on(tmp_path / "a.png", human=plain((40, 120, 60), (300, 450)), cloth=png(cloth))
    made = _pixels(tmp_path / "a.png")
    assert made.shape == (450, 300, 3)
    red = (made[..., 0] > 170) & (made[..., 1] < 60)
    assert 0.05 < red.mean() < 0.4
    rows, columns = np.nonzero(red)
    assert 450 * 0.2 < rows.mean() < 450 * 0.66
    assert abs(columns.mean() - 150) < 6
    assert not (made.min(axis=2) > 200).any()
    assert difference(made[:90], np.array([40, 120, 60])) < 2
    assert difference(made[350:], np.array([40, 120, 60])) < 2


def test_a_white_print_inside_the_garment_stays(tmp_path: Path) -> None:
    """White that lies inside the garment is part of it; a transparent surrounding works too."""
    cloth = Image.new("RGBA", (300, 300), (0, 0, 0, 0))
    draw = ImageDraw.Draw(cloth)
    draw.rectangle((40, 40, 260, 260), fill=(20, 30, 200, 255))
    draw.rectangle((120, 120, 180, 180), fill=(255, 255, 255, 255))
    flat = Image.new("RGBA", cloth.size, (255, 255, 255, 255))
    flat.alpha_composite(cloth)
    for name, picture in (("clear.png", cloth), ("white.png", flat.convert("RGB"))):
        try_on(tmp_path / name, human=plain((40, 120, 60), (300, 450)), cloth=png(picture))
        white = _pixels(tmp_path / name).min(axis=2) > 240
        assert 0.005 < white.mean() < 0.05


def test_a_large_person_is_made_smaller(tmp_path: Path) -> None:
    """The picture is at most 1280 pixels long and keeps the person's ratio."""
    try_on(tmp_path / "a.png", human=plain((9, 9, 9), (1500, 2000)), cloth=plain((200, 0, 0)))
    assert _pixels(tmp_path / "a.png").shape == (1280, 960, 3)


@pytest.mark.parametrize("which", ["human", "cloth"])
def test_undecodable_try_on_input_is_bad_media(tmp_path: Path, which: str) -> None:
    """A person or a garment that cannot be decoded raises BadMedia."""
    inputs = {"human": photo(), "cloth": photo()} | {which: b"nothing"}
    with pytest.raises(BadMedia):
        try_on(tmp_path / "a.png", **inputs)


def test_stills_can_be_cancelled(tmp_path: Path) -> None:
    """A cancelled still is not written."""
    with pytest.raises(Cancelled):
        image(tmp_path / "a.png", prompt="x", size=SIZE, cancelled=lambda: True)
    with pytest.raises(Cancelled):
        try_on(tmp_path / "a.png", human=photo(), cloth=photo(), cancelled=lambda: True)
    assert not list(tmp_path.iterdir())


def test_captions_fit_the_picture() -> None:
    """However long the prompt, its strip is at most as wide as the picture and three lines tall."""
    for text in ("word " * 400, "x" * 900, "海" * 300):
        strip = caption(text, 320, 180)
        assert strip is not None
        assert strip.width <= 320
        assert strip.height < 80
    one = caption("short", 320, 180)
    assert one is not None
    assert one.width < 160
    assert caption("  ", 320, 180) is None


def test_a_caption_shows_its_text() -> None:
    """Different texts look different, in any script: letters, or the note about missing ones."""
    drawn = {caption(text, 320, 180).tobytes() for text in ("abc", "abd", "über", "日本語です")}
    assert len(drawn) == 4

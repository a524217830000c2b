"""Pictures held as arrays and images arrive as they are seen, or are refused unpaid."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

from kling_core.media import inputs

SIDE = 320
RAMP = np.linspace(0, 1, SIDE * SIDE).reshape(SIDE, SIDE)


def sent(picture: object, kind: inputs.Kind = "image") -> Image.Image:
    with inputs.read(picture, kind, field="image").open() as stream:
        image = Image.open(io.BytesIO(stream.read()))
    image.load()
    return image


def seen(picture: object) -> np.ndarray[Any, Any]:
    return np.asarray(sent(picture).convert("RGB"))[:, :, 0].astype(int)


def file_of(image: Image.Image, form: str, **how: Any) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, form, **how)
    return Image.open(buffer)


def sixteen(mode: str) -> Image.Image:
    pixels = (RAMP * 65535).astype(">u2" if mode.endswith("B") else "<u2")
    return Image.frombytes(mode, (SIDE, SIDE), pixels.tobytes())


@pytest.mark.parametrize(
    "picture",
    [
        (RAMP * 255).astype(np.uint8),
        (RAMP * 65535).astype(np.uint16),
        (RAMP * 65535).astype(">u2"),
        (RAMP * 255).astype(np.int64),
        (RAMP * 255).astype(np.int16),
        RAMP,
        RAMP.astype(np.float32),
        RAMP.astype(np.float16),
        RAMP * 1.0005 - 0.0002,  # a resampled picture swings a little beyond its ends
        RAMP * 255,
        (RAMP * 255).astype(np.float32),
        np.stack([RAMP * 65535] * 3, axis=2).astype(np.uint16),
        np.stack([RAMP] * 3, axis=2),
        file_of(Image.fromarray((RAMP * 65535).astype(np.uint16)), "PNG"),
        file_of(Image.fromarray((RAMP * 65535).astype(np.uint16)), "TIFF"),
        sixteen("I;16"),
        sixteen("I;16B"),
        Image.fromarray((RAMP * 65535).astype(np.int32)),
        Image.fromarray((RAMP * 255).astype(np.int32)),
        Image.fromarray(RAMP.astype(np.float32)),
        Image.fromarray((RAMP * 255).astype(np.float32)),
        Image.fromarray((RAMP * 255).astype(np.uint8)).convert("YCbCr"),
    ],
    ids=lambda p: f"{getattr(p, 'dtype', getattr(p, 'mode', ''))}-{np.asarray(p).max():g}",
)
def test_a_ramp_arrives(picture: object) -> None:
    """From black to white with every step between, of whatever type its values are."""
    got = seen(picture)
    assert np.abs(got - RAMP * 255).max() <= 1.5
    assert len(np.unique(got)) > 250


@pytest.mark.parametrize(
    "picture, said, valid",
    [
        (RAMP * 65535, "from 0 to 65535", "uint16"),
        (RAMP * 2 - 1, "from -1 to 1", "floats in 0 to 1"),
        (RAMP * 5, "from 0 to 5", "floats"),
        (np.where(RAMP > 0.5, np.inf, 0), "no numbers", "floats"),
        ((RAMP * 200).astype(np.uint16), "all black", "uint8"),
        ((RAMP * 4000).astype(np.int32), "up to 4000", "uint16"),
        ((RAMP * 255 - 128).astype(np.int16), "from -128", "uint8"),
        ((RAMP * 2**20).astype(np.uint32), "to 1048576", "uint16"),
        ((RAMP > 0.5).astype(np.uint8), "only 0 and 1", "astype(bool)"),
        ((RAMP > 0.5).astype(np.int64), "only 0 and 1", "astype(bool)"),
        (RAMP.astype(complex), "not a picture", "uint8"),
        (Image.fromarray((RAMP * 65535).astype(np.float32)), "from 0 to 65535", "floats"),
        (Image.fromarray((RAMP * 2**20).astype(np.int32)), "1048576", "uint16"),
        (Image.fromarray((RAMP * 200).astype(np.uint16)), "all black", "uint8"),
    ],
)
def test_what_cannot_be_told_is_refused(picture: object, said: str, valid: str) -> None:
    """With what would tell it; nothing is guessed, for it is paid."""
    with pytest.raises(inputs.Unreadable) as caught:
        inputs.read(picture, "image", field="image")
    assert said in caught.value.violation.message
    assert valid in caught.value.violation.valid


@pytest.mark.parametrize("picture", [np.zeros((SIDE, SIDE), t) for t in ("u1", "u2", "i8", "f4")])
def test_black_is_black(picture: object) -> None:
    """A picture of nothing but 0 is the same by any scale."""
    assert seen(picture).max() == 0


def test_transparency_and_palettes() -> None:
    """What is not there stays so, and colours are those of the palette."""
    red = Image.new("RGBA", (SIDE, SIDE), (255, 0, 0, 128))
    for image in (red, red.convert("RGBa"), Image.new("LA", (SIDE, SIDE), (90, 128))):
        assert sent(image).convert("RGBA").getpixel((5, 5))[3] == 128
    assert sent(red.convert("RGBa")).convert("RGBA").getpixel((5, 5)) == (255, 0, 0, 128)
    palette = Image.new("RGB", (SIDE, SIDE), (12, 200, 34)).quantize(4)
    assert sent(palette).convert("RGB").getpixel((5, 5)) == (12, 200, 34)
    clear = palette.copy()
    clear.info["transparency"] = 0
    assert sent(clear).convert("RGBA").getpixel((5, 5))[3] == 0
    assert sent(Image.new("PA", (SIDE, SIDE))).mode == "RGBA"


def test_inks() -> None:
    """CMYK is turned into the colours that it shows, and its profile does not travel along."""
    inks = Image.new("CMYK", (SIDE, SIDE), (0, 255, 255, 0))
    plain = sent(file_of(inks, "JPEG", quality=95))
    assert plain.mode == "RGB"
    red, green, blue = plain.getpixel((5, 5))  # type: ignore[misc]
    assert red > 230
    assert max(green, blue) < 30
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    inks.info["icc_profile"] = profile  # of the wrong kind, so it says nothing
    assert "icc_profile" not in sent(inks).info
    lab = Image.new("LAB", (SIDE, SIDE), (255, 128, 128))
    lab.info["icc_profile"] = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    assert min(sent(lab).getpixel((5, 5))) > 230  # type: ignore[type-var]


def test_masks_too() -> None:
    """A mask of 0 and 1 would be all black; of bools it is black and white."""
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[:100] = 1
    with pytest.raises(inputs.Unreadable, match="only 0 and 1"):
        inputs.read(mask, "mask", field="static_mask")
    assert sent(mask.astype(bool), "mask").getpixel((5, 5)) == 255

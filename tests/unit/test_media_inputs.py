"""Whatever a user calls a picture or a sound becomes one Media, or one clear refusal."""

from __future__ import annotations

import base64
import io
import os
import subprocess
import sys
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from kling_core.media import inputs


def png(width: int = 400, height: int = 300, mode: str = "RGB") -> bytes:
    buffer = io.BytesIO()
    Image.new(mode, (width, height), 128).save(buffer, "PNG")
    return buffer.getvalue()


def content(media: inputs.Media) -> bytes:
    with media.open() as stream:
        return stream.read()


def decoded(media: inputs.Media) -> Image.Image:
    image = Image.open(io.BytesIO(content(media)))
    image.load()
    return image


def refusal(value: object, kind: inputs.Kind = "image") -> str:
    with pytest.raises(inputs.Unreadable) as caught:
        inputs.read(value, kind, field="image")
    assert caught.value.violation.field == "image"
    return caught.value.violation.message


@dataclass
class Output:
    url: str | None = None
    path: Path | None = None
    expires_at: datetime | None = None
    kind: str = "image"


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.png"
    path.write_bytes(png())
    return path


def forms(photo: Path) -> dict[str, Any]:
    data = photo.read_bytes()
    encoded = base64.b64encode(data).decode()
    return {
        "str": str(photo),
        "Path": photo,
        "bytes": data,
        "bytearray": bytearray(data),
        "memoryview": memoryview(data),
        "BytesIO": io.BytesIO(data),
        "data URI": f"data:image/png;base64,{encoded}",
        "base64": encoded,
        "base64 in lines": base64.encodebytes(data).decode(),
        "output with file": Output(path=photo),
        "media": inputs.read(photo, "image", field="image"),
    }


@pytest.mark.parametrize("form", forms(Path(__file__)))
def test_every_form_gives_the_same_bytes(photo: Path, form: str) -> None:
    """Each form that holds bytes gives exactly those, with their size, twice over."""
    media = inputs.read(forms(photo)[form], "image", field="image")
    assert media.size == photo.stat().st_size
    assert content(media) == content(media) == photo.read_bytes()
    assert not media.is_url


def test_open_file_is_read_from_where_it_stands_and_left_there(photo: Path) -> None:
    """A real file object is replayed from its start position and keeps its position."""
    with photo.open("rb") as file:
        file.seek(8)
        media = inputs.read(file, "image", field="image")
        assert media.name == "photo.png"
        first, second = media.open(), media.open()
        assert first.read(4) == second.read(4) == photo.read_bytes()[8:12]
        assert first.read() == photo.read_bytes()[12:]
        assert file.tell() == 8
    with pytest.raises(inputs.Unreadable, match="was closed before it was sent"):
        media.open()


def test_pipe_is_read_once_into_memory() -> None:
    """A file object that cannot seek is kept, so that a retry can send it again."""
    inner, outer = os.pipe()
    with os.fdopen(outer, "wb") as sink:
        sink.write(png())
    with os.fdopen(inner, "rb") as pipe:
        media = inputs.read(pipe, "image", field="image")
    assert content(media) == content(media) == png()


def test_pil_image_keeps_its_pixels() -> None:
    """A PIL image travels as PNG, pixel for pixel, whatever its mode."""
    image = Image.effect_noise((320, 310), 50).convert("RGB")
    sent = decoded(inputs.read(image, "image", field="image"))
    assert sent.format == "PNG"
    assert sent.tobytes() == image.tobytes()
    assert decoded(inputs.read(image.convert("CMYK"), "image", field="image")).mode == "RGB"


def test_large_pil_image_becomes_jpeg_over_white() -> None:
    """Beyond the limit as PNG a JPEG is sent, its transparent parts white; a mask stays PNG."""
    low = replace(inputs.limits_of("image"), bytes=100_000)

    def read(image: Image.Image, kind: inputs.Kind = "image") -> inputs.Media:
        return inputs.read(image, kind, field=kind, limits=low)

    image = Image.effect_noise((400, 400), 120).convert("RGBA")
    assert decoded(read(image.resize((60, 60)))).format == "PNG"
    image.paste((0, 0, 0, 0), (0, 0, 200, 200))
    sent = decoded(read(image))
    assert sent.format == "JPEG"
    assert min(sent.crop((16, 16, 180, 180)).convert("L").getextrema()) >= 250
    assert decoded(read(image, "mask")).format == "PNG"


@pytest.mark.parametrize(
    "array, pixel",
    [
        (np.full((300, 400), 200, np.uint8), 200),
        (np.full((300, 400, 1), 200, np.uint8), 200),
        (np.full((300, 400, 3), 200, np.uint8), (200, 200, 200)),
        (np.full((300, 400, 4), 200, np.uint8), (200, 200, 200, 200)),
        (np.full((300, 400, 3), 0.5), (128, 128, 128)),
        (np.full((300, 400), fill_value=True), 255),
        (np.full((400, 300), 9, np.uint8).T, 9),
    ],
)
def test_arrays_become_pictures(array: Any, pixel: object) -> None:
    """Arrays of bytes, bools and floats in 0 to 1 keep height, width and value."""
    sent = decoded(inputs.read(array, "image", field="image"))
    assert sent.size == (400, 300)
    assert sent.getpixel((7, 7)) == pixel


@pytest.mark.parametrize(
    "array, message",
    [
        (np.zeros((3, 300, 400)), "an array of shape 3x300x400 is not a picture"),
        (np.zeros(400), "an array of shape 400 is not a picture"),
        (np.full((300, 400, 3), 2.0), "the float array holds values from 2 to 2"),
        (np.full((300, 400, 3), np.nan), "the float array holds values that are no numbers"),
        (np.zeros((300, 400), np.complex64), "an array of complex64 is not a picture"),
        (np.zeros((0, 400), np.uint8), "the array is empty (shape 0x400)"),
    ],
)
def test_other_arrays_are_refused_with_their_shape_or_type(array: Any, message: str) -> None:
    """An array that may mean several things is refused rather than guessed at."""
    assert refusal(array) == message


def test_figure_is_drawn() -> None:
    """Anything with `savefig`, as matplotlib's Figure, is written as PNG."""

    class Figure:
        def savefig(self, target: io.BytesIO, **options: str) -> None:
            assert options == {"format": "png"}
            target.write(png())

    assert content(inputs.read(Figure(), "image", field="image")) == png()


def test_url_passes_through_unopened() -> None:
    """A URL is sent as it is; its name and repr leave out the query, which may hold a key."""
    url = "https://example.com/a/photo.jpg?X-Signature=secret"
    media = inputs.read(url, "image", field="image")
    assert (media.is_url, media.url, media.name, media.size) == (
        True,
        url,
        "photo.jpg",
        None,
    )
    assert "secret" not in repr(media)
    assert "secret" not in inputs.describe(media)
    assert media.sha256() is None
    assert inputs.inspect(media, field="image") == []


def test_output_prefers_a_living_url(photo: Path) -> None:
    """Of an earlier output the URL is used while it lives, then its file, else it is refused."""
    now = datetime.now(UTC)
    live = Output("https://example.com/clip.png", photo, now + timedelta(days=1))
    dead = Output("https://example.com/clip.png", photo, now - timedelta(days=1))
    assert inputs.read(live, "image", field="image").is_url
    assert content(inputs.read(dead, "image", field="image")) == photo.read_bytes()
    dead.path = None
    assert refusal(dead).startswith("the URL of this output expired on ")
    assert refusal(Output(url=""), "image") == "this output has neither URL nor file yet"


@pytest.mark.parametrize(
    "made, wanted",
    [
        ("video", "image"),
        ("image", "video"),
        ("video", "mask"),
        ("image", "audio"),
        ("audio", "image"),
    ],
)
def test_an_output_of_another_kind_is_refused(made: str, wanted: inputs.Kind, photo: Path) -> None:
    """Kling would find out after the upload, or when the task is made."""
    output = Output("https://example.com/made", photo, kind=made)
    assert "cannot be made of an output that is a" in refusal(output, wanted)


def test_an_output_of_its_kind_is_taken() -> None:
    """A picture where a mask goes, too."""
    for made, wanted in (("image", "mask"), ("video", "video"), ("audio", "audio")):
        output = Output("https://example.com/made", kind=made)
        assert inputs.read(output, wanted, field="image").is_url


def test_video_goes_by_url_only(photo: Path) -> None:
    """Kling has no upload for video: an address is taken, everything else told so."""
    assert inputs.read("https://example.com/a.mp4", "video", field="video_url").is_url
    said = "photo.png cannot be sent: Kling has no upload for video, it fetches an http(s) URL"
    assert refusal(photo, "video") == said
    assert refusal(b"data", "video").startswith("binary data cannot be sent")
    assert refusal(Output(path=photo, url="", kind="video"), "video").startswith(
        "this output has neither"
    )


def test_home_is_expanded(photo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`~` means the home folder."""
    monkeypatch.setenv("HOME", str(photo.parent))
    assert content(inputs.read("~/photo.png", "image", field="image")) == photo.read_bytes()


def test_bad_paths_say_what_they_are(photo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A typo, a folder, an empty file, a loop of links: each has its own message."""
    monkeypatch.chdir(photo.parent)
    Path("empty.jpg").touch()
    Path("loop.jpg").symlink_to("loop.jpg")
    Path("folder").mkdir()
    assert refusal("photo.pngg") == "no such file: photo.pngg; did you mean photo.png?"
    assert refusal("xyz") == "no such file: xyz"
    assert refusal("nowhere/a.png") == "no such file: nowhere/a.png (there is no folder nowhere)"
    assert refusal(Path("folder")) == "folder is a folder"
    assert refusal("empty.jpg") == "empty.jpg is empty (0 bytes)"
    assert refusal("loop.jpg").startswith("cannot read loop.jpg: ")
    assert refusal("a\0b") == "no such file: 'a\\x00b'"
    assert refusal("word " * 2000).endswith("is no path, no URL, and not base64 of a known format")


@pytest.mark.parametrize(
    "value, message",
    [
        ("", "the text is empty"),
        (b"", "binary data is empty (0 bytes)"),
        (io.BytesIO(), "file object is empty (0 bytes)"),
        (io.StringIO("x"), "file object is opened as text"),
        ("https://", "the URL is not complete"),
        ("s3://bucket/a.png", "s3:// addresses cannot be read"),
        ("data:image/png;base64,???", "the data URI is not valid base64"),
        ("data:image/png", "the data URI has no comma before its content"),
        (None, "an image cannot be made of a NoneType"),
        (["a.png"], "an image cannot be made of a list"),
    ],
)
def test_other_values_are_refused(value: object, message: str) -> None:
    """What holds no picture is refused with what it is."""
    assert refusal(value) == message


def test_exhausted_file_object_is_told_to_rewind() -> None:
    """A buffer that was just written to stands at its end: the classic mistake is named."""
    buffer = io.BytesIO()
    buffer.write(png())
    assert refusal(buffer) == "file object has nothing left to read"


def test_sound_is_not_made_of_pictures() -> None:
    """A picture object given for audio is refused."""
    assert refusal(Image.new("L", (9, 9)), "audio") == "audio cannot be made of a PIL image"


def test_changed_file_is_noticed(photo: Path) -> None:
    """A file that changed after the check is not sent under the old length."""
    media = inputs.read(photo, "image", field="image")
    photo.write_bytes(png(500, 500))
    with pytest.raises(inputs.Unreadable, match=r"photo\.png changed after it was checked"):
        media.open()
    assert "changed after it was checked" in inputs.inspect(media, field="image")[0].message
    photo.unlink()
    with pytest.raises(inputs.Unreadable, match="cannot be read any more"):
        media.open()


def test_repr_shows_no_content() -> None:
    """Neither repr nor description repeats the bytes."""
    media = inputs.read(b"secret-bytes" * 9, "image", field="image")
    assert "secret" not in repr(media) + inputs.describe(media)


def test_import_stays_light() -> None:
    """Importing the inputs and the body loads no heavy library."""
    code = (
        "import sys, kling_core.media.inputs, kling_core.wire.body;"
        "print(sorted({'PIL', 'numpy', 'av', 'httpx', 'pydantic'} & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"

"""Probing clips and taking stills from them."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from kling_core.media.frames import contact_sheet, first_frame, last_frame, poster, thumbnails
from kling_core.media.probe import BadVideo, probe

SECONDS, FPS = 3, 12


def picture(place: int, frames: int) -> np.ndarray:
    """Red grows and blue falls along the clip, so that a frame tells its moment."""
    pixels = np.zeros((180, 320, 3), np.uint8)
    level = round(220 * place / (frames - 1)) + 16
    pixels[:, :, 0] = level
    pixels[:, :160, 2] = 240 - level
    return pixels


def fading(place: int, frames: int) -> np.ndarray:
    pixels = picture(place, frames)
    return pixels * 0 if place < frames // 8 else pixels


def write(
    path: Path,
    draw: Callable[[int, int], np.ndarray] = picture,
    *,
    codec: str = "libx264",
    gop: int = 250,
    seconds: int = SECONDS,
    sound: bool = False,
) -> Path:
    options = {"movflags": "+faststart"} if path.suffix in {".mp4", ".mov"} else {}
    with av.open(str(path), "w", options=options) as container:
        stream = container.add_stream(codec, rate=FPS)
        stream.width, stream.height, stream.pix_fmt, stream.gop_size = 320, 180, "yuv420p", gop
        track = container.add_stream("aac", rate=8000, layout="mono") if sound else None
        for place in range(seconds * FPS):
            frame = av.VideoFrame.from_ndarray(draw(place, seconds * FPS), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
        if track is not None:
            silence = np.zeros((1, 1024), np.float32)
            note = av.AudioFrame.from_ndarray(silence, format="fltp", layout="mono")
            note.rate = 8000
            container.mux(track.encode(note))
            container.mux(track.encode())
    return path


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("clip") / "clip.mp4", sound=True)


def moment(pixel: tuple[int, ...]) -> float:
    return (pixel[0] - 16) / 220


@pytest.mark.parametrize(
    "name, codec, known",
    [("a.mp4", "libx264", "h264"), ("a.mov", "libx264", "h264"), ("a.webm", "libvpx", "vp8")],
)
def test_probe_tells_the_facts(name: str, codec: str, known: str, tmp_path: Path) -> None:
    """Length, size, rate, frames and codec are those the clip was made with."""
    path = write(tmp_path / name, codec=codec)
    found = probe(path)
    assert found.duration == pytest.approx(SECONDS, abs=0.1)
    assert (found.width, found.height, found.codec) == (320, 180, known)
    assert found.fps == pytest.approx(FPS, abs=0.1)
    assert found.frames == SECONDS * FPS
    assert not found.has_audio
    assert found.size == path.stat().st_size


def test_probe_sees_sound(clip: Path) -> None:
    """A clip with a sound track says so."""
    assert probe(clip).has_audio


@pytest.mark.parametrize("kept", [4, 20, 0.3, 0.9, -1])
def test_cut_clip_is_found(clip: Path, tmp_path: Path, kept: float) -> None:
    """A clip cut anywhere is refused, though its index still tells the full length."""
    data = clip.read_bytes()
    end = round(len(data) * kept) if 0 < kept < 1 else int(kept)
    (tmp_path / "cut.mp4").write_bytes(data[:end])
    with pytest.raises(BadVideo, match=r"^cut\.mp4 is "):
        probe(tmp_path / "cut.mp4")


def test_unfinished_clip_is_found(tmp_path: Path) -> None:
    """A clip whose writer died before the index has none, and is said to be unfinished."""
    boxes = (16).to_bytes(4, "big") + b"ftypisom" + bytes(4) + (12).to_bytes(4, "big") + b"mdat"
    (tmp_path / "a.mp4").write_bytes(boxes + bytes(4))
    with pytest.raises(BadVideo, match=r"a\.mp4 has no index \(moov\); it was not finished"):
        probe(tmp_path / "a.mp4")


@pytest.mark.parametrize("name", ["a.mp4", "a.jpg"])
def test_text_is_no_video(tmp_path: Path, name: str) -> None:
    """A text file is no video under any name."""
    (tmp_path / name).write_text("hello " * 50)
    with pytest.raises(BadVideo):
        probe(tmp_path / name)


def test_missing_file_is_named(tmp_path: Path) -> None:
    """A missing file says that it is missing."""
    with pytest.raises(BadVideo, match=r"gone\.mp4 cannot be read: No such file"):
        probe(tmp_path / "gone.mp4")


def test_first_and_last_frame(clip: Path) -> None:
    """The two ends come out in full size, the very first and the very last frame."""
    first, last = first_frame(clip), last_frame(clip)
    assert first.size == last.size == (320, 180)
    assert moment(first.getpixel((300, 90))) == pytest.approx(0, abs=0.02)
    assert moment(last.getpixel((300, 90))) == pytest.approx(1, abs=0.02)


def test_poster_is_a_small_jpeg_of_the_opening(clip: Path) -> None:
    """The poster shows the opening picture, is not scaled up, and stays small."""
    data = poster(clip)
    image = Image.open(io.BytesIO(data))
    assert (image.format, image.size) == ("JPEG", (320, 180))
    assert moment(image.getpixel((300, 90))) == pytest.approx(0, abs=0.04)
    assert len(data) <= 25_000
    assert Image.open(io.BytesIO(poster(clip, width=160))).size == (160, 90)


def test_poster_looks_past_a_fade_in(tmp_path: Path) -> None:
    """A clip that begins black gets a later picture."""
    image = Image.open(io.BytesIO(poster(write(tmp_path / "a.mp4", fading))))
    assert moment(image.getpixel((300, 90))) == pytest.approx(0.25, abs=0.05)


@pytest.mark.parametrize("gop, seconds", [(250, 3), (6, 3), (12, 16)])
def test_contact_sheet_goes_evenly_from_first_to_last(
    tmp_path: Path, gop: int, seconds: int
) -> None:
    """Nine frames in reading order, evenly spread, however the key frames lie."""
    data = contact_sheet(write(tmp_path / "a.mp4", gop=gop, seconds=seconds))
    sheet = Image.open(io.BytesIO(data))
    assert sheet.size == (960, 540)
    seen = [
        moment(sheet.getpixel((place % 3 * 320 + 300, place // 3 * 180 + 90))) for place in range(9)
    ]
    assert seen == pytest.approx([place / 8 for place in range(9)], abs=0.04)


def test_contact_sheet_keeps_its_budget(tmp_path: Path) -> None:
    """Noise, which no JPEG likes, is made to fit by lower quality and then by a smaller sheet."""
    noise = np.random.default_rng(1)

    def draw(_place: int, _frames: int) -> np.ndarray:
        return noise.integers(0, 255, (180, 320, 3), np.uint8)

    path = write(tmp_path / "a.mp4", draw, seconds=1)
    assert 20_000 < len(contact_sheet(path)) <= 80_000
    assert len(contact_sheet(path, columns=2, rows=1, max_bytes=9_000)) <= 9_000
    with pytest.raises(ValueError, match="at least one column"):
        contact_sheet(path, columns=0)


def test_stills_of_a_broken_clip(clip: Path, tmp_path: Path) -> None:
    """A cut clip gives the same error as when it is probed."""
    (tmp_path / "cut.mp4").write_bytes(clip.read_bytes()[:-10])
    for still in (poster, contact_sheet, first_frame, last_frame):
        with pytest.raises(BadVideo, match=r"^cut\.mp4 is cut short"):
            still(tmp_path / "cut.mp4")


@pytest.mark.parametrize(
    "count,size", [(1, (960, 640)), (2, (960, 320)), (4, (960, 640)), (5, (960, 426))]
)
def test_thumbnails(tmp_path: Path, count: int, size: tuple[int, int]) -> None:
    """Pictures in order, row by row, in one small JPEG."""
    path = tmp_path / "picture.png"
    Image.new("RGB", (1920, 1280), "teal").save(path)
    sheet = thumbnails([path] * count)
    assert len(sheet) <= 80_000
    assert Image.open(io.BytesIO(sheet)).size == size


def test_thumbnails_of_what_is_no_picture(tmp_path: Path) -> None:
    path = tmp_path / "text.png"
    path.write_bytes(b"no picture")
    with pytest.raises(BadVideo, match=r"text\.png is no picture"):
        thumbnails([path])
    with pytest.raises(ValueError, match="no pictures"):
        thumbnails([])

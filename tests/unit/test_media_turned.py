"""Clips that are stored on their side, and files that are none of their kind."""

from __future__ import annotations

import io
import struct
from functools import cache
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from helpers.clips import clip
from helpers.media import picture, sound
from PIL import Image

from kling_core.flows import audit
from kling_core.media import integrity
from kling_core.media.frames import contact_sheet, first_frame, last_frame, poster, thumbnails
from kling_core.media.probe import Turn, probe

WIDE, HIGH = 160, 96
ONE = 1 << 16

MATRICES: dict[str, tuple[int, int, int, int]] = {
    "upright": (1, 0, 0, 1),
    **{one.name: one.value for one in Turn},
}
"""Where x and y of a stored point go, by the name of what makes it upright."""


@cache
def stored() -> bytes:
    """A clip whose upper left corner is white and whose lower right one is red."""
    pixels = np.zeros((HIGH, WIDE, 3), np.uint8)
    pixels[: HIGH // 2, : WIDE // 2] = 255
    pixels[HIGH // 2 :, WIDE // 2 :] = (220, 0, 0)
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=24)
        stream.width, stream.height, stream.pix_fmt = WIDE, HIGH, "yuv420p"
        for _ in range(12):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())
    return buffer.getvalue()


def turned(path: Path, signs: tuple[int, int, int, int]) -> Path:
    """The clip with the matrix of a phone in its track header."""
    data = bytearray(stored())
    at = data.find(b"tkhd") + 44
    a, b, c, d = (sign * ONE for sign in signs)
    right = WIDE * ONE if -1 in (signs[0], signs[2]) else 0
    down = HIGH * ONE if -1 in (signs[1], signs[3]) else 0
    data[at : at + 36] = struct.pack(">9i", a, b, 0, c, d, 0, right, down, 1 << 30)
    path.write_bytes(data)
    return path


def upright(signs: tuple[int, int, int, int]) -> np.ndarray:
    """What a player shows, computed from the matrix alone."""
    a, b, c, d = signs
    ys, xs = np.mgrid[0:HIGH, 0:WIDE]
    x, y = a * xs + c * ys, b * xs + d * ys
    x, y = x - x.min(), y - y.min()
    with av.open(io.BytesIO(stored())) as container:
        pixels = next(container.decode(video=0)).to_ndarray(format="rgb24")
    shown = np.zeros((y.max() + 1, x.max() + 1, 3), np.uint8)
    shown[y, x] = pixels
    return shown


@pytest.mark.parametrize("signs", MATRICES.values(), ids=MATRICES)
def test_stills_are_upright(signs: tuple[int, int, int, int], tmp_path: Path) -> None:
    """First and last frame, poster and sheet are as a player shows the clip, mirrored ones too."""
    path, wanted = turned(tmp_path / "a.mp4", signs), upright(signs)
    for still in (first_frame(path), last_frame(path)):
        assert np.array_equal(np.asarray(still.convert("RGB")), wanted)
    small = [Image.open(io.BytesIO(poster(path)))]
    sheet = Image.open(io.BytesIO(contact_sheet(path, columns=1, rows=2, width=96)))
    small.append(sheet.crop((0, 0, sheet.width, sheet.height // 2)))
    for still in small:
        assert still.width / still.height == pytest.approx(
            wanted.shape[1] / wanted.shape[0], rel=0.05
        )
        seen = np.asarray(still.convert("RGB").resize((8, 8)), int)
        hoped = np.asarray(Image.fromarray(wanted).resize((8, 8)), int)
        assert abs(seen - hoped).mean() < 25


@pytest.mark.parametrize("signs", MATRICES.values(), ids=MATRICES)
def test_sizes_are_as_shown(signs: tuple[int, int, int, int], tmp_path: Path) -> None:
    """The facts of a clip, and so the comparison with what was asked, know that it is turned."""
    path, wanted = turned(tmp_path / "a.mp4", signs), upright(signs)
    facts = probe(path)
    assert (facts.height, facts.width) == wanted.shape[:2]
    ratio = f"{facts.width}:{facts.height}"
    assert audit.compare(path, "video", {"aspect_ratio": ratio}, sizes=False)[1] == []
    other = f"{facts.height}:{facts.width}"
    assert len(audit.compare(path, "video", {"aspect_ratio": other}, sizes=False)[1]) == 1


def test_pictures_on_a_sheet_are_upright(tmp_path: Path) -> None:
    """A photo whose turn is in its EXIF."""
    photo = Image.new("RGB", (400, 200), "teal")
    turn = Image.Exif()
    turn[0x0112] = 6
    photo.save(tmp_path / "a.jpg", exif=turn)
    sheet = Image.open(io.BytesIO(thumbnails([tmp_path / "a.jpg"], width=200)))
    assert sheet.height > sheet.width


# --- what is whole -------------------------------------------------------------------------

CLIP = clip(frames=30, side=96, codec="libx264")
JPEG, PNG, WEBP = (picture(kind=kind) for kind in ("JPEG", "PNG", "WEBP"))


@cache
def music(kind: str) -> bytes:
    """A tone as MP3 or M4A."""
    codec, layout = {"mp3": ("libmp3lame", "s16"), "ipod": ("aac", "fltp")}[kind]
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=kind) as container:
        track = container.add_stream(codec, rate=44100, layout="mono")
        for i in range(60):
            wave = np.sin(np.arange(1024) / 9) * (9000 if layout == "s16" else 0.3)
            frame = av.AudioFrame.from_ndarray(
                wave.astype(np.int16 if layout == "s16" else np.float32).reshape(1, -1),
                format=layout,
                layout="mono",
            )
            frame.rate, frame.pts = 44100, i * 1024
            container.mux(track.encode(frame))
        container.mux(track.encode())
    return buffer.getvalue()


def spoiled(data: bytes) -> bytes:
    """The same length, with other bytes in its middle."""
    at = len(data) // 2
    return data[:at] + bytes(byte ^ 0x5A for byte in data[at : at + 400]) + data[at + 400 :]


GOOD = {
    "video": [CLIP, clip(4096), CLIP + struct.pack(">I4s", 16, b"free") + bytes(8)],
    "image": [JPEG, PNG, WEBP],
    "audio": [sound(), music("mp3"), music("ipod")],
}
ALWAYS_BAD: list[bytes] = [
    b"",
    b"<!doctype html><p>hello",
    b"\xef\xbb\xbf <HTML>",
    b'{"code": 0}',
    b"<?xml version='1.0'?><Error/>",
    b"\x1f\x8b\x08" + bytes(99),
    b"hello\n" * 99,
    bytes(9999),
]


def refused(data: bytes, kind: str, tmp_path: Path, **how: Any) -> bool:
    path = tmp_path / "file.bin"
    path.write_bytes(data)
    try:
        integrity.must_be_whole(path, kind, **how)
    except integrity.Broken:
        return True
    return False


@pytest.mark.parametrize("kind", GOOD)
@pytest.mark.parametrize("reader", [True, False], ids=["", "without a reader"])
def test_a_file_of_its_kind(
    kind: str, reader: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is whole is accepted; half of it, or something else, is not; without a reader too."""
    if not reader:
        import sys

        for name in ("av", "av.error", "PIL"):
            monkeypatch.setitem(sys.modules, name, None)
    for good in GOOD[kind]:
        assert not refused(good, kind, tmp_path)
    for bad in (*ALWAYS_BAD, *(good[: len(good) // 2] for good in GOOD[kind])):
        assert refused(bad, kind, tmp_path), bad[:20]
    others = [good for other in GOOD if other != kind for good in GOOD[other]]
    if kind != "audio" or reader:  # a clip and an M4A begin alike
        assert all(refused(other, kind, tmp_path) for other in others if other[4:8] != b"ftyp")


def test_what_was_glued_is_decoded_whole(tmp_path: Path) -> None:
    """Other bytes in the middle are seen where pieces were put together."""
    assert not refused(CLIP, "video", tmp_path, glued=True)
    assert refused(spoiled(CLIP), "video", tmp_path, glued=True)
    assert refused(spoiled(music("mp3")), "audio", tmp_path, glued=True)
    assert refused(spoiled(PNG), "image", tmp_path, glued=True)
    assert not refused(music("mp3"), "audio", tmp_path, glued=True)


@cache
def written(form: str, codec: str = "libx264", title: str = "", **options: str) -> bytes:
    """A short clip in some container."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=form, options=options) as container:
        track = container.add_stream(codec, rate=24)
        track.width, track.height, track.pix_fmt = 32, 32, "yuv420p"
        container.metadata["title"] = title
        for light in range(0, 250, 10):
            picture = np.full((32, 32, 3), light, np.uint8)
            container.mux(track.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(track.encode())
    return buffer.getvalue()


@pytest.mark.parametrize("glued", [False, True])
@pytest.mark.parametrize(
    "data",
    [
        written("matroska", live="1"),
        written("webm", "libvpx-vp9"),
        written("mp4", movflags="frag_keyframe+empty_moov"),
        written("mp4", title="caf@@").replace(b"caf@@", "纸船".encode("gbk") + b"@"),
        written("mp4").replace(b"avc1", b"new1"),
    ],
    ids=["no index", "webm", "in fragments", "a title in another encoding", "a newer codec"],
)
def test_odd_but_whole(data: bytes, glued: bool, tmp_path: Path) -> None:
    """What is paid for and can be played is kept, however it was packed."""
    assert not refused(data, "video", tmp_path, glued=glued)
    assert refused(data[: len(data) // 2], "video", tmp_path, glued=glued) or b"ftyp" not in data


def test_a_length_that_is_not_said_differs_from_none(tmp_path: Path) -> None:
    """Of a clip that was written as a stream nothing is known to be too short."""
    path = tmp_path / "a.mkv"
    path.write_bytes(written("matroska", live="1"))
    assert audit.compare(path, "video", {"duration": "5"}, sizes=False)[1] == []


@pytest.mark.parametrize("data", [b"ID3", b"ID3\x04\x00\x00"])
@pytest.mark.parametrize("reader", [True, False])
def test_a_head_and_nothing_else(
    data: bytes, reader: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The few bytes of a sound that broke off are no sound, and no fault of ours."""
    import sys

    for name in () if reader else ("av", "av.error"):
        monkeypatch.setitem(sys.modules, name, None)
    assert refused(data, "audio", tmp_path) or not reader


@pytest.mark.parametrize("kind", GOOD)
def test_a_fault_of_the_reader(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Says nothing of the file, which goes by its signs: what is paid for is kept."""

    def odd(*_: Any) -> None:
        raise RuntimeError("an odd file, and an odder reader")

    monkeypatch.setattr(integrity, f"_{kind}", odd)
    for good in GOOD[kind]:
        assert not refused(good, kind, tmp_path)
    assert refused(GOOD[kind][0][:-900] if kind == "audio" else b"hello", kind, tmp_path)


def test_a_clip_without_a_reader_is_not_blamed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where PyAV is missing nothing is known of a clip, and nothing is said against it."""
    import sys

    (tmp_path / "a.mp4").write_bytes(CLIP)
    monkeypatch.setitem(sys.modules, "av", None)
    assert audit.compare(tmp_path / "a.mp4", "video", {"duration": "5"}) == ({}, [])

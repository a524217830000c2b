"""What Kling would refuse is found, and named, before a byte leaves."""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
from helpers.path_per_model import registered, without_own_id
from PIL import Image

from kling_core.catalog import tables
from kling_core.declare import registry
from kling_core.media import inputs
from kling_core.media.formats import sniff


def encoded(width: int, height: int, kind: str = "JPEG", **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.effect_noise((width, height), 40).convert("RGB").save(buffer, kind, **options)
    return buffer.getvalue()


def said(data: bytes, name: str, folder: Path, kind: inputs.Kind = "image") -> list[str]:
    path = folder / name
    path.write_bytes(data)
    violations = inputs.inspect(inputs.read(path, kind, field="f"), field="f")
    assert all(v.field == "f" and v.valid and v.source for v in violations)
    return [v.message for v in violations]


def sound(seconds: float, codec: str = "pcm_s16le", kind: str = "wav", rate: int = 8000) -> bytes:
    buffer = io.BytesIO()
    samples = np.zeros((1, round(rate * seconds)), np.int16)
    with av.open(buffer, "w", format=kind) as container:
        stream = container.add_stream(codec, rate=rate, layout="mono")
        frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
        frame.rate = rate
        resampler = av.AudioResampler(
            stream.codec_context.format.name,
            "mono",
            rate,
            frame_size=stream.frame_size or None,
        )
        for piece in [*resampler.resample(frame), *resampler.resample(None)]:
            container.mux(stream.encode(piece))
        container.mux(stream.encode())
    return buffer.getvalue()


def png_of(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    start = b"\x89PNG\r\n\x1a\n"
    return start + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize("size", [(300, 300), (750, 300), (300, 750), (1280, 858)])
def test_good_pictures_pass(kind: str, size: tuple[int, int], tmp_path: Path) -> None:
    """Pictures at and within the limits pass, under whatever name."""
    assert said(encoded(*size, kind), "photo.dat", tmp_path) == []


@pytest.mark.parametrize(
    "options", [{"progressive": True}, {"optimize": True}, {"exif": b"Exif\0\0x"}]
)
def test_kinds_of_jpeg_pass(options: dict[str, object], tmp_path: Path) -> None:
    """Progressive JPEGs and those with broken EXIF are read as well."""
    assert said(encoded(640, 480, "JPEG", **options), "photo.jpg", tmp_path) == []


@pytest.mark.parametrize(
    "size, message",
    [
        ((200, 200), "photo.jpg is 200x200 px; each side must be at least 300 px"),
        (
            (751, 300),
            "photo.jpg is 751x300 px, a ratio of 2.50:1; it must lie within 1:2.5 and 2.5:1",
        ),
        (
            (300, 900),
            "photo.jpg is 300x900 px, a ratio of 1:3.00; it must lie within 1:2.5 and 2.5:1",
        ),
    ],
)
def test_sides_and_ratio(size: tuple[int, int], message: str, tmp_path: Path) -> None:
    """Small and narrow pictures are named with their size and the limit."""
    assert said(encoded(*size), "photo.jpg", tmp_path) == [message]


def test_advice_fits_the_picture(tmp_path: Path) -> None:
    """What would be valid keeps the picture's own shape."""
    (tmp_path / "a.jpg").write_bytes(encoded(200, 100))
    media = inputs.read(tmp_path / "a.jpg", "image", field="image")
    assert [v.valid for v in inputs.inspect(media, field="image")] == ["a size of at least 600x300"]


@pytest.mark.parametrize("kind", ["tail", "try_on"])
def test_no_ratio_rule_for_tail_and_try_on(kind: inputs.Kind, tmp_path: Path) -> None:
    """The end frame and try-on pictures have a least side and no ratio; a mask has neither."""
    assert said(encoded(1200, 300), "a.jpg", tmp_path, kind) == []
    assert len(said(encoded(1200, 200), "a.jpg", tmp_path, kind)) == 1
    assert said(encoded(1200, 200), "a.jpg", tmp_path, "mask") == []


@pytest.mark.parametrize(
    "data, message",
    [
        (encoded(400, 400, "WEBP"), "photo.jpg is WEBP; Kling takes JPEG or PNG"),
        (encoded(400, 400, "GIF"), "photo.jpg is GIF; Kling takes JPEG or PNG"),
        (encoded(400, 400, "BMP"), "photo.jpg is BMP; Kling takes JPEG or PNG"),
        (encoded(400, 400, "TIFF"), "photo.jpg is TIFF; Kling takes JPEG or PNG"),
        ("grüße\n".encode() * 90, "photo.jpg is a text file; Kling takes JPEG or PNG"),
        (b"<!DOCTYPE html><p>", "photo.jpg is an HTML page; Kling takes JPEG or PNG"),
        (b'<svg xmlns="">', "photo.jpg is SVG; Kling takes JPEG or PNG"),
        (bytes(range(255)), "photo.jpg is of no known format; Kling takes JPEG or PNG"),
    ],
)
def test_format_is_told_from_content(data: bytes, message: str, tmp_path: Path) -> None:
    """The name does not matter, the bytes do."""
    assert said(data, "photo.jpg", tmp_path) == [message]


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize("part", [0.0003, 0.01, 0.5, 0.9999])
def test_cut_pictures_are_found(kind: str, part: float, tmp_path: Path) -> None:
    """A download that stopped anywhere is found, even one byte before its end."""
    whole = encoded(640, 480, kind)
    cut = whole[: max(int(len(whole) * part), 12)]
    found = said(cut, "photo.jpg", tmp_path)
    assert found == [f"photo.jpg is damaged: it is cut short ({kind}, {len(cut):,} bytes)"]


def test_a_frame_too_short_for_its_size_is_found(tmp_path: Path) -> None:
    """A segment that should say how large a picture is, and has no room to."""
    odd = b"\xff\xd8\xff\xc0\x00\x05\x08\x00\x10\xff\xda" + bytes(400)
    assert "its structure is broken" in said(odd, "a.jpg", tmp_path)[0]


def test_flipped_bit_in_png_is_found(tmp_path: Path) -> None:
    """A PNG whose pixels do not match their checksum is refused; a comment's does not count."""
    data = bytearray(encoded(400, 400, "PNG"))
    data[len(data) // 2] ^= 1
    assert "a checksum in it is wrong" in said(bytes(data), "a.png", tmp_path)[0]


def test_zero_filled_jpeg_is_found(tmp_path: Path) -> None:
    """A file that was reserved on disk and filled halfway has no end mark."""
    data = encoded(640, 480)
    filled = data[: len(data) // 2] + bytes(len(data) - len(data) // 2)
    assert "is damaged" in said(filled, "a.jpg", tmp_path)[0]


def test_weight_is_strict(tmp_path: Path) -> None:
    """10,000,000 bytes pass and one more does not; it is reported beside other faults."""
    data = encoded(640, 480)
    assert said(data + bytes(10_000_000 - len(data)), "a.jpg", tmp_path) == []
    small = encoded(200, 400)
    assert said(small + bytes(12_000_000 - len(small)), "a.jpg", tmp_path) == [
        "a.jpg is 12.0 MB (12,000,000 bytes); the limit is 10 MB",
        "a.jpg is 200x400 px; each side must be at least 300 px",
    ]


def test_decompression_bomb_is_refused_unopened(tmp_path: Path) -> None:
    """A hundred bytes that decode to gigabytes are a violation, not a crash."""
    found = said(png_of(60_000, 60_000), "a.png", tmp_path)
    assert found == ["a.png is 60000x60000 px, 3,600 million; too many to decode safely"]


def test_exif_turn_swaps_the_sides(tmp_path: Path) -> None:
    """A phone's portrait photo counts as it is shown."""
    exif = Image.Exif()
    exif[0x0112] = 6
    (tmp_path / "a.jpg").write_bytes(encoded(600, 400, exif=exif))
    media = inputs.read(tmp_path / "a.jpg", "image", field="image")
    assert inputs.facts(media) == inputs.ImageFacts("JPEG", 400, 600)


def test_data_uri_is_judged_by_content() -> None:
    """A data URI that calls a WEBP a PNG is found out."""
    import base64

    uri = "data:image/png;base64," + base64.b64encode(encoded(400, 400, "WEBP")).decode()
    found = inputs.inspect(inputs.read(uri, "image", field="image"), field="image")
    assert [v.message for v in found] == ["data URI (image/png) is WEBP; Kling takes JPEG or PNG"]


def test_masks_share_ratio_and_size() -> None:
    """Masks of another ratio than the image, or of two sizes, are each named with their field."""

    def picture(width: int, height: int, field: str) -> inputs.Media:
        return inputs.read(Image.new("L", (width, height)), "mask", field=field)

    image = picture(1280, 720, "image")
    half = picture(640, 360, "static_mask")
    square = picture(640, 640, "dynamic_masks[0].mask")
    assert inputs.inspect_masks(image, half, [half]) == []
    assert inputs.inspect_masks(image, None, []) == []
    url = inputs.read("https://example.com/m.png", "mask", field="static_mask")
    assert inputs.inspect_masks(image, url, [half]) == []
    found = inputs.inspect_masks(image, half, [square])
    assert [v.field for v in found] == ["dynamic_masks[0].mask"] * 2
    assert "its ratio must be that of PIL image (1280x720)" in found[0].message
    assert "all masks must have the same size" in found[1].message


@pytest.mark.parametrize(
    "codec, kind, name",
    [
        ("pcm_s16le", "wav", "WAV"),
        ("libmp3lame", "mp3", "MP3"),
        ("aac", "ipod", "M4A"),
        ("aac", "adts", "AAC"),
    ],
)
def test_sound_formats_pass_and_their_length_is_true(
    codec: str, kind: str, name: str, tmp_path: Path
) -> None:
    """The four formats pass; the length is counted, also where the file does not state it."""
    (tmp_path / "a.mp3").write_bytes(sound(5, codec, kind))
    media = inputs.read(tmp_path / "a.mp3", "audio", field="audio")
    found = inputs.facts(media)
    assert isinstance(found, inputs.AudioFacts)
    assert found.format == name
    assert found.duration == pytest.approx(5, abs=0.35)
    assert inputs.inspect(media, field="audio") == []


def test_sound_length_and_weight(tmp_path: Path) -> None:
    """2 and 60 seconds pass, 1.99 and 60.01 do not; 5,000,000 bytes are the most."""
    assert said(sound(2), "a.wav", tmp_path, "audio") == []
    assert said(sound(60), "a.wav", tmp_path, "audio") == []
    assert said(sound(1.99), "a.wav", tmp_path, "audio") == [
        "a.wav lasts 1.99 s; audio must last 2 to 60 s"
    ]
    assert said(sound(60.01), "a.wav", tmp_path, "audio") == [
        "a.wav lasts 60.01 s; audio must last 2 to 60 s"
    ]
    heavy = said(sound(55, rate=48000), "a.wav", tmp_path, "audio")
    assert heavy == ["a.wav is 5.3 MB (5,280,078 bytes); the limit is 5 MB"]


@pytest.mark.parametrize(
    "data, part",
    [
        (sound(3, "flac", "flac"), "is FLAC; Kling takes MP3, WAV, M4A or AAC"),
        (b"ID3" + bytes(3000), "is damaged: it"),
        (sound(3, "aac", "ipod")[:-900], "is damaged: is cut short"),
        (encoded(300, 300), "is JPEG; Kling takes MP3, WAV, M4A or AAC"),
    ],
)
def test_other_sounds_are_refused(data: bytes, part: str, tmp_path: Path) -> None:
    """Other formats and broken files are named for what they are."""
    assert part in said(data, "a.mp3", tmp_path, "audio")[0]


@pytest.mark.parametrize(
    "head, name",
    [
        (b"\xff\xfb\x90\x00", "MP3"),
        (b"\xff\xf1\x50\x80", "AAC"),
        (b"\x00\x00\x00\x18ftypheic", "HEIC"),
        (b"\x00\x00\x00\x1cftypavif", "AVIF"),
        (b"OggS", "OGG"),
        (b"", "text"),
    ],
)
def test_sniff(head: bytes, name: str) -> None:
    """Formats are told from their first bytes."""
    assert sniff(head) == name


def test_a_path_too_short_is_told_by_its_own_bounds() -> None:
    """The bounds are those of the nested list, not of the list around it."""
    from kling_core.declare.validation import validate
    from kling_core.endpoints.image_to_video import ImageToVideo

    region = {"mask": b"m", "trajectories": [{"x": 1, "y": 1}]}
    _, (violation,) = validate(ImageToVideo, {"dynamic_masks": [region]})
    assert violation.field == "dynamic_masks.0.trajectories"
    assert (violation.message, violation.valid) == ("has 1 entries", "2 to 77")


# --- by edition, endpoint and model --------------------------------------------------------


def judged(data: bytes, kind: inputs.Kind = "image", **asked: str) -> list[str]:
    """What is said of a medium in a request of that edition, endpoint or model."""
    limits = inputs.limits_of(kind, **asked)
    media = inputs.read(data, kind, field="f", limits=limits)
    found = inputs.inspect(media, field="f", limits=limits)
    assert all(v.source == limits.source for v in found)
    return [v.message for v in found]


def test_each_edition_has_its_own_limits() -> None:
    """12 MB is too much on /v1, 40 MB on 4.0, and neither on the new standard."""
    some, much = (encoded(400, 400) + bytes(size) for size in (12_000_000, 40_000_000))
    assert "the limit is 10 MB" in judged(some)[0]
    assert "the limit is 10 MB" in judged(some, edition="v1")[0]
    assert judged(some, edition="v2", model="kling-3.0") == []
    assert judged(much, edition="v2", model="kling-3.0") == []
    assert "the limit is 30 MB" in judged(much, edition="v2", model="kling-4.0")[0]
    assert judged(some, edition="v2", model="kling-4.0") == []
    wide = encoded(1000, 320)
    assert judged(wide, "tail", edition="v1") == []
    assert "within 1:2.5 and 2.5:1" in judged(wide, "tail", edition="v2")[0]


def test_webp_is_read_where_it_is_taken() -> None:
    """Of each of its three kinds size and end are known; /v1 does not take it."""
    plain = Image.effect_noise((640, 310), 40)
    seen = []
    for image, options in ((plain, {}), (plain, {"lossless": True}), (plain, {"exif": b"Exif"})):
        buffer = io.BytesIO()
        image.convert("RGB").save(buffer, "WEBP", **options)
        seen.append(buffer.getvalue()[12:16])
        assert judged(buffer.getvalue(), edition="solutions") == []
        assert judged(buffer.getvalue()) == ["binary data is WEBP; Kling takes JPEG or PNG"]
        media = inputs.read(buffer.getvalue(), "image", field="f")
        assert inputs.facts(media) == inputs.ImageFacts("WEBP", 640, 310)
        short = buffer.getvalue()[:-10]
        assert "is damaged: it is cut short (WEBP" in judged(short, edition="solutions")[0]
    assert seen == [b"VP8 ", b"VP8L", b"VP8X"]
    assert "Kling takes JPEG, PNG or WEBP" in judged(b"GIF89a" + bytes(600), edition="solutions")[0]


def test_a_longest_side_is_judged_where_there_is_one() -> None:
    """Try-on 3.0 takes 2,048 px; the older one has no such bound."""
    tall = encoded(1024, 2560)
    (found,) = judged(tall, "try_on", edition="solutions")
    assert found.endswith("is 1024x2560 px; each side must be at most 2048 px")
    assert judged(tall, "try_on", edition="v1") == []
    assert "at least 301 px" in judged(encoded(300, 400), "try_on", edition="solutions")[0]


def test_a_row_can_be_of_one_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    """A row behind the others holds for the endpoint that it names, and no other."""
    rows = tables.load("media_limits.json")["rows"]
    audio = next(row for row in rows if row["kinds"] == ["audio"])
    longer = {**audio, "endpoints": ["avatar"], "seconds": [2, 300]}
    monkeypatch.setitem(tables.load("media_limits.json"), "rows", [*rows, longer])
    inputs.limits_of.cache_clear()
    try:
        assert judged(sound(70), "audio", edition="v1", endpoint="avatar") == []
        assert "2 to 60 s" in judged(sound(70), "audio", edition="v1", endpoint="lip_sync")[0]
        beyond = judged(sound(301, rate=2000), "audio", endpoint="avatar")
        assert "2 to 300 s" in beyond[0]
    finally:
        inputs.limits_of.cache_clear()


def test_every_row_says_whose_word_it_is() -> None:
    """Source, date and confidence; and every kind that is looked into has a row for all."""
    rows = tables.load("media_limits.json")["rows"]
    assert all(row["source"] and row["as_of"] and row["confidence"] for row in rows)
    for kind in ("image", "tail", "try_on", "mask", "audio"):
        assert inputs.limits_of(kind, edition="unheard of").source


def test_a_request_is_judged_by_its_edition() -> None:
    """The same picture at an endpoint of either edition: its declaration decides."""
    picture = encoded(400, 400) + bytes(12_000_000)
    older = registry.get("image_to_video")
    newer = replace(
        without_own_id(older, "moving"), routes={"v2": "/image-to-video/{model}"}, aliases=()
    )
    with registered(newer):
        found = newer.request(image=picture, model_name="kling-3.0").check().violations
        assert not [v for v in found if v.field == "image"]
    (found,) = older.request(image=picture, prompt="it moves").check().violations
    assert "the limit is 10 MB" in found.message

"""Looks into what the renderer made: whole decoding, boxes, sound level, positions of marks."""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from PIL import Image, ImageDraw


@dataclass(frozen=True)
class Probe:
    """A clip wholly decoded: what it says of itself and what was in it."""

    duration: float
    width: int
    height: int
    fps: float
    frames: int
    codec: str
    pix_fmt: str
    audio_codec: str | None


def probe(path: Path) -> Probe:
    """Decodes every frame of the clip and returns its facts."""
    with av.open(path) as clip:
        stream = clip.streams.video[0]
        count = sum(1 for _ in clip.decode(stream))
        sound = clip.streams.audio[0].codec_context.name if clip.streams.audio else None
        return Probe(
            duration=float(stream.duration * stream.time_base),
            width=stream.width,
            height=stream.height,
            fps=float(stream.average_rate),
            frames=count,
            codec=stream.codec_context.name,
            pix_fmt=stream.codec_context.pix_fmt,
            audio_codec=sound,
        )


def luma(path: Path) -> np.ndarray:
    """All frames' luma as one array: frame, row, column."""
    with av.open(path) as clip:
        return np.stack(
            [f.to_ndarray(format="gray").astype(np.int16) for f in clip.decode(video=0)]
        )


def pictures(path: Path) -> list[np.ndarray]:
    """All frames as RGB."""
    with av.open(path) as clip:
        return [f.to_ndarray(format="rgb24").astype(np.int16) for f in clip.decode(video=0)]


def sound(path: Path) -> tuple[np.ndarray, int]:
    """The sound's samples (mono, -1..1) and rate."""
    with av.open(path) as clip:
        rate = clip.streams.audio[0].rate
        parts = [f.to_ndarray().reshape(-1) for f in clip.decode(audio=0)]
    return np.concatenate(parts), rate


def level(samples: np.ndarray) -> float:
    """RMS in dBFS."""
    return 20 * np.log10(np.sqrt(np.mean(samples.astype(np.float64) ** 2)) + 1e-12)


def boxes(path: Path) -> list[str]:
    """The names of the file's outermost boxes, in order; they must fill the file."""
    data, at, names = path.read_bytes(), 0, []
    while at < len(data):
        size, name = struct.unpack(">I4s", data[at : at + 8])
        assert size >= 8
        names.append(name.decode())
        at += size
    assert at == len(data)
    return names


def difference(one: np.ndarray, other: np.ndarray) -> float:
    """The mean difference of two pictures, 0..255."""
    return float(np.abs(one.astype(np.int32) - other.astype(np.int32)).mean())


def centre(picture: np.ndarray, threshold: int = 150) -> tuple[float, float, int]:
    """Column and row of the middle of the bright pixels, and how many they are."""
    rows, columns = np.nonzero(picture > threshold)
    assert rows.size
    return float(columns.mean()), float(rows.mean()), int(rows.size)


def png(image: Image.Image) -> bytes:
    """The image as a PNG file."""
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def plain(colour: tuple[int, int, int], size: tuple[int, int] = (320, 180)) -> bytes:
    """A picture of one colour."""
    return png(Image.new("RGB", size, colour))


def marked(*marks: tuple[int, int], size: tuple[int, int] = (640, 360)) -> bytes:
    """A dark picture with white discs at these places."""
    image = Image.new("RGB", size, (30, 34, 40))
    draw = ImageDraw.Draw(image)
    for x, y in marks:
        draw.ellipse((x - 24, y - 24, x + 24, y + 24), fill=(255, 255, 255))
    return png(image)


def photo(seed: int = 0, size: tuple[int, int] = (640, 360)) -> bytes:
    """A picture with soft detail everywhere."""
    noise = np.random.default_rng(seed).integers(0, 255, (12, 20, 3), dtype=np.uint8)
    return png(Image.fromarray(noise).resize(size, Image.Resampling.BICUBIC))


def wav(seconds: float, rate: int = 16000, pitch: float = 440) -> bytes:
    """A tone as a WAV file."""
    at = np.arange(round(seconds * rate)) / rate
    data = (np.sin(2 * np.pi * pitch * at) * 9000).astype("<i2").tobytes()
    head = struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", 36 + len(data), b"WAVE", b"fmt ", 16, 1, 1,
                       rate, rate * 2, 2, 16, b"data", len(data))  # fmt: skip
    return head + data

"""Pictures and sounds made in memory, and a look into what came back."""

from __future__ import annotations

import io
import math
import struct
import wave
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import av
from PIL import Image


@cache
def picture(width: int = 480, height: int = 320, kind: str = "PNG") -> bytes:
    """A picture of two colours, so that its left and right side differ."""
    image = Image.new("RGB", (width, height), (200, 40, 40))
    image.paste((40, 80, 200), (width // 2, 0, width, height))
    buffer = io.BytesIO()
    image.save(buffer, kind)
    return buffer.getvalue()


@cache
def mask(width: int = 480, height: int = 320) -> bytes:
    """A black picture with a white rectangle in its middle."""
    image = Image.new("L", (width, height), 0)
    image.paste(255, (width // 4, height // 4, width * 3 // 4, height * 3 // 4))
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


@cache
def sound(seconds: float = 3.0, rate: int = 8000) -> bytes:
    """A tone as WAV."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        samples = (int(9000 * math.sin(n / 3)) for n in range(int(rate * seconds)))
        file.writeframes(b"".join(struct.pack("<h", sample) for sample in samples))
    return buffer.getvalue()


@dataclass(frozen=True)
class Look:
    """What a file turned out to be when all of it was decoded."""

    codec: str
    width: int
    height: int
    seconds: float
    has_sound: bool


def decode(path: Path) -> Look:
    """Decode every frame of a video, or all pixels of a picture."""
    if path.suffix in (".png", ".jpg"):
        with Image.open(path) as image:
            image.load()
            return Look((image.format or "").lower(), image.width, image.height, 0, False)
    with av.open(str(path)) as container:
        video = container.streams.video[0]
        frames = sum(1 for _ in container.decode(video))
        length = frames / float(video.average_rate or 1)
        has_sound = bool(container.streams.audio)
        return Look(video.codec_context.name, video.width, video.height, length, has_sound)

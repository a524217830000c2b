"""Reading what a request brings: images, sounds, and the clips it builds upon."""

from __future__ import annotations

import io
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import av.error
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from kling_core.sandbox.render.errors import BadMedia
from kling_core.sandbox.render.planes import Planes

__all__ = [
    "ClipFacts",
    "cover",
    "cover_box",
    "decoding",
    "frames_of",
    "inspect",
    "read_image",
    "read_sound",
]

Samples = npt.NDArray[np.float32]


@dataclass(frozen=True)
class ClipFacts:
    """What a clip on disk is: pixels, frames a second, seconds of picture, and its sound."""

    width: int
    height: int
    fps: Fraction
    seconds: float
    has_sound: bool


def read_image(data: bytes, within: tuple[int, int] | None = None) -> Image.Image:
    """The picture in `data`, upright as its EXIF orientation asks, RGB or RGBA.

    `within` lets a JPEG be decoded at a fraction of its size, still covering that many pixels.
    Raises `BadMedia` for anything that is not wholly decodable.
    """
    try:
        image = Image.open(io.BytesIO(data))
        if within is not None and image.format == "JPEG":
            longest = max(within)
            image.draft("RGB", (longest, longest))
        image = ImageOps.exif_transpose(image)
        has_alpha = "A" in image.getbands() or "transparency" in image.info
        return image.convert("RGBA" if has_alpha else "RGB")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise BadMedia(f"the image cannot be decoded: {error}") from error


def cover_box(source: tuple[int, int], width: int, height: int) -> tuple[float, ...]:
    """The largest centred part of `source` (width, height) with the ratio of the target."""
    across = min(source[0], source[1] * width / height)
    down = min(source[1], source[0] * height / width)
    left, top = (source[0] - across) / 2, (source[1] - down) / 2
    return (left, top, left + across, top + down)


def cover(image: Image.Image, width: int, height: int) -> Image.Image:
    """`image` as RGB at exactly this size; what its ratio has too much of is cut off evenly."""
    if image.mode == "RGBA":
        white = Image.new("RGBA", image.size, (255, 255, 255, 255))
        image = Image.alpha_composite(white, image)
    left, top, right, bottom = cover_box(image.size, width, height)
    return image.convert("RGB").resize(
        (width, height), Image.Resampling.BICUBIC, box=(left, top, right, bottom), reducing_gap=2.0
    )


def read_sound(data: bytes, rate: int, limit: float) -> Samples:
    """The sound in `data` as mono samples in -1..1, at most `limit` seconds of it.

    Raises `BadMedia` when there is no sound in it that can be decoded.
    """
    parts: list[Samples] = []
    wanted = round(limit * rate)
    with decoding("audio"), av.open(io.BytesIO(data), "r") as container:
        if not container.streams.audio:
            raise BadMedia("the audio has no sound track")
        resampler = av.AudioResampler(format="fltp", layout="mono", rate=rate)
        for frame in container.decode(container.streams.audio[0]):
            parts.extend(_samples(piece) for piece in resampler.resample(frame))
            if sum(part.size for part in parts) >= wanted:
                break
        parts.extend(_samples(piece) for piece in resampler.resample(None))
    samples = np.concatenate(parts)[:wanted] if parts else np.zeros(0, np.float32)
    if not samples.size:
        raise BadMedia("the audio holds no sound")
    return samples


def inspect(path: Path) -> ClipFacts:
    """The facts of the clip at `path`. Raises `BadMedia` when it is not a clip."""
    with decoding("video"), av.open(path) as container:
        if not container.streams.video:
            raise BadMedia("the video has no picture")
        stream = container.streams.video[0]
        rate = stream.average_rate or Fraction(24)
        if stream.duration is not None and stream.time_base is not None:
            seconds = float(stream.duration * stream.time_base)
        else:
            seconds = float(stream.frames / rate)
        return ClipFacts(stream.width, stream.height, rate, seconds, bool(container.streams.audio))


def frames_of(path: Path, last: bool = False) -> Iterator[Planes]:
    """Each picture of the clip, or only its last. Raises `BadMedia` when one cannot be decoded."""
    with decoding("video"), av.open(path) as container:
        stream = container.streams.video[0]
        stream.thread_type = "NONE"
        if last and stream.duration:
            container.seek(stream.duration - 1, stream=stream)  # to the last key frame before it
        frame: av.VideoFrame | None = None
        for frame in container.decode(stream):
            if not last:
                yield Planes.of_frame(frame)
        if frame is None:
            raise BadMedia("the video holds no picture")
        if last:
            yield Planes.of_frame(frame)


@contextmanager
def decoding(what: str) -> Generator[None]:
    """Turn the decoder's errors into `BadMedia` about `what`."""
    try:
        yield
    except (av.error.FFmpegError, IndexError) as error:
        raise BadMedia(f"the {what} cannot be decoded: {error}") from error


def _samples(frame: av.AudioFrame) -> Samples:
    return np.asarray(frame.to_ndarray(), np.float32).reshape(-1)

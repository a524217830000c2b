"""Writing clips: H.264 and AAC in an MP4 that can be played while it downloads."""

# PyAV's stubs leave some of their types open.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
from av.container import OutputContainer

from kling_core.sandbox.render.errors import Cancelled, never
from kling_core.sandbox.render.planes import Planes

__all__ = ["SOUND_RATE", "frame_count", "replacing", "write_clip", "write_mp4"]

Samples = npt.NDArray[np.float32]

SOUND_RATE = 44100
_AAC_FRAME = 1024
_BT601, _LIMITED = 5, 1  # as FFmpeg numbers them


def frame_count(seconds: float, fps: Fraction | int) -> int:
    """How many frames come nearest to this length; at least one."""
    return max(1, round(seconds * fps))


@contextmanager
def replacing(path: Path) -> Generator[Path]:
    """A temporary name beside `path` that takes its place on success and vanishes on failure."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    try:
        yield part
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def write_clip(
    path: Path,
    frames: Iterable[Planes],
    *,
    fps: Fraction | int,
    sound: Samples | None = None,
    cancelled: Callable[[], bool] = never,
) -> None:
    """Write `frames`, all of one size, and mono `sound` at 44.1 kHz to `path`.

    The file appears whole or not at all. Raises `Cancelled` before the next frame once
    `cancelled()` is true.
    """
    with replacing(path) as part:
        write_mp4(part, frames, fps=fps, sound=sound, cancelled=cancelled)


def write_mp4(
    part: Path,
    frames: Iterable[Planes],
    *,
    fps: Fraction | int,
    sound: Samples | None = None,
    cancelled: Callable[[], bool] = never,
) -> None:
    """Like `write_clip`, straight to `part`; a failure leaves a broken file there."""
    with av.open(part, "w", format="mp4", options={"movflags": "+faststart"}) as out:
        picture: av.VideoStream | None = None
        track = _SoundTrack(out, sound) if sound is not None else None
        for index, planes in enumerate(frames):
            if cancelled():
                raise Cancelled
            picture = picture or _picture_stream(out, planes, fps)
            frame = planes.frame()
            frame.pts, frame.time_base = index, 1 / Fraction(fps)
            out.mux(picture.encode(frame))
            if track:
                track.write_until(float((index + 1) / fps))
        if picture is not None:
            out.mux(picture.encode(None))
        if track:
            track.finish()


def _picture_stream(out: OutputContainer, first: Planes, fps: Fraction | int) -> av.VideoStream:
    options = {"preset": "superfast", "crf": "28", "bf": "0", "g": str(round(fps * 2))}
    stream = out.add_stream("libx264", rate=Fraction(fps), options=options)
    stream.width, stream.height, stream.pix_fmt = first.width, first.height, "yuv420p"
    context = stream.codec_context
    context.thread_count = 1  # one thread: the same arguments give the same bytes
    context.time_base = 1 / Fraction(fps)
    context.colorspace, context.color_range = _BT601, _LIMITED
    return stream


class _SoundTrack:
    """An AAC stream that is fed along with the frames, so that both lie interleaved."""

    def __init__(self, out: OutputContainer, samples: Samples) -> None:
        self._out = out
        self._samples = samples
        self._done = 0
        self._stream = out.add_stream("aac", rate=SOUND_RATE, layout="mono")
        self._stream.bit_rate = 64_000

    def write_until(self, seconds: float) -> None:
        while self._done < min(len(self._samples), seconds * SOUND_RATE):
            piece = self._samples[self._done : self._done + _AAC_FRAME]
            frame = av.AudioFrame.from_ndarray(
                np.ascontiguousarray(piece[None, :]), format="fltp", layout="mono"
            )
            frame.sample_rate = SOUND_RATE
            frame.pts, frame.time_base = self._done, Fraction(1, SOUND_RATE)
            self._done += piece.size
            self._out.mux(self._stream.encode(frame))

    def finish(self) -> None:
        self._out.mux(self._stream.encode(None))

"""What a video or sound file holds, and whether it is whole."""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from enum import Enum
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

__all__ = ["BadVideo", "NotDecodable", "Turn", "VideoFacts", "listen", "opened", "probe", "turn"]


class BadVideo(ValueError):
    """The file is no video that can be played; the message says why."""


class NotDecodable(BadVideo):
    """The reader knows no decoder of it, so nothing is known against the file."""


@dataclass(frozen=True)
class VideoFacts:
    """A video: `duration` in seconds, `width` and `height` in pixels as shown, `size` in bytes."""

    duration: float
    width: int
    height: int
    fps: float
    frames: int
    codec: str
    has_audio: bool
    size: int


def probe(path: str | os.PathLike[str]) -> VideoFacts:
    """Read a video's facts; only its first picture is decoded, which knows how it is turned.

    Raises `BadVideo` when it is missing its end or its index, is no video, or cannot be opened.
    """
    from av.error import FFmpegError

    path = Path(path)
    try:
        with path.open("rb") as stream:
            size = path.stat().st_size
            check_whole(stream)
            with opened(stream) as container:
                return _facts(container, size)
    except FFmpegError as error:
        raise BadVideo(
            f"{path.name} is not a video that can be played: {error.strerror}"
        ) from error
    except BadVideo as error:
        raise BadVideo(f"{path.name} {error}") from error
    except OSError as error:
        raise BadVideo(f"{path.name} cannot be read: {error.strerror or error}") from error


def listen(stream: BinaryIO) -> tuple[float, bool]:
    """Return a sound's length in seconds, and whether moving pictures come with it.

    The packets are counted, for a raw AAC or MP3 stream does not say its length truly. Raises
    `BadVideo` when there is no sound or the file is cut short.
    """
    from av.error import FFmpegError

    check_whole(stream)
    try:
        with opened(stream) as container:
            if not container.streams.audio:
                raise BadVideo("it holds no sound")
            track = container.streams.audio[0]
            # Exact sums: sixty seconds of a thousand packets must not come out as a hair more.
            seconds = Fraction(0)
            for packet in container.demux(track):
                if packet.duration and packet.time_base:
                    seconds += packet.duration * packet.time_base
            return float(seconds), _picture_stream(container) is not None
    except FFmpegError as error:
        raise BadVideo(f"it cannot be read: {error.strerror}") from error


def opened(stream: BinaryIO) -> InputContainer:
    """The file in its reader."""
    import av

    # Titles and the like may be in any encoding; by default such a file could not be opened.
    return av.open(stream, "r", metadata_errors="replace")


def check_whole(stream: BinaryIO) -> None:
    """Walk the boxes of an MP4 or MOV file; raise `BadVideo` when one ends beyond the file.

    A decoder does not notice: the index comes first and still tells the full length. Other formats
    pass. The stream is left at its beginning.
    """
    end = stream.seek(0, os.SEEK_END)
    stream.seek(0)
    if stream.read(8)[4:] != b"ftyp":
        stream.seek(0)
        return
    at = 0
    kinds: set[bytes] = set()
    while at < end:
        stream.seek(at)
        head = stream.read(16)
        if len(head) < 8:
            raise BadVideo(f"is cut short at {end:,} bytes")
        length, kind = struct.unpack(">I4s", head[:8])
        if length == 1 and len(head) == 16:
            (length,) = struct.unpack(">Q", head[8:])
        elif length == 0:
            length = end - at
        if length < 8:
            raise BadVideo(f"is broken at byte {at:,}")
        if at + length > end:
            raise BadVideo(f"is cut short: {end:,} of at least {at + length:,} bytes are there")
        kinds.add(kind)
        at += length
    if b"moov" not in kinds:
        raise BadVideo("has no index (moov); it was not finished")
    stream.seek(0)


def first_picture(container: InputContainer) -> VideoStream:
    """Return the stream of moving pictures; raise `BadVideo` when there is none with a size."""
    stream = _picture_stream(container)
    if stream is not None and cast("Any", stream).codec_context is None:
        raise NotDecodable("is in a codec that is not known here")
    if stream is None or not stream.width or not stream.height:
        raise BadVideo("holds no video")
    return stream


class Turn(Enum):
    """How a picture is to be turned before it is shown: named as Pillow names it.

    A phone stores what it filmed upright as its sensor saw it, and says so by a matrix. The values
    are the signs of that matrix: what x and y of a stored point become.
    """

    FLIP_LEFT_RIGHT = (-1, 0, 0, 1)
    FLIP_TOP_BOTTOM = (1, 0, 0, -1)
    ROTATE_90 = (0, -1, 1, 0)
    ROTATE_180 = (-1, 0, 0, -1)
    ROTATE_270 = (0, 1, -1, 0)
    TRANSPOSE = (0, 1, 1, 0)
    TRANSVERSE = (0, -1, -1, 0)

    @property
    def on_its_side(self) -> bool:
        """Whether width and height change places."""
        return self.value[0] == 0


def turn(frame: VideoFrame) -> Turn | None:
    """How a decoded picture is to be turned; None when it is upright, or turned by an odd angle."""
    said = cast("Any", frame).side_data.get("DISPLAYMATRIX")
    matrix = bytes(said) if said is not None else b""
    if len(matrix) != 36:
        return None
    a, b, _, c, d = struct.unpack("=5i", matrix[:20])
    signs = tuple((number > 0) - (number < 0) for number in (a, b, c, d))
    return next((one for one in Turn if one.value == signs), None)


def _turn_of(container: InputContainer, stream: VideoStream) -> Turn | None:
    from av.error import FFmpegError

    stream.thread_type = "NONE"
    try:
        first = next(container.decode(stream), None)
    except FFmpegError:  # its other facts are told all the same
        return None
    return None if first is None else turn(first)


def _facts(container: InputContainer, size: int) -> VideoFacts:
    stream = first_picture(container)
    fps = float(stream.average_rate or stream.guessed_rate or 0)
    if stream.duration is not None and stream.time_base is not None:
        duration = float(stream.duration * stream.time_base)
    else:
        duration = (container.duration or 0) / 1_000_000  # FFmpeg counts a container in millionths
    wide, high = stream.width, stream.height
    if (turn := _turn_of(container, stream)) is not None and turn.on_its_side:
        wide, high = high, wide
    return VideoFacts(
        duration=duration,
        width=wide,
        height=high,
        fps=fps,
        frames=stream.frames or round(duration * fps),
        codec=stream.codec_context.name,
        has_audio=bool(container.streams.audio),
        size=size,
    )


def _picture_stream(container: InputContainer) -> VideoStream | None:
    """Return the first moving picture; a cover image counts as none."""
    from av.stream import Disposition

    for stream in container.streams.video:
        if not cast("Any", stream).disposition & Disposition.attached_pic:
            return stream
    return None

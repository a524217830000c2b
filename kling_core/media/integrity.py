"""Whether a file is what its kind says, and whole: asked of every download before it is kept.

A media host may answer with a page, with half a file, or with two halves of two files, and all of
it with status 200. The length does not show that; the reader of the file's kind does.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import Any, BinaryIO, cast

from kling_core.media.probe import (
    BadVideo,
    NotDecodable,
    check_whole,
    first_picture,
    listen,
    opened,
)

__all__ = ["Broken", "must_be_whole"]

_STILLS = ("image2", "tty", "gif", "apng", "ico")
"""Formats that a reader of videos takes too, and that are none (beside all `…_pipe`)."""

_NEAR = 12
"""Pictures behind the last key frame up to which they are decoded; half a second of them."""

_SIGNS = {
    "video": ((4, b"ftyp"), (0, b"\x1aE\xdf\xa3")),
    "image": ((0, b"\x89PNG\r\n\x1a\n"), (0, b"\xff\xd8\xff"), (8, b"WEBP"), (0, b"GIF8")),
    "audio": (
        *((0, b"ID3"), (0, b"\xff\xfb"), (0, b"\xff\xf3"), (0, b"\xff\xf2"), (0, b"\xff\xf1")),
        *((0, b"\xff\xf9"), (8, b"WAVE"), (4, b"ftyp"), (0, b"OggS"), (0, b"fLaC")),
    ),
}
"""Where a file of each kind says what it is, for those who have no reader of it."""


class Broken(ValueError):
    """The file is none of its kind, or not all of it; the message says why."""


def must_be_whole(path: Path, kind: str, *, glued: bool = False) -> None:
    """Raise `Broken` when the reader of its kind ("video", "image", "audio") refuses a file.

    Of a video the ends are decoded, which costs the same however long it is; of one that was
    `glued` together of several pieces everything is, because the seam may be anywhere. Where there
    is no reader, only the file's own signs are looked at.
    """
    with path.open("rb") as file:
        head = file.read(512)
        if (other := _other(head)) is not None:
            raise Broken(f"it is {other}, no {kind}")
        try:
            _read(file, kind, head, glued)
        except BadVideo as error:
            raise Broken(str(error)) from error


def _read(file: BinaryIO, kind: str, head: bytes, glued: bool) -> None:
    try:
        {"video": _video, "image": _image, "audio": _audio}[kind](file, glued)
    except (Broken, BadVideo):
        raise
    except Exception:  # noqa: BLE001, no reader, or a fault of its own: neither speaks of the file
        _by_its_signs(file, kind, head)


def _other(head: bytes) -> str | None:
    """What a file is that begins as none of ours does: what people put in the place of files."""
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if not text:
        return "empty"
    if text.startswith((b"<!doctype html", b"<html", b"<head", b"<body", b"<script", b"<!--")):
        return "a web page"
    if text.startswith((b"<?xml", b"<error", b"<svg")):
        return "a message in XML"
    if text.startswith((b"{", b"[")):
        return "a message in JSON"
    if head.startswith((b"\x1f\x8b", b"PK\x03\x04", b"\x28\xb5\x2f\xfd")):
        return "packed"
    return None


def _video(file: BinaryIO, glued: bool) -> None:
    from av.error import DecoderNotFoundError, FFmpegError

    check_whole(file)
    try:
        if glued or not _has_ends(file):
            _decode(file)
    except (DecoderNotFoundError, NotDecodable):  # a newer codec than our reader's, say
        return
    except FFmpegError as error:
        raise Broken(f"it cannot be decoded: {error.strerror}") from error


def _has_ends(file: BinaryIO) -> bool:
    """Decode the first picture, and the last ones when a key frame is near; else read to the end.

    False for what has no index: there is no going to its end but by decoding all of it.
    """
    file.seek(0)
    with opened(file) as container:
        name = container.format.name
        if name.endswith("_pipe") or name in _STILLS:
            raise Broken(f"it is a still picture or a text ({name}), no video")
        stream = first_picture(container)
        stream.thread_type = "NONE"
        if next(container.decode(stream), None) is None:
            raise Broken("it has no picture")
        places = [entry.is_keyframe for entry in stream.index_entries]
        if stream.duration is None or not any(places):
            return False
        container.seek((stream.start_time or 0) + stream.duration, stream=stream)
        if places[::-1].index(True) < _NEAR:
            whole = any(True for _ in container.decode(stream))
        else:
            packets = [packet.is_corrupt for packet in container.demux(stream) if packet.size]
            whole = bool(packets) and not any(packets)
    if not whole:
        raise Broken("it has no last picture")
    return True


def _decode(file: BinaryIO) -> None:
    """Decode all pictures and sounds, and pass over no error."""
    file.seek(0)  # opened anew: how a stream is decoded is settled by its first picture
    with opened(file) as container:
        stream = first_picture(container)
        stream.thread_type = "NONE"  # with threads an error is covered up
        sounds = [s for s in container.streams.audio if cast("Any", s).codec_context is not None]
        for each in (stream, *sounds):
            # Else the decoder paints over what is broken, and says nothing.
            each.codec_context.options = {"err_detect": "explode"}
        count = 0
        for frame in container.decode(stream, *sounds):
            count += 1
            if getattr(frame, "is_corrupt", False):
                raise Broken("one of its pictures cannot be decoded")
    if not count:
        raise Broken("it has no picture")


def _image(file: BinaryIO, glued: bool) -> None:
    del glued  # every picture is decoded
    from PIL import Image

    file.seek(0)
    try:
        with Image.open(file) as image:
            image.verify()  # after which the picture cannot be loaded any more
        file.seek(0)
        with Image.open(file) as image:
            image.load()
    except Image.DecompressionBombWarning:  # an error where the user makes one of warnings
        return
    except Image.UnidentifiedImageError as error:
        raise Broken("it is no picture that can be read") from error
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise Broken(f"it cannot be decoded: {error}") from error


def _audio(file: BinaryIO, glued: bool) -> None:
    from av.error import DecoderNotFoundError, FFmpegError

    _announced(file)
    file.seek(0)
    listen(file)
    file.seek(0)
    try:
        with opened(file) as container:
            track = container.streams.audio[0]
            if glued:
                track.codec_context.options = {"err_detect": "explode"}
            frames = container.decode(track)
            if next(frames, None) is None:
                raise Broken("it has no sound")
            for _ in frames if glued else ():
                pass
    except DecoderNotFoundError:  # so nothing is known against it
        return
    except FFmpegError as error:
        raise Broken(f"it cannot be decoded: {error.strerror}") from error


def _announced(file: BinaryIO) -> None:
    """Compare the length that the head of a WAV or MP3 announces with what is there."""
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    head = file.read(12)
    if head[:4] == b"RIFF" and head[8:] == b"WAVE":
        (length,) = struct.unpack("<I", head[4:8])
        if length not in (0, 0xFFFFFFFF) and length + 8 > size:  # written to a pipe: not known
            raise Broken(f"it is cut short: {size:,} of {length + 8:,} bytes are there")
        return
    start = 0
    if head[:3] == b"ID3" and len(head) >= 10:
        a, b, c, d = head[6:10]
        # Seven bits a byte: none of them may look like the beginning of a frame.
        start = 10 + (a << 21 | b << 14 | c << 7 | d)
    file.seek(start)
    frame = file.read(256)
    at = max(frame.find(b"Xing"), frame.find(b"Info"))
    if frame[:1] != b"\xff" or at < 0 or len(frame) < at + 16:
        return
    flags, _, length = struct.unpack(">III", frame[at + 4 : at + 16])
    if flags & 3 == 3 and start + length > size:  # only with both counts the second is the bytes
        raise Broken(f"it is cut short: {size:,} of {start + length:,} bytes are there")


def _by_its_signs(file: BinaryIO, kind: str, head: bytes) -> None:
    if not any(head[at:].startswith(sign) for at, sign in _SIGNS[kind]):
        raise Broken(f"it is no {kind} that is known here")
    file.seek(0)
    check_whole(file)
    if kind == "image":
        _ends(file, head)
    if kind == "audio":
        _announced(file)


def _ends(file: BinaryIO, head: bytes) -> None:
    """A picture ends as its format says that it does; what may follow is not looked at."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(size - 4096, 0))
    tail = file.read()
    if head[8:12] == b"WEBP":
        (length,) = struct.unpack("<I", head[4:8])
        whole = length + 8 <= size
    else:
        end = b"IEND\xaeB`\x82" if head[:1] == b"\x89" else b"\xff\xd9"
        whole = head[:3] == b"GIF" or end in tail
    if not whole:
        raise Broken("it is cut short: its end is missing")

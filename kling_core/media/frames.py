"""Still pictures of a video: a poster, a contact sheet, its first and its last frame."""

from __future__ import annotations

import io
import math
import os
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from kling_core.media.probe import BadVideo, check_whole, first_picture, opened, turn

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream
    from PIL.Image import Image

__all__ = ["contact_sheet", "first_frame", "last_frame", "poster", "thumbnails"]

_POSTER_BYTES = 25_000
_FLAT = 4.0
"""Spread of brightness (0 to 255) below which a frame is taken for a fade and not for a picture."""


def poster(
    path: str | os.PathLike[str],
    *,
    width: int = 640,
    quality: int = 75,
    max_bytes: int = _POSTER_BYTES,
) -> bytes:
    """Return a JPEG of the opening picture, or of a later one when the clip fades in.

    `width` in pixels is never scaled up to; `quality` (1 to 95) is lowered until `max_bytes` hold.
    Raises `BadVideo` when the file has no picture.
    """
    image: Image | None = None
    with _opened(path) as (container, stream):
        for part in (0.0, 0.25, 0.5):
            if (frame := _frame_at(container, stream, part)) is not None:
                shown = image = _image(frame)
                if _spread(shown) >= _FLAT:
                    break
    if image is None:
        raise BadVideo(f"{Path(path).name} has no picture")
    return _jpeg(_shrunk(image, width), quality, max_bytes)


def contact_sheet(
    path: str | os.PathLike[str],
    *,
    columns: int = 3,
    rows: int = 3,
    width: int = 960,
    max_bytes: int = 80_000,
) -> bytes:
    """Return a JPEG of `columns` x `rows` frames, evenly spread from first to last, left to right.

    `width` is that of the whole sheet in pixels. Quality, then size, are lowered until `max_bytes`
    hold. Raises `BadVideo` when the file has no picture.
    """
    from PIL import Image

    if columns < 1 or rows < 1:
        raise ValueError("a contact sheet needs at least one column and one row")
    with _opened(path) as (container, stream):
        wide = max(width // columns, 1)
        tiles = [_tile(frame, wide) for frame in _spread_out(container, stream, columns * rows)]
    if not tiles:
        raise BadVideo(f"{Path(path).name} has no picture")
    wide, high = tiles[0].size
    sheet = Image.new("RGB", (wide * columns, high * rows))
    for place, tile in enumerate(tiles):
        sheet.paste(tile, (place % columns * wide, place // columns * high))
    return _jpeg(sheet, 80, max_bytes)


def thumbnails(
    paths: Sequence[str | os.PathLike[str]], *, width: int = 960, max_bytes: int = 80_000
) -> bytes:
    """Return a JPEG of these pictures in order, row by row, in about as many rows as columns.

    `width` is that of the whole in pixels. Quality, then size, are lowered until `max_bytes` hold.
    Raises `BadVideo` when one of the files is no picture.
    """
    import PIL.Image
    from PIL import ImageOps

    if not paths:
        raise ValueError("there are no pictures to show")
    columns = math.isqrt(len(paths) - 1) + 1
    side = width // columns
    pictures: list[PIL.Image.Image] = []
    for path in paths:
        try:
            with PIL.Image.open(path) as image:
                upright = ImageOps.exif_transpose(image)
                pictures.append(ImageOps.contain(upright.convert("RGB"), (side, side)))
        except (OSError, PIL.Image.DecompressionBombError) as error:
            raise BadVideo(f"{Path(path).name} is no picture: {error}") from error
    wide = max(picture.width for picture in pictures)
    high = max(picture.height for picture in pictures)
    rows = -(-len(pictures) // columns)
    sheet = PIL.Image.new("RGB", (wide * columns, high * rows))
    for place, picture in enumerate(pictures):
        sheet.paste(picture, (place % columns * wide, place // columns * high))
    return _jpeg(sheet, 80, max_bytes)


def first_frame(path: str | os.PathLike[str]) -> Image:
    """Return the first frame in full size. Raises `BadVideo` when the file has no picture."""
    with _opened(path) as (container, stream):
        for frame in container.decode(stream):
            return _image(frame)
    raise BadVideo(f"{Path(path).name} has no picture")


def last_frame(path: str | os.PathLike[str]) -> Image:
    """Return the last frame in full size, as a start for what follows.

    Raises `BadVideo` when the file has no picture.
    """
    last: VideoFrame | None = None
    with _opened(path) as (container, stream):
        if stream.duration is not None:
            # To the last key frame: what is before it is not decoded.
            container.seek((stream.start_time or 0) + stream.duration, stream=stream)
        for frame in container.decode(stream):
            last = frame
        if last is not None:
            return _image(last)
    raise BadVideo(f"{Path(path).name} has no picture")


@contextmanager
def _opened(
    path: str | os.PathLike[str],
) -> Generator[tuple[InputContainer, VideoStream]]:
    from av.error import FFmpegError

    path = Path(path)
    try:
        with path.open("rb") as file:
            check_whole(file)
            with opened(file) as container:
                stream = first_picture(container)
                # One thread: for a few frames, starting more costs more than it saves.
                stream.thread_type = "NONE"
                yield container, stream
    except FFmpegError as error:
        raise BadVideo(f"{path.name} cannot be decoded: {error.strerror}") from error
    except BadVideo as error:
        raise BadVideo(f"{path.name} {error}") from error


def _frame_at(container: InputContainer, stream: VideoStream, part: float) -> VideoFrame | None:
    """Decode the frame at this part (0 to 1) of the clip."""
    target = _moment(stream, part)
    container.seek(target, stream=stream)
    shown: VideoFrame | None = None
    for frame in container.decode(stream):
        shown = frame
        if frame.pts is None or frame.pts >= target:
            break
    return shown


def _spread_out(container: InputContainer, stream: VideoStream, count: int) -> Iterator[VideoFrame]:
    """Decode `count` frames in one pass that jumps ahead to key frames over a second away."""
    # The last target lies half a frame before the end, where the last frame is on show.
    frames = max(stream.frames, 2)
    end = 1 - 0.5 / frames
    targets = [_moment(stream, end * place / max(count - 1, 1)) for place in range(count)]
    keys = [entry.timestamp for entry in stream.index_entries if entry.is_keyframe]
    second = round(1 / stream.time_base) if stream.time_base else 1
    frames_on = container.decode(stream)
    shown = next(frames_on, None)
    following = next(frames_on, None)
    for target in targets:
        key = max((key for key in keys if key <= target), default=None)
        if key is not None and following is not None and (following.pts or 0) + second < key:
            container.seek(key, stream=stream)
            frames_on = container.decode(stream)
            shown = next(frames_on, shown)
            following = next(frames_on, None)
        while following is not None and (following.pts or 0) <= target:
            shown, following = following, next(frames_on, None)
        if shown is not None:
            yield shown


def _moment(stream: VideoStream, part: float) -> int:
    length = stream.duration
    if length is None and stream.time_base:
        container = cast("InputContainer", stream.container)
        length = round((container.duration or 0) / 1_000_000 / stream.time_base)
    return (stream.start_time or 0) + round((length or 0) * part)


def _spread(image: Image) -> float:
    from PIL import ImageStat

    return ImageStat.Stat(image.convert("L").resize((64, 64))).stddev[0]


def _image(frame: VideoFrame, **options: Any) -> Image:
    """A frame as it is shown: a phone's clip is stored on its side."""
    from PIL.Image import Transpose

    image: Image = cast("Any", frame).to_image(**options)
    found = turn(frame)
    return image if found is None else image.transpose(Transpose[found.name])


def _tile(frame: VideoFrame, width: int) -> Image:
    found = turn(frame)
    on_its_side = found is not None and found.on_its_side
    shown = (frame.height, frame.width) if on_its_side else (frame.width, frame.height)
    wide = min(width, shown[0])
    high = max(round(shown[1] * wide / shown[0]), 1)
    stored = (high, wide) if on_its_side else (wide, high)
    return _image(frame, width=stored[0], height=stored[1], interpolation="AREA")


def _shrunk(image: Image, width: int) -> Image:
    if image.width <= width:
        return image
    return image.resize((width, max(round(image.height * width / image.width), 1)))


def _jpeg(image: Image, quality: int, max_bytes: int) -> bytes:
    """Encode as well as `max_bytes` allow: lower quality first, then a smaller picture."""
    while True:
        data = b""
        for step in (quality, *range(quality - 15, 29, -15)):
            buffer = io.BytesIO()
            image.save(buffer, "JPEG", quality=step, optimize=True, progressive=True)
            data = buffer.getvalue()
            if len(data) <= max_bytes:
                return data
        if image.width < 64:  # it has to end somewhere
            return data
        image = _shrunk(image, image.width * 3 // 4)

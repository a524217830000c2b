"""Input media in the worker thread: fetching from this machine, stand-ins for the rest, checks.

A URL of this machine (127.0.0.1, localhost) is fetched. For any other host no socket is opened: a
stand-in made from the URL's hash takes its place, so that examples from the docs work offline.
"""

from __future__ import annotations

import hashlib
import io
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from http.client import HTTPMessage
from pathlib import Path, PurePosixPath
from typing import IO, Final
from urllib.parse import urlsplit

from kling_core.sandbox import plain
from kling_core.sandbox.fields import AUDIO_BYTES, IMAGE_BYTES, MIB, Source
from kling_core.sandbox.jobs import Clip, Output, Quality, new_id
from kling_core.sandbox.media import MediaUrls
from kling_core.sandbox.refusals import PIXELS, TaskFailed
from kling_core.sandbox.tasks import Account

SHORTEST_SIDE: Final = 300
"""Smallest side of an input image, in pixels."""

WIDEST_RATIO: Final = 2.5
"""An input image is at most 2.5 times as wide as high, or as high as wide."""

VIDEO_BYTES: Final = 100 * MIB
"""Largest input video, in bytes."""

_LOCAL = ("127.0.0.1", "localhost", "::1")
_FETCH_SECONDS = 5.0
_STAND_IN_SECONDS = 5.0
_STAND_IN_SOUND = 3.0


class Workbench:
    """What jobs of one sandbox work with. Implements `jobs.Bench`."""

    def __init__(
        self,
        *,
        folder: Path,
        quality: Quality,
        stopping: threading.Event,
        account: Account,
        urls: MediaUrls,
    ) -> None:
        self.quality: Quality = quality
        self.fps = 12 if quality == "test" else 24
        self._folder = folder
        self._stopping = stopping
        self._account = account
        self._urls = urls

    def path(self, suffix: str) -> Path:
        """A fresh file name in the sandbox's storage."""
        return self._folder / f"{new_id()}{suffix}"

    def cancelled(self) -> bool:
        """Whether the sandbox is stopping."""
        return self._stopping.is_set()

    def image(self, source: Source, *, ratio: bool = True) -> bytes:
        """The picture's bytes. The task fails when its pixels are not what the service takes."""
        data = self._bytes(source, IMAGE_BYTES, self._picture)
        width, height = image_size(data)
        if min(width, height) < SHORTEST_SIDE:
            raise TaskFailed(PIXELS)
        if ratio and max(width, height) > WIDEST_RATIO * min(width, height):
            raise TaskFailed("Image aspect ratio is invalid")
        return data

    def mask(self, source: Source) -> bytes:
        """The mask's bytes. The reference names no least size for it: it only has to fit others."""
        data = self._bytes(source, IMAGE_BYTES, self._picture)
        image_size(data)
        return data

    def video(self, source: Source) -> Clip:
        """The video, fetched to a file of the storage; a clip without a video id."""
        own = self._own_file(source.url)
        path = own or self.path(".mp4")
        if own is None:
            path.write_bytes(self._bytes(source, VIDEO_BYTES, self._clip))
        known = self._account.find_clip_at(path)
        return known or Clip("", path, _seconds(path), "", "", "", source.url)

    def audio(self, source: Source) -> bytes:
        """The sound's bytes. The task fails when it is not 2 to 60 s long."""
        data = self._bytes(source, AUDIO_BYTES, lambda url: plain.sound(url, _STAND_IN_SOUND))
        if not 2.0 <= _seconds(io.BytesIO(data)) <= 60.0:
            raise TaskFailed("Audio duration is invalid")
        return data

    def _bytes(self, source: Source, at_most: int, stand_in: Callable[[str], bytes]) -> bytes:
        if source.data is not None:
            return source.data
        own = self._own_file(source.url)
        if own is not None:
            return own.read_bytes()
        if urlsplit(source.url).hostname in _LOCAL:
            return _fetch(source.url, at_most)
        return stand_in(source.url)

    def _own_file(self, url: str) -> Path | None:
        token = self._urls.token_of(url)
        made = self._account.find_media(token) if token else None
        return made.output.path if made else None

    def _picture(self, url: str) -> bytes:
        return _taken(plain.picture(self, _caption(url)))

    def _clip(self, url: str) -> bytes:
        return _taken(plain.clip(self, _caption(url), _STAND_IN_SECONDS))


def image_size(data: bytes) -> tuple[int, int]:
    """Width and height in pixels. The task fails for what is no JPEG or PNG picture."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data), formats=("JPEG", "PNG")) as picture:
            return picture.size
    except (OSError, Image.DecompressionBombError):
        raise TaskFailed("Image format is invalid") from None


def _taken(made: Output) -> bytes:
    assert made.path is not None
    data = made.path.read_bytes()
    made.path.unlink()
    return data


def _caption(url: str) -> str:
    name = PurePosixPath(urlsplit(url).path).name or url
    return f"{name} {hashlib.sha256(url.encode()).hexdigest()[:6]}"


def _seconds(media: Path | io.BytesIO) -> float:
    import av
    from av.error import FFmpegError

    try:
        with av.open(str(media) if isinstance(media, Path) else media, mode="r") as container:
            length = container.duration
    except FFmpegError:
        raise TaskFailed("File format is invalid") from None
    if length is None:
        raise TaskFailed("File duration is unknown")
    return length / av.time_base


class _StayHere(urllib.request.HTTPRedirectHandler):
    """Follows redirects only within this machine."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        # None ends the fetch as an HTTP error.
        if urlsplit(newurl).hostname not in _LOCAL:
            return None
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _fetch(url: str, at_most: int) -> bytes:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _StayHere)
    try:
        with opener.open(url, timeout=_FETCH_SECONDS) as answer:
            data: bytes = answer.read(at_most + 1)
    except urllib.error.HTTPError as error:
        error.close()
        raise TaskFailed(f"File download failed: {url}") from None
    except (OSError, ValueError):
        raise TaskFailed(f"File download failed: {url}") from None
    if len(data) > at_most:
        raise TaskFailed(f"File size exceeds the limit of {at_most // MIB}MB: {url}")
    return data

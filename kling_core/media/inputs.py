"""Turn whatever a user calls a picture or a sound into one `Media`.

The checks live in `kling_core.media.limits`; its names are offered here too.
"""

from __future__ import annotations

import base64
import binascii
import errno
import inspect as inspection
import io
import os
import stat
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NoReturn, cast
from urllib.parse import unquote_to_bytes, urlsplit

from kling_core.advice import Advice, Text
from kling_core.errors import Violation
from kling_core.media import names, pixels
from kling_core.media.formats import ImageFacts, sniff
from kling_core.media.item import Kind, Media, Unreadable
from kling_core.media.limits import (
    AudioFacts,
    Limits,
    describe,
    facts,
    inspect,
    inspect_masks,
    limits_of,
)

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image

__all__ = [
    "AudioFacts",
    "ImageFacts",
    "Kind",
    "Limits",
    "Media",
    "Unreadable",
    "describe",
    "facts",
    "inspect",
    "inspect_masks",
    "limits_of",
    "read",
]

_NAMES: dict[object, str] = {"image": "an image", "video": "a video", "audio": "audio"}

_MOST_IN_MEMORY = 64_000_000
_ORIENTATION = 0x0112
_URL_SAFE = bytes.maketrans(b"-_", b"+/")
_NOT_BASE64 = {"unknown", "text", "BMP"}
"""What a plain word may happen to decode to; only other formats prove that a text is base64."""


def read(value: object, kind: Kind, *, field: str, limits: Limits | None = None) -> Media:
    """Make one `Media` of a path, bytes, file object, image, array, figure, URL or output.

    A picture held as an object is written as PNG, or as JPEG (quality 95, transparency over
    white) when the PNG would pass the size in `limits`, turned as its EXIF says; its pixels are
    sent in eight bits, see `kling_core.media.pixels`. `~` is expanded. A file object is read from
    where it stands, and left there; one that cannot seek is read into memory. Of an earlier output
    the URL is used while it lives, then the downloaded file. Video goes by http(s) URL only (Kling
    API reference, media limits). Without `limits` those of the first edition hold.

    Raises `Unreadable` when the value is none of these or cannot be read.
    """
    return value if isinstance(value, Media) else _Reader(kind, field, limits).read(value)


class _Reader:
    def __init__(self, kind: Kind, field: str, limits: Limits | None) -> None:
        self.kind: Kind = kind
        self.field = field
        self.limits = limits
        self.pictures = kind not in {"audio", "video"}

    def read(self, value: object) -> Media:
        if isinstance(value, str):
            return self._text(value.strip())
        if isinstance(value, (bytes, bytearray, memoryview)):
            return self._bytes("binary data", bytes(cast("bytes", value)))
        if isinstance(value, os.PathLike):
            return self._path(os.fsdecode(cast("os.PathLike[str]", value)))
        if (text := _url_object(value)) is not None:
            return self._url(text)
        return self._object(value)

    def _object(self, value: object) -> Media:
        if _comes_from(value, "PIL", "Image"):
            return self._picture("PIL image", cast("Image", value))
        if _comes_from(value, "numpy", "ndarray"):
            return self._array(cast("np.ndarray[Any, Any]", value))
        if callable(getattr(value, "savefig", None)):
            return self._figure(cast("Any", value))
        # Before `read`, which HTTP answers have too: a page that says 404 is no picture.
        if isinstance(getattr(value, "status_code", None), int):
            return self._answer(value)
        if callable(getattr(value, "read", None)):
            return self._stream(cast("BinaryIO", value))
        if isinstance(getattr(value, "url", None), str) or getattr(value, "path", None):
            return self._output(cast("Any", value))
        return self._refuse(f"{self._what()} cannot be made of {_article(type(value).__name__)}")

    def _what(self) -> str:
        return _NAMES["image" if self.pictures else self.kind]

    def _refuse(self, message: str, valid: str = "") -> NoReturn:
        if not valid:
            valid = {
                "audio": "a path, an http(s) URL, bytes or an open file",
                "video": "an http(s) URL",
            }.get(
                self.kind,
                Text(Advice("a picture")),
            )
        raise Unreadable(Violation(self.field, message, valid))

    def _only_by_url(self, name: str) -> None:
        if self.kind == "video":
            raise Unreadable(
                Violation(
                    self.field,
                    f"{name} cannot be sent: Kling has no upload for video, it fetches an "
                    "http(s) URL",
                    "the URL of a copy that Kling's servers can reach",
                    "Kling API reference, media limits (2026-09)",
                )
            )

    # Texts

    def _text(self, text: str) -> Media:
        scheme = text[:16].partition(":")[0].lower()  # none is longer; base64 may have megabytes
        if not text:
            self._refuse("the text is empty")
        if scheme in {"http", "https"}:
            return self._url(text)
        if scheme == "data":
            return self._data_uri(text)
        try:
            path = names.of_uri(text)
        except ValueError as error:
            self._refuse(str(error), "a path")
        if path is not None:
            return self._path(path)
        if "://" in text[:16]:
            self._refuse(
                f"{scheme}:// addresses cannot be read",
                "a path or an http(s) URL",
            )
        if not _exists(text):
            data = _decode_base64(text)
            if data is not None:
                return self._bytes("base64 text", data)
        return self._path(text)

    def _url(self, url: str) -> Media:
        try:
            host = urlsplit(url).hostname
        except ValueError:
            host = None
        if not host or any(c.isspace() for c in url):
            self._refuse("the URL is not complete", "https://host/path")
        return Media.of_url(self.kind, url, field=self.field)

    def _data_uri(self, text: str) -> Media:
        head, comma, body = text[5:].partition(",")
        mime, *options = head.lower().split(";")
        if not comma:
            self._refuse("the data URI has no comma before its content")
        data = unquote_to_bytes(body)
        if "base64" in options:
            try:
                data = _of_base64(b"".join(data.split()))
            except binascii.Error:
                self._refuse("the data URI is not valid base64")
        return self._bytes(f"data URI ({mime or 'no type'})", data)

    # Files

    def _path(self, text: str) -> Media:
        path = names.expanded(text)
        shown = text if len(text) <= 120 else f"{text[:60]}… ({len(text):,} characters)"
        self._only_by_url(path.name[:120])
        try:
            state = path.stat()
            if stat.S_ISDIR(state.st_mode):
                self._refuse(f"{shown} is a folder", "one file")
            with path.open("rb") as stream:
                if not stat.S_ISREG(state.st_mode):  # a pipe gives its content only once
                    return self._whole(path.name, stream)
            if not state.st_size:
                self._refuse(f"{path.name} is empty (0 bytes)", "a file with content")
            return Media.of_file(self.kind, path, field=self.field)
        except (FileNotFoundError, NotADirectoryError):
            if (twin := names.existing(path)) != path:
                self._refuse(
                    f"no such file: {shown}; one whose name looks the same is there",
                    f"{twin.name!a}: other blanks, or letters with their accents apart",
                )
            self._refuse(f"no such file: {shown}{names.did_you_mean(path)}")
        except ValueError as error:
            if isinstance(error, Unreadable):  # is a ValueError, and has its words already
                raise
            self._refuse(f"no such file: {shown!r}")
        except OSError as error:
            if error.errno == errno.ENAMETOOLONG:
                self._refuse(f"{shown} is no path, no URL, and not base64 of a known format")
            self._refuse(f"cannot read {shown}: {error.strerror or error}")

    def _answer(self, answer: Any) -> Media:
        """An HTTP answer of httpx or requests; a page that says "not found" is no picture."""
        if answer.status_code >= 400:
            self._refuse(f"the server answered HTTP {answer.status_code}", "an answer with content")
        try:
            content: object = answer.content
        except Exception as error:  # noqa: BLE001, it is the library's way to say "not read yet"
            self._refuse(f"the answer was not read: {error}", "its bytes: response.read()")
        if not isinstance(content, bytes):
            self._refuse("the answer holds no bytes", "its bytes")
        return self._bytes("HTTP answer", content)

    def _stream(self, stream: BinaryIO) -> Media:
        given = getattr(stream, "name", None)
        name = Path(given).name if isinstance(given, str) else "file object"
        self._only_by_url(name)
        if isinstance(stream, io.TextIOBase):
            self._refuse(f"{name} is opened as text", 'open(path, "rb")')
        if inspection.iscoroutinefunction(stream.read):
            self._must_be_awaited(stream)
        if getattr(stream, "closed", False):
            self._refuse(f"{name} is closed", "an open file, or its path")
        seekable = getattr(stream, "seekable", None)
        try:
            if not callable(seekable) or not seekable():
                return self._whole(name, stream)
            media = Media.of_stream(self.kind, name, stream, field=self.field)
            if not media.size:
                at_end = stream.tell() > 0
                self._refuse(
                    f"{name} has nothing left to read" if at_end else f"{name} is empty (0 bytes)",
                    ".seek(0) first" if at_end else "a file with content",
                )
        except OSError as error:
            self._refuse(f"cannot read {name}: {error.strerror or error}")
        return media

    def _must_be_awaited(self, stream: object) -> NoReturn:
        kind = type(stream).__name__
        inside = "its .file, or " if hasattr(stream, "file") else ""
        self._refuse(
            f"the read of {_article(kind)} must be awaited",
            f"{inside}the bytes: await upload.read() (AsyncKling awaits it in create)",
        )

    def _whole(self, name: str, stream: BinaryIO) -> Media:
        try:
            data = cast("object", stream.read(_MOST_IN_MEMORY + 1))
        except TypeError:  # it takes no size
            data = cast("object", stream.read())
        if inspection.iscoroutine(data):
            data.close()  # else Python warns that nobody awaited it
            self._must_be_awaited(stream)
        if not isinstance(data, (bytes, bytearray)):
            self._refuse(f"{name} does not give bytes", 'open(path, "rb")')
        if len(data) > _MOST_IN_MEMORY:
            self._refuse(f"{name} goes on beyond {_MOST_IN_MEMORY:,} bytes")
        return self._bytes(name, bytes(data))

    def _bytes(self, name: str, data: bytes) -> Media:
        self._only_by_url(name)
        if not data:
            self._refuse(f"{name} is empty (0 bytes)", "bytes with content")
        return Media.of_bytes(self.kind, name, data, field=self.field)

    # Pictures held as objects

    def _picture(self, name: str, image: Image) -> Media:
        self._only_pictures(name)
        try:
            # JPEG would smear the edges of a mask.
            most = None if self.kind == "mask" else (self.limits or limits_of(self.kind)).bytes
            data = _encode(pixels.plain(_upright(image)), most)
        except pixels.NoPicture as error:
            self._refuse(error.message, error.valid)
        except (OSError, ValueError) as error:
            self._refuse(f"{name} cannot be written as PNG: {error}")
        return self._bytes(name, data)

    def _array(self, array: np.ndarray[Any, Any]) -> Media:
        import numpy as np
        from PIL import Image

        self._only_pictures("array")
        shape = "x".join(str(side) for side in array.shape)
        if array.ndim == 3 and array.shape[2] == 1:
            array = array[:, :, 0]
        if array.ndim not in {2, 3} or (array.ndim == 3 and array.shape[2] not in {3, 4}):
            channels_first = array.ndim == 3 and array.shape[0] in {1, 3, 4}
            self._refuse(
                f"an array of shape {shape} is not a picture",
                "HxW, HxWx3 or HxWx4" + (": array.transpose(1, 2, 0)" if channels_first else ""),
            )
        if not array.size:
            self._refuse(f"the array is empty (shape {shape})", "an array with pixels")
        try:
            array = pixels.levels(array)
        except pixels.NoPicture as error:
            self._refuse(error.message, error.valid)
        return self._picture("array", Image.fromarray(np.ascontiguousarray(array)))

    def _figure(self, figure: Any) -> Media:
        self._only_pictures("figure")
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png")
        return self._bytes("figure", buffer.getvalue())

    def _only_pictures(self, name: str) -> None:
        self._only_by_url(name)
        if not self.pictures:
            self._refuse(f"{self._what()} cannot be made of {_article(name)}")

    # Earlier outputs

    def _output(self, output: Any) -> Media:
        made = cast("object", getattr(output, "kind", None))
        if made in _NAMES and _NAMES[made] != self._what():
            still = self.pictures and made == "video"
            self._refuse(
                f"{self._what()} cannot be made of an output that is {_NAMES[made]}",
                "a frame of it: kling_core.media.frames.last_frame(clip.path)" if still else "",
            )
        url = cast("object", getattr(output, "url", None))
        path = cast("object", getattr(output, "path", None))
        expires = getattr(output, "expires_at", None)
        expired = isinstance(expires, datetime) and expires.astimezone(UTC) <= datetime.now(UTC)
        if isinstance(url, str) and url and not expired:
            return self._text(url)
        if isinstance(path, (str, os.PathLike)) and self.kind != "video":
            return self._path(os.fsdecode(cast("str | os.PathLike[str]", path)))
        if expired:
            self._refuse(
                f"the URL of this output expired on {expires:%Y-%m-%d %H:%M}",
                "its downloaded file, or a new URL (refresh its task)"
                if self.kind != "video"
                else "a new URL (refresh its task)",
            )
        return self._refuse("this output has neither URL nor file yet", "it once its task is done")


def _comes_from(value: object, package: str, name: str) -> bool:
    """Tell whether a class of that name and package is among the value's; imports nothing."""
    return any(
        base.__name__ == name and base.__module__.partition(".")[0] == package
        for base in type(value).__mro__
    )


def _url_object(value: object) -> str | None:
    """Give the text of a URL object (httpx.URL, yarl.URL, pydantic's), which is not an output."""
    if type(value).__name__.endswith("Url") or type(value).__name__ == "URL":
        return str(value)
    return None


def _article(noun: str) -> str:
    return f"{'an' if noun[:1].lower() in 'aeiou' else 'a'} {noun}"


def _exists(text: str) -> bool:
    try:
        return names.expanded(text).exists()
    except (OSError, ValueError):  # as base64 is no path: too long, or of odd letters
        return False


def _of_base64(text: bytes) -> bytes:
    """Decode base64 as it is written anywhere: with - and _ for URLs, without = at its end.

    Raises `binascii.Error`, a `ValueError`.
    """
    plain = text.translate(_URL_SAFE).rstrip(b"=")
    return base64.b64decode(plain + b"=" * (-len(plain) % 4), validate=True)


def _decode_base64(text: str) -> bytes | None:
    """Decode a text that is base64 of a known format; the first bytes decide, as words may fit."""
    try:
        compact = "".join(text.split()).encode("ascii")
        head = _of_base64(compact[:684])  # 513 bytes: as many as tell a format
        if len(compact) < 32 or sniff(head[:512]) in _NOT_BASE64:
            return None
        return _of_base64(compact)
    except ValueError:
        return None


def _upright(image: Image) -> Image:
    """A photo as viewers show it: cameras leave the turn to whoever reads the file."""
    from PIL import ImageOps

    if image.getexif().get(_ORIENTATION, 1) in range(2, 9):
        return ImageOps.exif_transpose(image)
    return image


def _encode(image: Image, most: int | None) -> bytes:
    """The picture as PNG, or as JPEG where that has more than `most` bytes."""
    import PIL.Image

    buffer = io.BytesIO()
    image.save(buffer, "PNG", exif=b"")  # it is turned already: nobody shall turn it again
    if most is not None and buffer.tell() > most:
        if image.has_transparency_data:
            image = image.convert("RGBA")
            white = PIL.Image.new("RGBA", image.size, "white")
            image = PIL.Image.alpha_composite(white, image)
        buffer = io.BytesIO()
        image.convert("RGB").save(buffer, "JPEG", quality=95, exif=b"")
    return buffer.getvalue()

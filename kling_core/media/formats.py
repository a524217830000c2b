"""What a file is, told from its bytes: format, size in pixels, and whether it is whole.

Written by hand because it needs a few kilobytes of a JPEG or PNG where a decoder needs all of it,
and cannot be made to allocate a decompression bomb.
"""

from __future__ import annotations

import codecs
import struct
import zlib
from dataclasses import dataclass
from typing import BinaryIO

__all__ = ["DamagedError", "ImageFacts", "read_jpeg", "read_png", "read_webp", "sniff"]

HEAD = 512
"""How many bytes `sniff` wants to see."""

_CHUNK = 1 << 16
_STARTS = {
    b"\xff\xd8\xff": "JPEG",
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"GIF8": "GIF",
    b"BM": "BMP",
    b"II*\x00": "TIFF",
    b"MM\x00*": "TIFF",
    b"8BPS": "PSD",
    b"%PDF": "PDF",
    b"ID3": "MP3",
    b"OggS": "OGG",
    b"fLaC": "FLAC",
    b"FORM": "AIFF",
    b"#!AMR": "AMR",
    b"\x1aE\xdf\xa3": "WEBM",
    b"\x00\x00\x01\x00": "ICO",
    b"\xff\x0a": "JPEG XL",
    b"\x00\x00\x00\x0cJXL ": "JPEG XL",
    b"PK\x03\x04": "ZIP",
}
_BRANDS = {
    b"avif": "AVIF",
    b"avis": "AVIF",
    b"heic": "HEIC",
    b"heix": "HEIC",
    b"mif1": "HEIC",
}


class DamagedError(ValueError):
    """The file begins like its format and does not go on like it."""


@dataclass(frozen=True)
class ImageFacts:
    """A picture's format and its size in pixels as a viewer shows it (EXIF turn applied)."""

    format: str
    width: int
    height: int


def sniff(head: bytes) -> str:
    """Name the format that these first bytes announce: "JPEG", "MP3", … or "text", "unknown"."""
    for start, name in _STARTS.items():
        if head.startswith(start):
            return name
    if head[:4] == b"RIFF":
        return {b"WEBP": "WEBP", b"WAVE": "WAV", b"AVI ": "AVI"}.get(head[8:12], "unknown")
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12], "MP4")
    if len(head) > 1 and head[0] == 0xFF:
        if head[1] & 0xF6 == 0xF0:  # the two bits of the layer are 0 in AAC only
            return "AAC"
        if head[1] & 0xE6 == 0xE2:
            return "MP3"
    return _sniff_text(head)


def read_jpeg(stream: BinaryIO) -> ImageFacts:
    """Walk the segments up to the picture, then look for the end-of-image mark behind it.

    Raises `DamagedError` when the file is cut short.
    """
    stream.seek(2)
    width = height = 0
    turned = False
    while (marker := _marker(stream)) != 0xDA:
        if marker == 0xD9:
            raise DamagedError("holds no picture")
        if marker == 0x01 or 0xD0 <= marker <= 0xD8:  # these stand alone, without a length
            continue
        length = struct.unpack(">H", _exactly(stream, 2))[0] - 2
        # The three are tables and a reserved one; the others begin a picture.
        if 0xC0 <= marker <= 0xCF and marker not in {0xC4, 0xC8, 0xCC}:
            if length < 5:
                raise DamagedError("its structure is broken")
            height, width = struct.unpack(">xHH", _exactly(stream, length)[:5])
        elif marker == 0xE1:
            turned = _turned(_exactly(stream, length)) or turned
        else:
            stream.seek(length, 1)
    if not width:
        raise DamagedError("does not say how large it is")
    _find_end(stream)
    return ImageFacts("JPEG", *((height, width) if turned else (width, height)))


def read_png(stream: BinaryIO) -> ImageFacts:
    """Walk the chunks to the end and check the sums of those that a decoder needs.

    Raises `DamagedError` when the file is cut short or a sum is wrong.
    """
    stream.seek(8)
    width = height = 0
    while True:
        length, kind = struct.unpack(">I4s", _exactly(stream, 8))
        if kind == b"IHDR":
            width, height = struct.unpack(">II", _exactly(stream, 8))
            stream.seek(-8, 1)  # for the sum, which counts these too
        elif not width:
            raise DamagedError("does not say how large it is")
        total = zlib.crc32(kind)
        while length:
            data = _exactly(stream, min(length, _CHUNK))
            total = zlib.crc32(data, total)
            length -= len(data)
        essential = kind[:1].isupper()  # so PNG marks what a decoder cannot do without
        if struct.unpack(">I", _exactly(stream, 4))[0] != total and essential:
            raise DamagedError("a checksum in it is wrong")
        if kind == b"IEND":
            return ImageFacts("PNG", width, height)


def read_webp(stream: BinaryIO) -> ImageFacts:
    """Read the size from the first chunk, and whether the file is as long as it says.

    Raises `DamagedError` when it is cut short.
    """
    head = _exactly(stream, 30)
    kind = head[12:16]
    if kind == b"VP8X":
        wide, high = (int.from_bytes(head[at : at + 3], "little") + 1 for at in (24, 27))
    elif kind == b"VP8L":
        bits = int.from_bytes(head[21:25], "little")
        wide, high = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    else:
        wide, high = (at & 0x3FFF for at in struct.unpack_from("<HH", head, 26))
    stream.seek(0, 2)
    if stream.tell() < int.from_bytes(head[4:8], "little") + 8:
        raise DamagedError("it is cut short")
    return ImageFacts("WEBP", wide, high)


def _sniff_text(head: bytes) -> str:
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return "unknown"
    start = text.lstrip("\ufeff \t\r\n")[:200].lower()
    if start.startswith(("<!doctype html", "<html")):
        return "HTML"
    if start.startswith("<svg") or (start.startswith("<?xml") and "<svg" in text.lower()):
        return "SVG"
    return "text" if all(c.isprintable() or c in "\t\r\n\ufeff" for c in text) else "unknown"


def _exactly(stream: BinaryIO, size: int) -> bytes:
    data = stream.read(size) if size > 0 else b""
    if len(data) < size or size < 0:
        raise DamagedError("it is cut short")
    return data


def _marker(stream: BinaryIO) -> int:
    if _exactly(stream, 1) != b"\xff":
        raise DamagedError("its structure is broken")
    while (code := _exactly(stream, 1)) == b"\xff":
        pass
    return code[0]


def _find_end(stream: BinaryIO) -> None:
    # Within picture data 0xFF is always followed by something else, so this pair is the end.
    last = b""
    while data := stream.read(_CHUNK):
        if b"\xff\xd9" in last + data:
            return
        last = data[-1:]
    raise DamagedError("it is cut short")


def _turned(segment: bytes) -> bool:
    """Tell whether EXIF says that width and height change places (orientation 5 to 8)."""
    if not segment.startswith(b"Exif\x00\x00"):
        return False
    tiff = segment[6:]
    order = "<" if tiff[:2] == b"II" else ">"
    try:
        (offset,) = struct.unpack_from(order + "I", tiff, 4)
        (count,) = struct.unpack_from(order + "H", tiff, offset)
        for entry in range(offset + 2, offset + 2 + 12 * count, 12):
            tag, value = struct.unpack_from(order + "H6xH", tiff, entry)
            if tag == 0x0112:
                return 5 <= value <= 8
    except struct.error:  # broken EXIF turns nothing
        return False
    return False

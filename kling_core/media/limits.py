"""What Kling takes, checked on the bytes before any of them leaves.

Megabytes are read strictly, as 1,000,000 bytes: the reference prints "10 MB", a file between
that and 10 MiB might be refused after the upload, and a refusal here costs nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from kling_core.errors import Violation
from kling_core.media.formats import (
    HEAD,
    DamagedError,
    ImageFacts,
    read_jpeg,
    read_png,
    sniff,
)
from kling_core.media.item import Media, Unreadable
from kling_core.media.safe_urls import redacted

if TYPE_CHECKING:
    from typing import BinaryIO

__all__ = [
    "AUDIO_BYTES",
    "AUDIO_SECONDS",
    "IMAGE_BYTES",
    "AudioFacts",
    "describe",
    "facts",
    "inspect",
    "inspect_masks",
]

IMAGE_BYTES = 10_000_000
AUDIO_BYTES = 5_000_000
SHORTEST_SIDE = 300
AUDIO_SECONDS = (2, 60)
SOURCE = "Kling API reference, media limits (2026-09)"

_MOST_PIXELS = 178_956_970
"""Beyond this a picture of a few bytes fills memory when decoded (Pillow refuses it as well)."""

_SIZED = {"image", "tail", "try_on"}
"""Kinds with a least side; of masks the reference asks the image's ratio and one size, no more."""

_NAMES = {
    "text": "a text file",
    "HTML": "an HTML page",
    "unknown": "of no known format",
    "MP4": "MP4 video",
    "AVI": "AVI video",
    "WEBM": "WEBM or MKV video",
    "ZIP": "a ZIP archive",
}


@dataclass(frozen=True)
class AudioFacts:
    """A sound's format ("MP3", "WAV", "M4A", "AAC") and its length in seconds."""

    format: str
    duration: float


def facts(media: Media) -> ImageFacts | AudioFacts | None:
    """Tell format and size or length; `None` for a URL and for what is no whole image or sound.

    The file is examined once. Raises `Unreadable` when it changed since it was read.
    """
    return _examined(media)[0]


def inspect(media: Media, *, field: str) -> list[Violation]:
    """List what Kling would refuse: format by content, damage, bytes, sides, ratio, length.

    A URL is not opened and gives no violations.
    """
    if media.is_url:
        return []
    try:
        found, trouble = _examined(media)
    except Unreadable as error:
        return [Violation(field, error.violation.message, error.violation.valid)]
    wrong: list[tuple[str, str]] = [trouble] if trouble else []
    wrong += _weight(media)
    if isinstance(found, ImageFacts):
        wrong += _pixels(media, found)
    elif found:
        wrong += _length(found)
    return [Violation(field, f"{media.name} {what}", valid, SOURCE) for what, valid in wrong]


def inspect_masks(image: Media, static_mask: Media | None, dynamic: list[Media]) -> list[Violation]:
    """Check that masks have the image's aspect ratio and one size among themselves.

    The ratio is compared exactly: Kling fails the task otherwise, and an equal size always fits.
    What is a URL, or is no image, is left out.
    """
    masks = [mask for mask in (static_mask, *dynamic) if mask is not None]
    sized = [(mask, found) for mask in masks if isinstance(found := facts(mask), ImageFacts)]
    base = facts(image)
    violations: list[Violation] = []
    for mask, found in sized:
        is_off = isinstance(base, ImageFacts) and (
            found.width * base.height != found.height * base.width
        )
        if is_off and isinstance(base, ImageFacts):
            message = f"{mask.name} is {_size(found)} px; its ratio must be that of {image.name}"
            message += f" ({_size(base)})"
            violations.append(Violation(mask.field, message, f"a mask of {_size(base)}", SOURCE))
    for mask, found in sized[1:]:
        first, expected = sized[0]
        if (found.width, found.height) != (expected.width, expected.height):
            message = f"{mask.name} is {_size(found)} px and {first.name} {_size(expected)}; "
            message += "all masks must have the same size"
            wanted = base if isinstance(base, ImageFacts) else expected
            valid = f"{_size(wanted)} for every mask"
            violations.append(Violation(mask.field, message, valid, SOURCE))
    return violations


def describe(media: Media) -> str:
    """Show media in one short text for logs: never its content, never a URL's query."""
    if media.url is not None:
        return f"<{media.kind} {redacted(media.url).partition('?')[0].partition('#')[0]}>"
    try:
        found = facts(media)
    except Unreadable:
        found = None
    parts = [f"{media.kind} {media.name}", _weighed(media.size or 0)]
    if isinstance(found, ImageFacts):
        parts.append(_size(found))
    elif found:
        parts.append(f"{found.duration:.1f} s")
    return f"<{', '.join(parts)}>"


def _examined(
    media: Media,
) -> tuple[ImageFacts | AudioFacts | None, tuple[str, str] | None]:
    """Return the facts, or what is wrong with the content as (message, what would do)."""
    if media.is_url or media.kind == "video":
        return None, None
    if "examined" not in media.memo:
        look = _listen if media.kind == "audio" else _look
        with media.open() as stream:
            kind = sniff(stream.read(HEAD))
            stream.seek(0)
            try:
                media.memo["examined"] = look(kind, stream)
            except DamagedError as error:
                what = f"is damaged: {error} ({kind}, {media.size:,} bytes)"
                media.memo["examined"] = (
                    None,
                    (what, "a fresh export or download of it"),
                )
    return cast(
        "tuple[ImageFacts | AudioFacts | None, tuple[str, str] | None]",
        media.memo["examined"],
    )


def _look(kind: str, stream: BinaryIO) -> tuple[ImageFacts | None, tuple[str, str] | None]:
    if kind == "JPEG":
        return read_jpeg(stream), None
    if kind == "PNG":
        return read_png(stream), None
    what = f"is {_NAMES.get(kind, kind)}; Kling takes JPEG or PNG"
    return None, (what, "a JPEG or PNG file (renaming does not convert it)")


def _listen(kind: str, stream: BinaryIO) -> tuple[AudioFacts | None, tuple[str, str] | None]:
    valid = "an MP3, WAV, M4A or AAC file (renaming does not convert it)"
    if kind not in {"MP3", "WAV", "AAC", "MP4"}:
        return None, (
            f"is {_NAMES.get(kind, kind)}; Kling takes MP3, WAV, M4A or AAC",
            valid,
        )
    from kling_core.media.probe import BadVideo, listen

    try:
        duration, has_picture = listen(stream)
    except BadVideo as error:
        raise DamagedError(str(error)) from error
    if has_picture:
        return None, (
            "is a video; Kling takes MP3, WAV, M4A or AAC here",
            "its sound track alone",
        )
    return AudioFacts("M4A" if kind == "MP4" else kind, duration), None


def _weight(media: Media) -> list[tuple[str, str]]:
    limit = AUDIO_BYTES if media.kind == "audio" else IMAGE_BYTES
    size = media.size or 0
    if size <= limit:
        return []
    what = f"is {_weighed(size)} ({size:,} bytes); the limit is {limit // 1_000_000} MB"
    advice = (
        "a lower bit rate or a shorter cut" if media.kind == "audio" else "JPEG, or fewer pixels"
    )
    return [(what, f"at most {limit:,} bytes: {advice}")]


def _pixels(media: Media, found: ImageFacts) -> list[tuple[str, str]]:
    wide, high = found.width, found.height
    wrong: list[tuple[str, str]] = []
    if wide * high > _MOST_PIXELS:
        what = f"is {_size(found)} px, {wide * high / 1e6:,.0f} million; too many to decode safely"
        wrong.append((what, f"at most {_MOST_PIXELS // 1_000_000} million pixels"))
    if media.kind in _SIZED and min(wide, high) < SHORTEST_SIDE:
        grow = SHORTEST_SIDE / max(min(wide, high), 1)
        target = "x".join(str(max(math.ceil(side * grow), SHORTEST_SIDE)) for side in (wide, high))
        what = f"is {_size(found)} px; each side must be at least {SHORTEST_SIDE} px"
        wrong.append((what, f"a size of at least {target}"))
    if media.kind == "image" and 2 * max(wide, high) > 5 * min(wide, high):
        ratio = f"{wide / high:.2f}:1" if wide > high else f"1:{high / max(wide, 1):.2f}"
        room = min(wide, high) * 5 // 2
        target = f"{min(wide, room)}x{min(high, room)}"
        what = f"is {_size(found)} px, a ratio of {ratio}; it must lie within 1:2.5 and 2.5:1"
        wrong.append((what, f"a crop to at most {target}"))
    return wrong


def _length(found: AudioFacts) -> list[tuple[str, str]]:
    least, most = AUDIO_SECONDS
    if least <= found.duration <= most:
        return []
    what = f"lasts {found.duration:.2f} s; audio must last {least} to {most} s"
    return [
        (
            what,
            f"at most {most} s" if found.duration > most else f"at least {least} s",
        )
    ]


def _size(found: ImageFacts) -> str:
    return f"{found.width}x{found.height}"


def _weighed(size: int) -> str:
    if size < 1000:
        return f"{size} bytes"
    return f"{size / 1000:.1f} kB" if size < 1_000_000 else f"{size / 1_000_000:.1f} MB"

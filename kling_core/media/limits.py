"""What Kling takes, checked on the bytes before any of them leaves.

How much of what, the rows of `catalog/media_limits.json` say, by edition, endpoint and model.
Megabytes are read strictly, as 1,000,000 bytes: the reference prints "10 MB", a file between
that and 10 MiB might be refused after the upload, and a refusal here costs nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, cast

from kling_core.catalog import tables
from kling_core.errors import Violation
from kling_core.media.formats import (
    HEAD,
    DamagedError,
    ImageFacts,
    read_jpeg,
    read_png,
    read_webp,
    sniff,
)
from kling_core.media.item import Kind, Media, Unreadable
from kling_core.media.safe_urls import redacted

if TYPE_CHECKING:
    from typing import BinaryIO

__all__ = [
    "AudioFacts",
    "Limits",
    "describe",
    "facts",
    "inspect",
    "inspect_masks",
    "limits_of",
]

SOURCE = "Kling API reference, media limits (2026-09)"

_MOST_PIXELS = 178_956_970
"""Beyond this a picture of a few bytes fills memory when decoded (Pillow refuses it as well)."""

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
class Limits:
    """What a kind of medium may be, and whose word that is.

    Of masks nothing but weight and format is asked here: they have to fit their image.
    """

    formats: tuple[str, ...]
    bytes: int
    least_side: int
    most_side: int | None
    ratio: tuple[int, int] | None
    """The longer side to the shorter one, at most."""
    seconds: tuple[int, int] | None
    source: str


@cache
def limits_of(kind: Kind, *, edition: str = "", endpoint: str = "", model: str = "") -> Limits:
    """The limits of such a medium in requests of this edition, endpoint and model.

    Where no row is of that edition, those of the first one hold.
    """
    asked = {"kinds": kind, "editions": edition, "endpoints": endpoint, "models": model}
    rows: list[dict[str, Any]] = tables.load("media_limits.json")["rows"]
    row = [row for row in rows if all(not row.get(k) or v in row[k] for k, v in asked.items())][-1]
    ratio, seconds = row.get("ratio"), row.get("seconds")
    return Limits(
        formats=tuple(row["formats"]),
        bytes=row["bytes"],
        least_side=row.get("least_side", 0),
        most_side=row.get("most_side"),
        ratio=(ratio[0], ratio[1]) if ratio else None,
        seconds=(seconds[0], seconds[1]) if seconds else None,
        source=row["source"],
    )


@dataclass(frozen=True)
class AudioFacts:
    """A sound's format ("MP3", "WAV", "M4A", "AAC") and its length in seconds."""

    format: str
    duration: float


def facts(media: Media) -> ImageFacts | AudioFacts | None:
    """Tell format and size or length; `None` for a URL and for what is no whole image or sound.

    The file is examined once. Raises `Unreadable` when it changed since it was read.
    """
    return _examined(media).facts


def inspect(media: Media, *, field: str, limits: Limits | None = None) -> list[Violation]:
    """List what Kling would refuse: format by content, damage, bytes, sides, ratio, length.

    A URL is not opened and gives no violations. Without `limits` those of the first edition hold.
    """
    if media.is_url or media.kind == "video":
        return []
    limits = limits or limits_of(media.kind)
    try:
        seen = _examined(media)
    except Unreadable as error:
        return [Violation(field, error.violation.message, error.violation.valid)]
    wrong = _format(media, seen, limits.formats)
    taken = None if wrong else seen.facts
    wrong += _weight(media, limits.bytes)
    if isinstance(taken, ImageFacts):
        wrong += _pixels(taken, limits)
    elif taken and limits.seconds:
        wrong += _length(taken, *limits.seconds)
    return [Violation(field, f"{media.name} {what}", valid, limits.source) for what, valid in wrong]


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


@dataclass(frozen=True)
class _Seen:
    """What the content is, and its facts, or what is wrong with it."""

    kind: str
    facts: ImageFacts | AudioFacts | None = None
    damage: str = ""


def _examined(media: Media) -> _Seen:
    if media.is_url or media.kind == "video":
        return _Seen("")
    if "examined" not in media.memo:
        look = _listen if media.kind == "audio" else _look
        with media.open() as stream:
            kind = sniff(stream.read(HEAD))
            stream.seek(0)
            try:
                media.memo["examined"] = look(kind, stream)
            except DamagedError as error:
                media.memo["examined"] = _Seen(kind, damage=str(error))
    return cast("_Seen", media.memo["examined"])


_READERS = {"JPEG": read_jpeg, "PNG": read_png, "WEBP": read_webp}


def _look(kind: str, stream: BinaryIO) -> _Seen:
    return _Seen(kind, _READERS[kind](stream)) if kind in _READERS else _Seen(kind)


def _listen(kind: str, stream: BinaryIO) -> _Seen:
    if kind not in {"MP3", "WAV", "AAC", "MP4"}:
        return _Seen(kind)
    from kling_core.media.probe import BadVideo, listen

    try:
        duration, has_picture = listen(stream)
    except BadVideo as error:
        raise DamagedError(str(error)) from error
    if has_picture:
        return _Seen("video")
    name = "M4A" if kind == "MP4" else kind
    return _Seen(name, AudioFacts(name, duration))


def _format(media: Media, seen: _Seen, formats: Sequence[str]) -> list[tuple[str, str]]:
    """What is wrong with the format: another one than those, or damage."""
    if seen.facts and seen.kind in formats:
        return []
    *others, last = formats
    taken = f"{', '.join(others)} or {last}"
    if seen.damage and _name_in_a_request(seen.kind) in formats:
        what = f"is damaged: {seen.damage} ({seen.kind}, {media.size:,} bytes)"
        return [(what, "a fresh export or download of it")]
    if seen.kind == "video":
        return [(f"is a video; Kling takes {taken} here", "its sound track alone")]
    article = "an" if formats[0].startswith("M") else "a"
    valid = f"{article} {taken} file (renaming does not convert it)"
    return [(f"is {_NAMES.get(seen.kind, seen.kind)}; Kling takes {taken}", valid)]


def _name_in_a_request(kind: str) -> str:
    """A damaged MP4 cannot be asked whether it is a sound alone: it is taken for one."""
    return "M4A" if kind == "MP4" else kind


def _weight(media: Media, limit: int) -> list[tuple[str, str]]:
    size = media.size or 0
    if size <= limit:
        return []
    what = f"is {_weighed(size)} ({size:,} bytes); the limit is {limit // 1_000_000} MB"
    advice = (
        "a lower bit rate or a shorter cut" if media.kind == "audio" else "JPEG, or fewer pixels"
    )
    return [(what, f"at most {limit:,} bytes: {advice}")]


def _pixels(found: ImageFacts, limits: Limits) -> list[tuple[str, str]]:
    wide, high = found.width, found.height
    wrong: list[tuple[str, str]] = []
    if wide * high > _MOST_PIXELS:
        what = f"is {_size(found)} px, {wide * high / 1e6:,.0f} million; too many to decode safely"
        wrong.append((what, f"at most {_MOST_PIXELS // 1_000_000} million pixels"))
    least, most = limits.least_side, limits.most_side
    if min(wide, high) < least:
        grow = least / max(min(wide, high), 1)
        target = "x".join(str(max(math.ceil(side * grow), least)) for side in (wide, high))
        what = f"is {_size(found)} px; each side must be at least {least} px"
        wrong.append((what, f"a size of at least {target}"))
    if most and max(wide, high) > most:
        target = "x".join(str(side * most // max(wide, high)) for side in (wide, high))
        what = f"is {_size(found)} px; each side must be at most {most} px"
        wrong.append((what, f"a size of at most {target}"))
    if limits.ratio:
        wrong += _proportions(found, *limits.ratio)
    return wrong


def _proportions(found: ImageFacts, long: int, short: int) -> list[tuple[str, str]]:
    wide, high = found.width, found.height
    if short * max(wide, high) <= long * min(wide, high):
        return []
    most = f"{long / short:g}"
    ratio = f"{wide / high:.2f}:1" if wide > high else f"1:{high / max(wide, 1):.2f}"
    room = min(wide, high) * long // short
    target = f"{min(wide, room)}x{min(high, room)}"
    what = f"is {_size(found)} px, a ratio of {ratio}; it must lie within 1:{most} and {most}:1"
    return [(what, f"a crop to at most {target}")]


def _length(found: AudioFacts, least: int, most: int) -> list[tuple[str, str]]:
    if least <= found.duration <= most:
        return []
    what = f"lasts {found.duration:.2f} s; audio must last {least} to {most} s"
    return [(what, f"at most {most} s" if found.duration > most else f"at least {least} s")]


def _size(found: ImageFacts) -> str:
    return f"{found.width}x{found.height}"


def _weighed(size: int) -> str:
    if size < 1000:
        return f"{size} bytes"
    return f"{size / 1000:.1f} kB" if size < 1_000_000 else f"{size / 1_000_000:.1f} MB"

"""Delivered against asked: what a finished file differs in from its request.

Kling accepts some settings and does not follow them; that is seen only in the file.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

SECONDS = 0.6
"""Difference in length that still counts as what was asked (clips of 5.041 s are usual)."""

RATIO = 0.03
"""Relative difference in shape that still counts as the same."""

_SHORT_SIDE = {"720p": 720, "1080p": 1080, "4k": 2160}


def compare(
    path: Path, kind: str, fields: Mapping[str, Any], *, sizes: bool = True
) -> tuple[dict[str, Any], list[str]]:
    """The facts of a file, and every difference from what was asked in words.

    `sizes` is False for the sandbox, whose pictures are smaller on purpose. A file that cannot be
    read gives no facts and one difference.
    """
    if kind == "audio":
        return {}, []
    try:
        facts = _video(path) if kind == "video" else _image(path)
    except ImportError:  # there is no reader of it here, so nothing is known
        return {}, []
    except Exception as error:  # noqa: BLE001, whatever a broken file does to its reader
        return {}, [f"the file cannot be read: {error}"]
    return facts, [*_length(facts, fields), *_shape(facts, fields), *_sound(facts, fields)] + (
        _size(facts, fields) if sizes else []
    )


def _video(path: Path) -> dict[str, Any]:
    from kling_core.media.probe import probe

    found = probe(path)
    return {
        "width": found.width,
        "height": found.height,
        "duration": round(found.duration, 3),
        "fps": round(float(found.fps), 3),
        "codec": found.codec,
        "sound": found.has_audio,
    }


def _image(path: Path) -> dict[str, Any]:
    from PIL import Image

    with Image.open(path) as image:
        return {"width": image.width, "height": image.height, "format": image.format}


def _length(facts: Mapping[str, Any], fields: Mapping[str, Any]) -> list[str]:
    asked = fields.get("duration")
    if asked is None or not facts.get("duration"):  # some containers do not say how long they are
        return []
    if abs(facts["duration"] - float(asked)) <= SECONDS:
        return []
    return [f"asked for {asked} s, got {facts['duration']:g} s"]


def _shape(facts: Mapping[str, Any], fields: Mapping[str, Any]) -> list[str]:
    asked = str(fields.get("aspect_ratio") or "")
    wide, colon, high = asked.partition(":")
    if not colon or not (wide.isdecimal() and high.isdecimal()):
        return []
    wanted = int(wide) / int(high)
    got = facts["width"] / facts["height"]
    if abs(got / wanted - 1) <= RATIO:
        return []
    return [f"asked for {asked}, got {facts['width']}x{facts['height']}"]


def _sound(facts: Mapping[str, Any], fields: Mapping[str, Any]) -> list[str]:
    asked = fields.get("sound")
    if asked is None or "sound" not in facts or (asked == "on") == facts["sound"]:
        return []
    return ["asked for sound, got none" if asked == "on" else "asked for no sound, got some"]


def _size(facts: Mapping[str, Any], fields: Mapping[str, Any]) -> list[str]:
    from kling_core.catalog import tables

    name, mode = fields.get("model_name"), fields.get("mode") or "none"
    resolutions = [m.resolution.get(mode) for m in tables.models() if m.name == name]
    wanted = next((_SHORT_SIDE[r] for r in resolutions if r in _SHORT_SIDE), None)
    if wanted is None or "duration" not in facts:
        return []
    short = min(facts["width"], facts["height"])
    if short >= wanted * 0.95:
        return []
    return [f"asked for mode {mode} ({wanted} lines), got {facts['width']}x{facts['height']}"]

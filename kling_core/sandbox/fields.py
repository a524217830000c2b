"""Reads a JSON body field by field, strictly, and remembers which keys nobody asked for.

The live reaction to unknown keys is not documented; they are ignored here and recorded. Strings
that stand for a whole number or a boolean are taken, as official samples send them so.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, cast

from kling_core.sandbox.refusals import NOT_BASE64, Refusal, invalid_value, wrong_value

MIB: Final = 1024 * 1024

IMAGE_BYTES: Final = 10 * MIB
"""Largest image file, in bytes."""

AUDIO_BYTES: Final = 5 * MIB
"""Largest sound file, in bytes."""

_WHOLE = re.compile(r"-?\d{1,18}")
_IMAGE_STARTS = re.compile(rb"\xff\xd8\xff|\x89PNG\r\n\x1a\n")
_AUDIO_STARTS = re.compile(rb"ID3|\xff[\xe0-\xff]|RIFF.{4}WAVE|.{4}ftyp", re.DOTALL)


@dataclass(frozen=True)
class Source:
    """A media input as it came: bytes from base64, or a URL to fetch."""

    field: str
    data: bytes | None = None
    url: str = ""


class Body:
    """One JSON object of a request. Missing, null and empty string count as not given."""

    def __init__(self, values: Mapping[str, object], prefix: str = "") -> None:
        self._values = values
        self._prefix = prefix
        self._read: set[str] = set()
        self._children: list[Body] = []

    def name_of(self, key: str) -> str:
        """The key as messages name it, with the path that leads to it."""
        return f"{self._prefix}{key}"

    def get(self, key: str) -> object:
        """The raw value, `None` when it is missing, null or an empty string."""
        self._read.add(key)
        value = self._values.get(key)
        return None if value == "" else value

    def has(self, key: str) -> bool:
        """Whether the key carries a value; an empty list or object counts as none."""
        return self.get(key) not in (None, [], {})

    def text(self, key: str, *, required: bool = False, at_most: int | None = None) -> str:
        """A string, empty when not given; `at_most` counts characters."""
        value = self.get(key)
        if value is None:
            if required:
                raise self.missing(key)
            return ""
        if not isinstance(value, str):
            raise invalid_value(self.name_of(key), value)
        if at_most is not None and len(value) > at_most:
            raise wrong_value(
                f"{self.name_of(key)} length {len(value)} is invalid, at most {at_most}"
            )
        return value

    def choice(self, key: str, allowed: Sequence[str], default: str = "") -> str:
        """One of the allowed words; without a default the field is required."""
        value = self.get(key)
        if value is None:
            if not default:
                raise self.missing(key)
            return default
        if not isinstance(value, str) or value not in allowed:
            raise invalid_value(self.name_of(key), value)
        return value

    def number(self, key: str, low: float, high: float, default: float) -> float:
        """A JSON number within the bounds, both included."""
        value = self.get(key)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise invalid_value(self.name_of(key), value)
        if not low <= value <= high:
            raise invalid_value(self.name_of(key), value)
        return float(value)

    def whole(self, key: str, low: int, high: int, default: int | None = None) -> int:
        """A whole number or the digits of one; without a default the field is required."""
        value = self.get(key)
        if value is None:
            if default is None:
                raise self.missing(key)
            return default
        if isinstance(value, str) and _WHOLE.fullmatch(value):
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise invalid_value(self.name_of(key), value)
        return value

    def flag(self, key: str) -> bool:
        """A boolean, or the words true and false; false when not given."""
        value = self.get(key)
        if value is None:
            return False
        if isinstance(value, bool):
            return value
        if value in ("true", "false"):
            return value == "true"
        raise invalid_value(self.name_of(key), value)

    def items(self, key: str, low: int, high: int) -> list[Body]:
        """A list of objects; an absent one is allowed when `low` is 0."""
        children: list[Body] = []
        for number, item in enumerate(self._list(key, low, high)):
            if not isinstance(item, Mapping):
                raise invalid_value(f"{self.name_of(key)}[{number}]", item)
            child = Body(cast(Mapping[str, object], item), f"{self.name_of(key)}[{number}].")
            children.append(child)
        self._children.extend(children)
        return children

    def object(self, key: str) -> Body | None:
        """A nested object, or `None` when it is not given."""
        value = self.get(key)
        if value is None:
            return None
        if not isinstance(value, Mapping):
            raise invalid_value(self.name_of(key), value)
        child = Body(cast(Mapping[str, object], value), f"{self.name_of(key)}.")
        self._children.append(child)
        return child

    def image(self, key: str, *, required: bool = False) -> Source | None:
        """A picture as http(s) URL or raw base64 of a JPEG or PNG file of at most 10 MB."""
        return self._file(key, required, IMAGE_BYTES, _IMAGE_STARTS)

    def images(self, key: str, low: int, high: int) -> list[Source]:
        """A list of pictures, each as URL or raw base64."""
        values = self._list(key, low, high)
        return [
            _read_file(f"{self.name_of(key)}[{number}]", value, IMAGE_BYTES, _IMAGE_STARTS)
            for number, value in enumerate(values)
        ]

    def audio(self, key: str, *, required: bool = False) -> Source | None:
        """A sound as http(s) URL or raw base64 of an mp3, wav, m4a or aac file of at most 5 MB."""
        return self._file(key, required, AUDIO_BYTES, _AUDIO_STARTS)

    def url(self, key: str, *, required: bool = False) -> Source | None:
        """An http(s) URL, where base64 is not taken."""
        value = self.text(key, required=required)
        if value and not value.startswith(("http://", "https://")):
            raise invalid_value(self.name_of(key), value[:80])
        return Source(self.name_of(key), url=value) if value else None

    def missing(self, key: str) -> Refusal:
        """The refusal for a required field that is not there."""
        return wrong_value(f"{self.name_of(key)} is required")

    def unread(self) -> Iterator[str]:
        """Keys, with their paths, that the contract never asked for."""
        for key in self._values:
            if key not in self._read:
                yield self.name_of(key)
        for child in self._children:
            yield from child.unread()

    def nulls(self) -> Iterator[str]:
        """Keys, with their paths, that were sent as null."""
        for key, value in self._values.items():
            if value is None:
                yield self.name_of(key)
        for child in self._children:
            yield from child.nulls()

    def _file(
        self, key: str, required: bool, at_most: int, starts: re.Pattern[bytes]
    ) -> Source | None:
        value = self.get(key)
        if value is None:
            if required:
                raise self.missing(key)
            return None
        return _read_file(self.name_of(key), value, at_most, starts)

    def _list(self, key: str, low: int, high: int) -> list[object]:
        value = self.get(key)
        if value is None:
            if low:
                raise self.missing(key)
            return []
        if not isinstance(value, list):
            raise invalid_value(self.name_of(key), value)
        values = cast(list[object], value)
        if not low <= len(values) <= high:
            raise wrong_value(
                f"{self.name_of(key)} size {len(values)} is invalid, must be {low} to {high}"
            )
        return values


def _read_file(field: str, value: object, at_most: int, starts: re.Pattern[bytes]) -> Source:
    if not isinstance(value, str):
        raise invalid_value(field, value)
    if value.startswith(("http://", "https://")):
        return Source(field, url=value)
    if len(value) > at_most * 4 // 3 + 4:
        raise wrong_value(f"{field} file size exceeds the limit of {at_most // MIB}MB")
    try:
        data = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise wrong_value(NOT_BASE64) from None
    if len(data) > at_most:
        raise wrong_value(f"{field} file size exceeds the limit of {at_most // MIB}MB")
    if not starts.match(data):
        raise wrong_value(f"{field} file format is invalid")
    return Source(field, data=data)

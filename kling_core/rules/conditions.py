"""Conditions on a request's fields: they hold or not, speak for themselves, and can be met.

A way to meet a condition is written as one would type it: settings such as `mode=pro` or
`no image_tail`, joined by `and` where several are needed. `…` stands for a value of your own.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from kling_core.text import blank

Fields = Mapping[str, object]


class Condition(ABC):
    """Something that holds for a request or not."""

    @property
    @abstractmethod
    def text(self) -> str:
        """The condition in words: "image_tail is given", "sound=on"."""

    @property
    @abstractmethod
    def names(self) -> tuple[str, ...]:
        """The fields it speaks of, in order."""

    @abstractmethod
    def holds(self, fields: Fields) -> bool:
        """Whether it holds for these normalised fields."""

    def ways(self, fields: Fields, *, hold: bool = True) -> tuple[str, ...]:
        """What to type so that it holds, or with `hold=False` no longer does; one is enough.

        Empty when nothing needs to change.
        """
        return () if self.holds(fields) is hold else self._ways(fields, hold)

    @abstractmethod
    def _ways(self, fields: Fields, hold: bool, /) -> tuple[str, ...]: ...


@dataclass(frozen=True, slots=True)
class Given(Condition):
    """The field is set, and not None or empty."""

    field: str

    @property
    def text(self) -> str:
        return f"{self.field} is given"

    @property
    def names(self) -> tuple[str, ...]:
        return (self.field,)

    def holds(self, fields: Fields) -> bool:
        return given(self.field, fields)

    def _ways(self, _fields: Fields, hold: bool, /) -> tuple[str, ...]:
        return (f"{self.field}=…" if hold else f"no {self.field}",)


@dataclass(frozen=True, slots=True, init=False)
class Is(Condition):
    """The field has one of the values; a field that is not set has none."""

    field: str
    values: tuple[object, ...]

    def __init__(self, field: str, *values: object) -> None:
        object.__setattr__(self, "field", field)
        object.__setattr__(self, "values", values)

    @property
    def text(self) -> str:
        return " or ".join(self._settings)

    @property
    def names(self) -> tuple[str, ...]:
        return (self.field,)

    def holds(self, fields: Fields) -> bool:
        value = fields.get(self.field)
        # By type too: to Python, True is 1.
        return any(type(value) is type(wanted) and value == wanted for wanted in self.values)

    def _ways(self, _fields: Fields, hold: bool, /) -> tuple[str, ...]:
        if hold:
            return self._settings
        opposite = _OPPOSITES.get(self.values[0]) if len(self.values) == 1 else None
        return (f"{self.field}={opposite}" if opposite else f"no {self.field}",)

    @property
    def _settings(self) -> tuple[str, ...]:
        return tuple(setting(self.field, value) for value in self.values)


@dataclass(frozen=True, slots=True, init=False)
class All(Condition):
    """Every one of the conditions holds."""

    parts: tuple[Condition, ...]

    def __init__(self, *parts: Condition) -> None:
        object.__setattr__(self, "parts", parts)

    @property
    def text(self) -> str:
        return " and ".join(_grouped(part, Any_) for part in self.parts)

    @property
    def names(self) -> tuple[str, ...]:
        return _unique(name for part in self.parts for name in part.names)

    def holds(self, fields: Fields) -> bool:
        return all(part.holds(fields) for part in self.parts)

    def _ways(self, fields: Fields, hold: bool, /) -> tuple[str, ...]:
        return _every(self.parts, fields, hold) if hold else _some(self.parts, fields, hold)


@dataclass(frozen=True, slots=True, init=False)
class Any_(Condition):  # noqa: N801  # `Any` is typing's
    """At least one of the conditions holds."""

    parts: tuple[Condition, ...]

    def __init__(self, *parts: Condition) -> None:
        object.__setattr__(self, "parts", parts)

    @property
    def text(self) -> str:
        return " or ".join(part.text for part in self.parts)

    @property
    def names(self) -> tuple[str, ...]:
        return _unique(name for part in self.parts for name in part.names)

    def holds(self, fields: Fields) -> bool:
        return any(part.holds(fields) for part in self.parts)

    def _ways(self, fields: Fields, hold: bool, /) -> tuple[str, ...]:
        return _some(self.parts, fields, hold) if hold else _every(self.parts, fields, hold)


@dataclass(frozen=True, slots=True)
class Not(Condition):
    """The condition does not hold."""

    part: Condition

    @property
    def text(self) -> str:
        match self.part:
            case Given(field):
                return f"{field} is not given"
            case Is(field=field, values=values):
                return f"{field} is not {' or '.join(_plain(value) for value in values)}"
            case Not(part):
                return part.text
            case part:
                return f"not ({part.text})"

    @property
    def names(self) -> tuple[str, ...]:
        return self.part.names

    def holds(self, fields: Fields) -> bool:
        return not self.part.holds(fields)

    def _ways(self, fields: Fields, hold: bool, /) -> tuple[str, ...]:
        return self.part.ways(fields, hold=not hold)


def given(name: str, fields: Fields) -> bool:
    """Whether a field is set, and not None or empty; a text of which nothing is seen is empty."""
    value = fields.get(name)
    if isinstance(value, str):
        return not blank(value)
    # Only plain containers are measured: a numpy picture has no truth value.
    return value is not None and not (
        isinstance(value, (bytes, list, tuple, dict)) and len(value) == 0  # pyright: ignore[reportUnknownArgumentType]
    )


def setting(field: str, value: object) -> str:
    """A setting as one would type it: "sound=on", "multi_shot=true"."""
    return f"{field}={_plain(value)}"


def either(ways: Iterable[str], limit: int = 3) -> str:
    """The first few ways as one text: "mode=pro or sound=off"."""
    return " or ".join(_unique(ways)[:limit])


def listed(names: Sequence[str], word: str = "and") -> str:
    """Names in a row as one says them: "a, b and c"."""
    *most, last = names
    return f"{', '.join(most)} {word} {last}" if most else last


_OPPOSITES: dict[object, str] = {"on": "off", True: "false"}


def _plain(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _grouped(part: Condition, loose: type[Condition]) -> str:
    return f"({part.text})" if isinstance(part, loose) else part.text


def _some(parts: Iterable[Condition], fields: Fields, hold: bool) -> tuple[str, ...]:
    return _unique(way for part in parts for way in part.ways(fields, hold=hold))


def _every(parts: Iterable[Condition], fields: Fields, hold: bool) -> tuple[str, ...]:
    ways = [part.ways(fields, hold=hold) for part in parts if part.holds(fields) is not hold]
    return _unique(_joined(combination) for combination in product(*ways)) if ways else ()


def _joined(ways: Iterable[str]) -> str:
    return " and ".join(_unique(ways))


def _unique(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))

"""What the fields of a request are declared with: `param`, and `Part` for an object of fields."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, Literal, cast, dataclass_transform

from kling_core.declare.plain_values import plain

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

__all__ = ["MISSING", "MediaKind", "Param", "Part", "Thing", "param"]

MediaKind = Literal["image", "tail", "mask", "try_on", "audio", "video"]
Thing = Literal["task", "video", "image", "audio", "element", "voice", "session", "face"]
"""What is made in one call and named by its id in another."""


class _Missing:
    def __repr__(self) -> str:
        return "<required>"


MISSING: Any = _Missing()


@dataclass(slots=True, eq=False)
class Param:
    """One field of a request: its meaning, bounds, unit and source.

    `default` is what we assume when the field is left out (and what the service documents);
    `api_default` is a documented default that we only tell and never assume. `media` marks a
    picture, sound or video input, `id_of` the id of something made earlier, and `choices` names
    the catalogue that lists the values (see `catalogues`). `of` is the type that is validated where
    the annotation is wider. `parse` accepts convenient spellings before validation. `wire` is the
    dotted place in the body, by edition where they differ; `item` wraps each entry of a list in an
    object with that key. `rare` is a field that few requests need, so that front ends may tell of
    it in few words. `spoken` text is said aloud, so that a number alone is one. What follows
    from all this about the kind of value, `kinds.kind_of` says.
    """

    doc: str
    default: Any = MISSING
    api_default: Any = None
    media: MediaKind | None = None
    id_of: Thing | None = None
    choices: str = ""
    many: bool = False
    of: Any = None
    parse: Callable[[Any], Any] | None = None
    ge: float | None = None
    le: float | None = None
    max_length: int | None = None
    min_items: int | None = None
    max_items: int | None = None
    unit: str = ""
    source: str = ""
    wire: str | Mapping[str, str] = ""
    item: str = ""
    short: str = ""
    rare: bool = False
    spoken: bool = False
    placeholder: str = ""
    name: str = ""
    owner: type[Part] | None = None

    def place(self, edition: str) -> str:
        """The dotted place in the body, as an edition has it; its own name where none is said."""
        said = self.wire if isinstance(self.wire, str) else self.wire.get(edition, "")
        return said or self.name

    @property
    def required(self) -> bool:
        """True when the field must be given."""
        return self.default is MISSING

    @property
    def prose(self) -> bool:
        """True for a text that people write in their own words: a prompt, what is said."""
        return self.max_length is not None

    def __set_name__(self, owner: type[Part], name: str) -> None:
        self.name, self.owner = name, owner

    def __get__(self, instance: Part | None, owner: type) -> Any:
        if instance is None:
            return self
        value = instance.given.get(self.name, self.default)
        return None if value is MISSING else value


def param(*, doc: str, default: Any = MISSING, **facts: Any) -> Any:
    """Declare one field; the keywords are those of `Param`."""
    return Param(doc=doc, default=default, **facts)


@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(param,))
class Part:
    """An object with declared fields: a request, or a piece of one."""

    given: dict[str, Any]
    """The fields as they were given, in plain values; None and empty cells left out."""
    one_only: ClassVar[bool] = False
    """True when exactly one of the fields has a value other than 0."""

    if not TYPE_CHECKING:

        def __init__(self, **given: Any) -> None:
            known = {name: _kept(plain(value)) for name, value in given.items()}
            object.__setattr__(
                self, "given", {name: value for name, value in known.items() if value is not None}
            )

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"{type(self).__name__} cannot be changed; use replace({name}=…)")

    def __repr__(self) -> str:
        inside = ", ".join(f"{name}={_brief(value)}" for name, value in self.given.items())
        return f"{type(self).__name__}({inside})"

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other.given == self.given

    __hash__ = None  # pyright: ignore[reportAssignmentType]

    @classmethod
    def params(cls) -> dict[str, Param]:
        """The declared fields by name, in the order of their declaration."""
        return _declared(cls)

    def replace(self, **changes: Any) -> Self:
        """A copy with some fields changed; None removes a field."""
        return type(self)(**{**self.given, **changes})


@cache
def _declared(part: type[Part]) -> dict[str, Param]:
    found: dict[str, Param] = {}
    for base in reversed(part.__mro__):
        found.update({k: v for k, v in vars(base).items() if isinstance(v, Param)})
    return found


def _kept(value: Any) -> Any:
    """A value that can be read again: what gives its entries once, as a glob does, as a list."""
    given: Any = value
    once = isinstance(given, Iterator) and not hasattr(cast("Any", given), "read")
    return list(cast("Iterator[Any]", given)) if once else value


def _brief(value: Any) -> str:
    if isinstance(value, (bytes, bytearray)):
        return f"<{len(value)} bytes>"
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:60]}…{text[-10:]}"

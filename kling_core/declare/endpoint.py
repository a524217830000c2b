"""What a declaration is made of: `param`, `Part`, `Request`, `Endpoint`.

A request describes one generation in Kling's own field names and knows nothing of wires. It
validates nothing when it is made; `Request.check` judges everything at once. Pydantic does the
validation and is imported at the first check, so that reading a task never pays for it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import (
    TYPE_CHECKING,
    Any,
    ClassVar,
    Literal,
    cast,
    dataclass_transform,
    get_args,
    get_origin,
)

from kling_core.declare.plain_values import plain
from kling_core.errors import InvalidRequest, Violation

if TYPE_CHECKING:
    from typing import Self

    from kling_core.media.inputs import Media
    from kling_core.rules.price import Quote
    from kling_core.rules.rules import Condition, Rule

MediaKind = Literal["image", "tail", "mask", "try_on", "audio", "video"]
Product = Literal["video", "image", "try_on"]


class _Missing:
    def __repr__(self) -> str:
        return "<required>"


MISSING: Any = _Missing()


@dataclass(slots=True)
class Param:
    """One field of a request: its meaning, bounds, unit and source.

    `default` is what we assume when the field is left out (and what the service documents);
    `api_default` is a documented default that we only tell and never assume. `media` marks a
    picture, sound or video input. `of` is the type that is validated where the annotation is
    wider. `parse` accepts convenient spellings before validation. `wire` is the dotted place in
    the body; `item` wraps each entry of a list in an object with that key. `rare` is a field that
    few requests need, so that front ends may tell of it in few words. `spoken` text is said
    aloud, so that a number alone is one.
    """

    doc: str
    default: Any = MISSING
    api_default: Any = None
    media: MediaKind | None = None
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
    wire: str = ""
    item: str = ""
    short: str = ""
    rare: bool = False
    spoken: bool = False
    placeholder: str = ""
    name: str = ""

    @property
    def required(self) -> bool:
        """True when the field must be given."""
        return self.default is MISSING

    @property
    def prose(self) -> bool:
        """True for a text that people write in their own words: a prompt, what is said."""
        return self.max_length is not None

    @property
    def part(self) -> type[Part] | None:
        """The declared class of a structured field, or of the entries of its list; else None."""
        (kind,) = get_args(self.of) if get_origin(self.of) is list else (self.of,)
        return kind if isinstance(kind, type) and issubclass(kind, Part) else None

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

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
        found: dict[str, Param] = {}
        for base in reversed(cls.__mro__):
            found.update({k: v for k, v in vars(base).items() if isinstance(v, Param)})
        return found

    def replace(self, **changes: Any) -> Self:
        """A copy with some fields changed; None removes a field."""
        return type(self)(**{**self.given, **changes})


@dataclass(frozen=True, slots=True)
class Check:
    """The verdict on a request: all violations and warnings, and the fields that were judged.

    `fields` holds every valid field after normalisation, with assumed defaults and media as
    `Media`; `sent` names those that go on the wire.
    """

    violations: tuple[Violation, ...]
    warnings: tuple[str, ...]
    fields: Mapping[str, Any]
    sent: frozenset[str]

    @property
    def ok(self) -> bool:
        """True when nothing is wrong."""
        return not self.violations


class Request(Part):
    """A typed description of one generation.

    Making one never fails: `check()` reports every violation at once, works offline and spends
    nothing. `create`, `run` and `quote` of the client check before they do anything.
    """

    endpoint: ClassVar[Endpoint]
    if not TYPE_CHECKING:

        def __init__(self, **given: Any) -> None:
            super().__init__(**given)
            object.__setattr__(self, "_parent", None)
            object.__setattr__(self, "_check", None)

    @property
    def parent(self) -> Mapping[str, Any] | None:
        """What is known of the source video: `model_name`, `mode`, `duration`, `task_id`."""
        return getattr(self, "_parent", None)

    def with_parent(self, parent: Mapping[str, Any] | None) -> Self:
        """The same request, with what is known of its source video for rules and prices."""
        copy = type(self)(**self.given)
        object.__setattr__(copy, "_parent", parent)
        return copy

    def replace(self, **changes: Any) -> Self:
        """A copy with some fields changed, of the same source video; None removes a field."""
        return super().replace(**changes).with_parent(self.parent)

    def check(self) -> Check:
        """Judge types, bounds, rules of the model, and local media; offline, and free."""
        from kling_core.endpoints.checking import check

        cached: Check | None = getattr(self, "_check", None)
        if cached is None:
            cached = check(self)
            object.__setattr__(self, "_check", cached)
        return cached

    def require(self) -> Check:
        """`check()`, raising `InvalidRequest` with every violation when there is any."""
        verdict = self.check()
        if verdict.violations:
            raise InvalidRequest(verdict.violations, endpoint=self.endpoint.name)
        return verdict

    def quote(self) -> Quote | None:
        """What this request will cost by the dated price table; None when no price is known.

        Raises `InvalidRequest` when the request breaks rules.
        """
        from kling_core.rules.price import quote

        return quote(self.endpoint.name, self.require().fields, parent=self.parent)

    def slots(self) -> int:
        """How many units of the account's concurrency the task occupies (images: `n`)."""
        weight = self.endpoint.weight
        return int(self.check().fields.get(weight, 1)) if isinstance(weight, str) else weight

    @classmethod
    def adopt(cls, given: dict[str, Any]) -> dict[str, Any]:
        """Turn documented nested forms into our flat fields; endpoints may extend this."""
        nests = {p.wire.partition(".")[0] for p in cls.params().values() if "." in p.wire}
        for nest in nests - set(cls.params()):
            inner = given.get(nest)
            if isinstance(inner, Mapping):
                fields: Mapping[str, Any] = {**inner}
                flat = {k: v for k, v in given.items() if k != nest}
                # A field that stands in both places is kept under its nested name, and reported.
                twice = {f"{nest}.{k}": v for k, v in fields.items() if k in flat and flat[k] != v}
                given = {**fields, **flat, **twice}
        return given

    @classmethod
    def warn(cls, fields: Mapping[str, Any]) -> list[str]:  # noqa: ARG003, subclasses read them
        """Warnings about valid fields beyond those of the model tables; endpoints may add some."""
        return []

    @classmethod
    def wire_fields(cls, fields: dict[str, Any]) -> dict[str, Any]:
        """The fields as the wire names them, before nesting; endpoints may infer some here."""
        return fields


@dataclass(frozen=True, slots=True, eq=False)
class Endpoint:
    """One Kling product with its create, get and list calls.

    `weight` is the number of concurrency slots a task takes, or the name of the field that says
    it. `advice` says, in one sentence, when to take it and when another. `rules` and `features` are
    judged by the rule engine, see `kling_core.rules.rules`.
    """

    name: str
    path: str
    request: type[Request]
    output: Literal["videos", "images"]
    product: Product
    source: str
    aliases: tuple[str, ...] = ()
    external_task_id: bool = True
    weight: int | str = 1
    positional: str = ""
    advice: str = ""
    rules: tuple[Rule, ...] = ()
    features: Mapping[str, Condition] = field(default_factory=dict[str, "Condition"])
    example: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def __post_init__(self) -> None:
        self.request.endpoint = self

    @property
    def summary(self) -> str:
        """What it does, in one sentence: the request's docstring."""
        return inspect.cleandoc(self.request.__doc__ or "")

    @property
    def command(self) -> str:
        """The name on command lines: `text-to-video`."""
        return self.name.replace("_", "-")

    @property
    def media_params(self) -> list[Param]:
        """The fields that take a picture, sound or video."""
        return [p for p in self.request.params().values() if p.media]


def media_values(value: Any) -> Iterable[Media]:
    """Every `Media` inside a normalised field value."""
    from kling_core.media.inputs import Media

    if isinstance(value, Media):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():  # pyright: ignore[reportUnknownVariableType]
            yield from media_values(inner)
    elif isinstance(value, (list, tuple)):
        for inner in value:  # pyright: ignore[reportUnknownVariableType]
            yield from media_values(inner)


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

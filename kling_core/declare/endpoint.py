"""What a declaration is made of: `Request`, its `Check`, and `Endpoint`; fields are in `fields`.

A request describes one generation in Kling's own field names and knows nothing of wires. It
validates nothing when it is made; `Request.check` judges everything at once. Pydantic does the
validation and is imported at the first check, so that reading a task never pays for it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from kling_core.declare.fields import Param, Part
from kling_core.errors import InvalidRequest, Violation

if TYPE_CHECKING:
    from typing import Self

    from kling_core.declare.fields import MediaKind
    from kling_core.media.inputs import Limits, Media
    from kling_core.rules.price import Quote
    from kling_core.rules.rules import Condition, Rule

Call = Literal["task", "answer", "session", "collection"]
"""How it is called: one create that makes a task; a create that answers at once; several calls that
share an id; things that are created, listed and deleted."""

EditionName = Literal["v1", "v2", "solutions"]
"""The shapes in which Kling takes requests; a route of `v2` has `{model}` in it."""

Makes = Literal["video", "image", "audio", "element", "voice", "text", "data"]
Pool = Literal["video", "image", "try_on", ""]
Pack = Literal["video", "image", ""]


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
    def words(self) -> str:
        """What it says: the prompt, the text that is spoken, or the name of the effect."""
        return str(self.given.get(self.endpoint.positional) or "")

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
        cached: Check | None = getattr(self, "_check", None)
        if cached is None:
            cached = _judged(self)
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
        from kling_core.rules.price import free, quote

        fields = self.require().fields
        if not self.endpoint.pack:
            return free(self.endpoint.source)
        return quote(self.endpoint.name, fields, parent=self.parent)

    def slots(self) -> int:
        """How many units of the account's concurrency the task occupies (images: `n`)."""
        if not self.endpoint.pool:
            return 0
        weight = self.endpoint.weight
        return int(self.check().fields.get(weight, 1)) if isinstance(weight, str) else weight

    @classmethod
    def adopt(cls, given: dict[str, Any]) -> dict[str, Any]:
        """Turn documented nested forms into our flat fields; endpoints may extend this."""
        places = (p.place("v1") for p in cls.params().values())
        nests = {place.partition(".")[0] for place in places if "." in place}
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
    """One Kling product: what it takes, how it is called, what it makes and what that draws on.

    `call` is `task` for one create that makes a task; `answer` for one that is answered with the
    result; `session` for a task that is prepared by calls which share an id; `collection` for
    things that are created, listed and deleted. The further calls of the last two are `steps`: each
    an endpoint that answers at once, named as this one with a word of its own behind it
    (`elements_delete`), with its own request, rules and rows; `deletes` is one that takes away what
    it names. `presets` has the path, by edition, of what the service offers to everybody.

    `routes` has the path of its create by edition, `makes` the kind of its outputs. `pool` is the
    concurrency of the account that a task takes slots of, empty where it takes none; `weight` is
    how many, or the name of the field that says it. `pack` is the kind of resource units that pay
    for it, empty where nothing is paid. `toolset` is the group that its MCP tool is in. `advice`
    says, in one sentence, when to take it and when another. `rules` and `features` are judged by
    the rule engine, see `kling_core.rules.rules`.
    """

    name: str
    call: Call
    routes: Mapping[EditionName, str]
    request: type[Request]
    makes: Makes
    pool: Pool
    pack: Pack
    toolset: str
    source: str
    aliases: tuple[str, ...] = ()
    external_task_id: bool = True
    weight: int | str = 1
    positional: str = ""
    advice: str = ""
    rules: tuple[Rule, ...] = ()
    features: Mapping[str, Condition] = field(default_factory=dict[str, "Condition"])
    example: Mapping[str, Any] = field(default_factory=dict[str, Any])
    steps: tuple[Endpoint, ...] = ()
    presets: Mapping[EditionName, str] = field(default_factory=dict["EditionName", str])
    deletes: bool = False

    def __post_init__(self) -> None:
        self.request.endpoint = self

    def step(self, word: str) -> Endpoint | None:
        """The further call with this word: `delete` of `elements` is `elements_delete`."""
        return next((step for step in self.steps if step.name == f"{self.name}_{word}"), None)

    @property
    def summary(self) -> str:
        """What it does, in one sentence: the request's docstring."""
        return inspect.cleandoc(self.request.__doc__ or "")

    @property
    def path(self) -> str:
        """The path of its create on the first of its editions; empty without any."""
        return next(iter(self.routes.values()), "")

    def edition(self, model: str = "") -> str:
        """The edition of its requests for a model: the first that has both; empty without any.

        The model's row of the catalogue says which have it; of one that says nothing any is good.
        """
        able = list(self.routes)
        if model and len(able) > 1:  # else nobody pays for reading the tables
            from kling_core.catalog import tables

            row = tables.model(model, self.name)
            able = [name for name in able if row is not None and name in row.editions] or able
        return able[0] if able else ""

    @property
    def has_tasks(self) -> bool:
        """Whether Kling can be asked for what was made; what answers at once cannot be."""
        return self.call != "answer"

    @property
    def command(self) -> str:
        """The name on command lines: `text-to-video`."""
        return self.name.replace("_", "-")

    @property
    def media_params(self) -> list[Param]:
        """The fields that take a picture, sound or video, or several."""
        from kling_core.declare.kinds import Medium, innermost, kind_of

        params = self.request.params().values()
        return [p for p in params if isinstance(innermost(kind_of(p)), Medium)]

    @property
    def takes_video(self) -> bool:
        """Whether it works on a video that was made earlier, named by its id."""
        return any(declared.id_of == "video" for declared in self.request.params().values())

    @property
    def media_names(self) -> frozenset[str]:
        """The fields that have media anywhere in them, as objects do."""
        from kling_core.declare.kinds import Medium, holds, kind_of

        params = self.request.params().items()
        return frozenset(name for name, p in params if holds(kind_of(p), Medium))


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


# --- the one check -------------------------------------------------------------------------


def _judged(request: Request) -> Check:
    """Types and bounds, texts, local media, rules of the model: all that is wrong at once."""
    from kling_core.catalog import tables
    from kling_core.declare import media_fields, prompt_check
    from kling_core.declare.validation import validate
    from kling_core.rules import capability, rules

    endpoint = request.endpoint
    given = {k: v for k, v in request.adopt(dict(request.given)).items() if not _blank(v)}
    fields, violations = validate(type(request), given, source=endpoint.source)
    sent = set(fields)
    unmeant, odd = prompt_check.judge(request.params(), fields)
    violations += unmeant
    named = fields.get("model_name") or tables.default_model(endpoint.name)
    violations += media_fields.read(request.params(), fields, _limits(endpoint, named))
    effective = {**_assumed(request, given), **fields}
    model = effective.get("model_name") or named
    if model and "model_name" in request.params():
        effective["model_name"] = model
        sent.add("model_name")
        for name in capability.untaken(endpoint.name, model) - set(given):
            effective.pop(name, None)
    findings = rules.check(
        endpoint.name,
        endpoint.rules,
        endpoint.features,
        effective,
        bad=frozenset(v.field.partition(".")[0] for v in violations) - fields.keys(),
        parent_model=(request.parent or {}).get("model_name"),
    )
    warnings = (*findings.warnings, *request.warn(effective), *odd)
    return Check((*violations, *findings.violations), warnings, effective, frozenset(sent))


def _limits(endpoint: Endpoint, model: str | None) -> Callable[[MediaKind], Limits]:
    """What the edition of a request, its endpoint and its model take of media."""
    from kling_core.media.inputs import limits_of

    edition, model = endpoint.edition(model or ""), model or ""
    return lambda kind: limits_of(kind, edition=edition, endpoint=endpoint.name, model=model)


def _blank(value: Any) -> bool:
    return value is None or (isinstance(value, (str, list, tuple)) and len(value) == 0)  # pyright: ignore[reportUnknownArgumentType]


def _assumed(request: Request, given: Mapping[str, Any]) -> dict[str, Any]:
    return {
        p.name: p.default
        for p in request.params().values()
        if not p.required and p.default is not None and p.name not in given
    }

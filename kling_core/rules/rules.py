"""The rules of a request: what endpoint declarations state, and the check that reports it all.

    rules = (ExactlyOne("video_id", "video_url"), Only("voice_list", when=Is("sound", "on")))
    findings = check("image_to_video", rules, features, fields)

`check` never stops at the first finding, and each says what would be valid.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from kling_core.errors import Violation
from kling_core.rules.conditions import (
    All,
    Any_,
    Condition,
    Fields,
    Given,
    Is,
    Not,
    either,
    given,
    listed,
)

__all__ = [
    "All",
    "Any_",
    "AtLeastOne",
    "Check",
    "Condition",
    "ExactlyOne",
    "Exclusive",
    "Findings",
    "Given",
    "Is",
    "Needed",
    "Not",
    "Only",
    "Rule",
    "check",
]


@dataclass(frozen=True)
class Findings:
    """Everything wrong with a request, and what may surprise about it."""

    violations: list[Violation]
    warnings: list[str]


@dataclass(frozen=True, kw_only=True)
class Rule(ABC):
    """One rule of an endpoint; `source` says where it is written."""

    source: str = ""

    @property
    @abstractmethod
    def mentions(self) -> frozenset[str]:
        """The fields it reads; when one of them is already reported, the rule is skipped."""

    @abstractmethod
    def check(self, fields: Fields) -> list[Violation]:
        """The violations of this rule by normalised fields."""


@dataclass(frozen=True, init=False)
class _Choice(Rule):
    names: tuple[str, ...]

    def __init__(self, *names: str, source: str = "") -> None:
        # These are frozen; their own `__init__` has to go round that.
        object.__setattr__(self, "names", names)
        object.__setattr__(self, "source", source)

    @property
    def mentions(self) -> frozenset[str]:
        return frozenset(self.names)

    def _none(self) -> list[Violation]:
        message = f"{listed(self.names, 'or')} is needed"
        valid = either((f"{name}=…" for name in self.names), limit=len(self.names))
        return [Violation(self.names[0], message, valid, self.source)]


class AtLeastOne(_Choice):
    """At least one of the fields is given."""

    def check(self, fields: Fields) -> list[Violation]:
        return [] if any(given(name, fields) for name in self.names) else self._none()


class ExactlyOne(_Choice):
    """One of the fields is given, and no other."""

    def check(self, fields: Fields) -> list[Violation]:
        used = [name for name in self.names if given(name, fields)]
        if not used:
            return self._none()
        if len(used) == 1:
            return []
        message = f"only one of {listed(self.names)} may be given; you gave {listed(used)}"
        return [Violation(used[-1], message, _keep_one([[name] for name in used]), self.source)]


@dataclass(frozen=True, init=False)
class Exclusive(Rule):
    """Fields of at most one of the groups are given."""

    groups: tuple[tuple[str, ...], ...]

    def __init__(self, *groups: tuple[str, ...], source: str = "") -> None:
        object.__setattr__(self, "groups", groups)
        object.__setattr__(self, "source", source)

    @property
    def mentions(self) -> frozenset[str]:
        return frozenset(name for group in self.groups for name in group)

    def check(self, fields: Fields) -> list[Violation]:
        used = [[name for name in group if given(name, fields)] for group in self.groups]
        used = [group for group in used if group]
        if len(used) < 2:
            return []
        first, *others = used
        rest = [name for group in others for name in group]
        message = f"{listed(first)} cannot go together with {listed(rest)}"
        return [Violation(others[0][0], message, _keep_one(used), self.source)]


@dataclass(frozen=True, init=False)
class _Conditional(Rule):
    field: str
    when: Condition

    def __init__(self, field: str, *, when: Condition, source: str = "") -> None:
        object.__setattr__(self, "field", field)
        object.__setattr__(self, "when", when)
        object.__setattr__(self, "source", source)

    @property
    def mentions(self) -> frozenset[str]:
        return frozenset((self.field, *self.when.names))


@dataclass(frozen=True, init=False)
class Needed(_Conditional):
    """The field is needed when the condition holds; `message` says it in better words."""

    message: str

    def __init__(self, field: str, *, when: Condition, source: str = "", message: str = "") -> None:
        super().__init__(field, when=when, source=source)
        object.__setattr__(self, "message", message)

    def check(self, fields: Fields) -> list[Violation]:
        if given(self.field, fields) or not self.when.holds(fields):
            return []
        message = self.message or f"{self.field} is needed when {self.when.text}"
        return [Violation(self.field, message, f"{self.field}=…", self.source)]


class Only(_Conditional):
    """The field may be given only when the condition holds."""

    def check(self, fields: Fields) -> list[Violation]:
        if not given(self.field, fields) or self.when.holds(fields):
            return []
        message = f"{self.field} works only when {self.when.text}"
        valid = either((*self.when.ways(fields)[:2], f"no {self.field}"))
        return [Violation(self.field, message, valid, self.source)]


@dataclass(frozen=True, kw_only=True)
class Check(Rule):
    """A rule in code: `test` returns (field, message, valid) for each thing that is wrong."""

    fields: tuple[str, ...]
    test: Callable[[Fields], Sequence[tuple[str, str, str]]]

    @property
    def mentions(self) -> frozenset[str]:
        return frozenset(self.fields)

    def check(self, fields: Fields) -> list[Violation]:
        return [Violation(*found, source=self.source) for found in self.test(fields)]


def check(
    endpoint: str,
    rules: Sequence[Rule],
    features: Mapping[str, Condition],
    fields: Fields,
    *,
    bad: frozenset[str] = frozenset(),
    parent_model: str | None = None,
) -> Findings:
    """Judge normalised fields by the declaration's rules, then by the capability table.

    `features` names what the table speaks of ("sound") and when a request uses it. `bad` are
    fields that are already reported. `parent_model` is the model of the source video where one is
    extended. Assumed values of fields that the model does not take (`capability.untaken`) must be
    left out.
    """
    from kling_core.rules import capability

    violations = [
        violation for rule in rules if not rule.mentions & bad for violation in rule.check(fields)
    ]
    table = capability.judge(endpoint, features, fields, bad=bad, parent_model=parent_model)
    return Findings([*violations, *table.violations], table.warnings)


def _keep_one(groups: list[list[str]]) -> str:
    """Leave out all groups but one; first what came last."""
    ways = [
        " and ".join(f"no {name}" for other in groups if other is not kept for name in other)
        for kept in groups
    ]
    return either(ways)

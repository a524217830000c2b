"""What a form says about its values: errors at their fields, and the words on the button."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kling_core.declare.endpoint import Request
    from kling_core.errors import Violation
    from kling_jupyter.widgets.form_values import Reading

__all__ = ["Verdict", "judged"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """The check of a form's values, in its words; places are as in `Reading`."""

    errors: dict[str, str]
    missing: list[str]
    warnings: list[str] = field(default_factory=list[str])
    cost: str = ""


def judged(reading: Reading) -> Verdict:
    """Judge what was read; offline, and free."""
    request = reading.request
    check = request.check()
    errors: dict[str, str] = {}
    missing: list[str] = []
    for violation in check.violations:
        place = violation.field
        root = place.partition(".")[0]
        if root not in request.given and place == root:
            missing.append(place)
        words = _words(violation)
        errors[place] = f"{errors[place]} {words}" if place in errors else words
    errors |= {place: f"{problem}." for place, problem in reading.problems.items()}
    cost = "" if errors else _button(request)
    return Verdict(errors, missing, list(check.warnings), cost)


def _words(violation: Violation) -> str:
    if violation.message == "is required":
        return "Needed."
    advice = f" Use {violation.valid}." if violation.valid else ""
    return f"{violation.message}.{advice}"


def _button(request: Request) -> str:
    """What it makes, and the price: "5 s, pro, 2.5 units ($0.35)"."""
    fields = request.check().fields
    facts: list[str] = []
    if fields.get("duration"):
        facts.append(f"{fields['duration']} s")
    if fields.get("mode"):
        facts.append(str(fields["mode"]))
    if request.slots() > 1:
        facts.append(f"{request.slots()} images")
    quote = request.quote()
    price = str(quote).partition(",")[0] if quote is not None else "price not known"
    return ", ".join([*facts, price])

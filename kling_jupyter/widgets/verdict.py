"""What the one check says about a request: at the fields of a form, or in lines below a picture."""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from kling_core.errors import InvalidRequest, KlingError, Violation

if TYPE_CHECKING:
    from kling_core.declare.endpoint import Request
    from kling_jupyter.widgets.form_values import Reading

__all__ = ["Verdict", "form_verdict", "request_verdict"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """The check of a form's values, in its words; places are as in `Reading`."""

    errors: dict[str, str]
    missing: list[str]
    warnings: list[str] = field(default_factory=list[str])
    cost: str = ""


def form_verdict(reading: Reading) -> Verdict:
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


def request_verdict(
    make: Callable[[], Request],
    said: Callable[[Violation], str] = str,
    about: Container[str] | None = None,
) -> dict[str, Any]:
    """The verdict on the request that `make` makes, in `errors`, `warnings` and `price`, a text.

    `said` words the violations. With `about`, only violations of these fields are told; a price is
    told when there is none at all. Whatever goes wrong becomes an error to show, for an exception
    in a widget's callback is seen by nobody.
    """
    try:
        request = make()
        check = request.check()
        price = "" if check.violations else _price(request)
    except InvalidRequest as error:
        return _verdict([said(v) for v in error.violations])
    except KlingError as error:
        return _verdict([str(error)])
    except Exception as error:  # noqa: BLE001 - shown, not lost
        return _verdict([f"{type(error).__name__}: {error}"])
    ours = [v for v in check.violations if about is None or v.field.partition(".")[0] in about]
    return _verdict([said(v) for v in ours], check.warnings, price)


def _verdict(
    errors: Sequence[str], warnings: Sequence[str] = (), price: str = ""
) -> dict[str, Any]:
    return {"errors": list(errors), "warnings": list(warnings), "price": price}


def _price(request: Request) -> str:
    quote = request.quote()
    return str(quote) if quote is not None else "no price is known for this"

"""What the one check says about a request, as a widget shows it."""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from typing import TYPE_CHECKING, Any

from kling_core.errors import InvalidRequest, KlingError, Violation

if TYPE_CHECKING:
    from kling_core.declare.endpoint import Request

__all__ = ["judged"]

Verdict = dict[str, Any]
"""`errors` and `warnings` are texts, `price` is one; all may be empty."""


def judged(
    make: Callable[[], Request],
    said: Callable[[Violation], str] = str,
    about: Container[str] | None = None,
) -> Verdict:
    """The verdict on the request that `make` makes; `said` words its violations.

    With `about`, only violations of these fields are told; a price is told when there is none at
    all. Whatever goes wrong becomes an error to show, for an exception in a widget's callback is
    seen by nobody.
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


def _verdict(errors: Sequence[str], warnings: Sequence[str] = (), price: str = "") -> Verdict:
    return {"errors": list(errors), "warnings": list(warnings), "price": price}


def _price(request: Request) -> str:
    quote = request.quote()
    return str(quote) if quote is not None else "no price is known for this"

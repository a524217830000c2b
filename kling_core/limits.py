"""The limits that a request must keep before anything of it is written down or sent."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from kling_core import errors
from kling_core.endpoints.base import Endpoint, Request
from kling_core.ledger.money import Budget

if TYPE_CHECKING:
    from kling_core.session import Session

__all__ = ["afford", "check_cost", "fits", "too_heavy", "within"]


def afford(
    session: Session, request: Request, *, max_cost: Decimal | None = None, project: str | None
) -> None:
    """Judge a request by every limit as its create would be judged now, without writing it.

    Raises `BudgetExceeded`, and `InvalidRequest` for what needs more slots than there are.
    """
    fits(session, request)
    budget = within(session, request, max_cost)
    if budget is not None:
        session.ledger().afford(budget, project or session.settings.project)


def fits(session: Session, request: Request) -> None:
    """Refuse what needs more slots at once than the account has, by the setting or a firm 1303.

    Kling would refuse it for ever, and all that stands behind it in line would wait.
    Raises `InvalidRequest`.
    """
    needs = request.slots()
    if needs < 2:  # every account has one
        return
    limit = session.settings.slots
    if limit is None:
        limit = session.ledger().learned(request.endpoint.product, firm=True)
    if limit is not None and needs > limit:
        raise too_heavy(session, request.endpoint, needs, limit)


def too_heavy(
    session: Session, endpoint: Endpoint, needs: int, limit: int
) -> errors.InvalidRequest:
    """The error of a request that needs more slots than the account has."""
    field = endpoint.weight if isinstance(endpoint.weight, str) else "slots"
    given = session.settings.slots is not None
    wrong = errors.Violation(
        field,
        f"this needs {needs} slots at once, and the account has {limit}",
        f"{field}<={limit}, in several requests",
        f"slots={limit} (KLING_SLOTS)" if given else "a 1303 of Kling within the last hour",
    )
    return errors.InvalidRequest([wrong], endpoint=endpoint.name)


def within(session: Session, request: Request, max_cost: Decimal | None = None) -> Budget | None:
    """`check_cost` by the limits of the settings; `max_cost` in US dollars holds beside them."""
    known = session.settings
    per_call = [one for one in (max_cost, known.max_cost) if one is not None]
    return check_cost(request, min(per_call, default=None), known.budget, known.project_budget)


def check_cost(
    request: Request,
    limit: Decimal | None,
    budget: Decimal | None = None,
    project_budget: Decimal | None = None,
) -> Budget | None:
    """Refuse what is above the limit per call; returns the other limits, for the ledger to judge.

    All in US dollars, None for no limit: per call, per day, per project. Raises `BudgetExceeded`,
    also when a limit is set and no price is known.
    """
    limits = {"per call": limit, "per day": budget, "per project": project_budget}
    known = [f"${amount} {kind}" for kind, amount in limits.items() if amount is not None]
    if not known:
        return None
    quote = request.quote()
    if quote is None or quote.usd is None:
        raise errors.BudgetExceeded(
            f"no price is known for this request, and a limit of {known[0]} is set",
            fix="To allow it, take away the limits: max_cost, KLING_MAX_COST, budget.",
        )
    if limit is not None and quote.usd > limit:
        raise errors.BudgetExceeded(
            f"this would cost {quote}, above the limit of ${limit} per call",
            fix="Raise max_cost, or choose a shorter clip or a cheaper mode.",
        )
    return Budget(quote.usd, budget, project_budget)

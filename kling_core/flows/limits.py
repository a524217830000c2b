"""The limits that a request must keep before anything of it is written down or sent."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from kling_core import errors
from kling_core.advice import Advice, Text
from kling_core.declare.endpoint import Endpoint, Request
from kling_core.ledger.money import Budget

if TYPE_CHECKING:
    from kling_core.flows.session import Session
    from kling_core.rules.price import Quote

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
        limit = session.ledger().learned(request.endpoint.pool, firm=True)
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
    try:
        return check_cost(
            request,
            min(per_call, default=None),
            known.budget,
            known.project_budget,
            max_tasks=known.max_tasks,
        )
    except errors.BudgetExceeded as error:
        if len(per_call) == 2 and per_call[0] > per_call[1]:
            error.cause = Text(
                f"{error.cause} The " if error.cause else "The ",
                Advice("max_cost"),
                f"=${max_cost} of this call is looser than the ${known.max_cost} that are set, and "
                "changes nothing.",
            )
        raise


def check_cost(
    request: Request,
    limit: Decimal | None,
    budget: Decimal | None = None,
    project_budget: Decimal | None = None,
    *,
    max_tasks: int | None = None,
) -> Budget | None:
    """Refuse what is above the limit per call; returns the other limits, for the ledger to judge.

    In US dollars, None for no limit: per call, per day, per project; and the number of tasks a day.
    Raises `BudgetExceeded`, also when a limit in dollars is set and no price is known.
    """
    limits = {"per call": limit, "per day": budget, "per project": project_budget}
    known = [f"${amount} {kind}" for kind, amount in limits.items() if amount is not None]
    quote = request.quote()
    if not known:
        usd = None if quote is None else quote.usd
        return None if max_tasks is None else Budget(usd, tasks=max_tasks)
    if quote is None or quote.usd is None:
        from kling_core.rules.price import why_unknown

        raise errors.BudgetExceeded(
            f"no price is known for this request, and a limit of {known[0]} is set",
            cause=why_unknown(request.endpoint.name, request.check().fields),
            fix=Text(
                Advice("lift limits"),
                " KLING_MAX_TASKS limits how many are made in a day, whatever they cost.",
            ),
        )
    if limit is not None and quote.usd > limit:
        raise errors.BudgetExceeded(
            f"this would cost {quote}, above the limit of ${limit} per call",
            cause=f"It is reckoned as {quote.basis}." if quote.at_most else None,
            fix=Text(Advice("raise max_cost", about=_cheaper(request, quote))),
        )
    return Budget(quote.usd, budget, project_budget, max_tasks)


def _cheaper(request: Request, quote: Quote) -> str:
    """What would cost less, for this kind of request."""
    if quote.at_most:
        return "choose a video that the ledger knows: with its video_id the price is known"
    if request.endpoint.makes == "image":
        return "choose fewer images or a cheaper model"
    if request.endpoint.takes_video:
        return "choose a shorter or cheaper source video"
    return "choose a shorter clip or a cheaper mode"

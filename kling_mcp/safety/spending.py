"""Money: what it usually costs, the limit of a call, and asking before a dear one.

The limits a call and a day are the library's own (`KLING_MAX_COST`, `KLING_BUDGET`): no agent gets
past them. What stands here comes before: the caller's own limit, and a confirmation.
"""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import TYPE_CHECKING

from kling_core.errors import BudgetExceeded
from kling_mcp import failures, results
from kling_mcp.safety import asking

if TYPE_CHECKING:
    from mcp.types import CallToolResult, InputRequiredResult

    from kling_core import Quote, Request
    from kling_core.endpoints.base import Endpoint
    from kling_mcp.tool import Call

__all__ = ["confirm", "exact", "how_to_confirm", "limit", "owners", "to_confirm", "usual"]


def usual(endpoint: Endpoint) -> str:
    """What a call usually costs, in a few words: the price with every default."""
    from kling_core.catalog import data, pricing

    params = endpoint.request.params()
    fields = {n: p.default for n, p in params.items() if not p.required and p.default is not None}
    fields |= {name: endpoint.example[name] for name in params if name in endpoint.example}
    if "model_name" in params:
        fields["model_name"] = data.default_model(endpoint.name)
    price = pricing.quote(endpoint.name, fields)
    if price is not None and price.usd is not None:
        return f"Usually ${price.usd.normalize():f}"
    rows = [r for r in data.load("prices.json")["rows"] if endpoint.name in r["endpoints"]]
    least = min((Decimal(row["usd"]) for row in rows), default=None)
    return "Its price is not known" if least is None else f"From ${least.normalize():f}"


def exact(amount: float | None) -> Decimal | None:
    """A JSON number as exact money."""
    return None if amount is None else Decimal(str(amount))


def limit(price: Quote | None, most: float | None) -> None:
    """Raise `BudgetExceeded` for what passes the caller's own limit."""
    if most is None:
        return
    if price is None or price.usd is None:
        raise BudgetExceeded(
            "no price is known for this request, and max_cost is set", fix="Leave max_cost out."
        )
    if price.usd > Decimal(str(most)):
        raise BudgetExceeded(
            f"this would cost ${price.usd}, above max_cost {most}",
            fix="Choose a shorter clip, a cheaper mode or model, or raise max_cost.",
        )


async def owners(call: Call, request: Request) -> None:
    """Raise `BudgetExceeded` for what the owner's limits refuse, before the user is asked."""
    from kling_core.limits import afford

    session = call.account.client.session
    await call.account.ledger()
    await asyncio.to_thread(afford, session, request, project=None)


def to_confirm(call: Call, price: Quote | None) -> Decimal | None:
    """The amount that must be confirmed, 0 when no price is known; None when nothing must be."""
    over = call.settings.confirm_over
    usd = price.usd if price is not None else None
    if over is None or (usd is not None and usd <= over):
        return None
    return (usd or Decimal(0)).normalize()


def how_to_confirm(call: Call, amount: Decimal) -> str:
    """What a create of this amount will ask for."""
    if asking.can_ask(call.context):
        return "The user will be asked by a form whether to spend it."
    return f"It must be confirmed: if the user agrees, give confirm_cost={amount:f} too."


async def confirm(
    call: Call, request: Request, price: Quote | None, take: int
) -> CallToolResult | InputRequiredResult | None:
    """None when the call may go on; else what to answer in its place.

    Above the threshold, and when no price is known, the user is asked by a form where the client
    has forms, and by `confirm_cost` everywhere else. Some clients have forms and skip them: then
    `confirm_cost` is asked for too, and taken from the next call on. It never overrides a no.

    Raises `BudgetExceeded` when the owner's limits would refuse it after all.
    """
    amount = to_confirm(call, price)
    if amount is None:
        return None
    await owners(call, request)
    from kling_core.ledger.recording import digest

    answers, key = call.account.answers, digest(request, take)
    agreed = exact(call.get("confirm_cost")) == amount
    if asking.can_ask(call.context) and not (agreed and answers.of(key) == "skipped"):
        said = await asking.ask(call.context, _question(call, request, price), state=key)
        if said is not None and not isinstance(said, bool):
            return said
        answers.keep(key, said)
        agreed = said is True
    if answers.of(key) == "declined":
        return failures.refusal(
            "declined",
            "The user declined this spending. Nothing was sent.",
            "Do not ask again for the same; offer something cheaper, or stop.",
            retryable=False,
            warnings=call.warnings,
        )
    if agreed:
        return None
    return failures.refusal(
        "confirmation_needed",
        f"This call {_what(price)}, and must be confirmed. Nothing was sent.",
        f"If the user agrees, call again with the same arguments and confirm_cost={amount:f}.",
        confirm_cost=float(amount),
        cost=results.quote(price),
        endpoint=request.endpoint.name,
        warnings=call.warnings,
    )


def _question(call: Call, request: Request, price: Quote | None) -> str:
    basis = f" ({price.basis})" if price is not None else ""
    asked = f"{request.endpoint.name} {_what(price)}{basis}. Create it?"
    return "\n".join([asked, *call.warnings])


def _what(price: Quote | None) -> str:
    if price is None or price.usd is None:
        return "has no known price"
    return f"costs ${price.usd.normalize():f}"

"""Money: what it usually costs, the limit of a call, and asking before a dear one.

The limits a call and a day are the library's own (`KLING_MAX_COST`, `KLING_BUDGET`): no agent gets
past them. What stands here comes before: the caller's own limit, and a confirmation.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Literal

from kling_core.errors import BudgetExceeded
from kling_mcp import failures, results, schemas
from kling_mcp.safety import asking

if TYPE_CHECKING:
    from mcp.types import CallToolResult, InputRequiredResult

    from kling_core import Quote, Request
    from kling_core.declare.endpoint import Endpoint
    from kling_mcp.safety.totals import Admitted
    from kling_mcp.tool import Call

__all__ = ["Due", "confirm", "due", "exact", "how_to_confirm", "limit", "owners", "usual"]


def usual(endpoint: Endpoint) -> str:
    """What a call usually costs, in a few words: the price with every default."""
    from kling_core.catalog import tables
    from kling_core.rules import price as pricing

    if not endpoint.pack:
        return "Free"
    params = endpoint.request.params()
    fields = {n: p.default for n, p in params.items() if not p.required and p.default is not None}
    fields |= {name: endpoint.example[name] for name in params if name in endpoint.example}
    if "model_name" in params:
        fields["model_name"] = tables.default_model(endpoint.name)
    price = pricing.quote(endpoint.name, fields)
    if price is not None and price.usd is not None:
        return f"Usually ${price.usd.normalize():f}"
    rows = [r for r in tables.load("prices.json")["rows"] if endpoint.name in r["endpoints"]]
    least = min((Decimal(row["usd"]) for row in rows), default=None)
    return "Its price is not known" if least is None else f"From ${least.normalize():f}"


def exact(amount: float | None) -> Decimal | None:
    """A JSON number as exact money."""
    # By its shortest spelling: 0.1 is meant, not what a float makes of it.
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
        fix = "Choose a shorter clip, a cheaper mode or model, or raise max_cost."
        if most <= 0:
            fix = "max_cost 0 allows nothing: leave it out, or give what may be spent."
        raise BudgetExceeded(f"this would cost ${price.usd}, above max_cost {most}", fix=fix)


async def owners(call: Call, request: Request) -> None:
    """Raise `BudgetExceeded` for what the owner's limits refuse, before the user is asked."""
    from kling_core.flows.limits import afford

    session = call.account.client.session
    await call.account.ledger()
    await asyncio.to_thread(afford, session, request, project=None)


@dataclass(frozen=True, slots=True)
class Due:
    """What must be confirmed: the number that confirms it, and why it is asked for.

    `spent` is what the day has cost, `unasked` what of it nobody was asked about.
    """

    amount: Decimal
    why: Literal["price", "unknown", "total"]
    spent: Decimal = Decimal(0)
    unasked: Decimal = Decimal(0)


async def due(call: Call, request: Request) -> Due | None:
    """What of a call must be confirmed; None when it may go on.

    It is, when the call is dear, when its price is not known, and when calls that nobody was asked
    about come to too much on a day.
    """
    price, over, total = request.quote(), call.settings.confirm_over, call.settings.confirm_total
    if over is None:
        return None
    if price is None or price.usd is None:
        return Due(_dearest(request.endpoint), "unknown")
    usd = price.usd.normalize()
    if usd > over:
        return Due(usd, "price")
    if total is None or usd <= 0:
        return None
    day = call.account.total
    spent = await day.spent(await call.account.ledger())
    unasked = max(Decimal(0), spent - day.approved).normalize()
    return Due(usd, "total", spent, unasked) if unasked + usd > total else None


def how_to_confirm(call: Call, asked: Due) -> str:
    """What a create that must be confirmed will ask for."""
    if asking.can_ask(call.context):
        return "The user will be asked by a form whether to spend it."
    return f"It must be confirmed: if the user agrees, give confirm_cost={asked.amount:f} too."


async def confirm(
    call: Call, request: Request, take: int
) -> Admitted | CallToolResult | InputRequiredResult:
    """Let a call go on, or say what to answer in its place.

    A person is asked: by a form where the client shows forms, else in the chat, where the model
    names the price and gives it back as `confirm_cost`. The number counts only where no person
    answered a form about this call; it never overrides a no, never confirms a price that was not
    shown, and never, given beforehand, what is asked because of the day's sum.

    Raises `BudgetExceeded` when the owner's limits would refuse it after all.
    """
    from kling_core.flows.recorded_request import digest

    answers, total, key = call.account.answers, call.account.total, digest(request, take)
    needed = await due(call, request)
    price = request.quote()
    usd = price.usd if price is not None and price.usd is not None else Decimal(0)
    if needed is None:
        return total.admit(usd)
    await owners(call, request)
    before, forms = answers.of(key), asking.can_ask(call.context)
    said = asking.answered(call.context, key) or _by_number(call, needed, before)
    if said is None and forms and before not in ("asked", "unanswered"):
        answers.keep(key, "asked")
        begin = time.monotonic()
        form = await asking.ask(call.context, _question(call, request, needed), state=key)
        call.asking = time.monotonic() - begin
        if not isinstance(form, str):
            return form
        said = form
    said = said or "unanswered"
    answers.keep(key, said)
    if said == "approved":
        total.approve(usd, after=needed.spent)
        return total.admit(usd)
    if answers.of(key) == "declined":
        return _declined(call)
    return _to_ask(call, request, needed, said if forms else None)


def _by_number(call: Call, needed: Due, before: asking.Said | None) -> asking.Said | None:
    """Approved when `confirm_cost` is the shown number, where it counts; else None."""
    if exact(call.get("confirm_cost")) != needed.amount:
        return None
    if before is None:  # a quote shows it too; for a sum it must have been asked for
        counts = needed.why != "total" and not asking.can_ask(call.context)
    else:
        counts = before in ("dismissed", "unanswered")
    return "approved" if counts else None


def _declined(call: Call) -> CallToolResult:
    return failures.refusal(
        "declined",
        "The user declined this spending by the form. Nothing was sent.",
        "Do not ask again for the same; offer something cheaper, or stop.",
        retryable=False,
        warnings=call.warnings,
    )


def _to_ask(call: Call, request: Request, needed: Due, said: str | None) -> CallToolResult:
    form = "" if said is None else " No person answered a form; that is no refusal."
    if said == "dismissed":
        form = " The form was closed without an answer."
    return failures.refusal(
        "confirmation_needed",
        f"This call {_what(needed)}, and must be confirmed by the user.{form} Nothing was sent.",
        f"Ask the user in the chat whether to spend it: {_aloud(needed)}. Only if they say yes, "
        "call again with the same arguments and "
        f"confirm_cost={needed.amount:f}. Never say yes for them.",
        confirm_cost=float(needed.amount),
        cost=results.quote(request.quote()),
        unasked_usd=float(needed.unasked) or None,
        endpoint=request.endpoint.name,
        warnings=call.warnings,
    )


def _question(call: Call, request: Request, needed: Due) -> str:
    price = request.quote()
    basis = f" ({price.basis})" if price is not None else ""
    asked = f"{request.endpoint.name} {_what(needed)}{basis}. Create it?"
    return "\n".join([asked, *call.warnings])


def _what(needed: Due) -> str:
    if needed.why == "unknown":
        kind = f"calls of its kind are known to cost up to {_usd(needed.amount)}"
        return f"has no known price ({kind})"
    said = f"costs {_usd(needed.amount)}"
    if needed.why == "total":
        said += f", after {_usd(needed.unasked)} today that nobody was asked about"
    return said


def _aloud(needed: Due) -> str:
    """What the model names to the user."""
    if needed.why == "unknown":
        return f"the price is not known, and may be {_usd(needed.amount)} or more"
    price = f"the price is {_usd(needed.amount)}"
    if needed.why == "total":
        return f"{price}, and {_usd(needed.unasked)} were spent today without a question"
    return price


def _usd(amount: Decimal) -> str:
    cents = amount.quantize(Decimal("0.01"))
    return f"${cents if cents == amount else amount:f}"


def _dearest(endpoint: Endpoint) -> Decimal:
    """The most that a call of the endpoint, or else of any, is known to cost; never 0.

    It stands for a price that is not known, as a number that nobody gives without having read it.
    """
    from kling_core.rules import price as pricing

    rows = pricing.prices()
    own = [row for row in rows if endpoint.name in row.endpoints] or list(rows)
    times = {"second": schemas.longest(endpoint)}
    return max(row.usd * times.get(row.per, 1) for row in own).normalize()

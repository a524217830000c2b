"""What a create would send, cost and say, told without sending or writing anything.

It is judged by the code that the create is judged by, under the same settings, so that a dry run
in any front end says what the create would say.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from kling_core.editions.base import put
from kling_core.errors import BudgetExceeded, InvalidRequest
from kling_core.flows.limits import afford
from kling_core.flows.prepared import prepare

if TYPE_CHECKING:
    from kling_core.declare.endpoint import Request
    from kling_core.flows.session import Session
    from kling_core.rules.price import Quote

__all__ = ["Preview", "preview"]


@dataclass(frozen=True, slots=True)
class Preview:
    """What a create would do.

    Attributes:
        request: the request that it is of.
        path: where it would be posted, below the host.
        body: what would be sent as JSON, media in short; without the id of ours that is added.
        quote: what it would cost; None when no price is known.
        warnings: what would be said of it.
        adds_own_id: whether an `external_task_id` of its own is added when it is sent.
        refusal: the limit by which it would be refused now; None when it would be sent.
    """

    request: Request
    path: str
    body: Mapping[str, Any]
    quote: Quote | None
    warnings: tuple[str, ...]
    adds_own_id: bool
    refusal: BudgetExceeded | InvalidRequest | None = None


def preview(
    session: Session, request: Request, *, max_cost: Decimal | None = None, project: str = ""
) -> Preview:
    """Judge a request as its create would be judged now.

    Raises what the create would raise before anything is known to show: `InvalidRequest` for what
    breaks a rule or cannot be read, `ConfigError` for a credential that its edition does not take.
    """
    prepared = prepare(session, request)
    body = {**prepared.shown}
    if prepared.named:
        put(body, prepared.way.edition.own_id_place, prepared.own_id)
    refusal: BudgetExceeded | InvalidRequest | None = None
    try:
        afford(session, request, max_cost=max_cost, project=project or None)
    except (BudgetExceeded, InvalidRequest) as error:
        refusal = error
    return Preview(
        request=request,
        path=prepared.way.path,
        body=body,
        quote=prepared.quote,
        warnings=prepared.check.warnings,
        adds_own_id=prepared.own_id is not None and not prepared.named,
        refusal=refusal,
    )

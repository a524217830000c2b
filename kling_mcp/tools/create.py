"""`kling_<endpoint>`: make something, which costs money and takes minutes."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any

from kling_core.errors import DownloadError, InvalidRequest, KlingError
from kling_core.flows.download import must_be_writable
from kling_core.flows.sources import sourced
from kling_mcp import results, schemas
from kling_mcp.bounded_wait import wait_for
from kling_mcp.safety import media, spending
from kling_mcp.safety.totals import Admitted
from kling_mcp.tool import CREATES, DELETES, Call, Tool

if TYPE_CHECKING:
    from pathlib import Path

    from mcp.types import CallToolResult, InputRequiredResult

    from kling_core import Request
    from kling_core.declare.endpoint import Endpoint
    from kling_mcp.creates import Job
    from kling_mcp.settings import Settings

__all__ = ["OPTIONS", "REPEATED", "quoted", "read", "tool"]

SUBMITTING = 5.0
"""Seconds that a submit is given in any case: before it has ended there is no task to tell of."""

REPEATED = (
    "This is the task of your earlier call with the same arguments: nothing new was made or "
    "billed. For another one, call with take=2 (then 3, …)."
)
_HELD = (
    "Your earlier call with the same arguments had been written down and was held: it was sent "
    "now, and is billed once."
)

OPTIONS: dict[str, schemas.Schema] = {
    "wait_seconds": {
        "type": "integer",
        "minimum": 0,
        "maximum": 600,
        "default": 45,
        "description": "Longest wait",
    },
    "max_cost": {"type": "number", "description": "USD limit"},
    "confirm_cost": {"type": "number", "description": "The shown USD"},
    "dry_run": {"type": "boolean", "description": "Only check and quote"},
    "take": {
        "type": "integer",
        "minimum": 1,
        "maximum": 99,
        "description": "2 for a second take",
    },
}
"""What every create takes beside the endpoint's fields."""

ON_PURPOSE: dict[str, schemas.Schema] = {
    "delete": {
        "type": "boolean",
        "enum": [True],
        "description": "true: the user wants it deleted for good",
    },
}
"""What a call that deletes must be told too, so that no mere guess deletes anything."""


def tool(endpoint: Endpoint, settings: Settings) -> Tool:
    """The tool of one endpoint."""
    properties, required = schemas.fields(endpoint, callbacks=settings.callbacks)
    options = {
        **OPTIONS,
        "wait_seconds": {**OPTIONS["wait_seconds"], "default": settings.wait_seconds},
    }
    if endpoint.deletes:
        options, required = {**options, **ON_PURPOSE}, [*required, *ON_PURPOSE]
    return Tool.of(
        partial(_create, endpoint=endpoint),
        toolset=endpoint.toolset,
        name=f"kling_{endpoint.name}",
        title=endpoint.name.replace("_", " ").capitalize(),
        description=_description(endpoint),
        parameters=schemas.object_schema(
            {**schemas.outlined(endpoint, properties), **_listed(options)}, required
        ),
        strict=schemas.object_schema({**properties, **options}, required),
        output=results.OUTPUT,
        annotations=DELETES if endpoint.deletes else CREATES,
        judges=True,
    )


def _listed(options: dict[str, schemas.Schema]) -> dict[str, schemas.Schema]:
    """The options as every create lists them: without the bounds that nobody passes."""
    take = {n: v for n, v in options["take"].items() if n not in ("minimum", "maximum")}
    wait = {n: v for n, v in options["wait_seconds"].items() if n != "minimum"}
    return {**options, "take": take, "wait_seconds": wait}


def _description(endpoint: Endpoint) -> str:
    price = spending.usual(endpoint)
    if not endpoint.has_tasks:
        return " ".join([endpoint.summary, *filter(None, [endpoint.advice]), f"{price}, at once."])
    takes = "1 to 10 minutes" if endpoint.makes == "video" else "under a minute"
    return (
        f"{endpoint.summary} {endpoint.advice} {price}, {takes}. "
        "Returns outputs, or a task to wait for."
    )


async def _create(call: Call, *, endpoint: Endpoint) -> CallToolResult | InputRequiredResult:
    request = await read(call, endpoint)
    price = request.quote()
    spending.limit(price, call.get("max_cost"))
    if call.get("dry_run"):
        return await quoted(call, request, "Call again without dry_run to create it.")
    take: int = call.get("take") or 1
    earlier = await call.account.earlier(request, take)
    if earlier is not None:
        return await _follow(call, request, earlier, repeated=True)
    if call.settings.local_files:  # what cannot be kept is not paid for
        await asyncio.to_thread(_room, call.account.client.session.output_dir)
    admitted = await spending.confirm(call, request, take)
    if not isinstance(admitted, Admitted):
        return admitted
    joined = False
    try:
        began = (await call.account.ledger()).now()
        call.begun = True
        most = spending.exact(call.get("max_cost"))
        job, joined = call.account.submit(request, take=take, max_cost=most)
        admitted.job = job
    finally:
        if admitted.job is None or joined:
            call.account.total.withdraw(admitted)
    return await _follow(call, request, job, repeated=joined, began=began)


def _room(folder: Path) -> None:
    """Raise `DownloadError`, before anything is paid, when outputs cannot be saved here."""
    try:
        must_be_writable(f"{folder}/")
    except DownloadError as error:
        error.fix = (
            "Nothing was sent. The owner of this server can name another folder with "
            "KLING_OUTPUT_DIR."
        )
        raise


async def read(call: Call, endpoint: Endpoint) -> Request:
    """The typed request of a call; raises `InvalidRequest` with everything that is wrong."""
    wrong = {violation.field.partition(".")[0] for violation in call.violations}
    names = endpoint.request.params().keys() - wrong
    given = {n: v for n, v in call.arguments.items() if n in names and v is not None}
    admitted, refused = await media.admit(call, endpoint, given)
    violations = [*call.violations, *refused]
    wrong |= {violation.field.partition(".")[0] for violation in refused}
    session = call.account.client.session
    request = await asyncio.to_thread(sourced, session, endpoint.request(**admitted))
    check = await asyncio.to_thread(request.check)
    told = {violation.field for violation in check.violations}
    if idle := {n for n in told if admitted.get(n) == 0 and admitted[n] is not False}:
        # A number that the model does not take, and that a caller filled in with 0, asks for none.
        fewer = {name: value for name, value in admitted.items() if name not in idle}
        request = endpoint.request(**fewer).with_parent(request.parent)
        check = await asyncio.to_thread(request.check)
    # Of a field that is wrong already the library sees nothing, and would say that it is missing.
    violations += [v for v in check.violations if v.field.partition(".")[0] not in wrong]
    if violations:
        raise InvalidRequest(violations, endpoint=endpoint.name)
    for warning in check.warnings:
        call.tell(warning)
    return request


async def quoted(call: Call, request: Request, step: str) -> CallToolResult:
    """The price of a valid request in the place of its task.

    Raises `BudgetExceeded` for what creating it would be refused by.
    """
    shown = await asyncio.to_thread(call.account.client.preview, request)
    if shown.refusal is not None:
        raise shown.refusal
    price = shown.quote
    said = f"Valid. It would cost {price or 'an unknown amount'}."
    needed = await spending.due(call, request)
    if needed is not None:
        asks = spending.how_to_confirm(call, needed)
        said, step = f"{said} {asks}", f"{step} {asks}"
    facts = {
        "state": "not created",
        "endpoint": request.endpoint.name,
        "cost": results.quote(price),
        "must_be_confirmed": True if needed is not None else None,
        "budget": await results.budget(call.account),
        "warnings": call.warnings,
        "next_step": step,
    }
    return results.answer(facts, "\n".join([said, *call.warnings]))


async def _follow(
    call: Call, request: Request, job: Job, *, repeated: bool, began: float = 0.0
) -> CallToolResult:
    """Wait for the submit, then for the task, and tell what there is when the time is over.

    The time that a form took counts: hosts end a call after one minute, whatever it waited for.

    `repeated` when the task is that of an earlier call; else the ledger may know it from before
    `began`, its time.
    """
    loop = asyncio.get_running_loop()
    begin, seconds = loop.time(), max(0.0, call.get("wait_seconds") - call.asking)
    patience = max(seconds, SUBMITTING)
    if not await wait_for(job.outcome, patience, call.context, lambda: job.news or "submitting"):
        return await _in_line(call, request, job, repeated=repeated)
    task = job.outcome.result()
    left = seconds - (loop.time() - begin)
    if left > 0 and not task.complete:
        waiting = asyncio.ensure_future(task.wait())
        try:
            await wait_for(waiting, left, call.context, lambda: f"task {task.status}", since=begin)
            if waiting.done() and (error := waiting.exception()) is not None:
                _harmless(error, call)
        finally:
            waiting.cancel()
    facts = await results.describe(call.account, task)
    if task.row_id is not None and task.row_id != job.id:
        ledger = await call.account.ledger()
        row = await asyncio.to_thread(ledger.row, task.row_id)
        repeated = row.sent_at is not None and row.sent_at < began
        if not repeated:
            call.warnings.append(_HELD)
    if repeated:
        facts["repeated"] = True
        call.warnings.append(REPEATED)
    facts |= {"warnings": call.warnings, "budget": await results.budget(call.account)}
    said = "\n".join([results.line(facts), *call.warnings])
    return results.answer(facts, said, results.links(facts))


def _harmless(error: BaseException, call: Call) -> None:
    """A failed task is told by its state; trouble with waiting does not make the task fail."""
    if not isinstance(error, KlingError):
        raise error
    call.tell(error.told)


async def _in_line(call: Call, request: Request, job: Job, *, repeated: bool) -> CallToolResult:
    if repeated:
        call.warnings.append(REPEATED)
    news = job.news or "on its way to Kling"
    step = f'Call kling_wait_tasks with task_ids ["{job.id}"]. Do not create it again.'
    facts: dict[str, Any] = {
        "task_id": job.id,
        "endpoint": request.endpoint.name,
        "state": "waiting",
        "place": news,
        "repeated": repeated or None,
        "cost": results.quote(request.quote()),
        "warnings": call.warnings,
        "next_step": step,
    }
    return results.answer(facts, "\n".join([f"Request {job.id}: {news}. {step}", *call.warnings]))

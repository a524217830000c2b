"""Carries out a fault on one exchange: before the request is carried out, or on its answer."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Any, cast

from starlette.responses import HTMLResponse, JSONResponse, Response

from kling_core.sandbox import shapes
from kling_core.sandbox.faults import Fault
from kling_core.sandbox.wire import Dropped, Wire

_PAGE = "<html><body><h1>{status}</h1><p>The gateway has no better answer.</p></body></html>"


async def before(fault: Fault, wire: Wire) -> None:
    """What happens before the request is carried out; `Dropped` when it never will be."""
    if fault.action == "reset_before":
        await wire.drop()
    if fault.after:
        return
    if fault.action == "stall":
        await wire.stall(fault.seconds)
    if fault.action == "html":
        await wire.answer(_page(fault))
        raise Dropped


async def answer(fault: Fault | None, wire: Wire, response: Response) -> None:
    """Sends the answer, or what the fault makes of it."""
    match fault.action if fault else "":
        case "reset_after":
            await wire.drop()
        case "cut_after" if fault:
            await wire.answer_part(response, fault.bytes, graceful=False)
        case "truncate" if fault:
            await wire.answer_part(response, fault.bytes, graceful=True)
        case "stall" if fault and fault.after:
            await wire.stall(fault.seconds)
            await wire.answer(response)
        case _:
            await wire.answer(_bent(fault, response) if fault else response)


def _bent(fault: Fault, response: Response) -> Response:
    match fault.action:
        case "status_after":
            envelope = shapes.refusal(fault.code, fault.message)
            return JSONResponse(envelope, status_code=fault.status)
        case "html":
            return _page(fault)
        case "broken_json":
            half = bytes(response.body)[: len(response.body) // 2]
            return Response(half, response.status_code, media_type="application/json")
        case "unknown_status":
            return _edited(response, partial(_restated, status=fault.text))
        case "numbers_as_strings":
            return _edited(response, _as_strings)
        case "extra_fields":
            return _edited(response, partial(_with, new_field={"since": "tomorrow"}))
        case _:
            return response


def _page(fault: Fault) -> Response:
    return HTMLResponse(_PAGE.format(status=fault.status), status_code=fault.status)


def _edited(response: Response, edit: Callable[[Any], Any]) -> Response:
    """The same answer with each object in `data` edited."""
    envelope: dict[str, Any] = json.loads(bytes(response.body))
    data: object = envelope.get("data")
    if isinstance(data, list):
        envelope["data"] = [edit(item) for item in cast(list[Any], data)]
    elif isinstance(data, dict):
        envelope["data"] = edit(cast(dict[str, Any], data))
    return JSONResponse(envelope, status_code=response.status_code)


def _restated(value: Any, status: str) -> Any:
    """A task, or a page of tasks, with that status, under the key that it has."""
    if "result" in value:
        return value | {"result": [_restated(task, status) for task in value["result"]]}
    return value | {("status" if "status" in value else "task_status"): status}


def _with(value: Any, **extra: Any) -> Any:
    return value | extra


def _as_strings(value: Any) -> Any:
    if isinstance(value, dict):
        items = cast(dict[str, Any], value).items()
        return {key: _as_strings(item) for key, item in items}
    if isinstance(value, list):
        return [_as_strings(item) for item in cast(list[Any], value)]
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return value

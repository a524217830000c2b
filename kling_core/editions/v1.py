"""The codec of the `/v1` edition: checked fields become the JSON body.

The declaration decides everything: `Param.wire` is a field's place in the body, `Param.item` wraps
list entries. Only fields that were given go out, and `model_name` always; never a null.
Source: Kling API reference, general rules (2026-03).
"""

from __future__ import annotations

from typing import Any

from kling_core.declare.endpoint import Check, Endpoint


def encode(endpoint: Endpoint, check: Check, *, external_task_id: str | None) -> dict[str, Any]:
    """The body of a create as plain data with `Media` leaves.

    `external_task_id` is added where the endpoint takes one.
    """
    params = endpoint.request.params()
    sent = {name: check.fields[name] for name in params if name in check.sent}
    if external_task_id and endpoint.external_task_id:
        sent["external_task_id"] = external_task_id
    nest = next((p.wire.partition(".")[0] for p in params.values() if "." in p.wire), "")
    body: dict[str, Any] = {}
    for name, value in endpoint.request.wire_fields(sent).items():
        declared = params.get(name)
        if declared is None:  # a field that the endpoint inferred
            _put(body, f"{nest}.{name}" if nest else name, value)
        elif declared.item:
            _put(body, declared.wire or name, [{declared.item: entry} for entry in value])
        else:
            _put(body, declared.wire or name, value)
    return body


def _put(body: dict[str, Any], place: str, value: Any) -> None:
    *outer, last = place.split(".")
    for key in outer:
        body = body.setdefault(key, {})
    body[last] = value

"""Objects as inputs: earlier results, and whatever brings request fields along.

A task or an output in a variable goes where its kind belongs. Anything that has `kling_task()`, as
a job has, stands for that task; the method waits until the task is finished.

Anything that has `kling_fields()`, a mapping of request fields, may be given for one of them:
`%kling image-to-video --image {brush}` takes its masks and its model too. What is typed itself
comes first.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeGuard, cast

from kling_core.commands.arguments import UsageProblem

if TYPE_CHECKING:
    from kling_core.declare.endpoint import Endpoint, Request
    from kling_core.flows.task_state import Output

__all__ = ["request_of"]


def request_of(endpoint: Endpoint, fields: Mapping[str, Any]) -> Request:
    """The request of these fields.

    A job or a task stands for its only output; a job is waited for. An output stays itself in a
    media field; in a field that takes an id it becomes its id, and the request knows its parent for
    rules and price.

    Raises `UsageProblem` when a task has no output or several, and what went wrong with a job.
    """
    media = {declared.name for declared in endpoint.media_params}
    parent: Mapping[str, Any] | None = None
    made: dict[str, Any] = {}
    for name, value in _unfolded(fields).items():
        several = isinstance(value, list)
        given = cast("list[Any]", value) if several else [value]
        items = [_output(v, name) for v in given]
        if name not in media and name != endpoint.positional:
            for i, item in enumerate(items):
                if _is_output(item):
                    parent = item.task.as_parent()
                    items[i] = item.id
        made[name] = items if several else items[0]
    request = endpoint.request(**made)
    return request.with_parent(parent) if parent is not None else request


def _unfolded(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields, with those that objects among them bring along.

    Raises `UsageProblem` when an object has nothing for the field it is given for.
    """
    typed, brought = dict(fields), dict[str, Any]()
    for name, value in fields.items():
        fields_of = getattr(value, "kling_fields", None)
        if not callable(fields_of):
            continue
        more = cast("Mapping[str, Any]", fields_of())
        if name not in more:
            flags = " or ".join(f"--{other.replace('_', '-')}" for other in more)
            raise UsageProblem(
                f"--{name.replace('_', '-')}: {value!r} has nothing for it",
                fix=f"Give it for {flags}.",
            )
        typed[name] = more[name]
        brought |= more
    return {**brought, **typed}


def _output(value: Any, field: str) -> Any:
    """The only output of a task; anything else as it is."""
    if isinstance(value, (str, bytes, int, float)):  # most are: nothing is imported for them
        return value
    from kling_core.flows.task_state import TaskState

    task_of = getattr(value, "kling_task", None)
    if callable(task_of):
        value = task_of()
    if not isinstance(value, TaskState):
        return value
    outputs = value.outputs
    if len(outputs) == 1:
        return outputs[0]
    flag = f"--{field.replace('_', '-')}"
    if not outputs:
        raise UsageProblem(
            f"{flag}: task {value.task_id} has no output, it is {value.status}",
            fix="Wait for it first.",
        )
    raise UsageProblem(
        f"{flag}: task {value.task_id} has {len(outputs)} outputs",
        fix=f"Name one of them, such as {{picture.{outputs[0].kind}s[0]}}.",
    )


def _is_output(value: Any) -> TypeGuard[Output]:
    if isinstance(value, (str, bytes, int, float)):
        return False
    from kling_core.flows.task_state import Output

    return isinstance(value, Output)

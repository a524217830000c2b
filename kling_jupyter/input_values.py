"""Earlier results as inputs: a task or an output in a variable goes where its kind belongs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeGuard, cast

from kling_core.commands.arguments import UsageProblem
from kling_jupyter.brought import unfolded

if TYPE_CHECKING:
    from kling_core.declare.endpoint import Endpoint, Request
    from kling_core.flows.task_state import Output

__all__ = ["adopted"]


def adopted(endpoint: Endpoint, fields: Mapping[str, Any]) -> Request:
    """The request of these fields.

    A job or a task stands for its only output; a job is waited for. An output stays itself in a
    media field; in a field that takes an id it becomes its id, and the request knows its parent for
    rules and price.

    Raises `UsageProblem` when a task has no output or several, and what went wrong with a job.
    """
    media = {declared.name for declared in endpoint.media_params}
    parent: Mapping[str, Any] | None = None
    made: dict[str, Any] = {}
    for name, value in unfolded(fields).items():
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


def _output(value: Any, field: str) -> Any:
    """The only output of a task; anything else as it is."""
    if isinstance(value, (str, bytes, int, float)):
        return value
    from kling_core.flows.task_state import TaskState
    from kling_jupyter.jobs.job import Job

    if isinstance(value, Job):
        value = value.wait().task
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

"""Earlier results as inputs: a task or an output in a variable goes where its kind belongs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeGuard, cast

from kling_core.cli.arguments import UsageProblem
from kling_jupyter.brought import unfolded

if TYPE_CHECKING:
    from kling_core.endpoints.base import Endpoint, Request
    from kling_core.outputs import Output

__all__ = ["adopted"]


def adopted(endpoint: Endpoint, fields: Mapping[str, Any]) -> Request:
    """The request of these fields.

    A job or a task stands for its only output; a job is waited for. An output stays itself in a
    media field; in a field that takes an id it becomes its id, and the request knows its parent for
    rules and price.

    Raises `UsageProblem` when a task has no output or several, or one of the wrong kind, and what
    went wrong with a job.
    """
    params = endpoint.request.params()
    media = {name: declared.media for name, declared in params.items() if declared.media}
    parent: Mapping[str, Any] | None = None
    made: dict[str, Any] = {}
    for name, value in unfolded(fields).items():
        several = isinstance(value, list)
        given = cast("list[Any]", value) if several else [value]
        items = [_output(v, name) for v in given]
        for item in items:
            if name in media and _is_output(item):
                _must_fit(item, media[name], name)
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
    from kling_core.task import TaskState
    from kling_jupyter.job import Job

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


def _must_fit(output: Output, media: str, field: str) -> None:
    """Raises `UsageProblem` when a field of this kind of media does not take the output."""
    wanted = media if media in ("video", "audio") else "image"
    if output.kind != wanted:
        raise UsageProblem(
            f"--{field.replace('_', '-')}: output {output.index} of task {output.task.task_id} is "
            f"{_ARTICLES[output.kind]}; this takes {_ARTICLES[wanted]}",
            fix=_FRAME if (output.kind, wanted) == ("video", "image") else "",
        )


_FRAME = (
    "To go on from its end: from kling_core.media.frames import last_frame; "
    "frame = last_frame(clip.path)."
)

_ARTICLES = {"image": "a picture", "video": "a video", "audio": "a sound"}


def _is_output(value: Any) -> TypeGuard[Output]:
    if isinstance(value, (str, bytes, int, float)):
        return False
    from kling_core.outputs import Output

    return isinstance(value, Output)

"""The two shapes of requests and answers as a table: `/v1`, path-per-model, and what mixes them.

Sources: Kling API reference, general rules (2026-03); the same, new standard (2026-09), tasks,
outputs and billing; solutions, virtual try-on 3.0, which answers partly in the older shape.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Final

from kling_core.sandbox.contract import Task
from kling_core.sandbox.fields import Body
from kling_core.sandbox.tasks import Made, SandboxTask, UrlOf

Json = dict[str, Any]


@dataclass(frozen=True)
class Options:
    """What a create says about the task itself: our own id, where to report it, the watermark."""

    own_id: str = ""
    callback_url: str = ""
    watermark: bool = False


@dataclass(frozen=True)
class Shape:
    """How one edition is asked and how it answers.

    `options` is the object of the body that holds them, empty for the body itself. `tasks` is
    where tasks of all its endpoints are looked up; empty where each has a place below its own
    path. `pairs` says whether a token made from a key pair is taken.
    """

    created: Callable[[SandboxTask, bool], Json]
    described: Callable[[SandboxTask, UrlOf], Json]
    options: str = ""
    tasks: str = ""
    limit: int = 30
    """How many tasks a list shows when it is not told."""

    others: bool = False
    """Whether tasks of other shapes are looked up here too, told in this one."""

    pairs: bool = True

    def read_options(self, body: Body, call: Task) -> Options:
        """The options, read from where this shape has them."""
        given = body.object(self.options) if self.options else body
        if given is None:
            return Options()
        mark = given.object(call.watermark) if call.watermark else None
        return Options(
            given.text("external_task_id") if call.own_id else "",
            given.text("callback_url"),
            mark.flag("enabled") if mark else False,
        )


def success(data: object, warnings: list[str] | None = None) -> Json:
    """The envelope of a good answer; warnings of the sandbox stand in the message."""
    message = "SUCCEED" + (f" (sandbox: {'; '.join(warnings)})" if warnings else "")
    return {"code": 0, "message": message, "request_id": str(uuid.uuid4()), "data": data}


def refusal(code: int, message: str) -> Json:
    """The envelope of a refusal, which has no `data`."""
    return {"code": code, "message": message, "request_id": str(uuid.uuid4())}


def plain(value: Decimal) -> str:
    """A decimal as the service prints it: no exponent, no needless zeros."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def seconds(length: float | None) -> str:
    """A length as the service prints it."""
    return plain(Decimal(f"{length or 0:.3f}"))


# --- /v1 -----------------------------------------------------------------------------------


def _created_v1(task: SandboxTask, info: bool) -> Json:
    own = {"task_info": {"external_task_id": task.external_task_id}} if info else {}
    return {
        "task_id": task.task_id,
        "task_status": "submitted",
        **own,
        "created_at": task.created_at,
        "updated_at": task.created_at,
    }


def _described_v1(task: SandboxTask, url_of: UrlOf) -> Json:
    data: Json = {
        "task_id": task.task_id,
        "task_status": task.status,
        "task_status_msg": task.status_msg,
    }
    if task.listed:
        data["task_info"] = _info_v1(task)
    if task.status == "succeed":
        result: Json = {} if task.outputs else {_PLURALS.get(task.makes, task.makes): []}
        for made in task.outputs:
            told = _OUTPUT_V1.get(made.kind, _thing)(task, made, url_of)
            result.setdefault(_PLURALS.get(made.kind, made.kind), []).append(told)
        data["task_result"] = result
    if task.watermark:
        data["watermark_info"] = {"enabled": True}
    if task.deducted is not None:
        data["final_unit_deduction"] = plain(task.deducted)
    return data | {"created_at": task.created_at, "updated_at": task.updated_at}


def _info_v1(task: SandboxTask) -> Json:
    info: Json = {"external_task_id": task.external_task_id}
    parent = task.job.parent
    if parent:
        length = seconds(parent.seconds)
        info["parent_video"] = {"id": parent.video_id, "url": parent.url, "duration": length}
    return info


def _urls(task: SandboxTask, made: Made, url_of: UrlOf) -> Json:
    if made.output.path is None:
        return {}
    urls = {"url": url_of(made, False)}
    return urls | {"watermark_url": url_of(made, True)} if task.watermark else urls


def _image_v1(task: SandboxTask, made: Made, url_of: UrlOf) -> Json:
    return {"index": made.index, **_urls(task, made, url_of), **made.output.data}


def _video(task: SandboxTask, made: Made, url_of: UrlOf) -> Json:
    urls = _urls(task, made, url_of)
    length = seconds(made.output.seconds)
    return {"id": made.video_id, **urls, "duration": length, **made.output.data}


def _sound_v1(task: SandboxTask, made: Made, url_of: UrlOf) -> Json:
    """What was made by a task has two files in the answer, what was answered at once has one."""
    if not task.listed:
        return _video(task, made, url_of)
    return {"id": made.video_id, **_twice(made, url_of, "url_{}", "duration_{}")}


def _twice(made: Made, url_of: UrlOf, url: str, length: str) -> Json:
    """The same sound under both names; whoever decodes it looks into it, not at its name."""
    kinds = ("mp3", "wav")
    urls = {url.format(kind): url_of(made, False) for kind in kinds}
    return urls | {length.format(kind): seconds(made.output.seconds) for kind in kinds}


def _thing(task: SandboxTask, made: Made, url_of: UrlOf) -> Json:
    """What has no columns of its own: what the output says, and its file where it has one."""
    deleted = {"status": "deleted"} if made.deleted else {}
    return {**_urls(task, made, url_of), **made.output.data, **deleted}


def _named(task: SandboxTask, made: Made, url_of: UrlOf) -> Json:
    """An element or a voice of `/v1`: its id carries its kind in its name."""
    kept = {"status": "succeed", "owned_by": "sandbox"}
    return {f"{made.kind}_id": made.video_id, **kept, **_thing(task, made, url_of)}


_PLURALS: Final = {
    "video": "videos",
    "image": "images",
    "audio": "audios",
    "element": "elements",
    "voice": "voices",
}
_OUTPUT_V1: Final = {
    "video": _video,
    "image": _image_v1,
    "audio": _sound_v1,
    "element": _named,
    "voice": _named,
}


# --- path-per-model ------------------------------------------------------------------------


_WORDS: Final = {"succeed": "succeeded"}


def _created_v2(task: SandboxTask, info: bool) -> Json:
    own = {"external_id": task.external_task_id} if info and task.external_task_id else {}
    return {
        "id": task.task_id,
        "status": "submitted",
        "message": "",
        **own,
        "create_time": task.created_at,
        "update_time": task.created_at,
    }


def _described_v2(task: SandboxTask, url_of: UrlOf) -> Json:
    own = {"external_id": task.external_task_id} if task.external_task_id else {}
    data: Json = {
        "id": task.task_id,
        "status": _WORDS.get(task.status, task.status),
        "message": task.status_msg,
        **own,
        "create_time": task.created_at,
        "update_time": task.updated_at,
    }
    if task.status == "succeed":
        data["outputs"] = [
            {"type": made.kind, **_OUTPUT_V2.get(made.kind, _thing)(task, made, url_of)}
            for made in task.outputs
        ]
    if task.deducted is not None:
        data["billing"] = [_bill(task, task.deducted)]
    return data


def _bill(task: SandboxTask, units: Decimal) -> Json:
    if task.status == "failed":  # seen live: nothing but the amount
        return {"amount": plain(units)}
    return {"charge_type": "unit", "amount": plain(units), "package_type": task.pack}


def _thing_v2(task: SandboxTask, made: Made, url_of: UrlOf) -> Json:
    kept = {"status": "succeeded", "owned_by": "sandbox"}
    return {"id": made.video_id, **kept, **_thing(task, made, url_of)}


def _sound_v2(task: SandboxTask, made: Made, url_of: UrlOf) -> Json:
    del task
    return {"id": made.video_id, **_twice(made, url_of, "{}_url", "{}_duration")}


_OUTPUT_V2: Final = {
    "video": _video,
    "audio": _sound_v2,
    "element": _thing_v2,
    "voice": _thing_v2,
}


# --- solutions -----------------------------------------------------------------------------


def _created_try_on(task: SandboxTask, info: bool) -> Json:
    """Printed so on its page: `task_id` where the other solutions have `id`."""
    told = _created_v2(task, info)
    return {"task_id": told.pop("id"), **told}


def _described_try_on(task: SandboxTask, url_of: UrlOf) -> Json:
    """Printed so on its page: the older word of success."""
    return {**_described_v2(task, url_of), "status": task.status}


_V2 = Shape(
    created=_created_v2,
    described=_described_v2,
    options="options",
    tasks="/tasks",
    limit=100,
    others=True,
    pairs=False,
)
_SOLUTIONS = replace(_V2, tasks="/solutions", limit=500, others=False)

SHAPES: Final[Mapping[str, Shape]] = {
    "v1": Shape(created=_created_v1, described=_described_v1),
    "v2": _V2,
    "solutions": _SOLUTIONS,
    "solutions/try_on": replace(_SOLUTIONS, created=_created_try_on, described=_described_try_on),
}
"""The shapes by the name that a contract gives."""

"""The answers' shapes: envelopes, tasks, packs (Kling API reference, response envelope)."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from kling_core.sandbox.tasks import Account, Made, SandboxTask

Json = dict[str, Any]
UrlOf = Callable[[Made, bool], str]
"""The current URL of an output; `True` asks for the watermarked one."""


def success(data: object, warnings: list[str] | None = None) -> Json:
    """The envelope of a good answer; warnings of the sandbox stand in the message."""
    message = "SUCCEED" + (f" (sandbox: {'; '.join(warnings)})" if warnings else "")
    return {
        "code": 0,
        "message": message,
        "request_id": str(uuid.uuid4()),
        "data": data,
    }


def refusal(code: int, message: str) -> Json:
    """The envelope of a refusal, which has no `data`."""
    return {"code": code, "message": message, "request_id": str(uuid.uuid4())}


def created(task: SandboxTask, *, with_info: bool) -> Json:
    """What a create call answers."""
    info = {"task_info": {"external_task_id": task.external_task_id}} if with_info else {}
    return {
        "task_id": task.task_id,
        "task_status": "submitted",
        **info,
        "created_at": task.created_at,
        "updated_at": task.created_at,
    }


def described(task: SandboxTask, url_of: UrlOf) -> Json:
    """What a query answers for one task, alone or in a list."""
    data: Json = {
        "task_id": task.task_id,
        "task_status": task.status,
        "task_status_msg": task.status_msg,
        "task_info": _info(task),
    }
    if task.status == "succeed":
        data["task_result"] = _result(task, url_of)
    if task.watermark:
        data["watermark_info"] = {"enabled": True}
    if task.deducted is not None:
        data["final_unit_deduction"] = plain(task.deducted)
    return data | {"created_at": task.created_at, "updated_at": task.updated_at}


def costs(account: Account, name: str | None) -> Json:
    """What `/account/costs` answers: one pack for videos, one for images."""
    packs: list[Json] = []
    for kind, product in (("video", "video"), ("image", "image")):
        total, remaining = account.totals[kind], account.balances[kind]
        limit = account.limits[product]
        month = 30 * 24 * 3600 * 1000
        now = account.now_ms()
        packs.append(
            {
                "resource_pack_name": f"Sandbox-{kind.title()}-{plain(total)}Units-{limit}Con",
                "resource_pack_id": f"sandbox-{kind}",
                "resource_pack_type": "decreasing_total",
                "total_quantity": float(total),
                "remaining_quantity": float(remaining),
                "purchase_time": now - month,
                "effective_time": now - month,
                "invalid_time": now + month,
                "status": "online" if remaining > 0 else "runOut",
            }
        )
    chosen = [pack for pack in packs if name in (None, "", pack["resource_pack_name"])]
    return {"code": 0, "msg": "SUCCEED", "resource_pack_subscribe_infos": chosen}


def plain(value: Decimal) -> str:
    """A decimal as the service prints it: no exponent, no needless zeros."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _info(task: SandboxTask) -> Json:
    info: Json = {"external_task_id": task.external_task_id}
    parent = task.job.parent
    if parent:
        info["parent_video"] = {
            "id": parent.video_id,
            "url": parent.url,
            "duration": _length(parent.seconds),
        }
    return info


def _result(task: SandboxTask, url_of: UrlOf) -> Json:
    if task.job.product != "video":
        images = [{"index": made.index, **_urls(task, made, url_of)} for made in task.outputs]
        return {"images": images}
    videos = [
        {
            "id": made.video_id,
            **_urls(task, made, url_of),
            "duration": _length(made.output.seconds or 0),
        }
        for made in task.outputs
    ]
    return {"videos": videos}


def _urls(task: SandboxTask, made: Made, url_of: UrlOf) -> Json:
    urls = {"url": url_of(made, False)}
    return urls | {"watermark_url": url_of(made, True)} if task.watermark else urls


def _length(seconds: float) -> str:
    return plain(Decimal(f"{seconds:.3f}"))

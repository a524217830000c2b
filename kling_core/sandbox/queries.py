"""Look-ups and lists over the whole account: `GET` and `POST` of `/tasks` and of `/solutions`.

Source: Kling API reference, new standard (2026-09), tasks; texts and bounds as seen live.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from itertools import islice
from typing import Any, Final

from kling_core.sandbox.contract import Contract, Presets
from kling_core.sandbox.fields import Body
from kling_core.sandbox.jobs import Job
from kling_core.sandbox.refusals import invalid_value, wrong_value
from kling_core.sandbox.shapes import SHAPES, Json, Shape
from kling_core.sandbox.tasks import RETENTION_SECONDS, Account, Made, SandboxTask, UrlOf

IDS_AT_ONCE: Final = 20
"""How many ids one look-up takes."""

LONGEST_PAGE: Final = 500
"""Highest `limit` of a list."""

_FILTERS = ("status", "product_type")
_NOBODYS = Job("", 0.0, Decimal(0), lambda _: [])


def found(account: Account, shape: Shape, query: Mapping[str, str], url_of: UrlOf) -> list[Json]:
    """The tasks with these ids, or these ids of ours; one that is not there is left out."""
    ids, own_ids = (
        [name for name in query.get(key, "").split(",") if name]
        for key in ("task_ids", "external_task_ids")
    )
    if bool(ids) == bool(own_ids):
        raise wrong_value("task_ids or external_task_ids is required")
    if len(ids) + len(own_ids) > IDS_AT_ONCE:
        raise wrong_value(f"task_ids and external_task_ids cannot exceed {IDS_AT_ONCE} in total")
    return [
        _told(shape, task, url_of)
        for task in account.tasks()
        if _lives(shape, task) and (task.task_id in ids or task.external_task_id in own_ids)
    ]


def searched(
    account: Account,
    shape: Shape,
    body: Body,
    url_of: UrlOf,
    mixed: Callable[[list[Json]], None],
) -> Json:
    """One page of all tasks, newest first before `mixed` has had it; empty keys are left out."""
    limit = body.whole("limit", -LONGEST_PAGE, LONGEST_PAGE, shape.limit)
    wanted = [(item.text("key", required=True), item) for item in body.items("filters", 0, 10)]
    for number, (key, _) in enumerate(wanted):
        if key not in _FILTERS:
            raise invalid_value(f"filters[{number}].key", key)
    filters = [(key, _words(item)) for key, item in wanted]
    before, start, end = _window(body, account.now_ms())
    # Told one by one, as far as the page goes: an account has thousands of tasks.
    told_tasks = (
        (task.number, told)
        for task in reversed(account.tasks())
        if _lives(shape, task) and account.shown(task) and start <= task.created_at <= end
        if (not before or task.number < before)
        for told in [_told(shape, task, url_of)]
        if all(_is(task, told, key, words) for key, words in filters)
    )
    page = list(islice(told_tasks, max(1, limit)))
    if not page:
        return {"count": 0, "has_more": False}
    result = [told for _, told in page]
    mixed(result)
    more = next(told_tasks, None) is not None
    cursor = {"next_cursor": _cursor(page[-1][0], start, end)} if more else {}
    return {"result": result, "count": len(result), **cursor, "has_more": more}


def offered(contract: Contract, presets: Presets) -> list[SandboxTask]:
    """Each thing that is there for everybody, as a task that nobody made and nobody pays."""
    return [
        SandboxTask(
            endpoint=contract.name,
            job=_NOBODYS,
            created_at=0,
            request={},
            task_id=f"preset-{number}",
            status="succeed",
            makes=contract.makes,
            outputs=[Made(output, 0, output.kind or contract.makes)],
        )
        for number, output in enumerate(presets.things)
    ]


def _lives(shape: Shape, task: SandboxTask) -> bool:
    """Whether the task is looked up here: those of `/v1` are on the new standard's list too."""
    home = SHAPES[task.shape].tasks
    return task.listed and (home == shape.tasks or (shape.others and not home))


def _told(shape: Shape, task: SandboxTask, url_of: UrlOf) -> Json:
    own = SHAPES[task.shape]
    return (own if own.tasks else shape).described(task, url_of)


def _words(item: Body) -> Sequence[Any]:
    words: Any = item.get("values")
    if not isinstance(words, list):
        raise invalid_value(item.name_of("values"), words)
    return words  # pyright: ignore[reportUnknownVariableType]


def _is(task: SandboxTask, told: Json, key: str, words: Sequence[Any]) -> bool:
    return (told["status"] if key == "status" else task.pool or task.makes) in words


def _window(body: Body, now: int) -> tuple[int, int, int]:
    """Before which task, and from when to when; with a cursor the times are not asked."""
    end = body.whole("end_time", 0, 10**15, now)
    start = body.whole("start_time", 0, 10**15, end - RETENTION_SECONDS * 1000)
    cursor = body.text("cursor")
    if not cursor:
        return 0, start, end
    try:
        before, start, end = map(int, json.loads(base64.urlsafe_b64decode(cursor)))
    except (ValueError, TypeError):
        raise invalid_value("cursor", cursor) from None
    return before, start, end


def _cursor(*place: int) -> str:
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode()

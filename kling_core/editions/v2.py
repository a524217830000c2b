"""The path-per-model edition: typed `contents`, `settings`, `options`, and one place for all tasks.

`Param.wire` is a field's place in the body: `settings.duration`, `prompt`, or an item of `contents`
by its type, `contents.first_frame.url`; `Param.item` names the key of what a list of such items
has. Of `options` those that the service ignores anywhere else need no place: our own id, the
callback, the watermark. The model is in the path and nowhere else,
under the name that its row of the catalogue says.
Source: Kling API reference, new standard (2026-09): requests, tasks, own ids seen live.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, cast
from urllib.parse import quote

from kling_core.catalog import tables
from kling_core.declare.endpoint import Check, Endpoint
from kling_core.editions import task_facts
from kling_core.editions.base import MODEL, Ask, Edition, Find, Page, put
from kling_core.editions.task_facts import TaskFacts

__all__ = ["EDITION", "V2"]

TASKS = "/tasks"

_OPTIONS = ("external_task_id", "callback_url", "watermark_info")
_CONTENTS = "contents."


class V2(Edition):
    """The edition of `/{operation}/{model}`."""

    name: ClassVar = "v2"
    own_id_place: ClassVar = "options.external_task_id"
    callback_place: ClassVar = "options.callback_url"
    ids_at_once: ClassVar = 20
    page_size: ClassVar = 500
    lists_account: ClassVar = True
    needs_api_key: ClassVar = True

    def route(self, endpoint: Endpoint, model: str, *, path: str = "") -> Ask:
        """The declared path with the model in it; where none is named, its place stays empty."""
        row = tables.model(model, endpoint.name)
        called = row.editions.get(self.name, model) if row else model
        named = quote(called, safe="") if called else MODEL
        return Ask("POST", (path or self.declared(endpoint)).replace(MODEL, named))

    def encode(
        self, endpoint: Endpoint, check: Check, *, own_id: str | None, callback: str | None = None
    ) -> dict[str, Any]:
        """The body; each item of `contents` holds all that is said of its material."""
        params = endpoint.request.params()
        named = (name for name in params if name in check.sent and name != "model_name")
        sent = {name: check.fields[name] for name in named}
        if own_id and endpoint.external_task_id:
            sent["external_task_id"] = own_id
        if callback:
            sent.setdefault("callback_url", callback)
        body: dict[str, Any] = {}
        for name, value in endpoint.request.wire_fields(sent).items():
            declared = params.get(name)
            place = declared.place(self.name) if declared else name
            if name in _OPTIONS:
                put(body, f"options.{name}", value)
            elif place.startswith(_CONTENTS):
                item = declared.item if declared else ""
                _add(body.setdefault("contents", []), place, item, value)
            else:
                put(body, place, value)
        return body

    def find(self, endpoint: Endpoint, own_id: str | None) -> Find:
        """By the own id, unless it cannot be asked for: ids are asked for with commas between."""
        return super().find(endpoint, None if own_id and "," in own_id else own_id)

    def by_ids(self, path: str, task_ids: Sequence[str]) -> Ask:
        """Wherever they were made."""
        del path
        return Ask("GET", TASKS, query={"task_ids": ",".join(task_ids)})

    def by_own_id(self, path: str, own_id: str) -> Ask:
        """Wherever it was made."""
        del path
        return Ask("GET", TASKS, query={"external_task_ids": own_id})

    def one(self, envelope: Mapping[str, Any], name: str) -> TaskFacts | None:
        """The entry of this id; an empty list is the server's way of saying "not found"."""
        if envelope.get("data") == []:
            return None
        tasks = self.many(envelope)
        mine = [task for task in tasks if name in (task.task_id, task.external_task_id)]
        return mine[0] if len(mine) == 1 and mine[0].task_id else self.facts({})

    def page(self, path: str, place: str, size: int) -> Ask:
        """By a cursor, from all tasks of the last 30 days."""
        del path
        return Ask("POST", TASKS, body={"cursor": place, "limit": size})

    def listed(self, envelope: Mapping[str, Any], place: str, size: int) -> Page:
        """Of an empty list `result` and the cursor are missing (seen live)."""
        del place, size
        data: Any = envelope.get("data")
        if not isinstance(data, dict):
            return Page((), None, whole=False)
        told = cast("dict[str, Any]", data)
        tasks = self.many(envelope)
        following = task_facts.text(told, "next_cursor") if told.get("has_more") else ""
        read = self.readable(envelope, tasks) or "result" not in told
        return Page(tasks, following or None, whole=read and not told.get("has_more"))


EDITION = V2()


def _add(contents: list[dict[str, Any]], place: str, item: str, value: Any) -> None:
    """Write a field into `contents`: a list as an item each, else into the item of its type."""
    _, kind, *key = place.split(".")
    if isinstance(value, (list, tuple)):
        entries = cast("Sequence[Any]", value)
        contents += [{"type": kind, **_inside(entry, item or "".join(key))} for entry in entries]
        return
    known = next((one for one in contents if one["type"] == kind), None)
    if known is None:
        contents.append(known := {"type": kind})
    known.update(_inside(value, "".join(key) or item))


def _inside(value: Any, key: str) -> dict[str, Any]:
    return {**cast("dict[str, Any]", value)} if isinstance(value, dict) else {key: value}

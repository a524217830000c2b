"""The `/v1` edition: the model is a field of the body, and each endpoint has its own look-ups.

The declaration decides everything: `Param.wire` is a field's place in the body, `Param.item` wraps
list entries. Only fields that were given go out, and `model_name` always; never a null.
Source: Kling API reference, general rules (2026-03).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar
from urllib.parse import quote

from kling_core.declare.endpoint import Check, Endpoint
from kling_core.editions.base import Ask, Edition, Page, put

__all__ = ["EDITION", "V1"]


class V1(Edition):
    """The edition of `/v1/…`."""

    name: ClassVar = "v1"
    own_id_place: ClassVar = "external_task_id"
    callback_place: ClassVar = "callback_url"
    ids_at_once: ClassVar = 1
    page_size: ClassVar = 500
    lists_account: ClassVar = False
    needs_api_key: ClassVar = False

    def route(self, endpoint: Endpoint, model: str, *, path: str = "") -> Ask:
        """The declared path, whatever the model."""
        del model
        return Ask("POST", path or self.declared(endpoint))

    def encode(
        self, endpoint: Endpoint, check: Check, *, own_id: str | None, callback: str | None = None
    ) -> dict[str, Any]:
        """The flat body."""
        params = endpoint.request.params()
        sent = {name: check.fields[name] for name in params if name in check.sent}
        if own_id and endpoint.external_task_id:
            sent["external_task_id"] = own_id
        places = {name: p.place(self.name) for name, p in params.items()}
        nest = next((p.partition(".")[0] for p in places.values() if "." in p), "")
        body: dict[str, Any] = {}
        for name, value in endpoint.request.wire_fields(sent).items():
            declared = params.get(name)
            if declared is None:  # a field that the endpoint inferred
                put(body, f"{nest}.{name}" if nest else name, value)
            elif declared.item:
                put(body, places[name], [{declared.item: entry} for entry in value])
            else:
                put(body, places[name], value)
        if callback:
            body.setdefault(self.callback_place, callback)
        return body

    def by_ids(self, path: str, task_ids: Sequence[str]) -> Ask:
        """Below the path of the create."""
        (task_id,) = task_ids
        return Ask("GET", f"{path}/{quote(task_id, safe='')}")

    def by_own_id(self, path: str, own_id: str) -> Ask:
        """The same: the server compares the segment with both ids."""
        return self.by_ids(path, [own_id])

    def by_name(self, path: str, name: str) -> Sequence[Ask]:
        """One question, for the same reason."""
        return (self.by_ids(path, [name]),)

    def page(self, path: str, place: str, size: int) -> Ask:
        """Pages have numbers, from 1."""
        return Ask("GET", path, query={"pageNum": place or 1, "pageSize": size})

    def numbered(self, number: int) -> str:
        """Any page can be asked for."""
        return str(number)

    def listed(self, envelope: Mapping[str, Any], place: str, size: int) -> Page:
        """No total is told: a page that is not full is the last one."""
        tasks = self.many(envelope)
        if len(tasks) >= size:
            return Page(tasks, str(int(place or 1) + 1), whole=False)
        return Page(tasks, None, whole=self.readable(envelope, tasks))


EDITION = V1()

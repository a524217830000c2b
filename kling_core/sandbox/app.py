"""The sandbox as an ASGI application: routes, authorization, faults, answers."""

from __future__ import annotations

import json
import logging
import random
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, cast

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.types import Message, Receive, Scope, Send

from kling_core.declare import registry
from kling_core.sandbox import auth, mishaps, moderation, replies
from kling_core.sandbox.contracts import contract
from kling_core.sandbox.faults import Fault, Faults
from kling_core.sandbox.fields import Body
from kling_core.sandbox.jobs import Contract, Shop
from kling_core.sandbox.lifecycle import Lifecycle, Timer
from kling_core.sandbox.media import PREFIX, MediaUrls
from kling_core.sandbox.refusals import Refusal, invalid_value
from kling_core.sandbox.stats import Stats
from kling_core.sandbox.tasks import Account, SandboxTask
from kling_core.sandbox.wire import Dropped, Wire

PAGES = 1000
"""Highest `pageNum` of a list call."""

PAGE_SIZE = 500
"""Highest `pageSize` of a list call; 30 is the default."""

_log = logging.getLogger("kling_core.sandbox")


@dataclass(frozen=True)
class Route:
    """What a request is for: its kind, the endpoint it goes to, the id in its path."""

    kind: str
    pattern: str
    endpoint: str | None = None
    any_id: str = ""


@dataclass(frozen=True)
class Served:
    """One endpoint that the sandbox serves."""

    name: str
    path: str
    contract: Contract


@dataclass
class Service:
    """Everything the application works with."""

    keys: auth.Keys
    account: Account
    lifecycle: Lifecycle
    urls: MediaUrls
    faults: Faults
    stats: Stats
    shop: Shop
    clock: Callable[[], float]
    shuffle_lists: bool


class App:
    """Answers HTTP requests for one sandbox."""

    def __init__(
        self,
        service: Service,
        connections: Callable[[], Iterable[Any]],
        timer: Callable[[], Timer],
    ) -> None:
        self._service = service
        self._connections = connections
        self._timer = timer
        self._served = {served.name: served for served in _served()}
        self.stopping: Any = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI entry."""
        if scope["type"] != "http":
            return
        send = _signed(send)
        request = Request(scope, receive)
        wire = Wire(scope, receive, send, connections=self._connections, stopping=self.stopping)
        try:
            await self._serve(request, wire)
        except Dropped:
            return
        except Exception as problem:  # noqa: BLE001 - a defect must answer 5000, not hang up
            _log.exception("the sandbox broke on %s %s", request.method, request.url.path)
            await wire.answer(self._refuse(Refusal(5000, f"Internal error: {problem}")))

    async def _serve(self, request: Request, wire: Wire) -> None:
        path = re.sub(r"/{2,}", "/", request.scope["path"])
        try:
            route = self._route(request.method, path)
        except Refusal as refusal:
            self._service.stats.requests[request.method, path] += 1
            await wire.answer(self._refuse(refusal))
            return
        self._service.stats.requests[request.method, route.pattern] += 1
        if route.kind == "media":
            await self._serve_media(request, wire, path)
            return
        body = await request.body()
        try:
            now = self._service.clock()
            auth.check(request.headers.get("authorization"), self._service.keys, now)
        except Refusal as refusal:
            await wire.answer(self._refuse(refusal))
            return
        fault = None
        if route.kind != "control":
            fault = self._service.faults.take(route.kind, route.endpoint)
        if fault:
            await mishaps.before(fault, wire)
        response = self._answer(route, request, body, fault)
        await mishaps.answer(fault, wire, response)

    def _route(self, method: str, path: str) -> Route:
        """What the request is for. Raises 1203 for an unknown path, 1202 for a wrong method."""
        found = self._match(path)
        if found is None:
            raise Refusal(1203, f"The requested resource {path} does not exist")
        pattern, kinds, endpoint, any_id = found
        if method not in kinds:
            raise Refusal(1202, f"Method {method} is not supported for {path}")
        return Route(kinds[method], pattern, endpoint, any_id)

    def _match(self, path: str) -> tuple[str, dict[str, str], str | None, str] | None:
        if path.startswith(PREFIX):
            return "/media/{token}", {"GET": "media", "HEAD": "media"}, None, ""
        if path == "/account/costs":
            return path, {"GET": "account"}, None, ""
        if path == "/sandbox/faults":
            return (
                path,
                {"POST": "control", "GET": "control", "DELETE": "control"},
                None,
                "",
            )
        for served in self._served.values():
            if path.rstrip("/") == served.path:
                return served.path, {"POST": "create", "GET": "list"}, served.name, ""
            if path.startswith(f"{served.path}/"):
                any_id = path.removeprefix(f"{served.path}/")
                return f"{served.path}/{{id}}", {"GET": "get"}, served.name, any_id
        return None

    def _answer(self, route: Route, request: Request, body: bytes, fault: Fault | None) -> Response:
        if fault and fault.action == "refuse":
            return self._refuse(Refusal(fault.code, fault.message, status=fault.status))
        try:
            if route.kind == "control":
                data, warnings = self._control(request.method, body), []
            elif route.kind == "account":
                data, warnings = self._costs(request), []
            elif route.kind == "create":
                data, warnings = self._create(route.endpoint or "", body, fault)
            elif route.kind == "get":
                data, warnings = self._get(route), []
            else:
                data, warnings = self._list(request, route), []
        except Refusal as refusal:
            return self._refuse(refusal)
        self._service.stats.codes[0] += 1
        return JSONResponse(replies.success(data, warnings))

    def _refuse(self, refusal: Refusal) -> Response:
        self._service.stats.codes[refusal.code] += 1
        envelope = replies.refusal(refusal.code, refusal.message)
        return JSONResponse(envelope, status_code=refusal.status)

    def _create(self, endpoint: str, raw: bytes, fault: Fault | None) -> tuple[object, list[str]]:
        served, service = self._served[endpoint], self._service
        values = _json_object(raw)
        body = Body(values)
        callback_url = body.text("callback_url")
        external_id = body.text("external_task_id") if served.contract.external_task_id else ""
        watermark = body.object("watermark_info") if served.contract.watermark else None
        marked = watermark.flag("enabled") if watermark else False
        job = served.contract.read(body, service.shop)
        service.stats.unknown_keys.extend((endpoint, key) for key in body.unread())
        service.stats.null_keys.extend((endpoint, key) for key in body.nulls())
        doom = moderation.judge(job.prompts)
        if external_id:
            service.account.check_external_id(external_id)
        if fault and fault.action == "fail":
            doom = fault.text
        task = SandboxTask(
            endpoint=endpoint,
            job=job,
            created_at=service.account.now_ms(),
            request=values,
            external_task_id=external_id,
            callback_url=callback_url,
            watermark=marked,
            doom=doom,
        )
        service.account.accept(task)
        answer = replies.created(task, with_info=served.contract.task_info_on_create)
        extra = (fault.seconds or 0.0) if fault and fault.action == "slow" else 0.0
        service.lifecycle.begin(task, self._timer(), extra_seconds=extra)
        return answer, job.warnings

    def _get(self, route: Route) -> object:
        task = self._service.account.find(route.endpoint or "", route.any_id)
        return replies.described(task, self._service.urls.url)

    def _list(self, request: Request, route: Route) -> object:
        page = _query_number(request, "pageNum", 1, PAGES)
        size = _query_number(request, "pageSize", 30, PAGE_SIZE)
        tasks = self._service.account.page(route.endpoint or "", page, size)
        if self._service.shuffle_lists:
            random.shuffle(tasks)
        return [replies.described(task, self._service.urls.url) for task in tasks]

    def _costs(self, request: Request) -> object:
        for name in ("start_time", "end_time"):
            if not request.query_params.get(name, "").isdigit():
                raise Refusal(1200, "Missing Request Parameter")
        name = request.query_params.get("resource_pack_name")
        return replies.costs(self._service.account, name)

    def _control(self, method: str, body: bytes) -> object:
        faults = self._service.faults
        if method == "DELETE":
            faults.clear()
        elif method == "POST":
            try:
                faults.add(Fault.from_json(_json_object(body)))
            except (ValueError, TypeError) as problem:
                raise Refusal(1200, str(problem)) from None
        return [str(fault) for fault in faults.waiting]

    async def _serve_media(self, request: Request, wire: Wire, path: str) -> None:
        service = self._service
        if "authorization" in request.headers:
            service.stats.leaked_credentials.append(path)
            text = "This is a public file; credentials must not be sent here"
            await wire.answer(PlainTextResponse(text, status_code=400))
            return
        fault = service.faults.take("media", None)
        if fault:
            await mishaps.before(fault, wire)
        token = path.removeprefix(PREFIX).partition("/")[0]
        made = service.account.find_media(token)
        if made is None:
            await wire.answer(PlainTextResponse("Not Found", status_code=404))
            return
        if fault and fault.action == "expire":
            made.generation += 1
        if not service.urls.is_good(made, path, request.url.query):
            await wire.answer(PlainTextResponse("URL expired", status_code=403))
            return
        await mishaps.answer(fault, wire, FileResponse(made.output.path))


def _signed(send: Send) -> Send:
    """Each answer says that it is the sandbox's, for clients that were pointed here by address."""

    async def signing(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message["headers"], (b"kling-sandbox", b"1")]}
        await send(message)

    return signing


def _served() -> Iterable[Served]:
    for endpoint in registry.endpoints():
        written = contract(endpoint.name)
        if written is not None:
            yield Served(endpoint.name, endpoint.path, written)


def _json_object(raw: bytes) -> dict[str, object]:
    try:
        values: object = json.loads(raw)
    except ValueError:
        raise Refusal(1200, "Request body is not valid JSON") from None
    if not isinstance(values, dict):
        raise Refusal(1200, "Request body must be a JSON object")
    return cast(dict[str, object], values)


def _query_number(request: Request, name: str, default: int, highest: int) -> int:
    text = request.query_params.get(name, str(default))
    if not re.fullmatch(r"\d{1,9}", text) or not 1 <= int(text) <= highest:
        raise invalid_value(name, text)
    return int(text)

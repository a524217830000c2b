"""The sandbox as an ASGI application: routes, authorization, faults, answers."""

from __future__ import annotations

import asyncio
import json
import logging
import random
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal, cast

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.types import Message, Receive, Scope, Send

from kling_core.sandbox import auth, mishaps, moderation, packs, queries, shapes
from kling_core.sandbox.contract import Answer, Delete, Presets, Shop, Task
from kling_core.sandbox.faults import Fault, Faults
from kling_core.sandbox.fields import Body
from kling_core.sandbox.lifecycle import Lifecycle, Timer
from kling_core.sandbox.media import PREFIX, MediaUrls
from kling_core.sandbox.refusals import Refusal, invalid_value, wrong_value
from kling_core.sandbox.routes import Route, Routes
from kling_core.sandbox.shapes import Options
from kling_core.sandbox.stats import Stats
from kling_core.sandbox.tasks import Account, SandboxTask
from kling_core.sandbox.wire import Dropped, Wire

OwnId = Literal["take", "refuse"]
"""What becomes of a request that carries an id of ours."""

PAGES = 1000
"""Highest `pageNum` of a list call."""

PAGE_SIZE = 500
"""Highest `pageSize` of a list call; 30 is the default."""

_log = logging.getLogger("kling_core.sandbox")


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
    routes: Routes
    clock: Callable[[], float]
    shuffle_lists: bool
    own_id: OwnId
    strict: bool


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
            route = self._service.routes.find(request.method, path)
        except Refusal as refusal:
            self._service.stats.requests[request.method, path] += 1
            await wire.answer(self._refuse(refusal))
            return
        self._service.stats.requests[request.method, route.pattern] += 1
        if route.answers == "media":
            await self._serve_media(request, wire, path)
            return
        body = await request.body()
        try:
            now = self._service.clock()
            header = request.headers.get("authorization")
            auth.check(header, self._service.keys, now, pairs=route.shape.pairs)
        except Refusal as refusal:
            await wire.answer(self._refuse(refusal))
            return
        fault = None
        if route.kind:
            fault = self._service.faults.take(route.kind, route.contract.name or None)
        if fault:
            await mishaps.before(fault, wire)
        response = await self._answer(route, request, body, fault)
        await mishaps.answer(fault, wire, response)

    async def _answer(
        self, route: Route, request: Request, raw: bytes, fault: Fault | None
    ) -> Response:
        if fault and fault.action == "refuse":
            return self._refuse(Refusal(fault.code, fault.message, status=fault.status))
        try:
            data, warnings = await self._data(route, request, raw, fault)
        except Refusal as refusal:
            return self._refuse(refusal)
        self._service.stats.codes[0] += 1
        return JSONResponse(shapes.success(data, warnings))

    async def _data(
        self, route: Route, request: Request, raw: bytes, fault: Fault | None
    ) -> tuple[object, list[str]]:
        """What is answered, and the sandbox's warnings."""
        service = self._service
        match route.answers:
            case "create":
                return self._create(route, raw, fault)
            case "answer":
                return await self._answer_now(route, raw, fault)
            case "get":
                return self._get(route), []
            case "list":
                return self._list(request, route), []
            case "presets":
                return self._presets(request, route), []
            case "delete":
                return self._delete(route, raw), []
            case "find":
                query = request.query_params
                return queries.found(service.account, route.shape, query, service.urls.url), []
            case "search":
                body = Body(_json_object(raw))
                shape, urls = route.shape, service.urls.url
                return queries.searched(service.account, shape, body, urls, self._mix), []
            case "costs":
                return self._costs(request), []
            case _:
                return self._control(request.method, raw), []

    def _refuse(self, refusal: Refusal) -> Response:
        self._service.stats.codes[refusal.code] += 1
        envelope = shapes.refusal(refusal.code, refusal.message)
        return JSONResponse(envelope, status_code=refusal.status)

    def _create(self, route: Route, raw: bytes, fault: Fault | None) -> tuple[object, list[str]]:
        task = self._accept(route, raw, fault)
        info = isinstance(route.call, Task) and route.call.info
        answer = route.shape.created(task, info)
        self._service.lifecycle.begin(task, self._timer(), extra_seconds=_slowed(fault))
        return answer, task.job.warnings

    async def _answer_now(
        self, route: Route, raw: bytes, fault: Fault | None
    ) -> tuple[object, list[str]]:
        task = self._accept(route, raw, fault)
        await asyncio.sleep(_slowed(fault))
        await self._service.lifecycle.answer(task)
        assert isinstance(route.call, Answer)
        reply = route.call.reply or route.shape.described
        return reply(task, self._service.urls.url), task.job.warnings

    def _accept(self, route: Route, raw: bytes, fault: Fault | None) -> SandboxTask:
        """Reads a request by its contract and takes the task in."""
        service, contract, call = self._service, route.contract, route.call
        assert isinstance(call, Task | Answer)
        values = _json_object(raw)
        body = Body(values)
        listed = isinstance(call, Task)
        options = route.shape.read_options(body, call) if listed else Options()
        shop = replace(service.shop, model=route.named) if route.named else service.shop
        job = call.read(body, shop)
        self._judge_keys(contract.name, body)
        doom = moderation.judge(job.prompts)
        if options.own_id:
            if service.own_id == "refuse":
                raise wrong_value("external_task_id is not supported")
            service.account.check_external_id(options.own_id)
        if fault and fault.action == "fail":
            doom = fault.text
        task = SandboxTask(
            endpoint=contract.name,
            job=job,
            created_at=service.account.now_ms(),
            request=values,
            shape=contract.shape,
            pool=contract.pool,
            pack=contract.pack,
            makes=contract.makes,
            listed=listed,
            external_task_id=options.own_id,
            callback_url=options.callback_url,
            watermark=options.watermark,
            doom=doom,
        )
        service.account.accept(task)
        return task

    def _judge_keys(self, endpoint: str, body: Body) -> None:
        """Unknown keys are ignored, as they are live, and counted; a strict sandbox refuses."""
        unknown, stats = list(body.unread()), self._service.stats
        stats.unknown_keys.extend((endpoint, key) for key in unknown)
        stats.null_keys.extend((endpoint, key) for key in body.nulls())
        if unknown and self._service.strict:
            raise wrong_value(f"key '{unknown[0]}' is invalid")

    def _get(self, route: Route) -> object:
        contract = route.contract
        task = self._service.account.find(contract.name, contract.shape, route.named)
        return route.shape.described(task, self._service.urls.url)

    def _list(self, request: Request, route: Route) -> object:
        page, size = _page(request)
        contract = route.contract
        tasks = self._service.account.page(contract.name, contract.shape, page, size)
        told = [route.shape.described(task, self._service.urls.url) for task in tasks]
        self._mix(told)
        return told

    def _mix(self, rows: list[shapes.Json]) -> None:
        if self._service.shuffle_lists:
            random.shuffle(rows)

    def _presets(self, request: Request, route: Route) -> object:
        assert isinstance(route.call, Presets)
        page, size = _page(request)
        tasks = queries.offered(route.contract, route.call)[(page - 1) * size : page * size]
        return [route.shape.described(task, self._service.urls.url) for task in tasks]

    def _delete(self, route: Route, raw: bytes) -> object:
        assert isinstance(route.call, Delete)
        body = Body(_json_object(raw))
        thing = body.text(route.call.key, required=True)
        contract = route.contract
        self._judge_keys(contract.name, body)
        task = self._service.account.delete(contract.name, contract.shape, thing)
        return {"task_id": task.task_id, "task_status": "succeed"}

    def _costs(self, request: Request) -> object:
        for name in ("start_time", "end_time"):
            if not request.query_params.get(name, "").isdigit():
                raise Refusal(1200, "Missing Request Parameter")
        name = request.query_params.get("resource_pack_name")
        return packs.costs(self._service.account, name)

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
        await mishaps.answer(fault, wire, FileResponse(made.output.path or ""))


def _signed(send: Send) -> Send:
    """Each answer says that it is the sandbox's, for clients that were pointed here by address."""

    async def signing(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message["headers"], (b"kling-sandbox", b"1")]}
        await send(message)

    return signing


def _slowed(fault: Fault | None) -> float:
    return (fault.seconds or 0.0) if fault and fault.action == "slow" else 0.0


def _page(request: Request) -> tuple[int, int]:
    """Which page of a list, and of how many."""
    page = _query_number(request, "pageNum", 1, PAGES)
    return page, _query_number(request, "pageSize", 30, PAGE_SIZE)


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

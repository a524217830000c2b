"""The tasks extension (SEP-2663): a client that declares it gets a handle in place of a wait.

Kling's tasks are durable, so nothing is kept here: the handle names the endpoint and the task,
and any process of this server can answer for it. Clients without the extension see no difference.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal, Protocol, cast

from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.server.extension import Extension, MethodBinding
from mcp.server.mcpserver import require_client_extension
from mcp.shared.exceptions import MCPError
from mcp.shared.inbound import decode_header_value
from mcp_types import (
    HEADER_MISMATCH,
    INVALID_PARAMS,
    CallToolRequestParams,
    CallToolResult,
    RequestParams,
    Result,
)
from pydantic import ConfigDict
from pydantic.alias_generators import to_camel

from kling_core.caller_warnings import heard_by
from kling_core.declare import registry
from kling_core.errors import KlingError, TaskNotFound
from kling_core.flows import late_results
from kling_mcp import arguments, results, schemas
from kling_mcp.tools.create import OPTIONS, REPEATED

if TYPE_CHECKING:
    from starlette.requests import Request

    from kling_core import AsyncTask
    from kling_mcp.clients import Accounts
    from kling_mcp.creates import Account

__all__ = ["EXTENSION", "GRACE", "Handle", "KlingTasks", "Source", "TasksExtension"]

EXTENSION = "io.modelcontextprotocol/tasks"

GRACE = 1
"""Seconds in which a quick result comes at once, without a handle."""

_AGAIN = ":repeated"
_VERSIONS = frozenset({"2026-07-28"})
_KEPT_MS = 30 * 86_400_000  # as long as Kling keeps tasks
_WAIT = schemas.object_schema({"wait_seconds": OPTIONS["wait_seconds"]})
_NO_CANCEL = "Kling cannot cancel a task: it goes on, and is paid."

Status = Literal["working", "input_required", "completed", "cancelled", "failed"]
Context = ServerRequestContext[Any, Any]


class Handle(Result):
    """A task on the wire: as the answer of a call (`result_type="task"`) and of `tasks/get`."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="allow")

    result_type: Literal["task", "complete"] = "complete"
    task_id: str
    status: Status
    status_message: str | None = None
    created_at: str
    last_updated_at: str
    ttl_ms: int | None = _KEPT_MS
    poll_interval_ms: int | None = 5_000
    result: dict[str, Any] | None = None
    error: dict[str, Any] | None = None


class Source(Protocol):
    """Where tasks live."""

    def runs_long(self, tool: str) -> bool:
        """Whether calls of a tool may be answered with a handle."""
        ...

    async def begin(
        self, params: CallToolRequestParams, ctx: Context, call_next: CallNext
    ) -> HandlerResult:
        """Call a tool; a `Handle` when it goes on, else its result."""
        ...

    async def look(self, ctx: Context, task_id: str) -> Handle | None:
        """A task as it stands; None for an unknown one."""
        ...

    async def cancel(self, ctx: Context, task_id: str) -> bool:
        """Take note that the client wants no more of a task; False for an unknown one."""
        ...


class _TaskParams(RequestParams):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)

    task_id: str


class _Ack(Result):
    result_type: str = "complete"


@dataclass
class TasksExtension(Extension):
    """The wire of the extension over any `Source`."""

    source: Source
    identifier = EXTENSION

    def methods(self) -> Sequence[MethodBinding]:
        """`tasks/get`, `tasks/update`, `tasks/cancel`."""
        handlers = {"get": self._get, "update": self._update, "cancel": self._cancel}
        return [
            MethodBinding(f"tasks/{name}", _TaskParams, handler, _VERSIONS)
            for name, handler in handlers.items()
        ]

    async def intercept_tool_call(
        self, params: CallToolRequestParams, ctx: Context, call_next: CallNext
    ) -> HandlerResult:
        """Answer a long call of a client that knows of tasks with a handle."""
        declared = ctx.session.client_capabilities
        known = declared is not None and EXTENSION in (declared.extensions or {})
        if known and ctx.protocol_version in _VERSIONS and self.source.runs_long(params.name):
            return await self.source.begin(params, ctx, call_next)
        return await call_next(ctx)

    async def _get(self, ctx: Context, params: _TaskParams) -> Handle:
        _admit(ctx, params)
        found = await self.source.look(ctx, params.task_id)
        if found is None:
            raise _unknown(params.task_id)
        return found

    async def _update(self, ctx: Context, params: _TaskParams) -> _Ack:
        """No task of ours asks for anything while it runs, so there is nothing to take in."""
        await self._get(ctx, params)
        return _Ack()

    async def _cancel(self, ctx: Context, params: _TaskParams) -> _Ack:
        _admit(ctx, params)
        if not await self.source.cancel(ctx, params.task_id):
            raise _unknown(params.task_id)
        return _Ack()


@dataclass
class KlingTasks:
    """Tasks at Kling; a handle's id is `<endpoint>:<task id>`, and `:repeated` for a repetition."""

    grace: int = GRACE

    def runs_long(self, tool: str) -> bool:
        """Every create."""
        return registry.has(tool.removeprefix("kling_"))

    async def begin(
        self, params: CallToolRequestParams, ctx: Context, call_next: CallNext
    ) -> HandlerResult:
        """Submit; errors, questions and quick results are answered as ever."""
        given = params.arguments or {}
        wait = {"wait_seconds": given.get("wait_seconds")}
        if not schemas.judge(_WAIT, arguments.read(_WAIT, wait)):  # else the call itself refuses it
            params.arguments = {**given, "wait_seconds": self.grace}
        result = await call_next(ctx)
        if not isinstance(result, CallToolResult) or result.is_error:
            return result
        facts: dict[str, Any] = result.structured_content or {}
        endpoint, own = str(facts.get("endpoint")), str(facts.get("task_id"))
        if facts.get("state") not in ("waiting", "submitted", "processing"):
            return result
        account, task = await _find(ctx, endpoint, own)
        told = "".join(f" {warning}" for warning in facts.get("warnings", []))
        again = _AGAIN if facts.get("repeated") else ""
        name = f"{endpoint}:{own}{again}"
        return _handle(account, task, name, result_type="task", trouble=told.lstrip())

    async def look(self, ctx: Context, task_id: str) -> Handle | None:
        """From the ledger, or else from Kling; trouble with reading ends no task."""
        endpoint, _, own = task_id.removesuffix(_AGAIN).partition(":")
        if not registry.has(endpoint) or not own:
            return None
        try:
            account, task = await _find(ctx, endpoint, own)
        except TaskNotFound:
            return None
        trouble = ""
        if task.task_id and not task.complete and task.task_id not in account.followed:
            try:
                await task.refresh()
            except KlingError as error:
                accounts: Accounts = ctx.lifespan_context
                trouble = accounts.said(error)
            account.follow(task)
        handle = _handle(account, task, task_id, trouble=trouble)
        if _ended(task):
            facts = await results.describe(account, task)
            said = [results.line(facts)]
            if task_id.endswith(_AGAIN):
                facts |= {"repeated": True, "warnings": [REPEATED]}
                said.append(REPEATED)
            whole = results.answer(facts, "\n".join(said), results.links(facts))
            handle.result = whole.model_dump(by_alias=True, mode="json", exclude_none=True)
        return handle

    async def cancel(self, ctx: Context, task_id: str) -> bool:
        """Known or not; every look at a running task says that Kling cannot cancel."""
        return await self.look(ctx, task_id) is not None


async def _find(ctx: Context, endpoint: str, own: str) -> tuple[Account, AsyncTask]:
    """A task by our id or Kling's. Raises `TaskNotFound`."""
    accounts: Accounts = ctx.lifespan_context
    with heard_by(lambda _: None):
        try:
            account = await accounts.of(ctx)
            try:
                task = await account.client.tasks.get(own)
                if task.endpoint.name == endpoint:
                    return account, task
            except TaskNotFound:  # the ledger does not know it; Kling may
                pass
            return account, await getattr(account.client, endpoint).get(own)
        except TaskNotFound:
            raise
        except KlingError as error:
            raise MCPError(code=-32603, message=accounts.said(error)) from None


def _ended(task: AsyncTask) -> bool:
    return task.done and not late_results.due(task)


def _handle(
    account: Account,
    task: AsyncTask,
    task_id: str,
    *,
    result_type: Literal["task", "complete"] = "complete",
    trouble: str = "",
) -> Handle:
    now = datetime.now(UTC)
    said = f"{task.endpoint.name}: {task.status}. {_NO_CANCEL}"
    if _ended(task):
        said = task.status_message or f"{task.endpoint.name}: {task.status}"
    return Handle(
        result_type=result_type,
        task_id=task_id,
        status="completed" if _ended(task) else "working",
        status_message=f"{said} {trouble}".rstrip(),
        created_at=(task.created_at or now).isoformat(),
        last_updated_at=(task.updated_at or now).isoformat(),
        poll_interval_ms=int(account.client.session.pace.poll_floor * 2_500),
    )


def _admit(ctx: Context, params: _TaskParams) -> None:
    """Refuse who has not declared the extension, and headers that tell of another task."""
    require_client_extension(ctx, EXTENSION)
    request = cast("Request | None", ctx.request)
    if request is not None:
        name = decode_header_value(request.headers.get("mcp-name"))
        if name != params.task_id:
            raise MCPError(
                code=HEADER_MISMATCH,
                message=f"the header Mcp-Name is {name!r}, params.taskId is {params.task_id!r}",
            )


def _unknown(task_id: str) -> MCPError:
    return MCPError(code=INVALID_PARAMS, message=f"there is no task {task_id[:80]!r}")

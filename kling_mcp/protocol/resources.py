"""Resources: what the models can do, tasks, and their outputs; and what completes their names."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from mcp.server.lowlevel.helper_types import ReadResourceContents
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ResourceError, ResourceNotFoundError

from kling_core.caller_warnings import heard_by
from kling_core.declare import registry
from kling_core.declare.registry import UnknownEndpoint
from kling_core.errors import KlingError, TaskNotFound
from kling_mcp import catalogue_facts, results
from kling_mcp.safety.media import OUTPUT_URI

if TYPE_CHECKING:
    from kling_mcp.clients import Accounts
    from kling_mcp.creates import Account

__all__ = ["MOST_BYTES", "account_of", "add", "is_output", "read_output"]

MOST_BYTES = 64_000_000
"""The largest output that is given as a resource; a larger one is only to be downloaded."""


def add(server: MCPServer[Accounts]) -> None:
    """Add the resources and templates."""

    @server.resource(
        "kling://models",
        name="models",
        title="Endpoints and models",
        description="Every endpoint with its living models, from dated tables.",
        mime_type="application/json",
    )
    def models() -> str:
        return _json(catalogue_facts.overview())

    @server.resource(
        "kling://models/{endpoint}",
        name="models-of-endpoint",
        title="Models of an endpoint",
        description="Modes, lengths, features and prices; effect scenes or voices.",
        mime_type="application/json",
    )
    def models_of(endpoint: str) -> str:
        try:
            return _json(catalogue_facts.endpoint_facts(registry.get(endpoint)))
        except UnknownEndpoint as error:
            raise ResourceNotFoundError(error.said("tools")) from None

    @server.resource(
        "kling://tasks/{task_id}",
        name="task",
        title="A task",
        description="State, outputs and cost of a task. Updates are announced when it changes.",
        mime_type="application/json",
    )
    async def task(task_id: str, context: Context[Any, Any]) -> str:
        account = await account_of(context)
        try:
            with heard_by(lambda _: None):  # a resource has no place for warnings
                return _json(await results.describe(account, await account.look(task_id)))
        except TaskNotFound as error:
            raise ResourceNotFoundError(error.message) from None
        except KlingError as error:
            raise ResourceError(_accounts(context).said(error)) from None

    @server.resource(
        "kling://tasks/{task_id}/outputs/{number}",
        name="output",
        title="An output of a task",
        description="The file itself: a clip, an image or a sound. number counts from 0.",
        mime_type="application/octet-stream",
    )
    async def output(task_id: str, number: str, context: Context[Any, Any]) -> bytes:
        found = await read_output(f"kling://tasks/{task_id}/outputs/{number}", context)
        return next(bytes(one.content) for one in found if isinstance(one.content, bytes))


async def account_of(context: Context[Any, Any]) -> Account:
    """The account that a request is for."""
    return await _accounts(context).of(context)


def _accounts(context: Context[Any, Any]) -> Accounts:
    return context.request_context.lifespan_context


async def read_output(uri: str, context: Context[Any, Any]) -> Iterable[ReadResourceContents]:
    """The file of an output with its true type; it is saved on the way.

    Raises `ResourceNotFoundError` or `ResourceError`.
    """
    match = OUTPUT_URI.fullmatch(uri)
    if match is None:
        raise ResourceNotFoundError(f"{uri} is no address of an output")
    try:
        with heard_by(lambda _: None):
            account = await account_of(context)
            task = await account.find(match[1])
            # By its number among all outputs: beside its files a task may have made a text.
            output = next((one for one in task.files if one.index == int(match[2])), None)
            if output is None:
                raise ResourceNotFoundError(f"task {match[1]} has no file of output {match[2]}")
            path = await output.download()
    except TaskNotFound as error:
        raise ResourceNotFoundError(error.message) from None
    except KlingError as error:
        raise ResourceError(_accounts(context).said(error)) from None
    if path.stat().st_size > MOST_BYTES:
        raise ResourceError(f"output {uri} has more than {MOST_BYTES:,} bytes; download it instead")
    content = await asyncio.to_thread(path.read_bytes)
    mime = results.MIME.get(output.suffix, "application/octet-stream")
    return [ReadResourceContents(content=content, mime_type=mime)]


def is_output(uri: str) -> bool:
    """Whether a URI is that of an output."""
    # Looser than OUTPUT_URI: what is nearly one is told what is wrong with it.
    return re.match(r"kling://tasks/[^/]+/outputs/", uri) is not None


def _json(facts: dict[str, Any]) -> str:
    return json.dumps(results.known(facts), ensure_ascii=False, indent=1)

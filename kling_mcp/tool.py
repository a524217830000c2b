"""A tool as this server has it: one declaration with name, words, schema and handler.

The SDK's own reading of arguments is replaced: it ignores unknown names. Here what hosts and models
make of arguments is read (`arguments`), everything wrong is refused at once, and every error
reaches the model.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from mcp.server.mcpserver.tools import Tool as SdkTool
from mcp.server.mcpserver.utilities.func_metadata import ArgModelBase, FuncMetadata
from mcp.shared.exceptions import MCPError
from mcp.types import ToolAnnotations
from pydantic import Field

from kling_core.advice import said
from kling_core.caller_warnings import heard_by
from kling_core.errors import InvalidRequest, KlingError, Violation
from kling_mcp import arguments as arguments_
from kling_mcp import failures, schemas
from kling_mcp.settings import Settings

if TYPE_CHECKING:
    from mcp.server.mcpserver import Context
    from mcp.types import CallToolResult, InputRequiredResult

    from kling_mcp.clients import Accounts
    from kling_mcp.creates import Account

__all__ = ["CREATES", "DELETES", "LOCAL", "READS", "SAVES", "Call", "Tool"]

log = logging.getLogger(__name__)

READS = ToolAnnotations(
    read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=True
)
CREATES = ToolAnnotations(
    read_only_hint=False, destructive_hint=False, idempotent_hint=False, open_world_hint=True
)
DELETES = ToolAnnotations(
    read_only_hint=False, destructive_hint=True, idempotent_hint=True, open_world_hint=True
)
LOCAL = ToolAnnotations(
    read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False
)
SAVES = ToolAnnotations(
    read_only_hint=False, destructive_hint=False, idempotent_hint=True, open_world_hint=True
)


@dataclass(slots=True)
class Call:
    """One call of a tool: its arguments, judged, and whom it is for."""

    tool: Tool
    arguments: Mapping[str, Any]
    context: Context[Accounts, Any]
    settings: Settings
    known: Account | None
    warnings: list[str]
    violations: list[Violation]
    begun: bool = False
    """Whether something may have been sent that is billed."""
    asking: float = 0.0
    """Seconds that a form took of the call."""

    @property
    def account(self) -> Account:
        """The account of the caller; there is none for a tool that needs no key."""
        assert self.known is not None, f"{self.tool.name} is declared to need no key"
        return self.known

    def tell(self, warning: str) -> None:
        """Add a warning to the result, once, in the words of this server."""
        _tell(self.context, self.warnings, warning)

    def get(self, name: str) -> Any:
        """An argument, its default from the schema, or None."""
        value = self.arguments.get(name)
        if value is None:
            value = self.tool.strict["properties"].get(name, {}).get("default")
        return value


Handler = Callable[[Call], "Awaitable[CallToolResult | InputRequiredResult]"]


class Tool(SdkTool):
    """A tool of this server, made by `Tool.of`; the SDK lists and calls it.

    `toolset` is the group that it is offered with. `parameters` is what is listed, `strict` what
    arguments are judged by. A handler that `judges` is called with what is wrong too, to tell it
    together with what it finds itself.
    """

    toolset: str = Field(exclude=True)
    strict: schemas.Schema = Field(exclude=True)
    judges: bool = Field(default=False, exclude=True)
    needs_key: bool = Field(default=True, exclude=True)

    @classmethod
    def of(
        cls,
        handler: Handler,
        *,
        toolset: str,
        name: str,
        title: str,
        description: str,
        parameters: schemas.Schema,
        output: schemas.Schema,
        annotations: ToolAnnotations,
        strict: schemas.Schema | None = None,
        judges: bool = False,
        needs_key: bool = True,
    ) -> Tool:
        """Declare a tool; `strict` where arguments are judged by more than what is listed."""
        return cls(
            fn=handler,
            toolset=toolset,
            name=name,
            title=title,
            description=description,
            parameters=parameters,
            strict=strict or parameters,
            judges=judges,
            needs_key=needs_key,
            context_kwarg=None,
            fn_metadata=FuncMetadata(arg_model=ArgModelBase, output_schema=output),
            is_async=True,
            annotations=annotations.model_copy(),
        )

    async def run(
        self,
        arguments: dict[str, Any],
        context: Context[Any, Any],
        convert_result: bool = False,  # noqa: ARG002, the SDK asks for it; results are whole
    ) -> Any:
        """Judge the arguments, call the handler, and give errors back as results."""
        warnings: list[str] = []
        try:
            with heard_by(partial(_tell, context, warnings)):
                return await self._call(arguments, context, warnings)
        except MCPError:  # the protocol's own word, and no result
            raise
        except KlingError as error:
            accounts: Accounts = context.request_context.lifespan_context
            return failures.result(error, warnings, hide=accounts.hide)
        except Exception as error:
            log.exception("tool %s", self.name)
            return failures.unexpected(error, billed="no")

    async def _call(
        self, arguments: dict[str, Any], context: Context[Any, Any], warnings: list[str]
    ) -> CallToolResult | InputRequiredResult:
        accounts: Accounts = context.request_context.lifespan_context
        if accounts.settings.permit is not None:
            accounts.settings.permit(context, self)
        given = arguments_.read(self.strict, arguments)
        wrong = [*arguments_.damaged(given), *schemas.judge(self.strict, given)]
        if wrong and not self.judges:
            raise InvalidRequest(wrong, endpoint=self.name)
        async with accounts.lend(context) if self.needs_key else nullcontext() as account:
            call = Call(self, given, context, accounts.settings, account, warnings, wrong)
            try:
                return await self.fn(call)
            except (KlingError, MCPError):
                raise
            except Exception as error:
                log.exception("tool %s", self.name)
                return failures.unexpected(error, billed="unknown" if call.begun else "no")


def _tell(context: Context[Any, Any], warnings: list[str], text: str) -> None:
    accounts: Accounts = context.request_context.lifespan_context
    words = accounts.hide(said(text, "tools"))
    if words not in warnings:  # the check and the submit of a request both tell its warnings
        warnings.append(words)

"""Fixtures of the conformance suite that ask the client something before they answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.prompts.base import UserMessage
from mcp_types import (
    CallToolResult,
    CreateMessageRequest,
    CreateMessageRequestParams,
    ElicitRequest,
    ElicitRequestFormParams,
    InputRequiredResult,
    ListRootsRequest,
    SamplingMessage,
    TextContent,
)

Ctx = Context[Any, Any]
Asked = dict[str, Any]


def add(server: MCPServer[Any]) -> None:
    """Add the fixtures to a server."""
    for name, (asked, answer) in _ROUNDS.items():
        state = "asked" if name in _WITH_STATE else None
        server.tool(name=f"test_input_required_result_{name}")(_tool(asked, answer, state))

    @server.tool(name="test_input_required_result_multi_round")
    def multi_round(ctx: Ctx) -> InputRequiredResult | CallToolResult:
        """Two rounds."""
        given = ctx.input_responses or {}
        if ctx.request_state == "second" and "step2" in given:
            return _said("done")
        if "step1" in given:
            return _ask({"step2": form("Step 2: What is your favorite color?", "color")}, "second")
        return _ask({"step1": form("Step 1: What is your name?", "name")}, "first")

    @server.tool(name="test_input_required_result_capabilities")
    def capabilities(ctx: Ctx) -> InputRequiredResult | CallToolResult:
        """Asks for what the client can do."""
        can = ctx.client_capabilities
        asked: Asked = {}
        if can is not None and can.elicitation is not None:
            asked["user_name"] = form("What is your name?", "name")
        if can is not None and can.sampling is not None:
            asked["capital"] = sample("What is the capital of France?")
        return _ask(asked) if asked else _said("nothing can be asked")

    @server.prompt(name="test_input_required_result_prompt")
    def prompt(ctx: Ctx) -> Any:
        """A prompt that asks."""
        if "user_context" not in (ctx.input_responses or {}):
            words = "What context should the prompt use?"
            return _ask({"user_context": form(words, "context")})
        return [UserMessage(content=TextContent(text="with context"))]


def _tool(asked: Callable[[], Asked], answer: str, state: str | None) -> Any:
    def ask(ctx: Ctx) -> InputRequiredResult | CallToolResult:
        """Asks once."""
        given = ctx.input_responses or {}
        if asked().keys() <= given.keys() and ctx.request_state == state:
            name = getattr(given.get("user_name"), "content", None) or {}
            return _said(answer.format(name=name.get("name", "")))
        return _ask(asked(), state)

    return ask


def form(words: str, field: str, kind: str = "string") -> ElicitRequest:
    """A question with one field."""
    schema = {"type": "object", "properties": {field: {"type": kind}}, "required": [field]}
    return ElicitRequest(params=ElicitRequestFormParams(message=words, requested_schema=schema))


def sample(words: str) -> CreateMessageRequest:
    """A question to the client's model."""
    message = SamplingMessage(role="user", content=TextContent(text=words))
    return CreateMessageRequest(
        params=CreateMessageRequestParams(messages=[message], max_tokens=100)
    )


def _ask(asked: Asked, state: str | None = None) -> InputRequiredResult:
    return InputRequiredResult(input_requests=asked, request_state=state)


def _said(words: str) -> CallToolResult:
    return CallToolResult(content=[TextContent(text=words)])


_WITH_STATE = ("request_state", "tampered_state", "multiple_inputs")
_ROUNDS: dict[str, tuple[Callable[[], Asked], str]] = {
    "elicitation": (lambda: {"user_name": form("What is your name?", "name")}, "Hello, {name}!"),
    "sampling": (lambda: {"capital_question": sample("The capital of France?")}, "Paris"),
    "list_roots": (lambda: {"client_roots": ListRootsRequest()}, "rooted"),
    "request_state": (lambda: {"confirm": form("Please confirm", "ok", "boolean")}, "state-ok"),
    "tampered_state": (lambda: {"confirm": form("Please confirm", "ok", "boolean")}, "state-ok"),
    "multiple_inputs": (
        lambda: {
            "user_name": form("What is your name?", "name"),
            "greeting": sample("Generate a greeting"),
            "client_roots": ListRootsRequest(),
        },
        "all there",
    ),
}

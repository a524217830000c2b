"""What the conformance suite wants to find on a server: tools, resources, prompts of set names."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any

from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.prompts.base import UserMessage
from mcp.server.mcpserver.tools import Tool as SdkTool
from mcp.server.mcpserver.utilities.func_metadata import ArgModelBase, FuncMetadata
from mcp.shared.exceptions import MCPError
from mcp_types import (
    MISSING_REQUIRED_CLIENT_CAPABILITY,
    AudioContent,
    CallToolResult,
    EmbeddedResource,
    ImageContent,
    TextContent,
    TextResourceContents,
)

PNG = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5"
    "ErkJggg=="
)
WAV = "UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAAB9AAACABAAZGF0YQIAAAA="

RICH = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "$defs": {
        "address": {
            "$anchor": "addressDef",
            "type": "object",
            "properties": {"street": {"type": "string"}, "city": {"type": "string"}},
        }
    },
    "properties": {
        "name": {"type": "string"},
        "address": {"$ref": "#/$defs/address"},
        "contactMethod": {"type": "string", "enum": ["phone", "email"]},
        "phone": {"type": "string"},
        "email": {"type": "string"},
    },
    "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
    "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
    "then": {"required": ["phone"]},
    "else": {"required": ["email"]},
    "additionalProperties": False,
}


class Plain(SdkTool):
    """A tool with a schema as it stands, which says its arguments."""

    @classmethod
    def of(cls, name: str, schema: dict[str, Any]) -> Plain:
        metadata = FuncMetadata(arg_model=ArgModelBase)
        return cls(
            fn=print,
            name=name,
            description=f"Fixture {name}.",
            parameters=schema,
            fn_metadata=metadata,
            is_async=True,
        )

    async def run(self, arguments: Any, context: Any, convert_result: bool = False) -> Any:
        del context, convert_result
        return CallToolResult(content=[TextContent(text=json.dumps(arguments))])


def tools() -> list[SdkTool]:
    """Tools whose schemas no signature can say."""
    region = {"type": "string", "x-mcp-header": "Region"}
    headed = {"type": "object", "properties": {"region": region}}
    return [Plain.of("json_schema_2020_12_tool", RICH), Plain.of("test_custom_headers", headed)]


def add(server: MCPServer[Any]) -> None:
    """Add the fixtures to a server."""
    _contents(server)
    _behaviours(server)
    _resources(server)
    _prompts(server)


def _contents(server: MCPServer[Any]) -> None:
    image = ImageContent(data=PNG, mime_type="image/png")

    @server.tool()
    def test_simple_text() -> str:
        """Text."""
        return "This is a simple text response for testing."

    @server.tool(structured_output=False)
    def test_image_content() -> list[ImageContent]:
        """An image."""
        return [image]

    @server.tool(structured_output=False)
    def test_audio_content() -> list[AudioContent]:
        """A sound."""
        return [AudioContent(data=WAV, mime_type="audio/wav")]

    @server.tool(structured_output=False)
    def test_embedded_resource() -> list[EmbeddedResource]:
        """A resource within the result."""
        return [embedded("test://embedded-resource")]

    @server.tool(structured_output=False)
    def test_multiple_content_types() -> list[Any]:
        """Text, an image and a resource."""
        other = embedded("test://mixed-content-resource")
        return [TextContent(text="Multiple content types test:"), image, other]


def _behaviours(server: MCPServer[Any]) -> None:
    @server.tool()
    def test_error_handling() -> CallToolResult:
        """An error."""
        words = "This tool intentionally returns an error for testing"
        return CallToolResult(content=[TextContent(text=words)], is_error=True)

    @server.tool()
    async def test_tool_with_progress(ctx: Context[Any, Any]) -> str:
        """Progress."""
        for step in (0, 50, 100):
            await ctx.report_progress(step, 100)
            await asyncio.sleep(0)
        return "done"

    @server.tool()
    async def test_trigger_tool_change(ctx: Context[Any, Any]) -> str:
        """Tells that tools have changed."""
        await ctx.notify_tools_changed()
        return "told"

    @server.tool()
    async def test_trigger_prompt_change(ctx: Context[Any, Any]) -> str:
        """Tells that prompts have changed."""
        await ctx.notify_prompts_changed()
        return "told"

    @server.tool()
    def test_missing_capability(ctx: Context[Any, Any]) -> str:
        """Needs a client that can sample."""
        if ctx.client_capabilities is None or ctx.client_capabilities.sampling is None:
            raise MCPError(
                code=MISSING_REQUIRED_CLIENT_CAPABILITY,
                message="sampling is needed",
                data={"requiredCapabilities": {"sampling": {}}},
            )
        return "sampled"


def _resources(server: MCPServer[Any]) -> None:
    @server.resource("test://static-text", mime_type="text/plain")
    def static_text() -> str:
        """Text."""
        return "This is the content of the static text resource."

    @server.resource("test://static-binary", mime_type="image/png")
    def static_binary() -> bytes:
        """An image."""
        return base64.b64decode(PNG)

    @server.resource("test://template/{id}/data", mime_type="application/json")
    def template(id: str) -> str:  # noqa: A002, the suite's name
        """A template."""
        return json.dumps({"id": id, "templateTest": True, "data": f"Data for ID: {id}"})

    @server.resource("test://watched-resource", mime_type="text/plain")
    def watched() -> str:
        """Watched."""
        return "watched"


def _prompts(server: MCPServer[Any]) -> None:
    @server.prompt()
    def test_simple_prompt() -> str:
        """A prompt."""
        return "This is a simple prompt for testing."

    @server.prompt()
    def test_prompt_with_arguments(arg1: str, arg2: str) -> str:
        """A prompt with arguments."""
        return f"Prompt with arguments: arg1='{arg1}', arg2='{arg2}'"

    @server.prompt()
    def test_prompt_with_embedded_resource(resourceUri: str) -> list[UserMessage]:  # noqa: N803
        """A prompt with a resource."""
        return [UserMessage(content=embedded(resourceUri))]

    @server.prompt()
    def test_prompt_with_image() -> list[UserMessage]:
        """A prompt with an image."""
        return [UserMessage(content=ImageContent(data=PNG, mime_type="image/png"))]


def embedded(uri: str) -> EmbeddedResource:
    """A resource of some text."""
    contents = TextResourceContents(uri=uri, mime_type="text/plain", text="Embedded content.")
    return EmbeddedResource(resource=contents)

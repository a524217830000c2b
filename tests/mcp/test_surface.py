"""What agents see: every endpoint has its tools, each described, strict, small, and as in git."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from helpers.agents import in_loop, server
from mcp import Client

from docs import generate_tools
from kling_core import Sandbox
from kling_core.declare import registry
from kling_mcp.server import INSTRUCTIONS
from kling_mcp.settings import USUAL, Settings, toolset_names, toolsets

SNAPSHOTS = Path(__file__).parent / "snapshots"
TOOLS = {tool["name"]: tool for tool in generate_tools.listed()}
HINTS = {"readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint"}
CREATES = {f"kling_{name}" for name in registry.names()}


def test_every_endpoint_has_its_tools():
    """Create, get and list of each endpoint are a tool each."""
    for name in registry.names():
        assert {f"kling_{name}", f"kling_get_{name}", f"kling_list_{name}"} <= TOOLS.keys()


def test_every_field_is_an_argument():
    """Nothing that an endpoint takes is out of reach, but for what is not the agent's business."""
    for endpoint in registry.endpoints():
        fields = endpoint.request.params().keys() - {"external_task_id", "callback_url"}
        assert fields <= TOOLS[f"kling_{endpoint.name}"]["inputSchema"]["properties"].keys()


@pytest.mark.parametrize("name", sorted(TOOLS))
def test_snapshot(name: str):
    """A change of what agents see is seen in review; `make generate` writes it down."""
    shown = generate_tools.kept(TOOLS[name])
    assert json.loads((SNAPSHOTS / f"{shown['name']}.json").read_text(encoding="utf-8")) == shown


def test_no_snapshot_of_a_tool_that_is_no_more():
    shown = {generate_tools.kept(tool)["name"] for tool in TOOLS.values()}
    assert {path.stem for path in SNAPSHOTS.glob("*.json")} == shown
    assert {"kling_get_ENDPOINT", "kling_list_ENDPOINT", "kling_get_task"} <= shown
    assert len(shown) == len(TOOLS) - 2 * (len(registry.names()) - 1)


def test_the_page_of_tools_is_up_to_date():
    page = Path(__file__).parents[2] / "docs" / "tools.md"
    assert page.read_text(encoding="utf-8") == generate_tools.page()


@pytest.mark.parametrize("name", sorted(TOOLS))
def test_described_and_annotated(name: str):
    """Name, title, two to four sentences, cost, all four hints, an output schema."""
    tool = TOOLS[name]
    assert re.fullmatch(r"kling_[a-z_]{1,40}", name)
    assert tool["title"]
    sentences = re.findall(r"[^.]+[.](?:\s|$)", tool["description"])
    assert 2 <= len(sentences) <= 5
    assert re.search(r"[Ff]ree|\$|price", tool["description"]), "what does it cost?"
    assert re.search(r"Returns|Ask Kling|Without an endpoint|Units left", tool["description"])
    assert tool["annotations"].keys() == HINTS
    assert tool["outputSchema"]["type"] == "object"
    assert (name in CREATES) == (not tool["annotations"]["idempotentHint"])


KEYWORDS = {
    *("type", "description", "default", "enum", "items", "properties", "required"),
    *("minimum", "maximum", "minItems", "maxItems", "minLength", "maxLength"),
}
"""What Gemini's declarations of functions know of JSON Schema, but for `additionalProperties` at
the top, which its hosts take away or pass on as JSON Schema."""


@pytest.mark.parametrize("name", sorted(TOOLS))
def test_strict_and_portable(name: str):
    """Closed, typed, without what some hosts refuse."""
    tool = TOOLS[name]
    schema = tool["inputSchema"]
    assert schema["additionalProperties"] is False
    text = json.dumps(tool)
    for word in ("$ref", "$defs", "anyOf", "oneOf", "allOf", '"null"', "$schema"):
        assert word not in text
    assert schema["properties"]
    for name_, inner in schema["properties"].items():
        assert re.fullmatch(r"[a-z_]+", name_)
        _typed(inner)
    assert set(schema.get("required", ())) <= schema["properties"].keys()


def _typed(schema: dict[str, Any]) -> None:
    assert schema["type"] in ("string", "integer", "number", "boolean", "array", "object")
    assert "title" not in schema
    assert schema.keys() <= KEYWORDS
    assert all(isinstance(word, str) for word in schema.get("enum", []))
    assert "enum" not in schema or schema["type"] == "string"
    if schema["type"] == "array":
        _typed(schema["items"])
    if schema["type"] == "object":
        assert schema["properties"], "a bare object"
        for inner in schema["properties"].values():
            _typed(inner)


def test_arguments_are_described():
    """Every argument says what it is; a rare one may leave that to `kling_models`."""
    rare = {p.name for e in registry.endpoints() for p in e.request.params().values() if p.rare}
    for tool in TOOLS.values():
        for name, inner in tool["inputSchema"]["properties"].items():
            assert inner.get("description") or name in rare, f"{tool['name']}: {name}"


def test_tokens(capsys: pytest.CaptureFixture[str]):
    """At most 5,000 as usual, 10,000 with all on, 250 a tool on average."""
    usual, everything = generate_tools.listed(USUAL), generate_tools.listed(toolset_names())
    sums = generate_tools.tokens(usual), generate_tools.tokens(everything)
    most = max(everything, key=generate_tools.tokens)
    with capsys.disabled():
        print(  # noqa: T201, the totals are to be seen
            f"\n{len(usual)} tools as usual: {sums[0]:,} tokens; {len(everything)} with all on: "
            f"{sums[1]:,}, {sums[1] // len(everything)} a tool, most: {most['name']} "
            f"{generate_tools.tokens(most)}"
        )
    assert sums[0] <= 5_000
    assert sums[1] <= 10_000
    assert sums[1] / len(everything) <= 250


def test_instructions_are_short():
    assert len(INSTRUCTIONS.encode()) <= 1_500
    for word in ("kling_wait_tasks", "confirm_cost", "never", "kling_preview", "take=2"):
        assert word in INSTRUCTIONS


def test_toolsets():
    """Groups by name, in any order; a wrong name says the right ones."""
    assert toolsets("all") == toolset_names() == ("video", "image", "tasks", "account", "raw")
    assert toolsets("image, video") == ("video", "image")
    with pytest.raises(Exception, match="did you mean image"):
        toolsets("imag")
    names = {tool["name"] for tool in generate_tools.listed(("image",))}
    assert names == {"kling_image_generation", "kling_virtual_try_on"}


def test_callback_url_only_when_allowed():
    from kling_mcp.tools import tools

    shown = {t.name: t for t in tools(Settings(callbacks=True))}
    assert "callback_url" in shown["kling_text_to_video"].parameters["properties"]
    assert "callback_url" not in TOOLS["kling_text_to_video"]["inputSchema"]["properties"]


@in_loop
async def test_listed_alike_every_time(quick_sandbox: Sandbox, tmp_path: Path):
    """What the protocol lists is what is in git, and always in the same order."""
    async with Client(server(quick_sandbox, tmp_path)) as client:
        first = (await client.list_tools()).tools
        again = (await client.list_tools()).tools
    assert [tool.name for tool in first] == [tool["name"] for tool in generate_tools.listed()]
    assert first == again
    assert first[0].model_dump(by_alias=True, exclude_none=True) == generate_tools.listed()[0]
